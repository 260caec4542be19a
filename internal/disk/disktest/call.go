package disktest

import (
	"fmt"
	"maps"

	"github.com/aliiot/aliiot/internal/disk"
)

// Kind is which method of the seam is called. The words are those of disk.Error.
type Kind string

// The calls of disk.FS and disk.File.
const (
	Create   Kind = "create"
	Open     Kind = "open" // Open and OpenRead
	Read     Kind = "read"
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Size     Kind = "size"
	Sync     Kind = "sync"
	Close    Kind = "close"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	List     Kind = "list"
	SyncDir  Kind = "syncdir"
)

// changes says whether such a call leaves something pending, or covers it.
func (k Kind) changes() bool {
	switch k {
	case Create, Write, Truncate, Sync, Rename, Remove, SyncDir:
		return true
	}
	return false
}

// Call is one call through the seam.
type Call struct {
	N        int // from 1 on, over the life of the Disk
	Kind     Kind
	Op       disk.Op
	Name     string // of the file when it was opened; "." is the folder
	Off, Len int64  // of a read or write; of a truncation Off is the new size
}

func (c Call) String() string {
	s := fmt.Sprintf("call %d %s %s (%s)", c.N, c.Kind, c.Name, c.Op)
	if c.Len > 0 || c.Off > 0 {
		s += fmt.Sprintf(" [%d,+%d)", c.Off, c.Len)
	}
	return s
}

// Stats counts calls and what they moved. Failed calls count too. FileSyncs are those
// of files, DirSyncs those of the folder.
type Stats struct {
	Calls                     int64
	Creates, Renames, Removes int64
	Opens, Lists              int64
	Reads, ReadBytes          int64
	Writes, WriteBytes        int64
	SizeChanges, FileSyncs    int64
	DirSyncs                  int64
}

// DirOps is how many names were made, changed or taken away.
func (s Stats) DirOps() int64 { return s.Creates + s.Renames + s.Removes }

func (s *Stats) add(o Stats) {
	s.Calls += o.Calls
	s.Creates += o.Creates
	s.Renames += o.Renames
	s.Removes += o.Removes
	s.Opens += o.Opens
	s.Lists += o.Lists
	s.Reads += o.Reads
	s.ReadBytes += o.ReadBytes
	s.Writes += o.Writes
	s.WriteBytes += o.WriteBytes
	s.SizeChanges += o.SizeChanges
	s.FileSyncs += o.FileSyncs
	s.DirSyncs += o.DirSyncs
}

// Stats returns the counts over all jobs since New or ResetStats.
func (d *Disk) Stats() Stats {
	var sum Stats
	for _, s := range d.StatsByOp() {
		sum.add(s)
	}
	return sum
}

// StatsByOp returns the counts of each job.
func (d *Disk) StatsByOp() map[disk.Op]Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[disk.Op]Stats{}
	for op, s := range d.stats {
		out[op] = *s
	}
	return out
}

// ResetStats sets all counts to zero.
func (d *Disk) ResetStats() {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.stats, func(disk.Op, *Stats) bool { return true })
}

// Calls is the number of the last call.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

func (d *Disk) count(c Call) *Stats {
	s := d.stats[c.Op]
	if s == nil {
		s = &Stats{}
		d.stats[c.Op] = s
	}
	s.Calls++
	switch c.Kind {
	case Create:
		s.Creates++
	case Open:
		s.Opens++
	case Read:
		s.Reads++
	case Write:
		s.Writes++
	case Sync:
		s.FileSyncs++
	case Rename:
		s.Renames++
	case Remove:
		s.Removes++
	case List:
		s.Lists++
	case SyncDir:
		s.DirSyncs++
	}
	return s
}
