package disktest

import (
	"io/fs"

	"github.com/aliiot/aliiot/internal/disk"
)

// Put makes or replaces a file, durably: what was left on the disk before the
// test begins.
func (d *Disk) Put(name string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newInode()
	n.cache.write(data, 0)
	n.cache.size = int64(len(data))
	n.durable = n.cache.clone()
	d.settle(name)
	d.names[name], d.durable[name] = n, n
}

// Lose takes a file away, from the folder and from the medium (segment-lost).
func (d *Disk) Lose(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(name)
	delete(d.names, name)
	delete(d.durable, name)
}

// settle forgets what is pending about a name.
func (d *Disk) settle(name string) {
	var rest []nameOp
	for _, op := range d.pending {
		if op.from != name && op.to != name {
			rest = append(rest, op)
		}
	}
	d.pending = rest
}

// Where says what a damage strikes.
type Where int

// Damage strikes the medium, and the cache unless it holds the page already.
const (
	Both   Where = iota // read now and after a cut
	Medium              // hidden by the cache until the next power cut
	Cache               // gone at the next power cut; a memory error
)

// Flip inverts the bits of mask in one byte of a file. It fails with
// fs.ErrNotExist where there is no such byte.
func (d *Disk) Flip(name string, off int64, mask byte, where Where) error {
	return d.damage(name, where, func(b *blob) bool {
		if off < 0 || off >= b.size {
			return false
		}
		var p [1]byte
		b.read(p[:], off)
		p[0] ^= mask
		b.write(p[:], off)
		return true
	})
}

// Overwrite puts other bytes in a file's place without any call through the
// seam. It does not make the file longer.
func (d *Disk) Overwrite(name string, off int64, data []byte, where Where) error {
	return d.damage(name, where, func(b *blob) bool {
		if off < 0 || off+int64(len(data)) > b.size {
			return false
		}
		b.write(data, off)
		return true
	})
}

// Shorten cuts a file, as a broken file system may.
func (d *Disk) Shorten(name string, size int64, where Where) error {
	return d.damage(name, where, func(b *blob) bool {
		if size < 0 || size > b.size {
			return false
		}
		b.resize(size)
		return true
	})
}

func (d *Disk) damage(name string, where Where, do func(*blob) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil {
		return &disk.Error{Op: "damage", Call: "open", Name: name, Err: fs.ErrNotExist}
	}
	ok := false
	if where != Cache {
		ok = do(n.durable)
	}
	if where != Medium {
		ok = do(n.cache) || ok
	}
	if !ok {
		return &disk.Error{Op: "damage", Call: "write", Name: name, Err: fs.ErrNotExist}
	}
	n.apart = true
	return nil
}

// LoseWriteback makes the kernel try to write a file's changes on its own, and
// fail with err: all of them are in doubt for ever. The next Sync through this
// process reports it, once; after Kill nobody ever hears of it.
func (d *Disk) LoseWriteback(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil && n.dirty() {
		n.spoil(d.seq, false)
		n.lost = err
	}
}
