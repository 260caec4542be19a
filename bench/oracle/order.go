package oracle

import (
	"cmp"
	"slices"
)

// orderIsKept is O9.
func (c *court) orderIsKept() {
	for _, name := range sorted(c.scenario.Lanes) {
		if c.scenario.Lanes[name].Ordered {
			c.arrivedInOrder(name)
		}
	}
	c.oneInFlight()
	c.alarmsGoFirst()
}

// arrivedInOrder: over the confirmed reports of a lane the first arrivals rise with
// their numbers. What was ever set aside has lost its place. Who has no ledger is
// judged by the order of its calls.
func (c *court) arrivedInOrder(lane string) {
	type placed struct {
		key       string
		seq, came uint64
	}
	var in []placed
	if c.peer() {
		for _, key := range c.keys {
			if k, at := c.calls[key], c.platform[key]; k.lane == lane && k.outcome == OK && at.isAccepted() {
				in = append(in, placed{key, uint64(k.n), at.first()})
			}
		}
	} else {
		aside := map[string]bool{}
		for _, s := range c.snapshots {
			for _, r := range s.Reports {
				if r.Lane == lane && (r.State == Quarantined || r.State == Unreadable) {
					aside[r.Key] = true
				}
			}
		}
		for key, r := range c.final {
			if at := c.platform[key]; r.Lane == lane && r.State == Confirmed && at.isAccepted() && !aside[key] {
				in = append(in, placed{key, r.Seq, at.first()})
			}
		}
	}
	slices.SortFunc(in, func(a, b placed) int { return cmp.Compare(a.seq, b.seq) })
	var last placed
	for _, p := range in {
		if p.came < last.came {
			c.say("O9", p.key, c.finalAt, "seq %d came before %s, which is seq %d, and lane %s is ordered", p.seq, last.key, last.seq, lane)
		}
		if p.came > last.came {
			last = p
		}
	}
}

// oneInFlight: while a post of an ordered lane has no answer, and its session and
// process live, no other of the lane comes.
func (c *court) oneInFlight() {
	flying := map[string]*Event{} // by lane
	life := -1
	for i := range c.events {
		ev := &c.events[i]
		if n := c.lifeAt(ev.At); n != life || ev.What == Connected {
			life = n
			clear(flying)
		}
		k := c.calls[ev.Key]
		if k == nil || !c.scenario.Lanes[k.lane].Ordered {
			continue
		}
		switch {
		case ev.came():
			if f := flying[k.lane]; f != nil && f.Key != ev.Key && (ev.Post == 0 || f.Post != ev.Post) && !c.endedBy(f.Key, ev.At) {
				c.say("O9", ev.Key, -1, "it came while %s was in flight, and lane %s is ordered", f.Key, k.lane)
			}
			flying[k.lane] = ev
		case ev.What == ReplySent && !ev.lost(), ev.What == PubackSent && c.scenario.NoReplies:
			if f := flying[k.lane]; f != nil && (f.Key == ev.Key || f.Post != 0 && f.ID == ev.ID) {
				delete(flying, k.lane)
			}
		}
	}
}

// endedBy says that a report had an end that was not the platform's, or had been
// set aside; without times in the ledger it may have.
func (c *court) endedBy(key string, at int64) bool {
	r, ok := c.final[key]
	return ok && r.State != Pending && (r.State.waiting() || r.Ended == 0 && r.State != Confirmed || r.Ended != 0 && r.Ended <= at)
}

// alarmsGoFirst: from its bound after it was accepted until an alarm comes, no more
// than a window of other posts' bytes comes before it over the same connection.
func (c *court) alarmsGoFirst() {
	window := c.scenario.Limits.WindowBytes
	if window == 0 {
		return
	}
	before := make([]int64, len(c.arrivals)+1) // bytes of other posts before each
	first := map[string]int{}
	for i, p := range c.arrivals {
		before[i+1] = before[i] + p.bytes
		for _, m := range p.members {
			if k := c.calls[m.Key]; k != nil && c.scenario.Lanes[k.lane].Alarm {
				before[i+1] = before[i]
				if _, met := first[m.Key]; !met {
					first[m.Key] = i
				}
			}
		}
	}
	for _, key := range sorted(first) {
		k, i := c.calls[key], first[key]
		from := k.returned + c.scenario.Bounds.Alarm
		if k.outcome != OK || !c.sameSession(k.returned, c.arrivals[i].at) {
			continue
		}
		after, _ := slices.BinarySearchFunc(c.arrivals, from, func(p arrival, at int64) int { return cmp.Compare(p.at, at+1) })
		if after < i && before[i]-before[after] > window {
			c.say("O9", key, -1, "%d bytes of other posts came before this alarm, and the window is %d", before[i]-before[after], window)
		}
	}
}

// sameSession says that one connection lasted from and to.
func (c *court) sameSession(from, to int64) bool {
	i, _ := slices.BinarySearchFunc(c.sessions(), from, func(s Span, at int64) int { return cmp.Compare(s.To, at) })
	return i < len(c.online) && c.online[i].From <= from && c.online[i].To >= to
}
