package oracle

import (
	"cmp"
	"slices"
)

// timesAreTrue is O11. The time on the wire is the one at which the report was made:
// to the millisecond where the clock was trusted, to the second where it was set
// right later; where it never was, the time is left out or lies within what is
// known, and the ledger says so. Nothing is dated a day ahead, and what is sent
// twice under one id has one time.
func (c *court) timesAreTrue() {
	if !c.wired() {
		return
	}
	type stamp struct{ id, key string }
	wires := map[stamp]*Event{}
	for i := range c.events {
		ev := &c.events[i]
		if !ev.came() || ev.Key == "" {
			continue
		}
		if ev.Wire > ev.At+day {
			c.say("O11", ev.Key, -1, "dated %d ms ahead", ev.Wire-ev.At)
			continue
		}
		if k := c.calls[ev.Key]; k != nil {
			c.stampIsTrue(ev, k.made)
		}
		s := stamp{ev.ID, ev.Key}
		if first := wires[s]; first == nil {
			wires[s] = ev
		} else if ev.ID != "" && first.Wire != ev.Wire && c.lifeAt(first.At) != c.lifeAt(ev.At) { // else O10 says it
			c.say("O11", ev.Key, -1, "id %s came with the time %d and with %d", ev.ID, first.Wire, ev.Wire)
		}
	}
}

func (c *court) stampIsTrue(ev *Event, made int64) {
	off := max(ev.Wire-made, made-ev.Wire)
	span, unclocked := c.unclockedAt(made)
	switch {
	case !unclocked && ev.Wire == 0:
		c.say("O11", ev.Key, -1, "without a time, and the clock was trusted")
	case !unclocked && off > 1:
		c.say("O11", ev.Key, -1, "its time is %d ms off, and the clock was trusted", off)
	case unclocked && span.Learned && ev.Wire != 0 && off > 1000:
		c.say("O11", ev.Key, -1, "its time is %d ms off after the clock had been learned", off)
	case unclocked && !span.Learned && ev.Wire != 0 && (ev.Wire < span.From-1 || ev.Wire > span.To+1):
		c.say("O11", ev.Key, -1, "its time %d lies outside of %d … %d, all that was known", ev.Wire, span.From, span.To)
	case unclocked && (ev.Wire == 0 || !span.Learned):
		if r, listed := c.final[ev.Key]; listed && !r.Marked {
			c.say("O11", ev.Key, c.finalAt, "nobody vouches for its time, and it is not marked")
		}
	}
}

func (c *court) unclockedAt(at int64) (Unclocked, bool) {
	n, _ := slices.BinarySearchFunc(c.unclocked, at, func(u Unclocked, at int64) int { return cmp.Compare(u.To, at) })
	if n == len(c.unclocked) || c.unclocked[n].From > at {
		return Unclocked{}, false
	}
	return c.unclocked[n], true
}

// wired says that somebody looked at the times on the wire.
func (c *court) wired() bool {
	for i := range c.events {
		if c.events[i].Wire != 0 {
			return true
		}
	}
	return false
}
