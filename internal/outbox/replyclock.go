package outbox

import "time"

// replyClock knows how long an answer may take (RFC 6298 with 6 instead of 4
// deviations) and what silence means.
type replyClock struct {
	first, least, most, deadAfter time.Duration

	known        bool
	srtt, rttvar time.Duration

	// answered is the newest moment of which we know that what was sent then was
	// answered. What was sent before it and has no answer is lost; what was sent
	// after it may merely be late.
	answered time.Duration
	aliveAt  time.Duration // when the last answer of any kind came
	dueAt    time.Duration // no answer is overdue before
	doubt    doubt
	askedAt  time.Duration // doubt: when the probe was asked for
	deadAt   time.Duration // doubt: when the link is given up

	// A large report takes its time on the wire, and what follows waits behind it:
	// silence is not counted between these two. See large.
	large               int64 // bytes: what is more is large
	busyFrom, busyUntil time.Duration
}

// slowest is the slowest link on which a large report still arrives, in bytes a second.
const slowest = 1 << 10

// doubt is what is thought of the link.
type doubt uint8

const (
	noDoubt doubt = iota
	suspected
	dead
)

func (c *replyClock) init(cfg *Config) {
	c.first, c.least, c.most, c.deadAfter = cfg.ReplyFirst, cfg.ReplyMin, cfg.ReplyMax, cfg.DeadAfter
	c.large = cfg.WindowBytes // below, the round trips that are measured tell of the rate
}

// trusts says that the link is not in doubt.
func (c *replyClock) trusts() bool { return c.doubt == noDoubt }

// spread is srtt + 6·rttvar.
func (c *replyClock) spread() time.Duration { return c.srtt + 6*c.rttvar }

// timeout is how long the answer to the n-th try may take.
func (c *replyClock) timeout(tries uint32) time.Duration {
	d := c.first
	if c.known {
		d = max(c.spread(), c.least)
	}
	return min(d<<min(max(tries, 1)-1, 10), max(c.most, c.least))
}

// sample takes a round trip.
func (c *replyClock) sample(rtt time.Duration) {
	if !c.known {
		c.known, c.srtt, c.rttvar = true, rtt, rtt/2
		return
	}
	c.rttvar += ((c.srtt - rtt).Abs() - c.rttvar) / 4
	c.srtt += (rtt - c.srtt) / 8
}

// begin is for a new session: nothing sent in it was answered yet.
func (c *replyClock) begin() {
	c.doubt, c.answered, c.aliveAt = noDoubt, -1, -1
	c.busyFrom, c.busyUntil = -1, 0
}

func (c *replyClock) sent(now time.Duration, tries uint32, bytes int64, alone bool) {
	if bytes > c.large {
		c.busyFrom = now
		c.busyUntil = max(c.busyUntil, now) + time.Duration(bytes)*time.Second/slowest
	}
	if due := now + c.timeout(tries); alone || due < c.dueAt {
		c.dueAt = due
	}
}

// measures says that the round trip of something sent at sent tells of the link,
// not of a large report.
func (c *replyClock) measures(sent time.Duration, bytes int64) bool {
	return bytes <= c.large && (sent < c.busyFrom || sent >= c.busyUntil)
}

// heard notes that something sent at sent was answered now. oldest is when the
// oldest of what is in flight was sent.
func (c *replyClock) heard(now, sent, oldest time.Duration) {
	c.answered, c.aliveAt = max(c.answered, sent), now
	if sent >= c.busyFrom {
		c.busyUntil = min(c.busyUntil, now)
	}
	if c.doubt == suspected {
		c.doubt = noDoubt
	}
	c.dueAt = min(c.dueAt, oldest+c.timeout(1))
}

// wakeAt is when silence has to be looked at again.
func (c *replyClock) wakeAt(inFlight int) time.Duration {
	switch {
	case c.doubt != noDoubt:
		return c.deadAt
	case inFlight == 0:
		return 0
	}
	return c.dueAt
}

// lateLook is by how much later than its time silence may be looked at before that
// says more of the device than of the link: it was stopped, or had no time.
const lateLook = time.Second

// checkReplies looks for answers that are overdue: a report that later ones have
// overtaken is lost and sent again; if nothing sent since was answered, the link
// itself is in doubt, and nothing more is sent until it is proved or given up.
func (c *Core) checkReplies() {
	rc := &c.replies
	if !c.link.up {
		return
	}
	if rc.doubt != noDoubt {
		late := c.now.At - rc.deadAt
		if rc.doubt == suspected && late > lateLook { // nobody was running here: the answer may wait in our own queue
			rc.deadAt = c.now.At + min(late, rc.deadAfter)
			return
		}
		if late >= 0 { // and again, until it is Down
			rc.doubt = dead
			rc.deadAt = c.now.At + rc.deadAfter
			c.out.Probe = ProbeDead
		}
		return
	}
	if c.flight.len == 0 || rc.dueAt > c.now.At {
		return
	}
	rc.dueAt = 0
	for r := c.flight.head; r != nil; {
		next := r.next
		due := r.sentAt + rc.timeout(r.tries)
		overtaken := rc.answered >= r.sentAt
		if !overtaken && rc.aliveAt >= 0 { // silence is counted from the last answer on
			due = max(due, rc.aliveAt+rc.timeout(1))
		}
		if !overtaken && rc.busyUntil > 0 {
			due = max(due, rc.busyUntil+rc.timeout(1))
		}
		switch {
		case due > c.now.At:
			if rc.dueAt == 0 || due < rc.dueAt {
				rc.dueAt = due
			}
		case overtaken:
			c.window.trim(c.now.At, r.sentAt)
			c.sendAgain(r)
		default:
			c.window.halve(c.now.At, r.sentAt)
			rc.doubt, rc.askedAt = suspected, c.now.At
			rc.deadAt = c.now.At + max(rc.deadAfter, rc.spread())
			c.out.Probe = ProbeAsk
			c.notice(NoticeSilence, r, 0)
			return
		}
		r = next
	}
}

// sendAgain puts a report whose attempt came to nothing among those to be sent
// again, oldest first.
func (c *Core) sendAgain(r *report) {
	c.land(r)
	c.innocent(r)
	c.resend.insert(r)
}

// ProbeAnswered says that the platform (or the broker) has answered something
// that was asked after Ready.Probe. It proves the link; what was sent before and
// is unanswered is lost.
func (c *Core) ProbeAnswered(now Now, session uint64) {
	c.observe(now)
	if c.link.up && session == c.link.session && c.replies.doubt == suspected {
		c.replies.heard(c.now.At, c.replies.askedAt, c.now.At)
	}
}
