package fsm

import "time"

// Connection is the machine of one device's connection. It holds the policy and
// the table of legal moves, no state; it is safe for concurrent use.
type Connection struct {
	policy ConnPolicy
	table  *Table[ConnState, ConnMove]
}

// NewConnection builds the machine. A policy that cannot be gives *PolicyError.
func NewConnection(p ConnPolicy) (*Connection, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	return &Connection{policy: p, table: newConnTable()}, nil
}

// Moment is what a step needs from outside: Boot is the time since the machine
// started, suspend included (internal/clock), Rnd are 64 random bits for jitter.
type Moment struct {
	Boot time.Duration
	Rnd  uint64
}

// Conn is the state of a connection: a value, which only Step changes. It is made
// by Start.
type Conn struct {
	State ConnState
	// Attempt is the number of the last attempt, and of its session.
	Attempt uint64
	// Quiet: the attempt's session does not publish yet.
	Quiet bool
	// Displaced: another client seems to use this identity. It outlasts the state
	// of that name and ends at the first stable session.
	Displaced bool
	// RetryAt is the boot time of the next attempt, 0 if none is planned.
	RetryAt time.Duration
	// Failures counts what went wrong since a session was stable, Refusals the
	// refusals since one was accepted, QuickDeaths the sessions running that the
	// peer closed soon.
	Failures, Refusals, QuickDeaths int

	bootID    uint64
	connects  []time.Duration // when the last attempts were known to be over, or began
	endpoint  int
	connackAt time.Duration
	onlineAt  time.Duration
	announced bool
	timers    timers

	probed   bool // since when hints are spread
	probedAt time.Duration
	bound    time.Duration
	hints    int // attempts that a hint brought forward since a session was online
	hintAt   time.Duration
	hurry    bool // a hint came during the attempt: should it fail, do not wait long
	relogin  bool // the credentials changed during the attempt

	told        []told
	unreachable unreachable
}

// Session is the number of the session that exists, 0 if none does.
func (c Conn) Session() uint64 {
	if c.State == ConnSubscribing || c.State == ConnOnline {
		return c.Attempt
	}
	return 0
}

// Start is the state of a connection before its first event: stopped, with the
// connects of record counted. boot is the identity of this boot, lastAttempt a
// number that the sessions of this process have not passed yet (0 in a new one).
func (m *Connection) Start(now time.Duration, record ConnRecord, boot, lastAttempt uint64) Conn {
	return Conn{
		State:    ConnStopped,
		Attempt:  lastAttempt,
		bootID:   boot,
		connects: record.on(boot, now, m.policy.DialDeadline, m.policy.ConnectsPerMinute),
	}
}

// Step takes one event at one moment and returns the new state and what is to be
// done, in this order. An event that has no meaning in c changes nothing. The
// argument is not changed.
func (m *Connection) Step(c Conn, at Moment, e ConnEvent) (Conn, []ConnAction) {
	s := &step{m: m, c: c, now: at.Boot, rnd: at.Rnd}
	switch e := e.(type) {
	case Connect:
		if c.State == ConnStopped {
			s.dial()
		}
	case Disconnect:
		s.disconnect()
	case Dialled:
		s.dialled(e)
	case DialFailed:
		if e.Attempt == c.Attempt {
			s.dialFailed(e)
		}
	case Subscribed:
		if e.Session == c.Attempt {
			s.online()
		}
	case SubscribeFailed:
		if e.Session == c.Attempt {
			s.subscribeFailed(e)
		}
	case Lost:
		if e.Session == c.Attempt {
			s.ended(OfflineLost, e.ByPeer, e.Detail)
		}
	case TimerFired:
		if e.Attempt == c.Attempt && !s.overslept(e.Timer) {
			s.fired(e.Timer)
		}
	case LinkHint:
		s.hint(e.Up)
	case Suspect:
		if e.Session == c.Attempt {
			s.probe(e.Bound)
		}
	case Silence:
		if e.Session == c.Session() && e.Session != 0 {
			s.do(Abort{c.Attempt})
			s.ended(OfflineSilent, false, "the platform stopped answering")
		}
	case Heard:
		if e.Session == c.Attempt {
			s.cancel(TimerProbe)
		}
	case LoginAgain:
		s.loginAgain()
	case Resumed:
		s.resumed()
	}
	return s.c, s.out
}

