package disktest

import (
	"cmp"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
)

// wreck is a disk at the instant of a power cut, from which images are made.
type wreck struct {
	d     *Disk // frozen: nobody else holds it
	nodes []*inode
	index map[*inode]int
	sums  []uint64 // hash of each node's durable bytes
	seed  uint64
}

// piece is a part of a pending write that survives or is lost as one.
type piece struct {
	node   int
	seq    int64
	lo, hi int64
}

// newWreck takes over d, which must be a private clone.
func newWreck(d *Disk, seed uint64) *wreck {
	w := &wreck{d: d, index: map[*inode]int{}, seed: seed}
	add := func(n *inode) {
		if _, known := w.index[n]; !known {
			w.index[n] = len(w.nodes)
			w.nodes = append(w.nodes, n)
			w.sums = append(w.sums, n.durable.hash())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) {
		add(d.durable[name])
	}
	for _, op := range d.pending {
		add(op.node)
	}
	return w
}

// pieces splits the pending writes at multiples of grain, in order of time.
func (w *wreck) pieces(grain int64) []piece {
	var out []piece
	for i, n := range w.nodes {
		for _, c := range n.pending {
			lo, end := c.off, c.end()
			for lo < end {
				hi := end
				if grain > 0 {
					hi = min(end, (lo/grain+1)*grain)
				}
				out = append(out, piece{node: i, seq: c.seq, lo: lo, hi: hi})
				lo = hi
			}
		}
	}
	slices.SortStableFunc(out, func(a, b piece) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

// slots numbers the place of each piece, for pieces that share places. Nil:
// none do.
type slots struct {
	of   []int
	gone []bool
}

func slotsOf(pieces []piece, grain int64) *slots {
	if grain == 0 {
		return nil
	}
	type place struct {
		node int
		at   int64
	}
	known, s := map[place]int{}, &slots{}
	for _, p := range pieces {
		at := place{p.node, p.lo / grain}
		if _, is := known[at]; !is {
			known[at] = len(known)
		}
		s.of = append(s.of, known[at])
	}
	if len(known) == len(pieces) {
		return nil
	}
	s.gone = make([]bool, len(known))
	return s
}

// closed says whether the picks give each place a prefix of its pieces: since a
// later version of a place contains the earlier, all others equal one that is.
func (s *slots) closed(kept picks) bool {
	if s == nil {
		return true
	}
	clear(s.gone)
	for i, at := range s.of {
		if !kept.has(i) {
			s.gone[at] = true
		} else if s.gone[at] {
			return false
		}
	}
	return true
}

// fill says what stands where bytes are missing: "old", "zeros", "random",
// "stale" (a deleted file's) or "mixed".
func (w *wreck) fill(kind string, node int) func(lo, hi int64) []byte {
	if kind == "old" {
		return nil
	}
	return func(lo, hi int64) []byte {
		rnd := rand.New(rand.NewPCG(w.seed+uint64(node), uint64(lo)))
		k := kind
		if k == "mixed" {
			k = []string{"old", "zeros", "random", "stale"}[rnd.IntN(4)]
		}
		p := make([]byte, hi-lo)
		switch k {
		case "old":
			return nil
		case "random":
			garbage(p, rnd)
		case "stale":
			if len(w.d.graves) == 0 {
				return nil
			}
			w.d.graves[rnd.IntN(len(w.d.graves))].read(p, lo)
		}
		return p
	}
}

func garbage(p []byte, rnd *rand.Rand) {
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
}

// sizing chooses for each node the change after which its size was durable.
type sizing struct {
	name string
	seq  []int64
}

// sizings are the choices of sizes, each different one once.
func (w *wreck) sizings() []sizing {
	var out []sizing
	try := func(name string, choose func(n *inode, sized []change) int64) {
		s := sizing{name: name, seq: make([]int64, len(w.nodes))}
		for i, n := range w.nodes {
			var sized []change
			for _, c := range n.pending {
				if c.sized {
					sized = append(sized, c)
				}
			}
			if len(sized) > 0 {
				s.seq[i] = choose(n, sized)
			}
		}
		for _, o := range out {
			if slices.Equal(o.seq, s.seq) {
				return
			}
		}
		out = append(out, s)
	}
	best := func(better func(a, b int64) bool) func(*inode, []change) int64 {
		return func(n *inode, sized []change) (seq int64) {
			size := n.durable.size
			for _, c := range sized {
				if better(c.size, size) {
					size, seq = c.size, c.seq
				}
			}
			return seq
		}
	}
	try("first", func(*inode, []change) int64 { return 0 })
	try("last", func(_ *inode, sized []change) int64 { return sized[len(sized)-1].seq })
	try("smallest", best(func(a, b int64) bool { return a < b }))
	try("largest", best(func(a, b int64) bool { return a > b }))
	try("middle", func(_ *inode, sized []change) int64 { return sized[(len(sized)-1)/2].seq })
	return out
}

// data renders the files: each node's bytes and their hashes. Nodes without
// pending changes share the durable ones.
func (w *wreck) data(v []versions, s sizing, fill string) ([]*blob, []uint64) {
	blobs, sums := make([]*blob, len(w.nodes)), slices.Clone(w.sums)
	for i, n := range w.nodes {
		blobs[i] = n.durable
		if len(n.pending) > 0 {
			blobs[i] = render(n.durable, n.pending, v[i], s.seq[i], w.fill(fill, i))
			sums[i] = blobs[i].hash()
		}
	}
	return blobs, sums
}

// prefix renders the files as they stood after operation end.
func (w *wreck) prefix(end int64) ([]*blob, []uint64) {
	v, s := make([]versions, len(w.nodes)), sizing{seq: make([]int64, len(w.nodes))}
	for i, n := range w.nodes {
		v[i], s.seq[i] = versions{}, end
		for _, c := range n.pending {
			if c.seq <= end {
				v[i].raise(c)
			}
		}
	}
	return w.data(v, s, "old")
}

// kept turns picked pieces into versions of sectors.
func (w *wreck) kept(pieces []piece, kept picks) []versions {
	v := make([]versions, len(w.nodes))
	for i := range v {
		v[i] = versions{}
	}
	for i, p := range pieces {
		if kept.has(i) {
			for lo := range sectors(p.lo, p.hi) {
				v[p.node][lo/sector] = max(v[p.node][lo/sector], p.seq)
			}
		}
	}
	return v
}

// names are the names that survive.
func (w *wreck) names(named picks) map[string]*inode {
	names := maps.Clone(w.d.durable)
	for i, op := range w.d.pending {
		if named.has(i) {
			op.do(names)
		}
	}
	return names
}

func (w *wreck) sum(names map[string]*inode, sums []uint64) uint64 {
	var h uint64
	for name, n := range names {
		h += mix(maphash.String(seed, name), sums[w.index[n]])
	}
	return h
}

// image is the disk as the next boot finds it.
func (w *wreck) image(names map[string]*inode, blobs []*blob) *Disk {
	d := New()
	d.capacity, d.graves = w.d.capacity, slices.Clone(w.d.graves)
	made := make(map[*inode]*inode, len(names))
	for name, n := range names {
		if made[n] == nil {
			b := blobs[w.index[n]]
			made[n] = &inode{durable: b.clone(), cache: b.clone()}
		}
		d.names[name], d.durable[name] = made[n], made[n]
	}
	return d
}
