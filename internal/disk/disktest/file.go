package disktest

import (
	"io"
	"io/fs"
	"syscall"

	"github.com/aliiot/aliiot/internal/disk"
)

// file is one handle.
type file struct {
	v        *view
	op       disk.Op // of the opening; Close is given none
	name     string
	node     *inode
	writable bool
	closed   bool
}

func (h *file) call(kind Kind, op disk.Op) Call { return Call{Kind: kind, Op: op, Name: h.name} }

func (h *file) ReadAt(op disk.Op, p []byte, off int64) (int, error) {
	c := h.call(Read, op)
	c.Off, c.Len = off, int64(len(p))
	n, eof := 0, false
	err := h.v.do(c, func(f Fault, s *Stats, _ int64) error {
		if err := h.usable(off); err != nil {
			return err
		}
		n = int(max(0, min(int64(len(p)), h.node.cache.size-off)))
		eof = n < len(p)
		if f.Err != nil {
			n = min(n, int(max(0, f.Off-off)))
		}
		h.node.cache.read(p[:n], off)
		s.ReadBytes += int64(n)
		return f.Err
	})
	if err == nil && eof {
		return n, io.EOF
	}
	return n, err
}

func (h *file) usable(off int64) error {
	if h.closed {
		return fs.ErrClosed
	}
	if off < 0 {
		return fs.ErrInvalid
	}
	return nil
}

func (h *file) WriteAt(op disk.Op, p []byte, off int64) (int, error) {
	c := h.call(Write, op)
	c.Off, c.Len = off, int64(len(p))
	n := 0
	err := h.v.change(c, func(f Fault, s *Stats, _ int64) error {
		if err := h.changeable(off); err != nil {
			return err
		}
		d, err := h.v.d, f.Err
		n = len(p)
		if err != nil {
			n = int(min(max(0, f.Short), int64(n)))
		}
		if room := d.room(h.node, off, int64(n)); room < int64(n) {
			n, err = int(room), syscall.ENOSPC
		}
		if n == 0 {
			return err
		}
		if off+int64(n) > h.node.cache.size {
			s.SizeChanges++
		}
		s.WriteBytes += int64(n)
		d.seq++
		h.node.write(d.seq, p[:n], off)
		return err
	})
	return n, err
}

func (h *file) changeable(off int64) error {
	if err := h.usable(off); err != nil {
		return err
	}
	if !h.writable {
		return syscall.EBADF
	}
	return nil
}

// room is how many of n bytes at off find a place on the disk.
func (d *Disk) room(n *inode, off, want int64) int64 {
	if d.capacity == 0 {
		return want
	}
	free := d.capacity - d.used()
	var fits int64
	for fits < want {
		at := off + fits
		i := int(at / pageSize)
		if i >= len(n.cache.pages) || n.cache.pages[i] == nil {
			if free < pageSize {
				break
			}
			free -= pageSize
		}
		fits = min(want, fits+pageSize-at%pageSize)
	}
	return fits
}

func (h *file) Truncate(op disk.Op, size int64) error {
	c := h.call(Truncate, op)
	c.Off = size
	return h.v.change(c, func(_ Fault, s *Stats, _ int64) error {
		if err := h.changeable(size); err != nil {
			return err
		}
		if size == h.node.cache.size {
			return nil
		}
		s.SizeChanges++
		h.v.d.seq++
		h.node.truncate(h.v.d.seq, size)
		return nil
	})
}

func (h *file) Size(op disk.Op) (int64, error) {
	var size int64
	err := h.v.look(h.call(Size, op), func() error {
		size = h.node.cache.size
		return h.usable(0)
	})
	return size, err
}

func (h *file) Sync(op disk.Op) error {
	return h.v.do(h.call(Sync, op), func(f Fault, _ *Stats, mark int64) error {
		if err := h.usable(0); err != nil {
			return err
		}
		switch {
		case f.Err != nil:
			h.node.spoil(mark, f.Drop)
			return f.Err
		case f.Lie:
			return nil
		case h.v.d.readOnly && h.node.dirty():
			h.node.spoil(mark, false)
			return syscall.EROFS
		}
		if err := h.node.lost; err != nil {
			h.node.lost = nil
			h.node.spoil(mark, false)
			return err
		}
		h.node.sync(mark)
		return nil
	})
}

func (h *file) Close() error {
	err := h.v.look(h.call(Close, h.op), func() error {
		if h.closed {
			return fs.ErrClosed
		}
		return nil
	})
	d := h.v.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if !h.closed && d.life == h.v.life {
		if d.open[h.node]--; d.open[h.node] == 0 {
			delete(d.open, h.node)
		}
	}
	h.closed = true
	return err
}
