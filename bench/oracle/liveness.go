package oracle

import (
	"cmp"
	"math"
	"slices"
)

// callersAreAnswered is the part of O12 about calls: each returns by its deadline, and
// within Bounds.Panic of a panic where that is what it was told. The strike of a
// panic is the instant at which the actor panicked.
func (c *court) callersAreAnswered() {
	open := map[string]*Call{}
	for i := range c.rec.Calls {
		w := &c.rec.Calls[i]
		switch w.Step {
		case StepStart:
			open[w.Key] = w
		case StepReturn:
			start, ok := open[w.Key]
			if !ok {
				continue
			}
			delete(open, w.Key)
			if d := c.deadline(start); d > 0 && w.At-start.At > d {
				c.say("O12", w.Key, -1, "its caller was answered after %d ms, and waits for %d", w.At-start.At, d)
			}
			if w.Panicked {
				p := c.lastPanic(w.At)
				if late := w.At - max(p, start.At); p != math.MinInt64 && late > cmp.Or(c.scenario.Bounds.Panic, 100) {
					c.say("O12", w.Key, -1, "its caller was told of a panic %d ms after it", late)
				}
			}
		}
	}
	for _, key := range sorted(open) {
		start := open[key]
		d := c.deadline(start)
		life := c.lives[c.lifeAt(start.At)]
		if d > 0 && c.end-start.At > d && life.to-start.At > d {
			c.say("O12", key, -1, "its caller was never answered, and waits for %d ms", d)
		}
	}
}

func (c *court) deadline(start *Call) int64 { return cmp.Or(start.Deadline, c.scenario.Bounds.Call) }

// lastPanic is when an actor panicked last, by then.
func (c *court) lastPanic(by int64) int64 {
	last := int64(math.MinInt64)
	for _, s := range c.scenario.Strikes {
		if (s.Name == "panic-actor" || s.Name == "panic-storm") && s.From <= by {
			last = max(last, min(s.To, by))
		}
	}
	return last
}

// silenceIsFound is the part of O12 about states: none is held for longer than its
// own deadline, and a link that turns silent while it is online is given up.
func (c *court) silenceIsFound() {
	next := map[string]Held{} // by machine, walking back
	states := slices.Clone(c.rec.States)
	slices.SortStableFunc(states, func(a, b Held) int { return cmp.Compare(a.At, b.At) })
	until := make([]int64, len(states)) // when each was left, or its process ended
	for i, h := range slices.Backward(states) {
		until[i] = min(c.lives[c.lifeAt(h.At)].to, c.end)
		if n, ok := next[h.Machine]; ok {
			until[i] = min(until[i], n.At)
		}
		next[h.Machine] = h
	}
	for i, h := range states {
		name := h.State
		if h.Machine != "" && h.Machine != "connection" {
			name = h.Machine + "/" + h.State
		}
		if limit := c.scenario.Bounds.States[name]; limit > 0 && until[i]-h.At > limit {
			c.say("O12", "", -1, "%s was held for %d ms, and has a deadline of %d", name, until[i]-h.At, limit)
		}
	}
	bound := c.scenario.Bounds.Silence
	if bound == 0 {
		return
	}
	for _, s := range c.scenario.Strikes {
		if !s.Silent || s.To-s.From <= bound {
			continue
		}
		for i, h := range states {
			if (h.Machine == "" || h.Machine == "connection") && h.State == "online" && h.At <= s.From && until[i] > s.From+bound {
				c.say("O12", "", -1, "the link was silent from %d on, and was given up after %d ms; the bound is %d", s.From, until[i]-s.From, bound)
			}
		}
	}
}

// comesBack is the part of O12 about the link: within its bound of the end of the
// faults, or of a start without any, the device is online.
func (c *court) comesBack() {
	bound := c.scenario.Bounds.Online
	if bound == 0 || !c.timed() || len(c.events) == 0 {
		return
	}
	from := int64(math.MinInt64)
	if c.lives[0].from == math.MinInt64 {
		from = c.events[0].At // nobody told when it began
	}
	for i := 0; i <= len(c.busy); i++ {
		to := c.end
		if i < len(c.busy) {
			to = c.busy[i].From
		}
		for n := c.lifeAt(from); n < len(c.lives) && c.lives[n].from < to; n++ {
			a, b := max(from, c.lives[n].from), min(to, c.lives[n].to)
			if b-a > bound && !c.onlineWithin(a, a+bound) {
				c.say("O12", "", -1, "nothing was wrong from %d on, and %d ms later there was no connection", a, bound)
			}
		}
		if i < len(c.busy) {
			from = c.busy[i].To
		}
	}
}

// onlineWithin says that there was a connection at some time from and to.
func (c *court) onlineWithin(from, to int64) bool {
	return overlaps(c.sessions(), from, to)
}

// alarmsAreFast is the part of O12 about alarms: accepted while online and long
// after any fault, it has its answer within the bound.
func (c *court) alarmsAreFast() {
	bounds := c.scenario.Bounds
	if bounds.Alarm == 0 || !c.timed() {
		return
	}
	settled := max(bounds.Online, bounds.Silence)
	for _, key := range c.keys {
		k := c.calls[key]
		by := k.returned + bounds.Alarm
		if !c.scenario.Lanes[k.lane].Alarm || k.outcome != OK || by > c.end || !c.calm(k.returned-settled, by) ||
			!c.onlineWithin(k.returned, k.returned) || c.lives[c.lifeAt(k.returned)].to < by {
			continue
		}
		if r, ok := c.final[key]; ok && r.Ended != 0 && r.Ended <= by || c.platform[key].answeredBy(by, c.scenario.NoReplies) {
			continue
		}
		c.say("O12", key, -1, "an alarm had no answer within %d ms", bounds.Alarm)
	}
}

func (i *item) answeredBy(by int64, noReplies bool) bool {
	if i == nil {
		return false
	}
	return noReplies && i.puback || slices.ContainsFunc(i.replies, func(r *Event) bool { return !r.lost() && r.At <= by })
}

// comesToRest is the part of O12 about the drain: at rest within 60 s of the heal
// and twice the backlog at the permitted rate.
func (c *court) comesToRest() {
	rate := c.scenario.Bounds.Rate
	healed := slices.IndexFunc(c.snapshots, func(s Snapshot) bool { return s.Phase == Healed })
	if rate == 0 || healed < 0 {
		return
	}
	h := c.snapshots[healed]
	backlog := h.Total.Pending - h.Total.Quarantined - h.Total.Unreadable
	by := h.At + 60_000 + int64(2000*float64(backlog)/rate)
	rest := slices.IndexFunc(c.snapshots[healed:], func(s Snapshot) bool { return s.Phase.atRest() })
	switch {
	case rest < 0:
		c.say("O12", "", healed, "healed with %d pending, and never at rest", backlog)
	case c.snapshots[healed+rest].At > by:
		c.say("O12", "", healed+rest, "healed with %d pending, and at rest %d ms too late", backlog, c.snapshots[healed+rest].At-by)
	}
}
