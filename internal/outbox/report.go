package outbox

import "time"

// report is one durable report in memory. It is in exactly one queue of work,
// and in its lane's list by age.
type report struct {
	seq, ord uint64
	lane     *lane
	bytes    int64 // of the stored body
	wire     int64 // of the packet, about
	item     Item
	qos      byte

	q            *queue
	prev, next   *report
	age          *byAge
	older, newer *report

	attempts uint32 // in this process
	tries    uint32 // in this session
	retries  uint32 // replies that asked for a retry
	relogin  bool   // it has asked for a new login before
	session  uint64 // the session it was last sent in
	sentAt   time.Duration
	firstAt  time.Duration // of the first attempt
	due      time.Duration // parked until
	deaths   uint8         // of the link by the peer's hand, while in flight
	kills    uint8         // of these, while alone in flight
	suspect  bool

	stamped, hasTime, marked bool
	time                     int64
}

// envelope is about what topic and envelope add to a post.
const envelope = 160

func (c *Core) newReport(l *lane, seq, ord uint64, bytes int64, it Item) *report {
	r := c.spare
	if r == nil {
		r = new(report)
	} else {
		c.spare = r.next
	}
	*r = report{seq: seq, ord: ord, lane: l, bytes: bytes, item: it, qos: c.qos(it.Kind)}
	r.wire = int64(len(it.Params)+len(it.Name)+len(it.Device)+len(it.CallID)) + envelope
	return r
}

func (c *Core) freeReport(r *report) {
	*r = report{next: c.spare}
	c.spare = r
}

// byReply says whether the platform answers posts of this kind by their id.
func (c *Core) byReply(k Kind) bool {
	return c.cfg.Confirm == ByReply && (k == KindProperty || k == KindEvent)
}

func (c *Core) qos(k Kind) byte {
	if c.byReply(k) {
		return 0
	}
	return 1
}

// queue is a doubly linked list of reports.
type queue struct {
	head, tail *report
	len        int
	bytes      int64 // on the wire
}

func (q *queue) push(r *report) { q.insertAfter(q.tail, r) }

// insert keeps the queue in order of seq; what is new is nearly always last.
func (q *queue) insert(r *report) {
	at := q.tail
	for at != nil && at.seq > r.seq {
		at = at.prev
	}
	q.insertAfter(at, r)
}

// insertAfter moves r here from where it is; at nil is the front.
func (q *queue) insertAfter(at, r *report) {
	r.leave()
	r.q, r.prev = q, at
	if at == nil {
		r.next, q.head = q.head, r
	} else {
		r.next, at.next = at.next, r
	}
	if r.next == nil {
		q.tail = r
	} else {
		r.next.prev = r
	}
	q.len++
	q.bytes += r.wire
}

// leave takes r out of its queue.
//
//go:noinline
func (r *report) leave() {
	q := r.q
	if q == nil {
		return
	}
	if r.prev == nil {
		q.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		q.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	q.len--
	q.bytes -= r.wire
	r.q, r.prev, r.next = nil, nil, nil
}

// byAge is a list of reports of one lane in order of ord.
type byAge struct{ oldest, newest *report }

func (a *byAge) insert(r *report) {
	r.leaveAge()
	at := a.newest
	for at != nil && at.ord > r.ord {
		at = at.older
	}
	r.age, r.older = a, at
	if at == nil {
		r.newer, a.oldest = a.oldest, r
	} else {
		r.newer, at.newer = at.newer, r
	}
	if r.newer == nil {
		a.newest = r
	} else {
		r.newer.older = r
	}
}

//go:noinline
func (r *report) leaveAge() {
	a := r.age
	if a == nil {
		return
	}
	if r.older == nil {
		a.oldest = r.newer
	} else {
		r.older.newer = r.newer
	}
	if r.newer == nil {
		a.newest = r.older
	} else {
		r.newer.older = r.older
	}
	r.age, r.older, r.newer = nil, nil, nil
}
