package aliiot

// What a hostile reader found of a disk that fails and is well again.

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func TestCloseBesideAHungWrite(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		time.Sleep(5 * time.Second)
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Name: "*.seg", Hang: hang})
		go func() { _, _ = r.dev.Report(context.Background(), Properties{"key": "x"}) }()
		time.Sleep(time.Second)
		start := time.Now()
		t.Logf("close: %v after %v", r.dev.Close(), time.Since(start))
		r.dev = nil
		close(hang)
		time.Sleep(time.Minute)
	})
}

func TestReliefOfAFailingDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO, Times: disktest.Always})
		for range 2000 {
			_, _, _ = r.report()
			time.Sleep(10 * time.Second)
		}
		r.disk.Heal()
		refused := 0
		for {
			if _, _, err := r.report(); err == nil {
				break
			}
			refused++
			time.Sleep(10 * time.Minute)
		}
		t.Logf("%d reports refused by a disk that is well (%d hours)", refused, refused/6)
		if refused > 6 {
			t.Errorf("%d reports refused by a disk that is well, over %d hours", refused, refused/6)
		}
	})
}

func TestReliefOfAFullDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC, Times: disktest.Always})
		for range 2000 {
			_, _, _ = r.report()
			time.Sleep(10 * time.Second)
		}
		r.disk.Heal()
		refused := 0
		for {
			if _, _, err := r.report(); err == nil {
				break
			}
			refused++
			time.Sleep(10 * time.Minute)
		}
		if refused > 0 {
			t.Errorf("%d reports refused by a disk that has room", refused)
		}
	})
}

// An end that could not be written is durable soon after relief.
func TestEndsAfterRelief(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.EROFS, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.EROFS, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EROFS, Times: disktest.Always})
		r.dev.Connect()
		r.waitOnline()
		r.drain(time.Minute)
		r.disk.Heal()
		time.Sleep(24 * time.Hour)
		r.powerCutInBubble(0, 1)
		r.clock.SetSynchronised(true)
		r.open()
		if l := r.ledger(); l.Confirmed != 3 {
			t.Errorf("a day after relief the ends were not on the disk: %+v", l.Counts)
		}
	})
}
