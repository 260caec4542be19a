package outbox

import "time"

// lane is what the core keeps of one class.
type lane struct {
	Lane
	index      uint8
	configured bool   // false: what waits here is drained, nothing new is taken
	counts     Counts // of what is durable
	nextOrd    uint64

	unsynced, unsyncedBytes  int64
	aside                    uint64
	asideBytes               int64
	holding                  int // reports in memory
	holdingBytes             int64
	hidden                   uint64 // what the last whole pass did not bring, up to hiddenTop
	hiddenBytes              int64
	hiddenTop                uint64
	fresh, loaded, clockWait queue
	busy                     int // ordered: sent and without an end
	turn                     int // how often in a row a fresh report went first

	// Everything pending with ord ≤ cursor is in memory (old), set aside or let go;
	// what is in memory above it is young. more says that the store may have others above.
	cursor     uint64
	more       bool
	loadAfter  uint64 // the cursor when loading began
	old, young byAge
	loading    bool
	loadAt     time.Duration // not before, after an error
	loadFails  int

	stopped  bool          // a load met what is not durable yet
	rereadAt time.Duration // when what could not be read is tried again; 0: nothing
	sweeping bool          // the head is wanted, to see whether it has expired
	letGo    uint64        // how many this pass does not bring again, at most
	letGoLen int64         // their bytes
	letGoTop uint64        // the highest ord that was ever let go

	latest   map[string]Mark // LatestOnly: the pending report of each key
	indexing bool            // latest is being rebuilt from the store
}

// usage is what counts against the budget: all that is pending and durable, but
// for what has been set aside, which no policy may touch, and what cannot be read,
// which none can.
func (l *lane) usage() int64 { return l.counts.PendingBytes - l.asideBytes - l.hiddenBytes }

// oldest is the oldest pending report, nil where it must be loaded first.
func (l *lane) oldest() *report {
	o, y := l.old.oldest, l.young.oldest
	switch {
	case o != nil && o.ord <= l.cursor:
		return o
	case l.more:
		return nil
	case o == nil || y != nil && y.ord < o.ord:
		return y
	}
	return o
}

// roomFor says whether another report may be kept in memory.
func (l *lane) roomFor(wire int64) bool {
	return l.fresh.len+l.loaded.len+l.clockWait.len < maxHeld && l.fresh.bytes+l.loaded.bytes+l.clockWait.bytes+wire <= maxHeldBytes
}

// hold takes a durable report into memory.
func (c *Core) hold(r *report, a *byAge, q *queue) {
	c.held[r.seq] = r
	r.lane.holding++
	r.lane.holdingBytes += r.bytes
	a.insert(r)
	q.insert(r)
}

// drop forgets a report that has ended or been set aside.
func (c *Core) drop(r *report) {
	c.leaveWork(r)
	r.leaveAge()
	c.clear(r)
	r.lane.holding--
	r.lane.holdingBytes -= r.bytes
	delete(c.held, r.seq)
	c.freeReport(r)
}

// leaveWork takes a report out of its queue, with what that means for its lane.
func (c *Core) leaveWork(r *report) {
	if r.q == &r.lane.clockWait {
		c.clocks.waiting--
	}
	if c.isOut(r) {
		r.lane.busy--
	}
	c.land(r)
}

// isOut says that the report was sent and has no end: in flight, to be sent
// again, or parked.
func (c *Core) isOut(r *report) bool {
	return r.q == &c.flight || r.q == &c.resend || r.q == &c.parked
}

// end settles a report that is in memory.
func (c *Core) end(r *report, o Outcome, code int32) {
	s := Settlement{Seq: r.seq, Ord: r.ord, Lane: r.lane.index, Outcome: o, Code: code, Sends: r.attempts, Bytes: r.bytes}
	if r.lane.latest != nil {
		r.lane.forgetKey(r.item.Key, r.seq)
	}
	made := r.item.Made
	c.drop(r)
	c.settle(s, made)
}

// settle records an end.
//
//go:noinline
func (c *Core) settle(s Settlement, made Stamp) {
	c.out.Settle = append(c.out.Settle, s)
	c.count(s, made)
}

// count takes an end into the counts and tells it; the store knows already, or
// hears of it by Ready.Settle.
func (c *Core) count(s Settlement, made Stamp) {
	l := c.lanes[s.Lane]
	l.counts.Ends[s.Outcome]++
	l.counts.PendingBytes -= s.Bytes
	c.recent.put(s)
	c.out.Ended = append(c.out.Ended, Ended{Settlement: s, Made: made, At: c.now.At})
}

// overBudget says that the lane has to give up reports.
func (l *lane) overBudget() bool {
	return l.Budget > 0 && l.usage() > l.Budget && l.Policy != RefuseNew
}

// evictOverBudget gives up the oldest reports of lanes above their budget.
func (c *Core) evictOverBudget() {
	for _, l := range c.order {
		if l.letGo > 0 && !l.more && l.overBudget() {
			l.rewind(0) // the oldest may be among them
		}
		for l.overBudget() && !l.indexing {
			r := l.oldest()
			if r == nil {
				break // Load brings it, or nothing can be evicted
			}
			c.end(r, EvictedBudget, 0)
		}
	}
}
