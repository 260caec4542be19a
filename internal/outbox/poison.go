package outbox

// A report that the peer answers by closing the connection looks like any other
// cut. What is in flight at three such deaths is suspected; then nothing else is
// sent: after a quiet connect (a takeover or a disabled device dies in the quiet)
// the suspects go alone, one by one. The one that kills alone twice is set aside.
const (
	deathsToSuspect = 3
	killsToSetAside = 2
)

// blame counts the death of a link against what was in flight.
func (c *Core) blame(byPeer bool) {
	alone := c.suspect > 0 // then pick lets one go at a time
	for r := c.flight.head; r != nil; {
		next := r.next
		switch {
		case !byPeer:
			c.innocent(r) // it died of silence
		case alone && r.suspect:
			if r.kills++; r.kills >= killsToSetAside {
				c.setReportAside(r)
			}
		default:
			if r.deaths++; r.deaths >= deathsToSuspect && !r.suspect {
				r.suspect = true
				c.suspect++
				c.notice(NoticeSuspect, r, 0)
			}
		}
		r = next
	}
}

// innocent ends a suspicion without an answer: the link outlived the report.
func (c *Core) innocent(r *report) {
	if r.suspect {
		c.clear(r)
	}
}

// clear takes all suspicion from a report.
func (c *Core) clear(r *report) {
	if r.suspect {
		c.suspect--
	}
	r.suspect, r.deaths, r.kills = false, 0, 0
}

// pickSuspect is the oldest suspect, alone on the wire.
func (c *Core) pickSuspect() *report {
	if c.flight.len > 0 {
		return nil
	}
	for r := c.resend.head; r != nil; {
		next := r.next
		if r.suspect && !c.endedBeforeSending(r) {
			return c.admit(r, true)
		}
		r = next
	}
	if c.suspect == 0 { // the last of them has just ended
		return c.pick()
	}
	return nil
}

// Poison sets a report aside that broke its actor three times.
func (c *Core) Poison(now Now, seq uint64) {
	c.observe(now)
	if r := c.held[seq]; r != nil {
		c.setReportAside(r)
	}
}

// setReportAside quarantines a report in memory; where there is no room for more
// it waits long.
func (c *Core) setReportAside(r *report) {
	m := Mark{Seq: r.seq, Ord: r.ord, Lane: r.lane.index, Bytes: r.bytes}
	if len(c.aside) >= MaxQuarantined {
		c.clear(r)
		r.retries++
		c.park(r, c.now.At+retryMax)
		return
	}
	c.drop(r)
	c.quarantine(m)
}

// quarantine sets a report aside that is not in memory.
func (c *Core) quarantine(m Mark) {
	if len(c.aside) >= MaxQuarantined {
		return // it is passed over, and tried again by the next process
	}
	c.setAside(m)
	c.out.Quarantine = append(c.out.Quarantine, Aside{Mark: m, On: true})
	c.out.Notices = append(c.out.Notices, Notice{Kind: NoticeQuarantined, Seq: m.Seq, Lane: m.Lane})
}

//go:noinline
func (c *Core) setAside(m Mark) {
	c.aside[m.Seq] = m
	c.lanes[m.Lane].aside++
	c.lanes[m.Lane].asideBytes += m.Bytes
}

func (c *Core) forgetAside(seq uint64) bool {
	m, ok := c.aside[seq]
	if ok {
		delete(c.aside, seq)
		c.lanes[m.Lane].aside--
		c.lanes[m.Lane].asideBytes -= m.Bytes
	}
	return ok
}

// Release puts a quarantined report back into its lane; false if seq is none.
func (c *Core) Release(now Now, seq uint64) bool {
	c.observe(now)
	m, ok := c.aside[seq]
	if !ok {
		return false
	}
	c.forgetAside(seq)
	c.lanes[m.Lane].rewind(m.Ord - 1)
	c.out.Quarantine = append(c.out.Quarantine, Aside{Mark: m})
	c.out.Notices = append(c.out.Notices, Notice{Kind: NoticeReleased, Seq: m.Seq, Lane: m.Lane})
	return true
}

// Drop ends a quarantined report as EvictedOperator; false if seq is none.
func (c *Core) Drop(now Now, seq uint64) bool {
	c.observe(now)
	m, ok := c.aside[seq]
	if !ok {
		return false
	}
	c.lanes[m.Lane].forgetSeq(seq)
	c.endUnheld(m, EvictedOperator)
	return true
}
