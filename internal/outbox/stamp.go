package outbox

import "time"

// maxAhead is how far in the future a time may lie that leaves the device: the
// platform refuses a whole post for one beyond it.
const maxAhead = 24 * time.Hour

// A wall clock that agrees with what was learned to within this much, and drifts
// no more than driftPPM since, is believed; otherwise it has jumped.
const (
	clockSlack = 2 * time.Second
	driftPPM   = 500
)

// clockBook is what is known of true time.
type clockBook struct {
	points []ClockPoint // by boot, as saved: the first word stays

	// The current boot's offset as last learned, for what is stamped from now on.
	offset    time.Duration
	learned   bool
	learnedAt time.Duration

	reachedAt time.Duration // when the link was first up
	hasLink   bool
	waitUntil time.Duration // reports without a true time are held until then
	waiting   int           // how many are held
}

func (b *clockBook) point(boot uint64) (ClockPoint, bool) {
	for _, p := range b.points {
		if p.Boot == boot {
			return p, true
		}
	}
	return ClockPoint{}, false
}

func (b *clockBook) reached(at, wait time.Duration) {
	if !b.hasLink {
		b.hasLink, b.reachedAt, b.waitUntil = true, at, at+max(wait, 0)
	}
}

// observe takes the moment of an input. A clock that is trusted without anybody
// having said when this boot began says it now.
func (c *Core) observe(now Now) {
	c.now = now
	if !c.clocks.learned {
		if p, ok := c.clocks.point(now.Boot); ok {
			c.clocks.offset, c.clocks.learned, c.clocks.learnedAt = p.Offset, true, now.At
		} else if now.Trusted {
			c.learn(ClockPoint{Boot: now.Boot, Offset: time.Duration(now.Wall)*time.Millisecond - now.At, Source: "system"})
		}
	}
}

// ClockLearned takes a source's word on when a boot began. The first word for a
// boot stays for what is untimed; a later one refines what is stamped from now on.
func (c *Core) ClockLearned(now Now, p ClockPoint) {
	c.now = now
	c.learn(p)
	c.observe(now)
}

func (c *Core) learn(p ClockPoint) {
	b := &c.clocks
	if p.Boot == c.now.Boot {
		b.offset, b.learned, b.learnedAt = p.Offset, true, c.now.At
	}
	if _, ok := b.point(p.Boot); ok {
		return
	}
	b.points = append(b.points, p)
	if n := len(b.points) - MaxClocks; n > 0 {
		b.points = append(b.points[:0], b.points[n:]...)
	}
	c.out.SaveClock = append(c.out.SaveClock, p)
}

// wall is the true time now, where it is known: the wall clock's word while it
// agrees with what was learned, else what was learned.
func (c *Core) wall() (ms int64, ok bool) {
	b := &c.clocks
	if !b.learned {
		return 0, false
	}
	ms = (b.offset + c.now.At).Milliseconds()
	slack := clockSlack + (c.now.At-b.learnedAt)*driftPPM/1_000_000
	if c.now.Trusted && (time.Duration(c.now.Wall-ms)*time.Millisecond).Abs() <= slack {
		ms = c.now.Wall
	}
	return ms, true
}

// stampMade fills in when a report was made: all of a zero stamp, the date where
// only the running time is told, and the running time where the caller gave the
// time of the value.
func (c *Core) stampMade(s *Stamp) {
	if s.Boot != 0 {
		return
	}
	if s.Boot = c.now.Boot; s.At == 0 || s.At > c.now.At {
		s.At = c.now.At
	}
	if s.Trusted {
		return
	}
	ago := (c.now.At - s.At).Milliseconds()
	if ms, ok := c.wall(); ok {
		s.Wall, s.Trusted = ms-ago, true
	} else {
		s.Wall = c.now.Wall - ago
	}
}

// trueTime is when a report was made, in milliseconds since the Unix epoch.
func (c *Core) trueTime(s Stamp) (ms int64, ok bool) {
	if s.Trusted {
		return s.Wall, true
	}
	p, ok := c.clocks.point(s.Boot)
	return (p.Offset + s.At).Milliseconds(), ok
}

func timed(k Kind) bool { return k == KindProperty || k == KindEvent }

// mustWaitForClock says that the report may yet get a true time.
func (c *Core) mustWaitForClock(r *report) bool {
	if !timed(r.item.Kind) || r.item.Made.Boot != c.now.Boot || c.now.At >= c.clocks.waitUntil {
		return false
	}
	_, ok := c.trueTime(r.item.Made)
	return !ok
}

// releaseClockWait puts what was held for the clock back into its lane.
func (c *Core) releaseClockWait() {
	if c.clocks.waiting == 0 || !c.clocks.learned && c.now.At < c.clocks.waitUntil {
		return
	}
	for _, l := range c.order {
		for l.clockWait.head != nil {
			l.loaded.insert(l.clockWait.head)
		}
	}
	c.clocks.waiting = 0
}

// stampForWire decides, once, what time a report carries at every attempt.
func (c *Core) stampForWire(r *report) {
	r.stamped = true
	if !timed(r.item.Kind) {
		return
	}
	ms, ok := c.trueTime(r.item.Made)
	if now, known := c.wall(); ok && known && ms > now+maxAhead.Milliseconds() {
		ok = false
	}
	if !ok {
		r.marked = true
		return
	}
	r.time, r.hasTime = ms, true
}
