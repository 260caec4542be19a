package disktest

import "iter"

// versions says, for each sector of a file by number, up to which change its
// bytes have reached the medium. A sector that is missing shows the old bytes.
type versions map[int64]int64

// raise lets the sectors of c reach c's version.
func (v versions) raise(c change) { v.raiseRange(c, c.off, c.end()) }

func (v versions) raiseRange(c change, lo, hi int64) {
	for s := range sectors(max(lo, c.off), min(hi, c.end())) {
		v[s/sector] = max(v[s/sector], c.seq)
	}
}

// any says whether some sector of c has reached c's version.
func (v versions) any(c change) bool {
	for s := range sectors(c.off, c.end()) {
		if v[s/sector] >= c.seq {
			return true
		}
	}
	return false
}

// sectors splits [lo,hi) at sector boundaries.
func sectors(lo, hi int64) iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		for lo < hi {
			next := min(hi, (lo/sector+1)*sector)
			if !yield(lo, next) {
				return
			}
			lo = next
		}
	}
}

// render builds the bytes that a medium holds: base, and over it each change as
// far as its sectors have reached it, with the size as it stood after the change
// sizeSeq (0: the base's). fill, if not nil, gives what stands in the place of
// written bytes that are missing; nil bytes from it mean the old ones.
func render(base *blob, pending []change, v versions, sizeSeq int64, fill func(lo, hi int64) []byte) *blob {
	b, size := base.clone(), base.size
	for _, c := range pending {
		if c.size >= 0 && c.seq <= sizeSeq {
			size = c.size
		}
		if c.data == nil {
			if c.seq <= sizeSeq {
				b.resize(c.size)
			}
			continue
		}
		b.apply(c, v, fill)
	}
	b.resize(size)
	return b
}

// apply writes the sectors of c that v has, in runs, and fills the others.
func (b *blob) apply(c change, v versions, fill func(lo, hi int64) []byte) {
	put := func(lo, hi int64, there bool) {
		p := c.data[lo-c.off : hi-c.off]
		if !there {
			if fill == nil {
				return
			}
			if p = fill(lo, hi); p == nil {
				return
			}
		}
		b.write(p, lo)
		b.size = max(b.size, hi)
	}
	run, there := c.off, false
	for lo := range sectors(c.off, c.end()) {
		is := c.seq <= v[lo/sector]
		if is != there && lo > run {
			put(run, lo, there)
			run = lo
		}
		there = is
	}
	if run < c.end() {
		put(run, c.end(), there)
	}
}
