package disktest

import (
	"hash/maphash"
	"sync/atomic"
)

// pageSize is the unit of the page cache and of allocation.
const pageSize = 4096

// owner marks pages that only one blob can see, and that it may change in place.
type owner struct{ _ byte }

// page is 4 KiB of a file. It is immutable once its owner has let go of it.
type page struct {
	owner *owner
	sum   atomic.Uint64 // 0: not computed
	data  [pageSize]byte
}

var (
	seed  = maphash.MakeSeed()
	zeros = &page{} // what allocated pages of zeros share: a fill costs no memory
)

func (p *page) hash() uint64 {
	if p == nil {
		p = zeros // a hole reads like zeros
	}
	if h := p.sum.Load(); h != 0 {
		return h
	}
	h := maphash.Bytes(seed, p.data[:]) | 1
	p.sum.Store(h)
	return h
}

// blob is the bytes of one file. Copies share pages until one side writes.
// Bytes beyond size are always zero.
type blob struct {
	size  int64
	pages []*page // nil is a hole: not allocated
	own   *owner
}

// clone returns an equal blob; both sides lose the right to write in place.
func (b *blob) clone() *blob {
	b.own = nil
	return &blob{size: b.size, pages: append(make([]*page, 0, len(b.pages)+1), b.pages...)}
}

func (b *blob) hash() uint64 {
	h := uint64(b.size)*0x9e3779b97f4a7c15 + 1
	for i := range (b.size + pageSize - 1) / pageSize {
		var p *page
		if int(i) < len(b.pages) {
			p = b.pages[i]
		}
		h = mix(h, p.hash())
	}
	return h
}

// mix folds v into h (the finaliser of splitmix64).
func mix(h, v uint64) uint64 {
	h = h*0x9e3779b97f4a7c15 + v
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9
	h = (h ^ (h >> 27)) * 0x94d049bb133111eb
	return h ^ (h >> 31)
}

func allZero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

func (b *blob) read(p []byte, off int64) {
	for len(p) > 0 {
		i, in := int(off/pageSize), int(off%pageSize)
		n := min(len(p), pageSize-in)
		if i < len(b.pages) && b.pages[i] != nil {
			copy(p[:n], b.pages[i].data[in:])
		} else {
			clear(p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// write stores p at off. It does not change the size.
func (b *blob) write(p []byte, off int64) {
	for len(p) > 0 {
		i, in := int(off/pageSize), int(off%pageSize)
		n := min(len(p), pageSize-in)
		for len(b.pages) <= i {
			b.pages = append(b.pages, nil)
		}
		old := b.pages[i]
		if (old == nil || old == zeros) && allZero(p[:n]) {
			b.pages[i] = zeros
		} else {
			copy(b.mutable(i).data[in:], p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// mutable returns page i, which exists as an index, for changing in place.
func (b *blob) mutable(i int) *page {
	if b.own == nil {
		b.own = new(owner)
	}
	p := b.pages[i]
	if p == nil || p.owner != b.own {
		fresh := &page{owner: b.own}
		if p != nil {
			fresh.data = p.data
		}
		b.pages[i], p = fresh, fresh
	}
	p.sum.Store(0)
	return p
}

// resize sets the size; what a shorter size cuts off is gone for good.
func (b *blob) resize(n int64) {
	if n < b.size {
		keep := int((n + pageSize - 1) / pageSize)
		if keep < len(b.pages) {
			clear(b.pages[keep:])
			b.pages = b.pages[:keep]
		}
		if in := int(n % pageSize); in != 0 && keep-1 < len(b.pages) {
			if p := b.pages[keep-1]; p != nil && !allZero(p.data[in:]) {
				clear(b.mutable(keep - 1).data[in:])
			}
		}
	}
	b.size = n
}

// allocated is the number of bytes that the file takes from the capacity.
func (b *blob) allocated() int64 {
	var n int64
	for _, p := range b.pages {
		if p != nil {
			n += pageSize
		}
	}
	return n
}

func (b *blob) bytes() []byte {
	p := make([]byte, b.size)
	b.read(p, 0)
	return p
}
