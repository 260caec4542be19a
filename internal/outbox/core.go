package outbox

import "time"

// Now is the moment of an input.
type Now struct {
	// Boot and At are the clock's boot id and boot time: every age and timer here
	// is a difference of At.
	Boot uint64
	At   time.Duration
	// Wall is milliseconds since the Unix epoch, and Trusted whether a source has
	// vouched for the clock.
	Wall    int64
	Trusted bool
}

// Core decides what to send next. It owns nothing outside: every input is a
// method with the moment as an argument, all work comes out of Ready. Its memory
// is bounded by the window and a few loaded reports per lane, whatever waits.
// It belongs to one goroutine.
type Core struct {
	cfg   Config
	now   Now
	lanes [MaxLanes]*lane
	order []*lane // by priority, highest first
	turn  int     // where the next round over lanes of one priority begins

	nextSeq uint64
	first   uint64 // the first seq of this process
	durable uint64 // all up to here is on the medium

	unsynced  fifo // submitted, not yet durable
	appending int  // how many of its last are in the Append that is out

	held   map[uint64]*report // everything in memory that is durable, by seq
	spare  *report            // free list
	aside  map[uint64]Mark    // quarantined
	yes    earlyYes
	recent *Recent

	flight, resend, parked queue
	parkedAt               time.Duration // no parked report is due before
	mayPark                int

	link    link
	window  window
	buckets [2]bucket
	replies replyClock
	clocks  clockBook

	keepSlot    bool          // a lane has Reserve
	reservedOut int           // of the flight, those of such lanes
	suspect     int           // how many held reports are suspected to kill the link
	sweepAt     time.Duration // when the heads of the lanes are next looked at; 0: never
	blocked     [2]bool       // this round: no token for this QoS
	wake        time.Duration // this round: when a bucket or a load may go on

	unknown    uint64 // replies that fitted no report
	out, given *Ready // the work that comes up, and the work that was handed out
}

// NewCore starts from what the store knows. dirty says that the store has entries
// that were appended by an owner before and are not durable yet: until a Synced
// covers them nothing is loaded or sent. (Before, the actor lets the jobs that
// the store calls Running end, and calls Done.)
func NewCore(cfg Config, st State, dirty bool) *Core {
	cfg.setDefaults()
	c := &Core{
		cfg: cfg, nextSeq: max(st.NextSeq, 1),
		held: make(map[uint64]*report), aside: make(map[uint64]Mark),
		recent: cfg.Recent, out: new(Ready), given: new(Ready), mayPark: maxParked,
	}
	c.first = c.nextSeq
	if !dirty {
		c.durable = c.nextSeq - 1
	}
	c.window.start(&c.cfg)
	for i := range c.lanes {
		l := &lane{index: uint8(i), counts: st.Lanes[i], nextOrd: max(st.NextOrd[i], 1)}
		if i < len(cfg.Lanes) {
			l.Lane, l.configured = cfg.Lanes[i], true
			c.keepSlot = c.keepSlot || l.Reserve
		}
		l.more = l.counts.Pending() > 0
		if l.Policy == LatestOnly {
			l.latest = make(map[string]Mark)
			l.indexing = l.more
		}
		c.lanes[i] = l
		if l.configured || l.more {
			c.insertByPriority(l)
		}
	}
	for q, r := range cfg.RatePerQoS {
		c.buckets[q] = newBucket(r, c.keepSlot)
	}
	c.replies.init(&c.cfg)
	c.clocks.points = append(c.clocks.points, st.Clocks...)
	for _, m := range st.Quarantined {
		c.setAside(m)
	}
	c.sweepAt = 1 // at the first input
	return c
}

func (c *Core) insertByPriority(l *lane) {
	i := len(c.order)
	for i > 0 && c.order[i-1].Priority < l.Priority {
		i--
	}
	c.order = append(c.order, nil)
	copy(c.order[i+1:], c.order[i:])
	c.order[i] = l
}

// Tick tells the time. It is due at Ready.WakeAt, and does no harm at any other.
func (c *Core) Tick(now Now) { c.observe(now) }

// Ready is the work that has come up. It is to be performed as Ready's fields
// say, and asked for again until it is Empty.
func (c *Core) Ready() *Ready {
	c.pump()
	c.given, c.out = c.out, c.given
	c.out.reset()
	c.appending = len(c.given.Append)
	return c.given
}

// pump turns what is due now into work.
func (c *Core) pump() {
	c.wake = 0
	c.runTimers()
	c.evictOverBudget()
	c.sendWhatMay()
	c.loadWhatIsWanted()
	c.out.WakeAt = c.wakeAt()
}

// wakeAt is the earliest moment at which time alone makes work.
func (c *Core) wakeAt() time.Duration {
	at := c.wake
	soonest := func(t time.Duration, when bool) {
		if when && t > 0 && (at == 0 || t < at) {
			at = t
		}
	}
	soonest(c.sweepAt, true)
	soonest(c.parkedAt, c.parked.len > 0)
	if c.link.up {
		soonest(c.link.quietUntil, c.link.quietUntil > c.now.At)
		soonest(c.link.pausedUntil, c.link.pausedUntil > c.now.At)
		soonest(c.replies.wakeAt(c.flight.len), true)
		soonest(c.clocks.waitUntil, c.clocks.waiting > 0)
	}
	return at
}

// runTimers performs what is due by time.
func (c *Core) runTimers() {
	c.unpark()
	c.checkReplies()
	c.releaseClockWait()
	c.sweep()
}
