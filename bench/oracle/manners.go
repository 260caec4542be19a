package oracle

import "cmp"

// hasManners is O14: no minute with more CONNECTs than are allowed, no second with
// more posts than the quota, repeats included, and no more bytes for a report than
// the scenario's ceiling.
func (c *court) hasManners() {
	limits := c.scenario.Limits
	var connects []int64
	var bytes, reports int64
	for i := range c.events {
		switch ev := &c.events[i]; ev.What {
		case Connected:
			connects = append(connects, ev.At)
		case Disconnected:
			bytes += ev.In + ev.Out
		}
	}
	for _, it := range c.platform {
		if it.isAccepted() {
			reports++
		}
	}
	if at, many := burst(connects, cmp.Or(limits.Connects, 5), 60_000); many {
		c.say("O14", "", -1, "more than %d CONNECTs within a minute, up to %d", cmp.Or(limits.Connects, 5), at)
	}
	for qos, most := range []int{cmp.Or(limits.QoS0, 30), cmp.Or(limits.QoS1, 10)} {
		var posts []int64
		for _, p := range c.arrivals {
			if int(p.qos) == qos && !overlaps(c.delays, p.at, p.at) {
				posts = append(posts, p.at)
			}
		}
		if at, many := burst(posts, most, 1000); many {
			c.say("O14", "", -1, "more than %d posts of QoS %d within a second, up to %d", most, qos, at)
		}
	}
	if ceiling := limits.BytesPerReport; ceiling > 0 && reports > 0 && bytes/reports > ceiling {
		c.say("O14", "", -1, "%d bytes for each of %d reports, and the ceiling is %d", bytes/reports, reports, ceiling)
	}
}

// burst says when more than so many of times, which are in order, fell within a
// window. A limit below 0 is none.
func burst(times []int64, most int, window int64) (at int64, many bool) {
	if most < 0 {
		return 0, false
	}
	for i := most; i < len(times); i++ {
		if times[i]-times[i-most] < window {
			return times[i], true
		}
	}
	return 0, false
}
