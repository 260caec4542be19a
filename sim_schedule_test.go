package aliiot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// act is one thing that happens to a simulated device: at a time, for a time.
type act struct {
	at, lasts time.Duration
	what      string // the name of the catalogue with its parameters
	counts    bool   // it strikes the n-th call of something
	begin     func(s *sim)
	end       func(s *sim)
	since     int64 // true time at which it began
}

// name is that of the catalogue. A panic is a strike of its own when it comes.
func (a act) name() string {
	name, _, _ := strings.Cut(a.what, " ")
	if name == "panic-actor" || name == "panic-storm" {
		return "panics ahead"
	}
	return name
}

// finish ends an act, which was a strike until then.
func (a act) finish(s *sim) {
	a.end(s)
	s.strike(a.name(), a.since)
}

// plan is what a seed stands for.
type plan struct {
	seed      uint64
	length    time.Duration
	ttl       time.Duration // of positions
	budget    int64         // of the lane of positions, bytes
	syncTakes time.Duration
	acts      []act
}

// group is faults of one kind, of which one at a time is at work.
type group struct {
	every time.Duration // from the end of one to the begin of the next, on the average
	kinds []func(r *rand.Rand) act
}

// quietEvery and quietFor: the device is left alone for a while so that it can come
// to rest, again and again.
const (
	quietEvery = 3 * time.Hour
	quietFor   = 20 * time.Minute
)

// planFor draws everything that will happen from the seed.
func planFor(seed uint64) plan {
	rnd := rand.New(rand.NewPCG(seed, 0))
	p := plan{seed: seed, length: time.Duration(12+rnd.IntN(25)) * time.Hour, ttl: 24 * time.Hour, budget: 1 << 20,
		syncTakes: between(rnd, 0, 30*time.Millisecond)}
	if rnd.IntN(4) == 0 {
		p.ttl = 15 * time.Minute // reports expire in the longer outages
	}
	if rnd.IntN(4) == 0 {
		p.budget = 32 << 10 // and are evicted
	}
	for _, g := range groups {
		gap := func() time.Duration { return time.Duration((0.2 + 1.6*rnd.Float64()) * float64(g.every)) }
		for at := gap(); at < p.length; at += gap() {
			a := g.kinds[rnd.IntN(len(g.kinds))](rnd)
			a.at = at
			if quiet(a.at) || quiet(a.at+a.lasts) || a.lasts > quietEvery-quietFor {
				continue
			}
			p.acts = append(p.acts, a)
			at += a.lasts
		}
	}
	slices.SortStableFunc(p.acts, func(a, b act) int { return int(a.at - b.at) })
	return p
}

func quiet(at time.Duration) bool { return at%quietEvery > quietEvery-quietFor-time.Minute }

// String lists the plan, one act a line.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %v, TTL %v, budget %d, a sync takes %v\n", p.seed, p.length, p.ttl, p.budget, p.syncTakes)
	for _, a := range p.acts {
		fmt.Fprintf(&b, "%10v %s", a.at.Truncate(time.Second), a.what)
		if a.lasts > 0 {
			fmt.Fprintf(&b, " for %v", a.lasts.Truncate(time.Second))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// dice fall as the moment has it. A stream of numbers would go to the actors in the
// order in which they happen to run at one instant, and no two runs were the same.
func (p plan) dice() uint64 {
	return rand.New(rand.NewPCG(p.seed, uint64(time.Now().UnixNano()))).Uint64()
}

// faults are the names in the plan, without parameters.
func (p plan) faults() []string {
	var names []string
	for _, a := range p.acts {
		name, _, _ := strings.Cut(a.what, " ")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// between is a random time from lo to hi.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)))
}
