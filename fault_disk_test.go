package aliiot

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// The faults of the disk against the whole device. The journal has its own, call
// by call; these show what the application and the platform see.

func TestFault_power_cut(t *testing.T) {
	for seed := range uint64(40) {
		inBubble(t, func(r *rig) {
			level := disktest.Level(seed % 4)
			r.online()
			r.reports(int(seed % 7))
			r.reports(5)
			l := r.ledger()
			r.powerCutInBubble(level, seed)
			r.clock.SetSynchronised(true)
			r.online()
			if now := r.ledger(); now.Accepted < l.Accepted || now.Damaged > 0 {
				t.Errorf("seed %d: before the cut %+v, after it %+v", seed, l.Counts, now.Counts)
			}
			r.reports(3)
			r.drain(time.Hour)
			r.wantNothingLost()
			r.cloud.wantSteady(t)
		})
	}
}

func TestFault_fsync_fails(t *testing.T) {
	for name, err := range map[string]error{"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.online()
				r.reports(5)
				r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Err: err, Drop: true})
				r.report() // yes after a second, real sync, or an honest no
				r.reports(5)
				r.powerCutInBubble(0, 1)
				r.clock.SetSynchronised(true)
				r.online()
				r.drain(time.Hour)
				r.wantNothingLost()
			})
		})
	}
}

func TestFault_fsync_fails_forever(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(10)
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO, Times: disktest.Always})
		refused := 0
		for range 20 {
			if _, _, err := r.report(); err != nil {
				refused++
			}
			time.Sleep(time.Second)
		}
		if refused != 20 {
			t.Errorf("%d of 20 reports refused by a disk that syncs nothing", refused)
		}
		if r.dev.Status().Disk == nil {
			t.Error("the status calls the disk well")
		}
		r.dev.Connect() // what is stored is delivered all the same
		r.waitOnline()
		time.Sleep(time.Minute)
		for key := range r.kept {
			if r.cloud.count(key) == 0 {
				t.Errorf("%s waits for a disk that does not come back", key)
			}
		}
		if n := r.dev.Status().TreeRestarts; n > 0 {
			t.Errorf("%d restarts of the tree", n)
		}
		r.disk.Heal()
		time.Sleep(5 * time.Minute)
		r.reports(3) // without a restart
		r.drain(time.Hour)
		r.wantNothingLost()
	})
}

func TestFault_fsync_slow(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Hang: hang})
		answers := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := r.dev.Report(context.Background(), Properties{"n": 1})
				answers <- err
			}()
		}
		time.Sleep(30 * time.Second)
		if len(answers) > 0 {
			t.Error("a yes before the sync returned")
		}
		r.ledger() // the actors run on
		close(hang)
		for range 10 {
			if err := <-answers; err != nil {
				t.Errorf("after the sync: %v", err)
			}
		}
	})
}

func TestFault_disk_full(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(10)
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC, Times: disktest.Always})
		start := time.Now()
		_, _, err := r.report()
		if !errors.Is(err, ErrNoSpace) || time.Since(start) > time.Second {
			t.Errorf("on a full disk: %v after %v", err, time.Since(start))
		}
		r.dev.Connect()
		r.waitOnline()
		time.Sleep(time.Minute)
		r.disk.Heal()
		time.Sleep(time.Minute)
		r.reports(5)
		r.drain(time.Hour)
		r.wantNothingLost()
	})
}

func TestFault_write_short(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		for short := range int64(40) {
			r.disk.Fault(disktest.Fault{Kind: disktest.Write, Name: "*.seg", Err: syscall.ENOSPC, Short: short * 16})
			_, _, _ = r.report()
			time.Sleep(2 * time.Second)
			r.disk.Heal()
			r.reports(1)
		}
		r.powerCutInBubble(2, 9)
		r.clock.SetSynchronised(true)
		r.online()
		r.drain(time.Hour)
		r.wantNothingLost()
	})
}

func TestFault_disk_full_open(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(50)
		r.kill()
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC, Times: disktest.Always})
		r.online() // opens, drains, frees
		time.Sleep(time.Minute)
		for key := range r.kept {
			if r.cloud.count(key) == 0 {
				t.Errorf("%s was not delivered from a full disk", key)
			}
		}
		r.disk.Heal()
		r.reports(3)
		r.drain(time.Hour)
		r.wantNothingLost()
	})
}

func TestFault_remount_ro(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(10)
		r.disk.SetReadOnly(true)
		if _, _, err := r.report(); !errors.Is(err, ErrReadOnly) {
			t.Errorf("on a read-only file system: %v", err)
		}
		if err := r.dev.Status().Disk; !errors.Is(err, ErrReadOnly) {
			t.Errorf("the status says of the disk: %v", err)
		}
		if r.told(NoticeDegraded) != 1 {
			t.Error("the application was not told")
		}
		r.dev.Connect()
		r.waitOnline()
		time.Sleep(time.Minute)
		for key := range r.kept {
			if r.cloud.count(key) == 0 {
				t.Errorf("%s was not delivered", key)
			}
		}
		r.disk.SetReadOnly(false)
		time.Sleep(5 * time.Minute)
		r.reports(1)
	})
}

func TestFault_bit_flip(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(40)
		l := r.ledger()
		r.close()
		damaged := false
		for name := range r.disk.Files() {
			if len(name) > 4 && name[len(name)-4:] == ".seg" {
				if err := r.disk.Flip(name, 9000, 0x10, disktest.Both); err != nil {
					t.Fatal(err)
				}
				damaged = true
			}
		}
		if !damaged {
			t.Fatal("there is no segment to damage")
		}
		r.online()
		r.reports(3)
		r.drain(time.Hour)
		now := r.ledger()
		if now.Accepted != l.Accepted+3 || now.Damaged > 2 {
			t.Errorf("before %+v, after %+v", l.Counts, now.Counts)
		}
		missing := 0
		for key := range r.kept {
			if r.cloud.count(key) == 0 {
				missing++
			}
		}
		if uint64(missing) != now.Damaged {
			t.Errorf("%d reports are missing, the ledger names %d as damaged", missing, now.Damaged)
		}
	})
}
