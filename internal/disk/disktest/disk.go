// Package disktest is a disk in memory that remembers what was synced.
//
// It behaves as Linux does (a page cache over a medium), it breaks on demand
// ([Disk.Fault], capacity, read-only, damage), and it can lose its power: then
// what survives is the durable image plus any subset of what was pending, torn
// and reordered ([Disk.Images], [Disk.Crash], [Cuts]). It starts no goroutine
// and reads no clock, so it lives in a synctest bubble.
package disktest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aliiot/aliiot/internal/disk"
)

// ErrDead is what every call through a handle says after its process was
// killed or its disk lost power.
var ErrDead = errors.New("disktest: this process is dead")

// Disk is one folder on one medium. Its methods are safe for concurrent use.
type Disk struct {
	mu    sync.Mutex
	life  *life
	seq   int64 // numbers pending operations
	calls int   // numbers calls through the seam

	names   map[string]*inode // as the cache has it
	durable map[string]*inode // as the medium has it
	pending []nameOp
	graves  []*blob // what deleted files held: stale blocks

	open     map[*inode]int // handles, also to files without a name
	capacity int64          // 0: no limit
	readOnly bool
	faults   []*Injected
	stats    map[disk.Op]*Stats
	hook     func(Call)
}

// life is one process's time with the disk; handles die with it.
type life struct{ ended chan struct{} }

// New returns an empty disk.
func New() *Disk {
	return &Disk{
		life:    &life{ended: make(chan struct{})},
		names:   map[string]*inode{},
		durable: map[string]*inode{},
		open:    map[*inode]int{},
		stats:   map[disk.Op]*Stats{},
	}
}

// FS returns the folder as a process sees it. It and its files die with Kill.
func (d *Disk) FS() disk.FS {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &view{d: d, life: d.life}
}

// Kill ends the process: every handle is dead, the page cache lives on, and an
// error of a write-back that nobody has heard is forgotten. FS gives the next
// process its view.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kill()
}

func (d *Disk) kill() {
	close(d.life.ended)
	d.life = &life{ended: make(chan struct{})}
	for n := range d.alive() {
		n.lost = nil
	}
	clear(d.open)
}

// Clone copies the disk with its cache, capacity and mode, for a process that
// is not born yet: faults, statistics and handles stay behind.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone()
}

func (d *Disk) clone() *Disk {
	c := New()
	c.seq, c.capacity, c.readOnly = d.seq, d.capacity, d.readOnly
	c.graves = slices.Clone(d.graves)
	twin := map[*inode]*inode{}
	get := func(n *inode) *inode {
		if n != nil && twin[n] == nil {
			twin[n] = n.clone()
		}
		return twin[n]
	}
	for name, n := range d.names {
		c.names[name] = get(n)
	}
	for name, n := range d.durable {
		c.durable[name] = get(n)
	}
	for _, op := range d.pending {
		op.node = get(op.node)
		c.pending = append(c.pending, op)
	}
	return c
}

// SetCapacity limits the bytes (in pages of 4,096) that files may take; 0 takes
// the limit away. Ranges that are allocated already still take writes.
func (d *Disk) SetCapacity(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = bytes
}

// Used is the number of bytes that files take, those still open included.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

func (d *Disk) used() int64 {
	var sum int64
	for n := range d.alive() {
		sum += n.cache.allocated()
	}
	return sum
}

// alive are the files that the cache knows by a name or a handle.
func (d *Disk) alive() map[*inode]bool {
	set := map[*inode]bool{}
	for _, n := range d.names {
		set[n] = true
	}
	for n := range d.open {
		set[n] = true
	}
	return set
}

// SetReadOnly makes every change fail with EROFS from now on, as a kernel does
// that remounts after an error; what was pending stays in doubt.
func (d *Disk) SetReadOnly(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readOnly = on
}

// Files returns name and content of every file, as a process would read them.
func (d *Disk) Files() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string][]byte{}
	for name, n := range d.names {
		files[name] = n.cache.bytes()
	}
	return files
}

// String lists the files, for a failing test.
func (d *Disk) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := ""
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		n := d.names[name]
		s += fmt.Sprintf("%s: %d bytes, %d changes pending\n", name, n.cache.size, len(n.pending))
	}
	return s + fmt.Sprintf("%d names pending", len(d.pending))
}
