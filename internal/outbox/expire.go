package outbox

import "time"

// age is how old a report is for certain: running time within one boot; over
// boots the difference of true times where both ends are known, and otherwise
// the part since this boot began.
func (c *Core) age(s Stamp) time.Duration {
	if s.Boot == c.now.Boot {
		return c.now.At - s.At
	}
	known := c.now.At
	made, ok := c.madeAt(s)
	if now, trusted := c.wall(); ok && trusted {
		known = max(known, time.Duration(now-made)*time.Millisecond)
	}
	return known
}

// madeAt is the true time of the making, which is not what an application may
// have given as the time of the value.
func (c *Core) madeAt(s Stamp) (ms int64, ok bool) {
	if p, ok := c.clocks.point(s.Boot); ok {
		return (p.Offset + s.At).Milliseconds(), true
	}
	return s.Wall, s.Trusted && !s.Given
}

func (c *Core) expired(it *Item) bool { return it.TTL > 0 && c.age(it.Made) >= it.TTL }

// expiresAt is when the report's time to live will be over, by boot time.
func (c *Core) expiresAt(it *Item) time.Duration { return c.now.At + it.TTL - c.age(it.Made) }

// sweepMin keeps the looks at the lanes' heads apart.
const sweepMin = time.Minute

// sweep ends what has expired at the heads of the lanes, so that a report does
// not outlive its time on a device that stays offline. What stands behind a head
// that lives longer is found when it is loaded or sent.
func (c *Core) sweep() {
	if c.sweepAt == 0 || c.now.At < c.sweepAt {
		return
	}
	next := time.Duration(0)
	for _, l := range c.order {
		for {
			r := l.oldest()
			if r == nil || r.q == &c.flight || !c.expired(&r.item) {
				break
			}
			c.end(r, Expired, 0)
		}
		r := l.oldest()
		if r == nil && !l.more && l.letGo > 0 {
			l.rewind(0)
		}
		l.sweeping = r == nil && l.more
		if r != nil && r.item.TTL > 0 && r.q != &c.flight {
			if at := c.expiresAt(&r.item); next == 0 || at < next {
				next = at
			}
		}
		if l.sweeping {
			next = c.now.At // go on when the head is here
		}
	}
	c.sweepAt = 0
	if next > 0 {
		c.sweepBy(next)
	}
}

// sweepBy has the heads looked at when something expires at t.
func (c *Core) sweepBy(t time.Duration) {
	t = max(t, c.now.At+sweepMin)
	if c.sweepAt == 0 || t < c.sweepAt {
		c.sweepAt = t
	}
}