// step is one event's work in progress.
type step struct {
	m   *Connection
	c   Conn
	now time.Duration
	rnd uint64
	out []ConnAction
}

// do is called, not copied into each of some fifty places: that is 20 KB.
//
//go:noinline
func (s *step) do(a ConnAction) { s.out = append(s.out, a) }

// move is the only writer of the state. It is false where the table has no such
// move: then the event is out of place and the caller does nothing.
func (s *step) move(m ConnMove) bool {
	next, err := s.m.table.Next(s.c.State, m)
	if err != nil {
		return false
	}
	s.c.State = next
	return true
}

// dial begins an attempt, or arms the timer for the moment when the bound on
// connects allows it.
func (s *step) dial() {
	if hold := s.hold(); hold > 0 {
		s.move(MoveHold) // only from stopped; who waits already goes on waiting
		s.retryIn(hold)
		return
	}
	if !s.move(MoveDial) {
		return
	}
	s.cancel(TimerRetry)
	s.c.Attempt++
	s.c.RetryAt = 0
	s.c.Quiet = s.c.QuickDeaths >= quietAfter
	s.c.hurry, s.c.relogin = false, false
	s.begun()
	s.arm(TimerDial, s.m.policy.DialDeadline+dialSlack)
	s.do(SaveAttempt{s.record()})
	s.do(Dial{Attempt: s.c.Attempt, Endpoint: s.c.endpoint, Deadline: s.m.policy.DialDeadline, Quiet: s.c.Quiet})
}

func (s *step) dialled(e Dialled) {
	if e.Attempt != s.c.Attempt || !s.move(MoveAccept) {
		// Nobody waits for it any more; but the session that is in use stays.
		if e.Attempt != s.c.Session() {
			s.do(CloseSession{e.Attempt})
		}
		return
	}
	s.cancel(TimerDial)
	s.over()
	s.c.connackAt = s.now
	s.c.Refusals = 0
	s.c.told, s.c.unreachable = nil, unreachable{}
	s.arm(TimerSubscribe, s.m.policy.SubscribeDeadline+dialSlack)
	s.do(Subscribe{Session: s.c.Attempt, Deadline: s.m.policy.SubscribeDeadline})
}

func (s *step) online() {
	if !s.move(MoveSubscribe) {
		return
	}
	s.cancel(TimerSubscribe)
	s.c.onlineAt = s.now
	s.c.hints = 0
	s.c.announced = true
	s.arm(TimerStable, s.m.policy.StableAfter)
	if s.c.Quiet {
		s.arm(TimerQuiet, s.m.policy.QuietFor)
	}
	s.do(AnnounceOnline{Session: s.c.Attempt, Quiet: s.c.Quiet})
}

func (s *step) disconnect() {
	before := s.c
	if !s.move(MoveStop) {
		return
	}
	s.cancelAll()
	//exhaustive:enforce
	switch before.State {
	case ConnConnecting:
		s.over()
		s.do(Abort{s.c.Attempt})
	case ConnSubscribing, ConnOnline:
		s.do(CloseSession{s.c.Attempt})
	case ConnStopped, ConnWaiting, ConnRefused, ConnDisplaced:
	}
	s.offline(OfflineDisconnected, false, "")
	// A new wish starts afresh; only the record of the connects outlasts it.
	s.c = Conn{State: s.c.State, Attempt: s.c.Attempt, bootID: s.c.bootID, connects: s.c.connects, endpoint: s.c.endpoint}
}

func (s *step) loginAgain() {
	//exhaustive:enforce
	switch s.c.State {
	case ConnRefused:
		s.c.Refusals = 0
		s.dial()
	case ConnConnecting:
		s.c.relogin = true
	case ConnSubscribing, ConnOnline:
		s.do(CloseSession{s.c.Attempt})
		s.ended(OfflineLoginAgain, false, "")
	case ConnStopped, ConnWaiting, ConnDisplaced:
	}
}
