package disktest

import (
	"math/rand/v2"
	"sync"

	"github.com/aliiot/aliiot/internal/disk"
)

// Report is what Cuts has done. A test that expects images checks it, so that
// an empty workload does not pass.
type Report struct {
	Calls  int // calls through the seam
	Points int // of them, and the end, those at which the power went
	Images int // disks handed to check, Kills included
	Kills  int
}

// Cuts runs the workload once and cuts the power inside every call: at that
// instant, while the caller waits for its answer, it hands each image to check
// and then lets the workload go on. So what the workload has noted of its
// promises is, in check, exactly what had been promised at the cut.
//
// A call that changes something (create, write, truncate, rename, remove) is cut
// with its effect pending, which includes every image before it; a sync is cut
// before its effect, and its full effect is the image of the next cut. The last
// cut comes after the workload has returned.
//
// check runs in the goroutine of the call, one check at a time; it must not use
// the workload's own FS. Images are disks of their own: check may open them, cut
// them again (Options.Disk), and keep them.
func Cuts(o Options, workload func(fs disk.FS), check func(img *Disk, at Cut)) Report {
	d := o.Disk
	if d == nil {
		d = New()
	}
	c := &cutter{o: o, d: d, check: check, seen: map[uint64]bool{}}
	c.phase = rand.New(rand.NewPCG(o.Seed, 1)).IntN(max(1, o.Every))
	first := d.Calls()
	d.setHook(c.call)
	defer d.setHook(nil)
	workload(d.FS())
	d.setHook(nil)
	c.cut(Call{})
	c.report.Calls = d.Calls() - first
	return c.report
}

func (d *Disk) setHook(hook func(Call)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = hook
}

type cutter struct {
	o     Options
	d     *Disk
	check func(*Disk, Cut)

	mu     sync.Mutex
	seen   map[uint64]bool
	phase  int
	count  int
	report Report
}

// call is the hook: one call is under way.
func (c *cutter) call(at Call) {
	if !c.o.Looks && !at.Kind.changes() {
		return
	}
	c.mu.Lock()
	c.count++
	skip := c.o.Every > 1 && c.count%c.o.Every != c.phase
	c.mu.Unlock()
	if !skip {
		c.cut(at)
	}
}

func (c *cutter) cut(at Call) {
	c.mu.Lock()
	defer c.mu.Unlock() // check may end the goroutine with t.FailNow
	c.report.Points++
	var key uint64
	if c.o.Key == nil {
		clear(c.seen)
	} else {
		key = c.o.Key()
	}
	if c.o.Kill {
		c.report.Images++
		c.report.Kills++
		c.check(c.d.Clone(), Cut{Call: at, Kill: true})
	}
	c.report.Images += images(c.d.Clone(), c.o, Cut{Call: at}, c.seen, key, func(img *Disk, cut Cut) bool {
		c.check(img, cut)
		return true
	})
}
