package outbox

// InMemory is how many reports a core holds, and the bytes of what it holds of
// them; for the tests that hold it to its window.
func (c *Core) InMemory() (reports int, bytes int64) {
	for _, r := range c.held {
		bytes += int64(len(r.item.Params))
	}
	for i := c.unsynced.head; i < len(c.unsynced.list); i++ {
		bytes += int64(len(c.unsynced.list[i].item.Params))
	}
	return len(c.held), bytes
}

// ParkAtMost has more than n parked reports let go.
func (c *Core) ParkAtMost(n int) { c.mayPark = n }

// Check compares what the core keeps twice, and says what does not fit.
func (c *Core) Check() string {
	queued := 0
	for _, q := range []*queue{&c.flight, &c.resend, &c.parked} {
		queued += q.count(c)
	}
	suspects, reserved := 0, 0
	waiting := 0
	for _, l := range c.lanes {
		n := l.fresh.count(c) + l.loaded.count(c) + l.clockWait.count(c)
		queued += n
		waiting += l.clockWait.len
		busy, holding := 0, 0
		for _, r := range c.held {
			if r.lane == l {
				holding++
				if c.isOut(r) {
					busy++
				}
			}
		}
		switch {
		case busy != l.busy:
			return "busy"
		case holding != l.holding:
			return "holding"
		case l.old.count(l)+l.young.count(l) != holding:
			return "by age"
		case l.unsynced < 0 || l.unsyncedBytes < 0 || l.unsynced == 0 && l.unsyncedBytes != 0:
			return "unsynced"
		case l.Ordered && l.busy > 1:
			return "two of an ordered lane are out"
		}
	}
	for seq, r := range c.held {
		if r.seq != seq {
			return "held under another number"
		}
		if r.suspect {
			suspects++
		}
		if r.q == &c.flight && r.lane.Reserve {
			reserved++
		}
	}
	switch {
	case queued != len(c.held):
		return "not every held report is in a queue"
	case suspects != c.suspect:
		return "suspects"
	case reserved != c.reservedOut:
		return "reservedOut"
	case waiting != c.clocks.waiting:
		return "waiting for the clock"
	}
	return ""
}

func (q *queue) count(c *Core) int {
	n, bytes := 0, int64(0)
	for r := q.head; r != nil; r = r.next {
		if r.q != q || c.held[r.seq] != r {
			return -1 << 20
		}
		n++
		bytes += r.wire
	}
	if n != q.len || bytes != q.bytes {
		return -1 << 20
	}
	return n
}

func (a *byAge) count(l *lane) int {
	n, last := 0, uint64(0)
	for r := a.oldest; r != nil; r = r.newer {
		if r.age != a || r.lane != l || r.ord <= last {
			return -1 << 20
		}
		n, last = n+1, r.ord
	}
	return n
}
