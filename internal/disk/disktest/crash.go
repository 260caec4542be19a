package disktest

import (
	"math/rand/v2"
)

// Crash cuts the power and boots again: every handle is dead, and what the disk
// holds from now on is one seeded image of the level. Faults, capacity and
// statistics stay; a read-only mount is over. It returns what was done.
func (d *Disk) Crash(level Level, seed uint64) Cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := Options{Level: level, Seed: seed, Seeded: 16, Exhaustive: 6}
	rnd := rand.New(rand.NewPCG(seed, 0))
	p := newPlan(newWreck(d.clone(), seed), o, rnd)
	// A level first, then one of its choices: else the lower ones, which have
	// few, would never be seen.
	want := Level(rnd.IntN(int(level) + 1))
	var of []choice
	for _, c := range p.choices {
		if c.level == want {
			of = append(of, c)
		}
	}
	if len(of) == 0 {
		of = p.choices
	}
	c := of[rnd.IntN(len(of))]
	img, _ := p.make(c, func(uint64) bool { return true })
	cut := p.describe(Cut{}, c)
	if c.harm != nil {
		cut.Damage = c.harm(img)
	}
	d.kill()
	d.names, d.durable, d.pending, d.graves = img.names, img.durable, nil, img.graves
	d.readOnly = false
	return cut
}
