package disktest

import (
	"path"
	"slices"

	"github.com/aliiot/aliiot/internal/disk"
)

// Always is a Fault's Times that never ends.
const Always = -1

// Fault breaks some calls. The zero values of the first five fields match all
// calls; what happens is said by the others. A Fault that says nothing of them
// does nothing but count.
type Fault struct {
	Kind     Kind
	Op       disk.Op
	Name     string // a pattern of path.Match
	Off, Len int64  // with Len > 0: only reads and writes that touch the range
	Skip     int    // let this many matching calls pass first
	Times    int    // break this many; 0 is 1, Always is all

	// Err is what the call returns instead of doing its work.
	//
	// A write stores the first Short bytes before. A read returns what lies before
	// the range. A sync (of a file or of the folder) puts all it would have
	// covered in doubt for ever: readable, perhaps on the medium, and covered by
	// no later sync, which succeeds. That is Linux after EIO.
	Err   error
	Short int64
	// Drop, with Err on a sync: the bytes or names are surely not on the medium.
	Drop bool
	// Lie makes a sync return nil and do nothing.
	Lie bool
	// Hang keeps the call from returning until the channel is closed or the
	// process dies. A sync covers what was written before the call began. With
	// Err the call fails after that.
	Hang <-chan struct{}
}

// Injected is a Fault at work.
type Injected struct {
	d    *Disk
	f    Fault
	seen int
	hits int
}

// Fault adds a fault. Of several that match a call the first added strikes.
func (d *Disk) Fault(f Fault) *Injected {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := &Injected{d: d, f: f}
	d.faults = append(d.faults, i)
	return i
}

// Heal takes all faults away, lifts read-only and the capacity. What is in doubt
// stays in doubt.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.readOnly, d.capacity = nil, false, 0
}

// Remove takes the fault away. A call that hangs in it goes on hanging.
func (i *Injected) Remove() {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	i.d.faults = slices.DeleteFunc(i.d.faults, func(o *Injected) bool { return o == i })
}

// Hits is how many calls it has struck.
func (i *Injected) Hits() int {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	return i.hits
}

func (f Fault) matches(c Call) bool {
	if f.Kind != "" && f.Kind != c.Kind || f.Op != "" && f.Op != c.Op {
		return false
	}
	if f.Name != "" {
		if ok, err := path.Match(f.Name, c.Name); err != nil || !ok {
			return false
		}
	}
	if f.Len > 0 {
		return (c.Kind == Read || c.Kind == Write) && c.Off < f.Off+f.Len && f.Off < c.Off+c.Len
	}
	return true
}

// strike returns the fault that breaks the call, or a harmless one.
func (d *Disk) strike(c Call) Fault {
	for _, i := range d.faults {
		if !i.f.matches(c) {
			continue
		}
		i.seen++
		times := max(1, i.f.Times)
		if i.seen <= i.f.Skip || i.f.Times != Always && i.hits >= times {
			continue
		}
		i.hits++
		return i.f
	}
	return Fault{}
}
