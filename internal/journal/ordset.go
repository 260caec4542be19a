package journal

import (
	"math"
	"slices"
	"sort"
)

// span is the half-open range [from, to) of ordinals.
type span struct{ from, to uint64 }

// chunkSpans bounds one slice of an ordSet, so that an insertion in the middle
// moves a few kilobytes whatever the set's size.
const chunkSpans = 256

// ordSet is a set of ordinals as sorted, disjoint spans that never touch. What
// has ended in a lane merges into one span sooner or later, so its size is the
// number of gaps, not of reports.
type ordSet struct {
	chunks [][]span
	n      uint64
}

// find returns where the first span lies whose end is at least o.
func (s *ordSet) find(o uint64) (c, i int) {
	c = sort.Search(len(s.chunks), func(k int) bool {
		ch := s.chunks[k]
		return ch[len(ch)-1].to >= o
	})
	if c == len(s.chunks) {
		return c, 0
	}
	ch := s.chunks[c]
	return c, sort.Search(len(ch), func(k int) bool { return ch[k].to >= o })
}

// add puts [from, to) in and returns how many of them were not there before.
func (s *ordSet) add(from, to uint64) uint64 {
	if from >= to {
		return 0
	}
	c, i := s.find(from)
	if c == len(s.chunks) {
		if c == 0 {
			s.chunks = [][]span{nil}
		} else {
			c--
		}
		i = len(s.chunks[c])
	}
	merged, known := span{from, to}, uint64(0)
	for {
		ch := s.chunks[c]
		k := i
		for ; k < len(ch) && ch[k].from <= to; k++ {
			if lo, hi := max(ch[k].from, from), min(ch[k].to, to); lo < hi {
				known += hi - lo
			}
			merged.from, merged.to = min(merged.from, ch[k].from), max(merged.to, ch[k].to)
		}
		if k < len(ch) || c+1 == len(s.chunks) || s.chunks[c+1][0].from > to {
			if k == i { // nothing is absorbed: room for one more
				ch = append(ch, span{})
				k = i + 1
				copy(ch[k:], ch[i:])
			}
			ch[i] = merged
			s.chunks[c] = append(ch[:i+1], ch[k:]...)
			s.split(c)
			break
		}
		// The rest of this chunk is absorbed, and the next one begins inside too.
		if i == 0 {
			s.chunks = slices.Delete(s.chunks, c, c+1)
		} else {
			s.chunks[c] = ch[:i]
			c++
		}
		i = 0
	}
	fresh := to - from - known
	s.n += fresh
	return fresh
}

func (s *ordSet) split(c int) {
	ch := s.chunks[c]
	if len(ch) <= chunkSpans {
		return
	}
	half := len(ch) / 2
	rest := append(make([]span, 0, chunkSpans+1), ch[half:]...)
	s.chunks[c] = ch[:half]
	s.chunks = append(s.chunks, nil)
	copy(s.chunks[c+2:], s.chunks[c+1:])
	s.chunks[c+1] = rest
}

// has says whether o is in the set.
func (s *ordSet) has(o uint64) bool {
	c, i := s.find(o + 1)
	return c < len(s.chunks) && s.chunks[c][i].from <= o
}

// missing returns the lowest number at or above o that is not in the set.
func (s *ordSet) missing(o uint64) uint64 {
	if c, i := s.find(o + 1); c < len(s.chunks) && s.chunks[c][i].from <= o {
		return s.chunks[c][i].to
	}
	return o
}

// count is how many of [from, to) are in the set.
func (s *ordSet) count(from, to uint64) uint64 {
	n := uint64(0)
	c, i := s.find(from + 1)
	for ; c < len(s.chunks); c, i = c+1, 0 {
		for _, sp := range s.chunks[c][i:] {
			if sp.from >= to {
				return n
			}
			n += min(sp.to, to) - max(sp.from, from)
		}
	}
	return n
}

// spans is how many ranges the set consists of.
func (s *ordSet) spans() int {
	n := 0
	for _, ch := range s.chunks {
		n += len(ch)
	}
	return n
}

func (s *ordSet) each(f func(span)) {
	for _, ch := range s.chunks {
		for _, sp := range ch {
			f(sp)
		}
	}
}

func (s *ordSet) clone() ordSet {
	c := ordSet{n: s.n, chunks: make([][]span, len(s.chunks))}
	for i, ch := range s.chunks {
		c.chunks[i] = append(make([]span, 0, len(ch)+1), ch...)
	}
	return c
}

// follows returns the lowest member above o, which is not one; the highest
// number where there is none.
func (s *ordSet) follows(o uint64) uint64 {
	if c, i := s.find(o + 1); c < len(s.chunks) {
		return s.chunks[c][i].from
	}
	return math.MaxUint64
}
