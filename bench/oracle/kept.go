package oracle

// kept is O2: for every key that was acknowledged there is exactly one seq in
// the ledger, from the acknowledgement on and for ever, under one of the names;
// at rest it waits only if it is quarantined or unreadable.
func (c *court) kept() {
	if c.schedule("fsync-lies") {
		return // a disk that lies leaves O1 over what is there, and no more
	}
	if c.peer() {
		c.keptByPeer()
		return
	}
	seqOf := map[string]uint64{}
	for n, s := range c.snapshots {
		if s.Reports == nil {
			continue
		}
		reports := make(map[string]listed, len(s.Reports))
		for i := range s.Reports {
			r := &s.Reports[i]
			l := reports[r.Key]
			reports[r.Key] = listed{r, l.times + 1}
		}
		for _, key := range c.keys {
			k := c.calls[key]
			if k.outcome != OK || k.returned > s.At || c.unprotected[key] {
				continue
			}
			l := reports[key]
			switch {
			case l.times == 0:
				c.say("O2", key, n, "acknowledged, and the ledger does not know it")
				continue
			case l.times > 1:
				c.say("O2", key, n, "acknowledged once, and in the ledger %d times", l.times)
				continue
			}
			r := l.report
			first, met := seqOf[key]
			switch {
			case !r.State.known():
				c.say("O2", key, n, "its state is %q, which is none of the names", r.State)
			case met && first != r.Seq:
				c.say("O2", key, n, "it was seq %d and is now seq %d", first, r.Seq)
			case k.seq != 0 && k.seq != r.Seq:
				c.say("O2", key, n, "the caller was told seq %d, the ledger says %d", k.seq, r.Seq)
			case s.Phase.atRest() && r.State == Pending:
				c.say("O2", key, n, "still pending at rest")
			}
			seqOf[key] = r.Seq
		}
	}
}

// listed is a report in a listing, and how often it is there.
type listed struct {
	report *Report
	times  int
}

// keptByPeer is O2 for who keeps no ledger: it is at the platform.
func (c *court) keptByPeer() {
	for _, key := range c.keys {
		if c.calls[key].outcome == OK && !c.platform[key].isAccepted() &&
			!c.unprotected[key] {
			c.say("O2", key, -1, "acknowledged, and never came to the platform")
		}
	}
}

// refusedStaysRefused is O3: what was refused is neither at the platform nor in
// the ledger, ever; what is of unknown outcome may be both or neither, but what
// is at the platform is in the ledger too.
func (c *court) refusedStaysRefused() {
	last := -1 // the last snapshot that lists reports
	inLast := map[string]bool{}
	for n, s := range c.snapshots {
		if s.Reports == nil {
			continue
		}
		last = n
		clear(inLast)
		for _, r := range s.Reports {
			inLast[r.Key] = true
			if k := c.calls[r.Key]; k != nil && k.outcome == Refused && s.At >= k.returned {
				c.say("O3", r.Key, n, "refused, and the ledger calls it %s", r.State)
			}
		}
	}
	for _, key := range c.keys {
		accepted := c.platform[key].isAccepted()
		switch c.calls[key].outcome {
		case Refused:
			if accepted {
				c.say("O3", key, -1, "refused, and at the platform")
			}
		case Unknown:
			if last >= 0 && accepted && !inLast[key] && !c.schedule("fsync-lies") {
				c.say("O3", key, last, "of unknown outcome and at the platform, but not in the ledger")
			}
		}
	}
}
