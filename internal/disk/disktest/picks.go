package disktest

import "math/rand/v2"

// picks is a subset of numbered things.
type picks []uint64

func newPicks(m int) picks     { return make(picks, (m+63)/64) }
func (p picks) has(i int) bool { return i/64 < len(p) && p[i/64]>>(i%64)&1 == 1 }
func (p picks) set(i int)      { p[i/64] |= 1 << (i % 64) }
func pick(m int, keep func(int) bool) picks {
	p := newPicks(m)
	for i := range m {
		if keep(i) {
			p.set(i)
		}
	}
	return p
}

// subsets chooses subsets of m things: nothing and everything first, then all of
// them if m is at most exhaustive, else the ones of part 1.7.
func subsets(m, exhaustive, seeded int, rnd *rand.Rand) []picks {
	none, all := pick(m, func(int) bool { return false }), pick(m, func(int) bool { return true })
	if m == 0 {
		return []picks{none}
	}
	out := []picks{none, all}
	if m <= exhaustive {
		for bits := uint64(1); bits < 1<<m-1; bits++ {
			out = append(out, picks{bits})
		}
		return out
	}
	for k := range m {
		out = append(out,
			pick(m, func(i int) bool { return i != k }),
			pick(m, func(i int) bool { return i == k }))
		if k > 1 {
			out = append(out, pick(m, func(i int) bool { return i < k }))
		}
		if k < m-1 {
			out = append(out, pick(m, func(i int) bool { return i >= k }))
		}
	}
	for range seeded {
		out = append(out, pick(m, func(int) bool { return rnd.Uint64()&1 == 1 }))
	}
	return out
}

// nameSubsets chooses subsets of m changes of names.
func nameSubsets(m int) []picks {
	const exhaustive = 4
	if m <= exhaustive {
		return subsets(m, exhaustive, 0, nil)
	}
	out := []picks{pick(m, func(int) bool { return false }), pick(m, func(int) bool { return true })}
	for k := range m {
		out = append(out,
			pick(m, func(i int) bool { return i == k }),
			pick(m, func(i int) bool { return i != k }))
	}
	return out
}
