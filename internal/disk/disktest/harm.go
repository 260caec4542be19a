package disktest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// harms adds the images of level Beyond: over the two plainest outcomes of the
// cut (everything survives, nothing does), one synced thing is destroyed. Of
// each kind a quarter of Seeded, or all if they are fewer.
func (p *plan) harms(o Options, rnd *rand.Rand) {
	g := len(p.groups) - 1
	m, most := len(p.groups[g]), max(1, o.Seeded/4)
	all := pick(len(p.w.d.pending), func(int) bool { return true })
	last := len(p.sizings) - 1
	for i, s := range p.sizings {
		if s.name == "last" {
			last = i
		}
	}
	targets := p.targets(p.w.names(all), rnd, most)
	for _, base := range []choice{
		{kept: pick(m, func(int) bool { return true }), size: last},
		{kept: pick(m, func(int) bool { return false }), size: 0},
	} {
		base.level, base.grain, base.fill, base.group, base.named = Beyond, sector, "old", g, all
		for _, t := range targets {
			base.harm = t
			p.choices = append(p.choices, base)
		}
	}
}

// targets lists what may be destroyed in the files that have these names.
func (p *plan) targets(names map[string]*inode, rnd *rand.Rand, most int) []func(*Disk) []Damage {
	var beside, synced, flips []func(*Disk) []Damage
	named := slices.Sorted(maps.Keys(names))
	for _, name := range named {
		n := names[name]
		touched := map[int64]bool{}
		for _, c := range n.pending {
			for lo := range sectors(c.off, c.end()) {
				touched[lo/sector] = true
			}
		}
		for _, s := range slices.Sorted(maps.Keys(touched)) {
			for _, gap := range n.untouched(s*sector, (s+1)*sector) {
				beside = append(beside, spoiled(name, gap[0], gap[1], rnd.Uint64()))
			}
		}
		for off := int64(0); off < n.durable.size; off += pageSize {
			synced = append(synced, spoiled(name, off, off+pageSize, rnd.Uint64()))
		}
	}
	for range most {
		if len(named) == 0 {
			break
		}
		name := named[rnd.IntN(len(named))]
		if size := names[name].durable.size; size > 0 {
			flips = append(flips, flipped(name, rnd.Int64N(size), 1<<rnd.IntN(8)))
		}
	}
	var out []func(*Disk) []Damage
	for _, kind := range [][]func(*Disk) []Damage{beside, synced, flips} {
		rnd.Shuffle(len(kind), func(i, j int) { kind[i], kind[j] = kind[j], kind[i] })
		out = append(out, kind[:min(len(kind), most)]...)
	}
	return out
}

// untouched are the ranges of [lo,hi) that no pending write covers.
func (n *inode) untouched(lo, hi int64) [][2]int64 {
	var free [sector]bool
	for i := range free {
		free[i] = true
	}
	for _, c := range n.pending {
		for at := max(lo, c.off); at < min(hi, c.end()); at++ {
			free[at-lo] = false
		}
	}
	var out [][2]int64
	for i := range hi - lo {
		if free[i] && (i == 0 || !free[i-1]) {
			out = append(out, [2]int64{lo + i, lo + i})
		}
		if free[i] {
			out[len(out)-1][1] = lo + i + 1
		}
	}
	return out
}

// spoiled fills a range with random bytes, as far as the file goes.
func spoiled(name string, lo, hi int64, seed uint64) func(*Disk) []Damage {
	return func(d *Disk) []Damage {
		n := d.names[name]
		if n == nil || n.cache.size <= lo {
			return nil
		}
		p := make([]byte, min(hi, n.cache.size)-lo)
		garbage(p, rand.New(rand.NewPCG(seed, 0)))
		n.cache.write(p, lo)
		n.durable.write(p, lo)
		return []Damage{{Name: name, Off: lo, Len: int64(len(p))}}
	}
}

func flipped(name string, off int64, mask byte) func(*Disk) []Damage {
	return func(d *Disk) []Damage {
		n := d.names[name]
		if n == nil || n.cache.size <= off {
			return nil
		}
		var p [1]byte
		n.cache.read(p[:], off)
		p[0] ^= mask
		n.cache.write(p[:], off)
		n.durable.write(p[:], off)
		return []Damage{{Name: name, Off: off, Len: 1}}
	}
}
