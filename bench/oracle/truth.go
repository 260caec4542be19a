package oracle

import "slices"

// nothingInvented is O4: what is at the platform was asked for, after it was
// asked for, and its body is the one that was given.
func (c *court) nothingInvented() {
	for _, key := range sorted(c.platform) {
		for _, a := range c.platform[key].accepted {
			switch k := c.calls[key]; {
			case k == nil:
				c.say("O4", key, -1, "at the platform, and nobody reported it")
			case !slices.Contains(k.hashes, a.Hash):
				c.say("O4", key, -1, "its body arrived as %s and was given as %v", a.Hash, k.hashes)
			case a.At < k.started:
				c.say("O4", key, -1, "it arrived %d ms before it was reported", k.started-a.At)
			}
		}
	}
}

// confirmedIsTrue is O5: what the ledger calls confirmed was accepted by the
// platform; where a product answers nothing it had its PUBACK, and the ledger
// names that level.
func (c *court) confirmedIsTrue() {
	for n, s := range c.snapshots {
		for _, r := range s.Reports {
			if r.State != Confirmed {
				continue
			}
			at := c.platform[r.Key]
			switch {
			case r.Level == ByPuback:
				if at == nil || !at.puback {
					c.say("O5", r.Key, n, "confirmed by a PUBACK that nobody sent")
				}
			case c.scenario.NoReplies:
				c.say("O5", r.Key, n, "confirmed by a reply, and this product has none")
			case !at.isAccepted():
				c.say("O5", r.Key, n, "confirmed, and the platform never accepted it")
			}
		}
	}
}

// acceptedHasReason is O6: what the platform accepted and the ledger does not
// call confirmed is pending, or ended otherwise before its yes was heard, if it
// ever was; the heard ones are what the ledger counts as late. At rest there is
// none, where neither time to live, eviction nor damage can strike.
func (c *court) acceptedHasReason() {
	for n, s := range c.snapshots {
		if s.Reports == nil {
			continue
		}
		var heard, sent int64 // bounds for late
		for _, r := range s.Reports {
			at := c.platform[r.Key]
			if !at.isAccepted() || r.State == Confirmed {
				continue
			}
			if s.Phase.atRest() && r.State != Quarantined && r.State != Unreadable && !c.mayStrike(r) {
				c.say("O6", r.Key, n, "the platform has it, and the ledger calls it %s at rest", r.State)
			}
			if r.State.waiting() {
				continue
			}
			once := false
			for _, yes := range at.replies {
				if yes.Code != 200 || yes.At > s.At || yes.lost() {
					continue
				}
				sent++
				if yes.Heard == nil {
					continue
				}
				once = true
				if r.Ended != 0 && yes.At < r.Ended {
					c.say("O6", r.Key, n, "a yes was heard %d ms before it was called %s", r.Ended-yes.At, r.State)
				}
			}
			if once {
				heard++
			}
		}
		if c.schedule("kill-9", "kill-loop", "power-cut") || c.deaths() > 0 {
			heard = 0 // a count that was not yet on the disk is forgotten
		}
		late := s.Total.Late - c.scenario.LateBefore
		if s.Phase.atRest() && (late < heard || late > sent) {
			c.say("O6", "", n, "%d late, but a yes came after another end between %d and %d times", late, heard, sent)
		}
	}
}

// mayStrike says that a report may have ended in another way than confirmed
// although the platform has it.
func (c *court) mayStrike(r Report) bool {
	switch r.State {
	case Damaged:
		return c.destroyed[r.Key]
	case Expired:
		k := c.calls[r.Key]
		return k != nil && k.ttl > 0
	case Evicted:
		return slices.Contains(c.scenario.MayEvict, r.Lane)
	case Rejected:
		return len(c.platform[r.Key].declined) > 0
	}
	return false
}
