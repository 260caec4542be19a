package outbox

import "time"

// freshInARow is how many fresh reports of a lane may go before one that has
// waited: live before old, but the old is not starved.
const freshInARow = 7

// What reports that are to be sent again later may take of the memory, but for one
// of each ordered lane. What is above is let go, and loaded again after a while: it
// must not stand in the way of what has not been sent.
const (
	maxParked      = 192
	maxParkedBytes = 256 << 10
	letGoFor       = retryMax
	// letGoRetries is what one that was let go counts as tried when it is loaded.
	letGoRetries = 9
)

// sendWhatMay sends as long as link, window, buckets and pauses allow.
func (c *Core) sendWhatMay() {
	if !c.mayTalk() {
		return
	}
	c.blocked = [2]bool{}
	for {
		r := c.pick()
		if r == nil {
			return
		}
		c.send(r)
	}
}

// mayTalk says that nothing forbids to send just now.
func (c *Core) mayTalk() bool {
	return c.link.up && c.now.At >= c.link.quietUntil && c.now.At >= c.link.pausedUntil && c.replies.trusts()
}

// pick is the report to send next, nil if none may go now. Its order: what is
// reserved for, what was sent before, then lanes by priority and in turns.
func (c *Core) pick() *report {
	if c.suspect > 0 {
		return c.pickSuspect()
	}
	for _, l := range c.order {
		if l.Reserve {
			if r := c.admit(c.nextOf(l), true); r != nil {
				return r
			}
		}
	}
	for r := c.resend.head; r != nil; {
		next := r.next
		if !c.endedBeforeSending(r) {
			if r := c.admit(r, r.lane.Reserve); r != nil {
				return r
			}
			if !c.blocked[r.qos] || c.blocked[0] && c.blocked[1] {
				return nil // what is older goes first, unless only its QoS has to wait
			}
		}
		r = next
	}
	return c.pickByPriority()
}

// pickByPriority goes through the lanes; those of one priority take turns.
func (c *Core) pickByPriority() *report {
	for i := 0; i < len(c.order); {
		n := 1
		for i+n < len(c.order) && c.order[i+n].Priority == c.order[i].Priority {
			n++
		}
		for k := range n {
			l := c.order[i+(k+c.turn)%n]
			if l.Reserve {
				continue
			}
			if r := c.admit(c.nextOf(l), false); r != nil {
				c.turn = (k + c.turn + 1) % n
				return r
			}
		}
		i += n
	}
	return nil
}

// nextOf is the lane's next report that has not been sent yet.
func (c *Core) nextOf(l *lane) *report {
	if l.Ordered && l.busy > 0 || l.indexing {
		return nil
	}
	for {
		r := l.loaded.head
		if f := l.fresh.head; f != nil && (r == nil || l.turn < freshInARow) {
			r = f
		}
		if r == nil {
			return nil
		}
		if c.endedBeforeSending(r) {
			continue
		}
		if c.mustWaitForClock(r) {
			if l.Ordered {
				c.wakeBy(c.clocks.waitUntil)
				return nil
			}
			l.clockWait.push(r)
			c.clocks.waiting++
			continue
		}
		return r
	}
}

// endedBeforeSending ends a report that is not worth sending any more.
func (c *Core) endedBeforeSending(r *report) bool {
	switch {
	case r.lane.superseded(r):
		c.end(r, EvictedNewer, 0)
	case c.expired(&r.item):
		c.end(r, Expired, 0)
	default:
		return false
	}
	return true
}

// admit gives r back if window and bucket have room for it.
func (c *Core) admit(r *report, reserved bool) *report {
	if r == nil || c.blocked[r.qos] && !reserved || !c.windowAdmits(r, reserved) {
		return nil
	}
	keep := 1.0
	if reserved {
		keep = 0
	}
	b := &c.buckets[r.qos]
	if !b.take(c.now.At, keep) {
		c.blocked[r.qos] = true
		c.wakeBy(b.nextAt(c.now.At, keep))
		return nil
	}
	return r
}

