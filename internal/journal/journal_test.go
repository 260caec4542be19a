package journal

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// TestRestarts: a device that is restarted over and over without a link does not
// fill its disk with segments that hold next to nothing.
func TestRestarts(t *testing.T) {
	r := newRig(t)
	for i := range 60 {
		r.mustAppend(0, 100, 100)
		r.sync()
		r.mustAppend(1, 50)
		r.sync()
		r.reopen(disktest.Garbage, uint64(i))
		r.upkeep()
		r.sync()
		r.upkeep()
	}
	if used, segments := r.d.Used(), int64(len(r.j.rows)); used > 6*MinSegmentBytes+segments*16<<10 {
		t.Fatalf("%d bytes for 180 small reports in %d segments:\n%v", used, segments, r.d)
	}
	if n := r.damaged(); n != 0 || r.j.State().Lanes[0].Pending() != 120 {
		t.Fatalf("%d damaged, %d pending", n, r.j.State().Lanes[0].Pending())
	}
}

// TestAtRest: when all is delivered, little is left.
func TestAtRest(t *testing.T) {
	r := newRig(t)
	r.upkeep()
	for range 30 {
		r.mustAppend(0, many(40, 700)...)
		r.sync()
		r.upkeep()
	}
	for len(r.pending()) > 0 {
		p := r.pending()
		r.settle(outbox.ConfirmedReply, p[:min(25, len(p))]...)
		r.sync()
		r.upkeep()
	}
	for range 3 {
		r.upkeep()
		r.sync()
	}
	if n := len(r.d.Files()); n > 4 {
		t.Fatalf("%d files at rest, want two segments and two spares:\n%v", n, r.d)
	}
	r.reopen(killOnly, 0)
}

// TestJobsBeside runs every job in a goroutine of its own while the owner goes
// on; the race detector looks on.
func TestJobsBeside(t *testing.T) {
	r := newRig(t)
	var sync, keep *outbox.Job
	for i := range 400 {
		r.mustAppend(uint8(i%3), 300, 300, 300)
		if sync != nil {
			select {
			case <-sync.Ended():
				r.learn(r.j.Done(sync), nil)
				sync = nil
			default:
			}
		}
		if sync == nil {
			if sync = r.j.Sync(); sync != nil {
				go sync.Run()
			}
		}
		if i%3 == 0 {
			r.settle(outbox.ConfirmedReply, r.pending()[0])
			if _, err := r.j.Load(uint8(i%3), 0, 4, 4096); err != nil {
				t.Fatal(err)
			}
		}
		if keep != nil {
			select {
			case <-keep.Ended():
				r.j.Done(keep)
				keep = nil
			default:
			}
		}
		if keep == nil {
			if keep = r.j.Upkeep(); keep != nil {
				go keep.Run()
			}
		}
		if n := len(r.j.Running()); n > 2 {
			t.Fatalf("%d jobs", n)
		}
	}
	r.holds()
	if err := r.j.Close(); err != nil {
		t.Fatal(err)
	}
	r.reopen(killOnly, 0)
}

// TestJobPanics: a job that ended without a result is a failed one.
func TestJobPanics(t *testing.T) {
	r := newRig(t)
	r.mustAppend(0, 100)
	job := r.j.Sync()
	r.j.syncing.fs = nil
	r.j.syncing.dir = true
	func() {
		defer func() { _ = recover() }()
		job.Run()
	}()
	<-job.Ended()
	res := r.j.Done(job)
	if res.Next == nil || res.Durable != 0 {
		t.Fatalf("%+v, want the rescue", res)
	}
	res.Next.Run()
	if res = r.j.Done(res.Next); res.Durable != 1 {
		t.Fatalf("%+v", res)
	}
}

// TestSyncFailsAtOpening: the copy of what an earlier process promised fails to
// sync; it still counts, and is copied when that works.
func TestSyncFailsAtOpening(t *testing.T) {
	for _, times := range []int{1, 2, 3, 4} {
		r := newRig(t)
		r.mustAppend(0, 100, 100)
		r.sync()
		r.mustAppend(0, 100, 100, 100)
		r.sync() // its watermark is not out: an opening copies it
		r.d.Kill()
		r.fs = r.d.FS()
		f := r.d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: syscall.EIO, Times: times})
		r.mustOpen()
		r.holds()
		for seed := range uint64(30) {
			c := r.d.Clone()
			c.Crash(disktest.Garbage, seed)
			if _, err := r.verdict(c, true); err != nil {
				t.Fatalf("%d syncs fail: %v", times, err)
			}
		}
		f.Remove()
		for range 40 {
			if r.append(1, 10) == nil {
				break
			}
		}
		if res := r.sync(); res.Durable != r.seq {
			t.Fatalf("%d syncs failed: then %+v", times, res)
		}
		r.reopen(disktest.Garbage, 5)
	}
}

func TestView(t *testing.T) {
	r := newRig(t)
	if _, err := View(disktest.New().FS(), ""); !errors.Is(err, disk.ErrNotExist) {
		t.Fatalf("View of nothing: %v", err)
	}
	for range 4 {
		r.mustAppend(0, many(40, 700)...)
		r.sync()
	}
	r.j.Settle([]outbox.Settlement{{Seq: 3, Ord: 3, Outcome: outbox.Rejected, Code: 6306, Sends: 2, Bytes: 700}})
	r.reports[3].end = outbox.Rejected
	r.sync()
	before := fmt.Sprint(r.d.Files())
	r.d.ResetStats()
	v, err := View(r.d.FS(), "")
	if err != nil {
		t.Fatal(err)
	}
	if missing := v.Verify(); missing != 0 || len(v.Segments) != len(r.j.rows)+1 {
		t.Fatalf("%d missing in %+v", missing, v.Segments)
	}
	if want := r.j.State(); v.State.Lanes != want.Lanes || v.State.Epoch != want.Epoch || v.Identity != "pk/dn" {
		t.Fatalf("viewed %+v, want %+v", v.State, want)
	}
	if s := r.d.Stats(); s.Writes+s.Creates+s.Renames+s.Removes+s.FileSyncs+s.SizeChanges != 0 || fmt.Sprint(r.d.Files()) != before {
		t.Fatalf("a viewer changed something: %+v", s)
	}
	if f, ok := v.Explain(3); !ok || f.Outcome != outbox.Rejected || f.Code != 6306 || f.Sends != 2 {
		t.Fatalf("Explain(3) = %+v, %v", f, ok)
	}
	if f, ok := v.Explain(77); !ok || f.Outcome != outbox.Pending || f.Ended || !bytes.Equal(f.Body, bodyOf(77, 700)) {
		t.Fatalf("Explain(77) = %+v, %v", f, ok)
	}
	if _, ok := v.Explain(99999); ok {
		t.Fatal("Explain knows a report that never was")
	}
	if err := r.d.Flip(segName(r.j.rows[0].id), 20_000, 4, disktest.Both); err != nil {
		t.Fatal(err)
	}
	if missing := v.Verify(); missing != 1 || len(v.Segments[0].Holes) != 1 {
		t.Fatalf("after a flip: %d missing, %+v", missing, v.Segments[0])
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{}, {Rand: testOptions(1).Rand, SegmentBytes: 1}, {Rand: testOptions(1).Rand, MaxUnsynced: -1},
		{Rand: testOptions(1).Rand, Identity: string(make([]byte, 300))},
	} {
		if _, err := Open(disktest.New().FS(), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
