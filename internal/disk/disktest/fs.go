package disktest

import (
	"io/fs"
	"maps"
	"slices"
	"syscall"

	"github.com/aliiot/aliiot/internal/disk"
)

// view is the disk as one process sees it.
type view struct {
	d    *Disk
	life *life
}

// do performs one call. work runs under the lock, with the fault that strikes
// and the number of the last pending operation when the call began.
// The hook of the power cut runs without the lock: after work for a change
// (pending by then, its caller unanswered), before it for everything else.
func (v *view) do(c Call, work func(f Fault, s *Stats, mark int64) error) error {
	d := v.d
	d.mu.Lock()
	if d.life != v.life {
		d.mu.Unlock()
		return fail(c, ErrDead)
	}
	d.calls++
	c.N = d.calls
	s, f, hook := d.count(c), d.strike(c), d.hook
	sync := c.Kind == Sync || c.Kind == SyncDir
	before := hook != nil && (sync || !c.Kind.changes())
	mark := d.seq
	if before || f.Hang != nil {
		d.mu.Unlock()
		if before {
			hook(c)
		}
		if f.Hang != nil {
			select {
			case <-f.Hang:
			case <-v.life.ended:
			}
		}
		d.mu.Lock()
		if d.life != v.life {
			d.mu.Unlock()
			return fail(c, ErrDead)
		}
	}
	err := work(f, s, mark)
	d.mu.Unlock()
	if hook != nil && !before {
		hook(c)
	}
	if err != nil {
		return fail(c, err)
	}
	return nil
}

func fail(c Call, err error) error {
	return &disk.Error{Op: c.Op, Call: string(c.Kind), Name: c.Name, Err: err}
}

// change is do for what a read-only file system refuses.
func (v *view) change(c Call, work func(f Fault, s *Stats, mark int64) error) error {
	return v.do(c, func(f Fault, s *Stats, mark int64) error {
		if v.d.readOnly {
			return syscall.EROFS
		}
		if f.Err != nil && c.Kind != Write {
			return f.Err
		}
		return work(f, s, mark)
	})
}

// look is do for what changes nothing.
func (v *view) look(c Call, work func() error) error {
	return v.do(c, func(f Fault, _ *Stats, _ int64) error {
		if f.Err != nil {
			return f.Err
		}
		return work()
	})
}

func (v *view) Create(op disk.Op, name string) (disk.File, error) {
	var h *file
	err := v.change(Call{Kind: Create, Op: op, Name: name}, func(Fault, *Stats, int64) error {
		if err := disk.CheckName(name); err != nil {
			return err
		}
		if v.d.names[name] != nil {
			return fs.ErrExist
		}
		n := newInode()
		v.d.name("", name, n)
		h = v.handle(op, name, n, true)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (v *view) handle(op disk.Op, name string, n *inode, writable bool) *file {
	v.d.open[n]++
	return &file{v: v, op: op, name: name, node: n, writable: writable}
}

func (v *view) Open(op disk.Op, name string) (disk.File, error) { return v.openFile(op, name, true) }

func (v *view) OpenRead(op disk.Op, name string) (disk.File, error) {
	return v.openFile(op, name, false)
}

func (v *view) openFile(op disk.Op, name string, writable bool) (disk.File, error) {
	var h *file
	err := v.look(Call{Kind: Open, Op: op, Name: name}, func() error {
		if err := disk.CheckName(name); err != nil {
			return err
		}
		n := v.d.names[name]
		if n == nil {
			return fs.ErrNotExist
		}
		if writable && v.d.readOnly {
			return syscall.EROFS
		}
		h = v.handle(op, name, n, writable)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (v *view) Rename(op disk.Op, from, to string) error {
	return v.change(Call{Kind: Rename, Op: op, Name: from}, func(Fault, *Stats, int64) error {
		if err := disk.CheckName(from); err != nil {
			return err
		}
		if err := disk.CheckName(to); err != nil {
			return err
		}
		n := v.d.names[from]
		if n == nil {
			return fs.ErrNotExist
		}
		if from != to {
			v.d.name(from, to, n)
		}
		return nil
	})
}

func (v *view) Remove(op disk.Op, name string) error {
	return v.change(Call{Kind: Remove, Op: op, Name: name}, func(Fault, *Stats, int64) error {
		if err := disk.CheckName(name); err != nil {
			return err
		}
		n := v.d.names[name]
		if n == nil {
			return fs.ErrNotExist
		}
		v.d.name(name, "", n)
		return nil
	})
}

func (v *view) List(op disk.Op) ([]disk.Entry, error) {
	var list []disk.Entry
	err := v.look(Call{Kind: List, Op: op, Name: "."}, func() error {
		for _, name := range slices.Sorted(maps.Keys(v.d.names)) {
			list = append(list, disk.Entry{Name: name, Size: v.d.names[name].cache.size})
		}
		return nil
	})
	return list, err
}

func (v *view) SyncDir(op disk.Op) error {
	return v.do(Call{Kind: SyncDir, Op: op, Name: "."}, func(f Fault, _ *Stats, mark int64) error {
		switch {
		case f.Err != nil:
			v.d.spoilNames(mark, f.Drop)
			return f.Err
		case f.Lie:
			return nil
		case v.d.readOnly && len(v.d.pending) > 0:
			v.d.spoilNames(mark, false)
			return syscall.EROFS
		}
		v.d.syncNames(mark)
		return nil
	})
}
