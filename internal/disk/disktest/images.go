package disktest

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// choice is one way to lose power.
type choice struct {
	level Level
	grain int64
	fill  string
	group int // index into plan.groups
	kept  picks
	size  int
	named picks
	cutAt int64 // level Prefix: the last operation that survives
	harm  func(*Disk) []Damage
}

// plan holds all choices of one cut without making their images.
type plan struct {
	w       *wreck
	groups  [][]piece
	sizings []sizing
	choices []choice

	// what was rendered last: choices that differ in names alone share it
	of    *choice
	blobs []*blob
	sums  []uint64
}

// Images makes what the medium may hold if the power goes now. The disk itself
// goes on. Options.Disk, Every, Looks, Kill and Key have no meaning here.
func (d *Disk) Images(o Options) iter.Seq2[*Disk, Cut] {
	return func(yield func(*Disk, Cut) bool) {
		images(d.Clone(), o, Cut{}, map[uint64]bool{}, 0, yield)
	}
}

// images makes the images of a private disk; seen under key are left out. It
// returns how many it made.
func images(d *Disk, o Options, at Cut, seen map[uint64]bool, key uint64, yield func(*Disk, Cut) bool) int {
	rnd := rand.New(rand.NewPCG(o.Seed, uint64(at.Call.N)))
	p := newPlan(newWreck(d, o.Seed), o, rnd)
	order := p.sample(o.Most, rnd)
	made := 0
	for _, i := range order {
		c := p.choices[i]
		img, sum := p.make(c, func(sum uint64) bool { return !seen[mix(sum, key)] })
		if img == nil {
			continue
		}
		cut := p.describe(at, c)
		if c.harm != nil {
			if cut.Damage = c.harm(img); len(cut.Damage) == 0 {
				continue
			}
		} else {
			seen[mix(sum, key)] = true
		}
		made++
		if !yield(img, cut) {
			break
		}
	}
	return made
}

// describe says in a Cut what a choice is.
func (p *plan) describe(cut Cut, c choice) Cut {
	cut.Level, cut.Grain, cut.Fill = c.level, c.grain, c.fill
	cut.names, cut.named = p.w.d.pending, c.named
	if c.level == Prefix {
		cut.Sizes = "of the prefix"
	} else {
		cut.Sizes = p.sizings[c.size].name
		cut.pieces, cut.kept = p.groups[c.group], c.kept
	}
	return cut
}

func newPlan(w *wreck, o Options, rnd *rand.Rand) *plan {
	if o.Exhaustive == 0 {
		o.Exhaustive = 10
	}
	if o.Seeded == 0 {
		o.Seeded = 64
	}
	p := &plan{w: w, sizings: w.sizings()}
	p.prefixes()
	names := nameSubsets(len(w.d.pending))
	cross := func(level Level, grain int64, fill string, group int, sets []picks) {
		slots := slotsOf(p.groups[group], grain)
		for _, kept := range sets {
			if !slots.closed(kept) {
				continue
			}
			for size := range p.sizings {
				for _, named := range names {
					p.choices = append(p.choices, choice{level: level, grain: grain, fill: fill, group: group, kept: kept, size: size, named: named})
				}
			}
		}
	}
	if o.Level >= Reorder {
		p.groups = append(p.groups, w.pieces(0))
		cross(Reorder, 0, "old", 0, subsets(len(p.groups[0]), o.Exhaustive, o.Seeded, rnd))
	}
	if o.Level >= Torn {
		for _, grain := range []int64{pageSize, sector} {
			pieces := w.pieces(grain)
			p.groups = append(p.groups, pieces)
			g := len(p.groups) - 1
			sets := subsets(len(pieces), o.Exhaustive, o.Seeded, rnd)
			cross(Torn, grain, "old", g, sets)
			if o.Level < Garbage {
				continue
			}
			fills := []string{"random", "zeros"}
			if len(w.d.graves) > 0 {
				fills = append(fills, "stale", "mixed")
			}
			for _, fill := range fills {
				cross(Garbage, grain, fill, g, sets)
			}
		}
	}
	if o.Level >= Beyond {
		p.harms(o, rnd)
	}
	return p
}

// prefixes adds the images in which the first k operations survive.
func (p *plan) prefixes() {
	ends := []int64{0}
	for _, n := range p.w.nodes {
		for _, c := range n.pending {
			ends = append(ends, c.seq)
		}
	}
	for _, op := range p.w.d.pending {
		ends = append(ends, op.seq)
	}
	for _, end := range ends {
		named := pick(len(p.w.d.pending), func(i int) bool { return p.w.d.pending[i].seq <= end })
		p.choices = append(p.choices, choice{level: Prefix, fill: "old", named: named, cutAt: end})
	}
}

// make builds the image of a choice, unless fresh refuses its hash.
func (p *plan) make(c choice, fresh func(uint64) bool) (*Disk, uint64) {
	w := p.w
	if p.of == nil || !p.of.sameData(c) {
		if c.level == Prefix {
			p.blobs, p.sums = w.prefix(c.cutAt)
		} else {
			p.blobs, p.sums = w.data(w.kept(p.groups[c.group], c.kept), p.sizings[c.size], c.fill)
		}
		p.of = &c
	}
	names := w.names(c.named)
	sum := w.sum(names, p.sums)
	if c.harm == nil && !fresh(sum) {
		return nil, sum
	}
	return w.image(names, p.blobs), sum
}

// sameData says whether two choices differ in names or harm alone.
func (c *choice) sameData(o choice) bool {
	return c.level == o.level && c.level != Prefix && c.group == o.group && c.fill == o.fill &&
		c.size == o.size && slices.Equal(c.kept, o.kept)
}

// sample orders the choices; with most it keeps so many of them, the first two
// of the last group (nothing, everything) included.
func (p *plan) sample(most int, rnd *rand.Rand) []int {
	all := rnd.Perm(len(p.choices))
	if most == 0 || len(all) <= most {
		for i := range all {
			all[i] = i
		}
		return all
	}
	first, last := 0, 0 // the prefixes of nothing and of everything
	for i, c := range p.choices {
		if c.level == Prefix && c.cutAt >= p.choices[last].cutAt {
			last = i
		}
	}
	return append([]int{first, last}, all[:max(0, most-2)]...)
}
