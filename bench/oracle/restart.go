package oracle

import "cmp"

// restartsForgetNothing is O16: what was accepted stays counted; an end falls back
// to pending, or becomes another, only where a process died within the time that an
// end may be without a sync; and after Close all is as it was.
func (c *court) restartsForgetNothing() {
	ends := map[string]Report{}
	seen := map[string]int64{} // when the listing was made that an end stands in
	for n, s := range c.snapshots {
		if n > 0 {
			c.countsGoOn(n)
		}
		for _, r := range s.Reports {
			before, ended := ends[r.Key]
			if ended && before.State != r.State && !c.mayFallBack(before, seen[r.Key], s.At) {
				c.say("O16", r.Key, n, "it had ended as %s, and is %s now", before.State, r.State)
			}
			if r.State.waiting() {
				delete(ends, r.Key)
			} else if !ended || before.State != r.State {
				ends[r.Key] = r
			}
			seen[r.Key] = s.At
		}
	}
}

// settle is for how long an end may be without a sync.
func (c *court) settle() int64 { return cmp.Or(c.scenario.Bounds.Settle, 1000) }

// mayFallBack: a process died between two listings, and not long after the end.
func (c *court) mayFallBack(r Report, from, to int64) bool {
	if r.Ended == 0 {
		return c.diedBetween(from-1, to)
	}
	return c.diedBetween(max(from, r.Ended)-1, min(to, r.Ended+c.settle()))
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
