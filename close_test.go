package aliiot

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// What a call to the disk that hung writes in the end would fall into the journal of
// whoever came next: the folder stays locked until it is over.
func TestTheFolderIsHeldUntilTheDiskAnswers(t *testing.T) {
	for name, f := range map[string]disktest.Fault{
		"slow":  {Kind: disktest.Sync, Op: "journal.sync"},
		"fails": {Kind: disktest.Sync, Op: "journal.sync", Err: syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				var unlocked atomic.Bool
				r.open()
				r.reports(3)
				hang := make(chan struct{})
				f.Hang = hang
				r.disk.Fault(f)
				r.dev.unlock = func() error { unlocked.Store(true); return nil }
				go func() { _, _ = r.dev.Report(context.Background(), Properties{"key": "hung"}) }()
				time.Sleep(time.Second)
				err := r.dev.Close()
				r.dev = nil
				if err == nil || unlocked.Load() {
					t.Errorf("closing: %v; unlocked %v while the disk hangs", err, unlocked.Load())
				}
				time.Sleep(time.Hour)
				if unlocked.Load() {
					t.Error("an hour later it is unlocked, and the disk still hangs")
				}
				close(hang)
				time.Sleep(time.Second)
				if !unlocked.Load() {
					t.Error("the disk has answered, and the folder stays locked")
				}
			})
		})
	}
}

// A process that is killed again and again on a full disk keeps to five connects a
// minute, though nothing of them can be written down.
func TestAFullDiskForgetsNoConnects(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(1)
		r.drain(time.Minute)
		r.close()
		time.Sleep(5 * time.Minute)
		for _, kind := range []disktest.Kind{disktest.Write, disktest.Create} {
			r.disk.Fault(disktest.Fault{Kind: kind, Err: syscall.ENOSPC, Times: disktest.Always})
		}
		for _, life := range []time.Duration{2 * time.Second, 15 * time.Second} {
			before, start := r.net.Connects(), time.Now()
			for time.Since(start) < time.Minute {
				r.open().Connect()
				time.Sleep(life)
				r.kill()
			}
			if n := r.net.Connects() - before; n > 5 {
				t.Errorf("killed after %v: %d connects in %v", life, n, time.Since(start))
			}
		}
		r.disk.Heal()
	})
}

// There is no later after Close: a disk that has failed for long and is well again is
// tried once more, whatever the backoff says.
func TestCloseTriesADiskThatIsWellAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		if err := r.dev.Disconnect(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO, Times: disktest.Always})
		for range 100 {
			_, _, _ = r.report()
			time.Sleep(10 * time.Second)
		}
		r.dev.Connect()
		r.waitOnline()
		r.drain(time.Minute)
		r.disk.Heal()
		time.Sleep(time.Minute)
		was := r.ledger()
		r.close()
		r.open()
		if l := r.ledger(); l.Confirmed != was.Confirmed || l.Pending != was.Pending {
			t.Errorf("before Close %+v\nafter %+v", was.Counts, l.Counts)
		}
	})
}
