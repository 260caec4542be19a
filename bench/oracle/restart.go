package oracle

import "cmp"

// restartsForgetNothing is O16: what was accepted stays counted; an end falls back
// to pending, or becomes another, only where a process died within the time that an
// end may be without a sync; and after Close all is as it was.
func (c *court) restartsForgetNothing() {
	ends := map[string]end{}
	for n, s := range c.snapshots {
		if n > 0 {
			c.countsGoOn(n)
		}
		for _, r := range s.Reports {
			before, ended := ends[r.Key]
			if ended && before.as != r.State && !c.mayFallBack(before, s.At) {
				c.say("O16", r.Key, n, "it had ended as %s, and is %s now", before.as, r.State)
			}
			switch {
			case r.State.waiting():
				delete(ends, r.Key)
			case !ended || before.as != r.State:
				ends[r.Key] = end{r.State, r.Ended, s.At}
			default:
				before.seen = s.At
				ends[r.Key] = before
			}
		}
	}
}

// end is one that a listing told: when it came, 0 if that is not known, and when it
// was told last.
type end struct {
	as       State
	at, seen int64
}

// settle is for how long an end may be without a sync.
func (c *court) settle() int64 { return cmp.Or(c.scenario.Bounds.Settle, 1000) }

// mayFallBack: a process died between two listings, and not long after the end.
func (c *court) mayFallBack(e end, now int64) bool {
	if e.at == 0 {
		return c.diedBetween(e.seen-1, now)
	}
	return c.diedBetween(max(e.seen, e.at)-1, min(now, e.at+c.settle()))
}

// countsGoOn compares a snapshot with the one before.
func (c *court) countsGoOn(n int) {
	before, now := c.snapshots[n-1], c.snapshots[n]
	died := c.diedBetween(before.At-1, now.At)
	c.countGoesOn(n, "all lanes", before.Total, now.Total, died)
	for _, lane := range sorted(now.Lanes) {
		if was, ok := before.Lanes[lane]; ok {
			c.countGoesOn(n, "lane "+lane, was, now.Lanes[lane], died)
		}
	}
}

func (c *court) countGoesOn(n int, whose string, before, now Counts, died bool) {
	a, b := before.ends(), now.ends()
	closed := c.snapshots[n].Phase == Reopened && c.snapshots[n-1].Phase.atRest() && !died
	switch {
	case b[0] < a[0]:
		c.say("O16", "", n, "%s: %d were accepted, and now %d", whose, a[0], b[0])
	case closed && (a != b || before.Late != now.Late):
		c.say("O16", "", n, "%s: closed as %v, and opened as %v", whose, a, b)
	case !died:
		for i := 1; i <= 5; i++ { // the five ends
			if b[i] < a[i] {
				c.say("O16", "", n, "%s: %d were %s, and now %d", whose, a[i], countNames[i], b[i])
			}
		}
	}
}
