package outbox

import "time"

// Verdict is what a reply's code means for a post. The actor maps the dialect's
// codes to it.
type Verdict uint8

const (
	// OK: the platform has it.
	OK Verdict = iota
	// Retry: send it again later.
	Retry
	// Throttled: send everything more slowly, this one again.
	Throttled
	// Split: too much in one post. A single report cannot be split: it is final.
	Split
	// Login: the session (or the sub-device) must log in again first.
	Login
	// Final: refused for good.
	Final
)

// Level is how far a publish came; the numbers are transport.Level's.
type Level uint8

const (
	Written Level = 1
	Acked   Level = 2
)

// How long posts wait that are to be sent again.
const (
	retryMin    = time.Second
	retryMax    = 5 * time.Minute
	throttleMin = time.Second
	throttleMax = time.Minute
	loginWait   = time.Minute
	failedWait  = 250 * time.Millisecond
)

// Replied takes a reply with an id of the reports' half, of whatever session: a
// late yes is a yes while the report is pending.
func (c *Core) Replied(now Now, session uint64, id uint32, v Verdict, code int32) {
	c.observe(now)
	seq := c.seqOf(id)
	r := c.held[seq]
	if r == nil || r.attempts == 0 && (r.seq >= c.first || v != OK) {
		c.repliedToNothing(seq, v, code)
		return
	}
	c.heardFrom(r, session)
	switch v {
	case OK:
		c.link.throttles = 0
		if r.q == &c.flight {
			c.window.answered(r.wire)
		}
		c.end(r, ConfirmedReply, 0)
	case Throttled:
		c.throttle(r, code)
	case Retry:
		due := c.now.At + c.jitter(backoff(retryMin, retryMax, int(r.retries)))
		r.retries++
		c.park(r, due)
	case Login:
		// Once for a session, by a report that has not asked before: one that asks
		// for ever must not cost the others their session again and again.
		if !r.relogin && session == c.link.session && !c.link.relogin {
			c.link.relogin = true
			c.out.Login = true
		}
		due := c.now.At + c.jitter(backoff(loginWait, retryMax, int(r.retries)))
		if r.relogin {
			r.retries++
		}
		r.relogin = true
		c.park(r, due)
	case Split, Final:
		c.end(r, Rejected, code)
	}
}

// repliedToNothing handles a reply whose report is not in memory, or was never
// sent: one that has ended, one that an earlier process sent, or a stranger.
func (c *Core) repliedToNothing(seq uint64, v Verdict, code int32) {
	if s, ok := c.recent.get(seq); ok && seq != 0 {
		if v == OK && !s.late && s.Outcome != ConfirmedReply && s.Outcome != ConfirmedPuback {
			c.lanes[s.Lane].counts.Late++
			c.out.Late = append(c.out.Late, s.Lane)
			c.recent.heardLate(seq)
		}
		return // a second yes says nothing new
	}
	if m, ok := c.aside[seq]; ok && v == OK { // set aside, and yet it arrived
		if l := c.lanes[m.Lane]; l.latest != nil {
			l.forgetSeq(seq)
		}
		c.endUnheld(m, ConfirmedReply)
		return
	}
	c.unknown++
	c.out.Notices = append(c.out.Notices, Notice{Kind: NoticeUnknown, Seq: seq, Code: code})
	if v == OK && seq != 0 && seq < c.first {
		if _, aside := c.aside[seq]; !aside {
			c.yes.put(seq)
		}
	}
}

// heardFrom takes any answer about a report as a sign of life.
func (c *Core) heardFrom(r *report, session uint64) {
	c.clear(r)
	if r.attempts == 0 {
		return
	}
	if r.attempts == 1 && r.q == &c.flight && r.session == c.link.session && c.replies.measures(r.sentAt, r.wire) {
		c.replies.sample(c.now.At - r.sentAt)
	}
	oldest := c.now.At
	if c.flight.head != nil {
		oldest = c.flight.head.sentAt
	}
	if c.link.up && r.session == session && session == c.link.session {
		c.replies.heard(c.now.At, r.firstAt, oldest)
	}
}

// throttle pauses everything, longer each time, and halves the window.
func (c *Core) throttle(r *report, code int32) {
	if c.now.At >= c.link.pausedUntil {
		c.link.pausedUntil = c.now.At + c.jitter(backoff(throttleMin, throttleMax, c.link.throttles))
		c.link.throttles++
		c.notice(NoticeThrottled, r, code)
	}
	c.window.halve(c.now.At, r.sentAt)
	c.sendAgain(r)
}

// Published takes the fate of one Send. Acked ends what is confirmed by its
// PUBACK; failed means that it surely was not, or may not have been, handed over while
// the session goes on. (A publish that fails with its session stays in flight: Down
// decides, who must see what was in flight at the death of a link.)
func (c *Core) Published(now Now, session, token uint64, level Level, failed bool) {
	c.observe(now)
	r := c.held[token]
	if r == nil || r.attempts == 0 {
		return
	}
	switch {
	case failed:
		if r.q == &c.flight && session == r.session {
			c.park(r, c.now.At+failedWait)
		}
	case level == Acked && c.byReply(r.item.Kind):
		// The broker's word is no sign of the platform's life, and no end.
	case level == Acked:
		c.heardFrom(r, session)
		if r.q == &c.flight {
			c.window.answered(r.wire)
		}
		c.end(r, ConfirmedPuback, 0)
	}
}

// jitter spreads d over its upper half, so that a fleet does not come back as one.
func (c *Core) jitter(d time.Duration) time.Duration {
	half := d / 2
	return half + time.Duration(c.cfg.Rand()%uint64(half+1))
}

func (c *Core) notice(k NoticeKind, r *report, code int32) {
	c.out.Notices = append(c.out.Notices, Notice{Kind: k, Seq: r.seq, Lane: r.lane.index, Code: code})
}

// earlyYes remembers a few replies to reports that an earlier process sent and
// that this one has not loaded yet: their turn ends them without sending.
type earlyYes struct{ seqs []uint64 }

const maxEarlyYes = 256

func (y *earlyYes) put(seq uint64) {
	if len(y.seqs) == maxEarlyYes {
		y.seqs = append(y.seqs[:0], y.seqs[1:]...)
	}
	y.seqs = append(y.seqs, seq)
}

func (y *earlyYes) take(seq uint64) bool {
	for i, s := range y.seqs {
		if s == seq {
			y.seqs = append(y.seqs[:i], y.seqs[i+1:]...)
			return true
		}
	}
	return false
}
