package outbox

import (
	"cmp"
	"slices"
)

// submitted is a report between Submit and the sync that covers it.
type submitted struct {
	seq, ord uint64
	lane     *lane
	bytes    int64
	item     Item // without params unless kept
	kept     bool // there is room to keep it in memory and send it at once
}

// fifo is a queue of submitted that uses its memory again.
type fifo struct {
	list []submitted
	head int
}

func (f *fifo) len() int { return len(f.list) - f.head }

func (f *fifo) push(s submitted) {
	if f.head > 32 && f.head > len(f.list)/2 {
		n := copy(f.list, f.list[f.head:])
		clear(f.list[n:])
		f.list, f.head = f.list[:n], 0
	}
	f.list = append(f.list, s)
}

func (f *fifo) pop() submitted {
	s := f.list[f.head]
	f.list[f.head] = submitted{}
	f.head++
	if f.head == len(f.list) {
		f.list, f.head = f.list[:0], 0
	}
	return s
}

// Submit takes a report into a lane and gives it its number; Ready.Append has it
// next. It is accepted when Ready.Accept names the number. The core keeps
// it.Params: do not change them. A zero Made is now; one with only At was made
// then in this boot; Wall and Trusted are the time of the value; a zero TTL is the
// lane's.
//
// Errors: ErrFull where the lane refuses, *TooLargeError, *LaneError.
func (c *Core) Submit(now Now, lane int, it Item) (seq uint64, err error) {
	c.observe(now)
	if lane < 0 || lane >= MaxLanes || !c.lanes[lane].configured {
		return 0, &LaneError{Lane: lane}
	}
	l := c.lanes[lane]
	if len(it.Params) > c.cfg.MaxPayload {
		return 0, &TooLargeError{Size: int64(len(it.Params)), Limit: int64(c.cfg.MaxPayload), What: "payload"}
	}
	c.stampMade(&it.Made)
	if it.TTL == 0 {
		it.TTL = l.TTL
	}
	body, _ := it.AppendBinary(make([]byte, 0, it.sizeHint()))
	size := int64(len(body))
	switch {
	case l.Budget <= 0:
	case size > l.Budget:
		return 0, &TooLargeError{Size: size, Limit: l.Budget, What: "lane budget"}
	case l.Policy == RefuseNew && l.usage()+l.unsyncedBytes+size > l.Budget:
		return 0, ErrFull
	}

	s := submitted{seq: c.nextSeq, ord: l.nextOrd, lane: l, bytes: size, item: it}
	s.kept = c.link.up && c.mayKeep(l, size+l.unsyncedBytes)
	if !s.kept {
		s.item.Params = nil
	}
	c.nextSeq++
	l.nextOrd++
	l.unsynced++
	l.unsyncedBytes += size
	c.unsynced.push(s)
	c.out.Append = append(c.out.Append, Entry{Seq: s.seq, Ord: s.ord, Lane: l.index, Body: body})
	return s.seq, nil
}

// mayKeep says whether a new report may stay in memory instead of being loaded later.
func (c *Core) mayKeep(l *lane, bytes int64) bool {
	return l.roomFor(bytes) && l.unsynced < maxHeld && !l.indexing
}

// Appended says how Store.Append took Ready.Append. After an error nothing of it
// is kept: each report is refused with it. Its numbers are not used again.
func (c *Core) Appended(now Now, err error) {
	c.observe(now)
	n := c.appending
	c.appending = 0
	if err == nil {
		return
	}
	// Nothing was submitted since Ready, so they are the last ones but for those
	// in the next Append.
	list := c.unsynced.list
	to := len(list) - len(c.out.Append)
	for _, s := range list[to-n : to] {
		c.uncount(s)
		c.out.Refuse = append(c.out.Refuse, Refusal{Seq: s.seq, Err: err})
	}
	rest := copy(list[to-n:], list[to:])
	clear(list[to-n+rest:])
	c.unsynced.list = list[:to-n+rest]
}

func (c *Core) uncount(s submitted) {
	s.lane.unsynced--
	s.lane.unsyncedBytes -= s.bytes
}

// Synced takes what Store.Done said: reports that are durable are accepted, the
// others are refused or of unknown fate.
func (c *Core) Synced(now Now, res Result) {
	c.observe(now)
	for _, e := range res.Refused {
		c.out.Refuse = append(c.out.Refuse, Refusal{Seq: e.Seq, Err: res.Err})
		c.withdraw(e)
	}
	for _, e := range res.Unknown {
		c.out.Unknown = append(c.out.Unknown, e.Seq)
		c.withdraw(e)
	}
	c.durable = max(c.durable, res.Durable)
	for c.unsynced.len() > 0 {
		s := &c.unsynced.list[c.unsynced.head]
		if s.lane != nil && s.seq > c.durable {
			break
		}
		if s := c.unsynced.pop(); s.lane != nil { // else withdrawn
			c.uncount(s)
			c.accept(s)
		}
	}
	for _, l := range c.order {
		if l.stopped { // what a load met has become durable, or is gone
			l.more, l.stopped = true, false
		}
	}
}

// withdraw takes an entry that will not be durable out of the counts. One that an
// owner before had appended is in the store's counts since the start.
func (c *Core) withdraw(e Entry) {
	if e.Seq < c.first {
		l := c.lanes[e.Lane]
		l.counts.Accepted--
		l.counts.PendingBytes -= int64(len(e.Body))
		return
	}
	waiting := c.unsynced.list[c.unsynced.head:]
	i, ok := slices.BinarySearchFunc(waiting, e.Seq, func(s submitted, seq uint64) int { return cmp.Compare(s.seq, seq) })
	if ok && waiting[i].lane != nil {
		c.uncount(waiting[i])
		waiting[i] = submitted{seq: e.Seq}
	}
}

// accept counts a durable report and decides where it waits.
func (c *Core) accept(s submitted) {
	l := s.lane
	l.counts.Accepted++
	l.counts.PendingBytes += s.bytes
	c.out.Accept = append(c.out.Accept, s.seq)
	if s.item.TTL > 0 {
		c.sweepBy(c.expiresAt(&s.item))
	}
	if l.latest != nil {
		c.supersede(l, s.item.Key, Mark{Seq: s.seq, Ord: s.ord, Lane: l.index, Bytes: s.bytes})
	}
	if !s.kept || l.Ordered && (l.more || l.stopped) { // it must not overtake
		l.more = true
		return
	}
	r := c.newReport(l, s.seq, s.ord, s.bytes, s.item)
	if l.Ordered {
		// Nothing waits on the disk, so it is simply the next one.
		l.cursor = s.ord
		c.hold(r, &l.old, &l.loaded)
		return
	}
	c.hold(r, &l.young, &l.fresh)
}
