package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// long says whether the whole model is to be run, not a sample of it.
func long() bool { return os.Getenv("ALIIOT_LONG") == "1" }

// life is a workload that is worth cutting: three lanes, groups of 1, 7 and 64,
// bodies over a page and over 64 KB, ends out of order, roll-over, copying
// forward, freeing and recycling, eviction, and two reopenings.
func (w *world) life(tolerant bool) error {
	step := func(err error) error {
		if err != nil && !tolerant {
			return err
		}
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	sizes := func(n, size int) []int {
		s := make([]int, n)
		for i := range s {
			s[i] = size + i%5
		}
		return s
	}
	for round := range 4 {
		first := w.seq + 1
		w.upkeep()
		if err := errors.Join(step(w.append(0, 100)), step(w.append(1, sizes(7, 60)...))); err != nil {
			return err
		}
		w.sync()
		if err := step(w.append(0, sizes(64, 200)...)); err != nil {
			return err
		}
		w.settle(outbox.ConfirmedReply, first, first+2)
		w.sync()
		if err := errors.Join(step(w.append(2, 5000)), step(w.append(1, 30))); err != nil {
			return err
		}
		w.settle(outbox.ConfirmedReply, first+9, first+8, first+12) // out of order
		w.sync()
		for i := range 6 {
			if err := step(w.append(0, sizes(30, 250)...)); err != nil {
				return err
			}
			if i%3 == 2 { // a segment ends between two syncs
				w.sync()
			}
		}
		// A segment ends between two syncs: its last bytes and the new one's first
		// are pending together.
		for id := w.j.nextID; w.j.nextID == id && w.j.active != nil; {
			if err := errors.Join(step(w.append(1, sizes(9, 150)...)), step(w.append(0, sizes(20, 250)...))); err != nil {
				return err
			}
			if a := w.j.active; a != nil && a.off+20<<10 < a.limit {
				w.sync()
			}
		}
		w.sync()
		if round == 1 {
			if err := step(w.append(2, 70_000)); err != nil {
				return err
			}
			w.sync()
		}
		// The budget: the oldest go, but for a few that pin their segment.
		var evicted []uint64
		for _, seq := range w.pending() {
			if seq%41 != 0 && seq < first+300 {
				evicted = append(evicted, seq)
			}
		}
		w.settle(outbox.EvictedBudget, evicted...)
		w.sync()
		if left := w.pending(); len(left) > 3 {
			w.settle(outbox.ConfirmedReply, left[1], left[2]) // ends of what is about to be copied
		}
		w.upkeep()
		w.sync()
		w.upkeep()
		w.sync()
		if err := sound(w.j, -1); err != nil {
			return err
		}
		switch round {
		case 0: // the process dies
			if err := w.open(); err != nil {
				return err
			}
		case 1:
			if err := step(w.append(1, 40)); err != nil {
				return err
			}
			if err := step(w.j.Close()); err != nil {
				return err
			}
			w.learn(outbox.Result{Durable: w.seq}, w.settled())
			if err := w.open(); err != nil {
				return err
			}
		}
	}
	return nil
}

// verdict opens an image and holds it against the promises.
func (w *world) verdict(img *disktest.Disk, deep bool) (found, error) {
	j, err := Open(img.FS(), w.o)
	if err != nil {
		return found{}, fmt.Errorf("Open: %w", err)
	}
	f, err := look(j)
	if err != nil {
		return f, err
	}
	if err := w.check(f); err != nil || !deep {
		return f, err
	}
	// Again, from the cache: nothing has changed.
	img.Kill()
	j, err = Open(img.FS(), w.o)
	if err != nil {
		return f, fmt.Errorf("second Open: %w", err)
	}
	g, err := look(j)
	if err != nil {
		return f, fmt.Errorf("second look: %w", err)
	}
	if err := same(f, g); err != nil {
		return f, fmt.Errorf("second Open: %w", err)
	}
	return f, w.goesOn(img, j, g)
}

// goesOn: a journal that was opened takes reports, and they survive.
func (w *world) goesOn(img *disktest.Disk, j *Journal, f found) error {
	s := j.State()
	e := outbox.Entry{Seq: s.NextSeq, Ord: s.NextOrd[1], Lane: 1, Body: bodyOf(s.NextSeq, 77)}
	if err := j.Append(s.Writer, []outbox.Entry{e}); err != nil {
		return fmt.Errorf("going on: %w", err)
	}
	job := j.Sync()
	job.Run()
	if res := j.Done(job); res.Durable != e.Seq || res.Err != nil {
		return fmt.Errorf("going on: %+v", res)
	}
	img.Crash(disktest.Garbage, s.NextSeq)
	j, err := Open(img.FS(), w.o)
	if err != nil {
		return fmt.Errorf("Open after going on: %w", err)
	}
	g, err := look(j)
	if err != nil {
		return fmt.Errorf("after going on: %w", err)
	}
	if _, ok := g.pending[e.Seq]; !ok || len(g.pending) != len(f.pending)+1 {
		return fmt.Errorf("after going on: %d pending, want %d and the new one (%v)", len(g.pending), len(f.pending), ok)
	}
	return nil
}

// power runs a workload and cuts the power everywhere.
type power struct {
	t       *testing.T
	level   disktest.Level
	every   int
	most    int
	kill    bool
	depth2  int // of so many images one has its recovery cut, too
	break_  func(*disktest.Disk)
	refusal bool // faults are at work: refusals are no failure
	images  int
	deep    int
}

func (p *power) run() disktest.Report {
	p.t.Helper()
	d := disktest.New()
	if p.break_ != nil {
		p.break_(d)
	}
	var w *world
	o := disktest.Options{Disk: d, Level: p.level, Every: p.every, Most: p.most, Kill: p.kill, Seed: 7,
		Exhaustive: 6, Seeded: 16, Key: func() uint64 { return w.key() }}
	if long() {
		o.Exhaustive, o.Seeded = 10, 64
	}
	report := disktest.Cuts(o, func(fs disk.FS) {
		w = newWorld(fs, testOptions(3))
		if err := w.life(p.refusal); err != nil {
			p.t.Fatalf("the workload itself: %v", err)
		}
		if len(w.errs) > 0 {
			p.t.Fatalf("the workload itself: %v", w.errs[0])
		}
	}, func(img *disktest.Disk, at disktest.Cut) {
		p.images++
		p.one(w, img, at)
	})
	p.t.Logf("%d calls, %d cut points, %d images, %d cut again", report.Calls, report.Points, report.Images, p.deep)
	return report
}

func (p *power) one(w *world, img *disktest.Disk, at disktest.Cut) {
	if at.Kill {
		p.killed(w, img, at)
		return
	}
	if p.depth2 > 0 && p.images%p.depth2 == 0 {
		p.recovery(w, img.Clone(), at)
	}
	if _, err := w.verdict(img, p.images%4 == 0); err != nil {
		p.t.Fatalf("%v\n%v\n%v", err, at, img)
	}
}

// recovery cuts the power again while the journal opens.
func (p *power) recovery(w *world, img *disktest.Disk, first disktest.Cut) {
	o := disktest.Options{Disk: img, Level: p.level, Most: 6, Exhaustive: 4, Seeded: 4, Seed: uint64(p.images)}
	disktest.Cuts(o, func(fs disk.FS) {
		if _, err := Open(fs, w.o); err != nil {
			p.t.Fatalf("Open: %v\n%v", err, first)
		}
	}, func(img *disktest.Disk, at disktest.Cut) {
		p.deep++
		if _, err := w.verdict(img, false); err != nil {
			p.t.Fatalf("%v\nfirst %v\nthen %v\n%v", err, first, at, img)
		}
	})
}

// killed: the process dies, the next one opens from the cache, then the power
// goes. What the second one called pending must be there.
func (p *power) killed(w *world, img *disktest.Disk, at disktest.Cut) {
	f, err := w.verdict(img, false)
	if err != nil {
		p.t.Fatalf("%v\n%v\n%v", err, at, img)
	}
	for again, cut := range img.Images(disktest.Options{Level: p.level, Most: 4, Exhaustive: 4, Seeded: 4, Seed: uint64(p.images)}) {
		p.deep++
		g, err := w.verdict(again, false)
		if err == nil {
			for seq := range f.pending {
				if _, ok := g.pending[seq]; !ok {
					err = fmt.Errorf("report %d was pending after the reopening and is lost", seq)
				}
			}
		}
		if err != nil {
			p.t.Fatalf("%v\nfirst %v\nthen %v\n%v", err, at, cut, again)
		}
	}
}

func (p *power) sampled(every, most int) *power {
	if long() {
		p.every, p.most, p.depth2 = 1, 120, 20
		return p
	}
	p.every, p.most = every, most
	return p
}

func TestFault_power_cut(t *testing.T) {
	for level, name := range []string{"prefix", "reorder", "torn", "garbage"} {
		t.Run(name, func(t *testing.T) {
			p := &power{t: t, level: disktest.Level(level)}
			if r := p.sampled(4, 16).run(); r.Images < 150 {
				t.Fatalf("only %d images", r.Images)
			}
		})
	}
}

func TestFault_cut_in_recovery(t *testing.T) {
	p := &power{t: t, level: disktest.Garbage, kill: true, depth2: 7}
	if p.sampled(9, 10).run(); p.deep < 200 {
		t.Fatalf("only %d images of a second cut", p.deep)
	}
}

// failSyncs makes each of some syncs of the log fail, the bytes in doubt for
// ever.
func failSyncs(skip, times int, drop bool) func(*disktest.Disk) {
	return func(d *disktest.Disk) {
		d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: syscall.EIO, Skip: skip, Times: times, Drop: drop})
	}
}

func TestFault_fsync_fails_then_power_cut(t *testing.T) {
	for _, times := range []int{1, 2, 3} { // the sync; its rescue; the fence, too
		for _, skip := range []int{1, 6, 14} {
			for i, drop := range []bool{false, true} {
				if !long() && (skip+times+i)%3 != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%d syncs after %d drop %v", times, skip, drop), func(t *testing.T) {
					p := &power{t: t, level: disktest.Torn, kill: true, refusal: true, break_: failSyncs(skip, times, drop)}
					if p.sampled(11, 6); long() { // eighteen of them: a larger sample each
						p.every, p.most = 3, 40
					}
					p.run()
				})
			}
		}
	}
}
