package oracle

import "slices"

// day is for how long an id may not be used for anything else, ms.
const day = 24 * 3600 * 1000

// repeatsAreSame is the first half of O10. Within one life of the process a post
// that comes again has the same members and times, and a report comes again under
// another id only in a smaller part of the pack that it was in. A report that came
// alone keeps its id for ever. No id has two contents within a day.
func (c *court) repeatsAreSame() {
	lastOf := map[string]*arrival{} // by id
	type home struct {
		post   *arrival // the last one that the report came in
		single string   // its id when it came alone
	}
	homes := map[string]home{}
	for i := range c.arrivals {
		p := &c.arrivals[i]
		if p.id == "" || len(p.members) == 0 {
			continue
		}
		key := p.members[0].Key
		if before := lastOf[p.id]; before != nil && p.at-before.at <= day {
			sameLife := c.lifeAt(before.at) == c.lifeAt(p.at)
			switch shared, all, times := p.compare(before); {
			case !all && shared && sameLife:
				c.say("O10", key, -1, "id %s came again in one life with other members", p.id)
			case !all:
				c.say("O10", key, -1, "id %s was used for %s within a day", p.id, before.members[0].Key)
			case !times && sameLife:
				c.say("O10", key, -1, "id %s came again in one life with another time", p.id)
			}
		}
		lastOf[p.id] = p
		for _, m := range p.members {
			h := homes[m.Key]
			switch b := h.post; {
			case b == nil || b.id == p.id:
			case len(p.members) == 1 && h.single != "" && h.single != p.id:
				c.say("O10", m.Key, -1, "it came alone as id %s and as id %s", h.single, p.id)
			case c.lifeAt(b.at) == c.lifeAt(p.at) && !p.partOf(b):
				c.say("O10", m.Key, -1, "it came as id %s and, in the same life, as id %s", b.id, p.id)
			}
			h.post = p
			if len(p.members) == 1 {
				h.single = p.id
			}
			homes[m.Key] = h
		}
	}
}

// compare says whether two posts share a member, have the same members with the
// same bodies, and the same times.
func (p *arrival) compare(o *arrival) (shared, all, times bool) {
	all, times = len(p.members) == len(o.members), true
	for _, m := range p.members {
		i := slices.IndexFunc(o.members, func(x *Event) bool { return x.Key == m.Key && x.Hash == m.Hash })
		if i < 0 {
			all = false
			continue
		}
		shared = true
		times = times && o.members[i].Wire == m.Wire
	}
	return shared, all, times
}

// partOf says that a post is a smaller part of another.
func (p *arrival) partOf(o *arrival) bool {
	if len(p.members) >= len(o.members) {
		return false
	}
	return !slices.ContainsFunc(p.members, func(m *Event) bool {
		return !slices.ContainsFunc(o.members, func(x *Event) bool { return x.Key == m.Key })
	})
}

// repeatsAreFew is the second half of O10: what came more than once is no more than
// a window for each cut, one for each reply that was not heard in time, and for each
// death what had ended without a sync.
func (c *court) repeatsAreFew() {
	limits := c.scenario.Limits
	if limits.Window == 0 {
		return
	}
	var repeats, connects int64
	allowed := int64(limits.TimeOuts) + c.deaths()*int64(limits.Unsynced)
	for i := range c.events {
		switch ev := &c.events[i]; {
		case ev.What == Connected && ev.Code == 0:
			connects++
		case ev.What == ReplySuppressed || ev.What == ReplySent && ev.lost():
			allowed++
		}
	}
	for _, it := range c.platform {
		repeats += int64(max(len(it.accepted)-1, 0))
	}
	allowed += max(connects-1, 0) * int64(limits.Window)
	if repeats > allowed {
		c.say("O10", "", -1, "%d reports came again, and cuts, silence and deaths allow %d", repeats, allowed)
	}
}