// windowAdmits keeps one slot, and the bytes of one message, for Reserve lanes.
func (c *Core) windowAdmits(r *report, reserved bool) bool {
	slots, inFlight := c.cfg.WindowMessages, c.flight.len
	if reserved {
		return inFlight < slots && (c.flight.bytes+r.wire <= c.window.size || c.reservedOut == 0)
	}
	if c.keepSlot {
		slots, inFlight = slots-1, inFlight-c.reservedOut
	}
	if inFlight > 0 && c.flight.bytes+r.wire > c.window.size {
		c.window.full = true
		return false
	}
	return inFlight < max(slots, 1)
}

// send puts a report on the wire.
func (c *Core) send(r *report) {
	if !r.stamped {
		c.stampForWire(r)
	}
	l := r.lane
	switch r.q {
	case &l.fresh:
		l.turn++
	case &l.loaded:
		l.turn = 0
	}
	if !c.isOut(r) {
		l.busy++
	}
	r.attempts++
	r.tries++
	r.session, r.sentAt = c.link.session, c.now.At
	if r.attempts == 1 {
		r.firstAt = c.now.At
	}
	c.replies.sent(c.now.At, r.tries, r.wire, c.flight.len == 0)
	c.flight.push(r)
	if l.Reserve {
		c.reservedOut++
	}
	c.out.Send = append(c.out.Send, Send{
		Seq: r.seq, Ord: r.ord, Lane: l.index, Token: r.seq, ID: IDOf(r.seq), QoS: r.qos, Item: r.item,
		Time: r.time, HasTime: r.hasTime, Marked: r.marked, Attempt: r.attempts,
	})
}

// park sets a report aside until due; its turn comes by itself.
func (c *Core) park(r *report, due time.Duration) {
	if !c.isOut(r) {
		r.lane.busy++
	}
	c.land(r)
	r.due = due
	if c.parked.len == 0 || due < c.parkedAt {
		c.parkedAt = due
	}
	c.parked.push(r)
	for c.parked.len > c.mayPark || c.parked.bytes > maxParkedBytes && c.parked.len > 1 {
		last := c.lastParked()
		if last == nil {
			return
		}
		c.letGo(last)
	}
}

// lastParked is the parked report whose turn is farthest, of those that may be let
// go: they were answered, and nothing waits for them to go first.
func (c *Core) lastParked() *report {
	var last *report
	for r := c.parked.head; r != nil; r = r.next {
		if (r.retries > 0 || r.relogin) && !r.suspect && !r.lane.Ordered && (last == nil || r.due >= last.due) {
			last = r
		}
	}
	return last
}

// letGo forgets a report that is pending: its lane loads it again when all that lies
// behind has had its turn.
func (c *Core) letGo(r *report) {
	l := r.lane
	l.letGoTop = max(l.letGoTop, r.ord)
	if !l.more || r.ord <= l.cursor {
		l.letGo++ // else this pass brings it
		l.letGoLen += r.bytes
		if l.rereadAt == 0 {
			l.rereadAt = c.now.At + letGoFor
		}
	}
	c.drop(r)
}

// unpark has what is due sent again.
func (c *Core) unpark() {
	if c.parked.len == 0 || c.now.At < c.parkedAt {
		return
	}
	c.parkedAt = 0
	for r := c.parked.head; r != nil; {
		next := r.next
		if r.due <= c.now.At {
			c.resend.insert(r)
		} else if c.parkedAt == 0 || r.due < c.parkedAt {
			c.parkedAt = r.due
		}
		r = next
	}
}

// land ends an attempt: the report is on the wire no more.
//
//go:noinline
func (c *Core) land(r *report) {
	if r.q == &c.flight && r.lane.Reserve {
		c.reservedOut--
	}
	r.leave()
}

func (c *Core) wakeBy(t time.Duration) {
	if t > c.now.At && (c.wake == 0 || t < c.wake) {
		c.wake = t
	}
}

// idHalf is the half of the 32 bits that reports use.
const idHalf = 1 << 31

// IDOf is the envelope's id of a report.
func IDOf(seq uint64) uint32 { return uint32(seq % idHalf) }

// seqOf is the newest number that an id can mean, 0 if none.
func (c *Core) seqOf(id uint32) uint64 {
	if id >= idHalf {
		return 0
	}
	top := c.nextSeq - 1
	seq := top - top%idHalf + uint64(id)
	if seq > top {
		if seq < idHalf {
			return 0
		}
		seq -= idHalf
	}
	return seq
}
