package oracle

import (
	"cmp"
	"math"
	"slices"
)

// expiredIsTrue is the first half of O8: what expired had a time to live, and was
// as old, by the clocks that the device can have had, less one second.
func (c *court) expiredIsTrue() {
	for n, s := range c.snapshots {
		for _, r := range s.Reports {
			k := c.calls[r.Key]
			if r.State != Expired || k == nil {
				continue
			}
			if k.ttl == 0 {
				c.say("O8", r.Key, n, "expired, and it may live for ever")
				continue
			}
			if age := r.Ended - k.made - c.uncounted(k.made, r.Ended); r.Ended != 0 && age < k.ttl-1000 {
				c.say("O8", r.Key, n, "expired at the age of %d ms, and it may live for %d", age, k.ttl)
			}
		}
	}
}

// uncounted is how much of a time no clock of the device has seen.
func (c *court) uncounted(from, to int64) (ms int64) {
	for _, s := range c.scenario.Uncounted {
		ms += max(0, min(to, s.To)-max(from, s.From))
	}
	return ms
}

// evictedIsTrue is the second half of O8: a report was evicted for a reason that
// is true, and that its lane allows.
func (c *court) evictedIsTrue() {
	for n, s := range c.snapshots {
		for _, name := range sorted(s.Lanes) {
			by, told := s.Lanes[name].EvictedBy, c.scenario.Lanes[name].Policy == RefuseNew
			if others := s.Lanes[name].Evicted - by[string(ByOperator)]; told && by != nil && others > 0 {
				c.say("O8", "", n, "lane %s: %d evicted, and only an operator may", name, others)
			}
		}
		if s.Reports != nil {
			c.evictedHow(n, s)
		}
	}
}

func (c *court) evictedHow(n int, s Snapshot) {
	type value struct{ lane, name string }
	newest := map[value]uint64{}
	byLane := map[string][]*Report{}
	for i := range s.Reports {
		r := &s.Reports[i]
		byLane[r.Lane] = append(byLane[r.Lane], r)
		if k := c.calls[r.Key]; k != nil {
			newest[value{r.Lane, k.value}] = max(newest[value{r.Lane, k.value}], r.Seq)
		}
	}
	for _, name := range sorted(byLane) {
		lane, known := c.scenario.Lanes[name]
		for _, r := range byLane[name] {
			if r.State != Evicted || r.Reason == ByOperator || r.Reason == "" {
				continue
			}
			k := c.calls[r.Key]
			switch {
			case known && lane.Policy == RefuseNew:
				c.say("O8", r.Key, n, "evicted (%s), and in lane %s only an operator may", r.Reason, name)
			case r.Reason == ForNewer && known && lane.Policy != LatestOnly:
				c.say("O8", r.Key, n, "evicted for a newer one, and lane %s keeps them all", name)
			case r.Reason == ForNewer && k != nil && newest[value{name, k.value}] <= r.Seq:
				c.say("O8", r.Key, n, "evicted for a newer one, and there is none")
			case r.Reason == Thinned && known && !lane.Thins:
				c.say("O8", r.Key, n, "thinned, and lane %s has not asked for it", name)
			}
		}
		c.victimsAreOldest(n, s.At, byLane[name])
		if known && lane.Budget > 0 {
			c.victimsWereTooMany(n, byLane[name], lane.Budget)
		}
	}
}

// victimsAreOldest: no older report of the lane was still waiting when one was
// evicted for the budget, but for what has been set aside.
func (c *court) victimsAreOldest(n int, at int64, lane []*Report) {
	slices.SortFunc(lane, func(a, b *Report) int { return cmp.Compare(a.Seq, b.Seq) })
	var survivor *Report
	until := int64(math.MinInt64)
	for _, r := range lane {
		if r.State == Evicted && r.Reason == ForBudget && r.Ended != 0 && until > r.Ended &&
			!c.diedBetween(r.Ended-c.settle(), min(until, at)) { // else an earlier end may be forgotten
			c.say("O8", r.Key, n, "evicted for the budget, and %s, which is older, was kept", survivor.Key)
		}
		ended := r.Ended
		switch {
		case r.State == Pending:
			ended = math.MaxInt64
		case r.State == Quarantined || r.State == Unreadable || r.State == Damaged || r.Ended == 0:
			continue
		}
		if ended > until {
			survivor, until = r, ended
		}
	}
}

// victimsWereTooMany: when one was evicted for the budget, what the lane held was
// above it, or all lanes above the journal's. Bytes count from a call's start to
// the end, so that doubt is for the device.
func (c *court) victimsWereTooMany(n int, lane []*Report, budget int64) {
	if c.scenario.Ceilings.Budget > 0 {
		return // which of the two it was cannot be told
	}
	type change struct {
		at, bytes int64
		victim    *Report
	}
	var changes []change
	for _, r := range lane {
		k := c.calls[r.Key]
		if r.Bytes == 0 || k == nil {
			return // not measured
		}
		changes = append(changes, change{at: k.started, bytes: r.Bytes})
		if !r.State.waiting() && r.Ended != 0 {
			ch := change{at: r.Ended, bytes: -r.Bytes}
			if r.State == Evicted && r.Reason == ForBudget {
				ch.victim = r
			}
			changes = append(changes, ch)
		}
	}
	// At one instant what comes counts before what goes, and the victims go last.
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.bytes, a.bytes))
	})
	var held int64
	for i := 0; i < len(changes); {
		now, at := i, changes[i].at
		for ; i < len(changes) && changes[i].at == at && changes[i].bytes > 0; i++ {
			held += changes[i].bytes
		}
		for ; now < len(changes) && changes[now].at == at; now++ {
			if v := changes[now].victim; v != nil && held <= budget {
				c.say("O8", v.Key, n, "evicted for the budget of %d bytes, and the lane held %d", budget, held)
			}
		}
		for ; i < len(changes) && changes[i].at == at; i++ {
			held += changes[i].bytes
		}
	}
}
