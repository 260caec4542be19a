package disktest

import "slices"

// sector is what a medium writes whole or not at all in this model.
const sector = 512

// inode is one file: its bytes on the medium, its bytes in the cache, and the
// changes that tell the two apart, oldest first.
type inode struct {
	durable *blob
	cache   *blob
	pending []change
	// lost says that a write-back failed with no sync waiting: the next sync
	// through a handle of this process reports it, once.
	lost error
	// apart says that the medium differs from the cache beyond what is pending.
	apart bool
}

// change is one write or truncation that no good sync has covered.
type change struct {
	seq   int64
	off   int64
	data  []byte // nil: a truncation
	size  int64  // of the file afterwards; -1: the size is settled already
	sized bool   // it changed the size
	doubt bool   // its page is marked clean: no later sync covers it
}

func (c change) end() int64 { return c.off + int64(len(c.data)) }

func newInode() *inode { return &inode{durable: &blob{}, cache: &blob{}} }

func (n *inode) clone() *inode {
	return &inode{durable: n.durable.clone(), cache: n.cache.clone(), pending: slices.Clone(n.pending), apart: n.apart}
}

func (n *inode) write(seq int64, p []byte, off int64) {
	n.cache.write(p, off)
	size := max(n.cache.size, off+int64(len(p)))
	n.pending = append(n.pending, change{seq: seq, off: off, data: slices.Clone(p), size: size, sized: size != n.cache.size})
	n.cache.size = size
}

func (n *inode) truncate(seq int64, size int64) {
	n.cache.resize(size)
	n.pending = append(n.pending, change{seq: seq, size: size, sized: true})
}

// dirty says whether a sync would have anything to do.
func (n *inode) dirty() bool {
	return slices.ContainsFunc(n.pending, func(c change) bool { return !c.doubt })
}

// spoil puts everything up to mark in doubt for ever, as a failed write-back
// does; with drop the bytes are surely not on the medium.
func (n *inode) spoil(mark int64, drop bool) {
	if drop {
		n.apart = true
		n.pending = slices.DeleteFunc(n.pending, func(c change) bool { return c.seq <= mark && !c.doubt })
		return
	}
	for i := range n.pending {
		if n.pending[i].seq <= mark {
			n.pending[i].doubt = true
		}
	}
}

// sync makes durable what was changed up to mark and is not in doubt. A sector
// that was written again goes out whole, older doubtful bytes in it included.
func (n *inode) sync(mark int64) {
	if len(n.pending) == 0 {
		return
	}
	simple := !n.apart && n.pending[len(n.pending)-1].seq <= mark
	for _, c := range n.pending {
		simple = simple && !c.doubt
	}
	if simple {
		n.durable, n.pending = n.cache.clone(), nil
		return
	}
	out := n.covered(mark)
	var sizeSeq int64
	size := n.durable.size
	for _, c := range n.pending {
		if c.seq > mark || c.size < 0 {
			continue
		}
		// A size goes out with the change that made it, or because bytes beyond
		// the durable size went out and could not be found without it.
		if c.sized && !c.doubt || c.data != nil && c.end() > size && out.any(c) {
			sizeSeq, size = c.seq, c.size
		}
	}
	n.durable = render(n.durable, n.pending, out, sizeSeq, nil)
	n.pending = leftover(n.pending, out, sizeSeq)
}

// covered are the sector versions that a sync up to mark writes.
func (n *inode) covered(mark int64) versions {
	v := versions{}
	for _, c := range n.pending {
		if c.seq <= mark && !c.doubt {
			v.raise(c)
		}
	}
	return v
}

// leftover keeps what a sync has not written, cut to the sectors it left out. A
// doubtful size whose bytes have all gone out is not an image of its own any more.
func leftover(pending []change, out versions, sizeSeq int64) []change {
	var rest []change
	for i, c := range pending {
		if c.data == nil {
			if c.seq > sizeSeq {
				rest = append(rest, c)
			}
			continue
		}
		size, sized := c.size, c.sized
		if c.seq <= sizeSeq {
			size, sized = -1, false
		}
		end := c.end()
		for _, later := range pending[i+1:] { // a durable truncation frees the blocks
			if later.data == nil && later.seq <= sizeSeq {
				end = min(end, later.size)
			}
		}
		from := len(rest)
		for lo, hi := range sectors(c.off, end) {
			if c.seq <= out[lo/sector] {
				continue
			}
			piece := change{seq: c.seq, off: lo, data: c.data[lo-c.off : hi-c.off], size: size, sized: sized, doubt: c.doubt}
			if k := len(rest) - 1; k >= from && rest[k].end() == lo {
				rest[k].data = c.data[rest[k].off-c.off : hi-c.off]
			} else {
				rest = append(rest, piece)
			}
		}
	}
	return rest
}
