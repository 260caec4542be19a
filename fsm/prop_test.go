package fsm

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a slow, obvious model of what surrounds the machine: it performs the
// actions and knows what must be true at every moment.
type world struct {
	t       *rapid.T
	machine *Connection
	policy  ConnPolicy
	c       Conn
	now     time.Duration

	dials     []time.Duration
	dialling  uint64          // the attempt under way, 0 if none
	live      map[uint64]bool // sessions that nobody has ended yet
	announced uint64
	saved     int
	armed     map[Timer]ArmTimer
	due       map[Timer]time.Duration
	wanted    bool
}

func newWorld(t *rapid.T) *world {
	p := DefaultConnPolicy()
	p.Endpoints = rapid.IntRange(1, 3).Draw(t, "endpoints")
	m, err := NewConnection(p)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, machine: m, policy: p, live: map[uint64]bool{}, armed: map[Timer]ArmTimer{}, due: map[Timer]time.Duration{}}
	w.c = m.Start(0, ConnRecord{}, 1, 0)
	return w
}

func (w *world) step(e ConnEvent) {
	w.t.Helper()
	rnd := rapid.Uint64().Draw(w.t, "rnd")
	var actions []ConnAction
	w.c, actions = w.machine.Step(w.c, Moment{Boot: w.now, Rnd: rnd}, e)
	for _, a := range actions {
		w.perform(a)
	}
	w.check()
}

func (w *world) perform(a ConnAction) {
	switch a := a.(type) {
	case SaveAttempt:
		w.saved++
	case Dial:
		if w.saved != len(w.dials)+1 {
			w.t.Fatalf("attempt %d began unsaved", a.Attempt)
		}
		if w.dialling != 0 || len(w.live) > 0 {
			w.t.Fatalf("attempt %d began beside %d and sessions %v", a.Attempt, w.dialling, w.live)
		}
		w.dialling = a.Attempt
		w.dials = append(w.dials, w.now)
	case Abort:
		delete(w.live, a.Attempt)
		if w.dialling == a.Attempt {
			w.dialling = 0
		}
	case CloseSession:
		delete(w.live, a.Session)
	case ArmTimer:
		if a.After < 0 || a.After > w.policy.RefusedBackoff.Cap+connWindow {
			w.t.Fatalf("timer %s runs for %v", a.Timer, a.After)
		}
		w.armed[a.Timer], w.due[a.Timer] = a, w.now+a.After
	case CancelTimer:
		delete(w.armed, a.Timer)
	case AnnounceOnline:
		if w.announced != 0 && (w.announced != a.Session || a.Quiet) {
			w.t.Fatalf("session %d announced over %d", a.Session, w.announced)
		}
		w.announced = a.Session
	case AnnounceOffline:
		if w.announced != a.Session {
			w.t.Fatalf("session %d announced as over, %d was online", a.Session, w.announced)
		}
		if a.RetryAt < w.now && a.Reason != OfflineDisconnected {
			w.t.Fatalf("the retry is in the past: %v, now %v", a.RetryAt, w.now)
		}
		w.announced = 0
	case Subscribe, Probe:
		if w.c.Session() == 0 {
			w.t.Fatalf("%#v without a session", a)
		}
	}
}

func (w *world) check() {
	for i := w.policy.ConnectsPerMinute; i < len(w.dials); i++ {
		if gap := w.dials[i] - w.dials[i-w.policy.ConnectsPerMinute]; gap < time.Minute {
			w.t.Fatalf("six attempts within %v", gap)
		}
	}
	if len(w.live) > 1 {
		w.t.Fatalf("sessions %v", w.live)
	}
	if got := w.c.State != ConnStopped; got != w.wanted {
		w.t.Fatalf("wanted %v, but %s", w.wanted, w.c.State)
	}
	if (w.announced != 0) != (w.c.State == ConnOnline) {
		w.t.Fatalf("%s, announced session %d", w.c.State, w.announced)
	}
	timer := func(t Timer) {
		if _, ok := w.armed[t]; !ok {
			w.t.Fatalf("%s without the timer %q", w.c.State, t)
		}
	}
	switch w.c.State {
	case ConnStopped:
		if len(w.armed) > 0 || w.dialling != 0 || len(w.live) > 0 {
			w.t.Fatalf("stopped, with timers %v, attempt %d, sessions %v", w.armed, w.dialling, w.live)
		}
	case ConnConnecting:
		timer(TimerDial)
	case ConnSubscribing:
		timer(TimerSubscribe)
	case ConnWaiting, ConnRefused, ConnDisplaced:
		timer(TimerRetry)
		if w.due[TimerRetry] != w.c.RetryAt {
			w.t.Fatalf("the status says %v, the timer %v", w.c.RetryAt, w.due[TimerRetry])
		}
	case ConnOnline:
	}
}

// fire lets time pass until the next timer and fires it.
func (w *world) fire() {
	next := Timer("")
	for _, t := range allTimers {
		if _, ok := w.armed[t]; ok && (next == "" || w.due[t] < w.due[next]) {
			next = t
		}
	}
	if next == "" {
		return
	}
	a := w.armed[next]
	delete(w.armed, next)
	w.now = max(w.now, w.due[next])
	w.step(TimerFired{Timer: next, Attempt: a.Attempt})
}

// finish ends the attempt under way with a session, as the transport would.
func (w *world) finish() {
	n := w.dialling
	w.dialling = 0
	w.live[n] = true
	w.step(Dialled{n})
}

func (w *world) any(label string) uint64 {
	return rapid.Uint64Range(0, w.c.Attempt+1).Draw(w.t, label)
}

func (w *world) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"connect":    func(*rapid.T) { w.wanted = true; w.step(Connect{}) },
		"disconnect": func(*rapid.T) { w.wanted = false; w.step(Disconnect{}) },
		"fire":       func(*rapid.T) { w.fire() },
		"pass": func(t *rapid.T) {
			w.now += time.Duration(rapid.IntRange(1, 3000).Draw(t, "milliseconds")) * time.Millisecond
		},
		"sleep": func(t *rapid.T) {
			w.now += time.Duration(rapid.IntRange(1, 120).Draw(t, "seconds")) * time.Second
			w.step(Resumed{})
		},
		"dialled": func(t *rapid.T) {
			if w.dialling == 0 {
				t.Skip("nothing is dialled")
			}
			w.finish()
		},
		"dial fails": func(t *rapid.T) {
			if w.dialling == 0 {
				t.Skip("nothing is dialled")
			}
			n := w.dialling
			w.dialling = 0
			w.step(DialFailed{
				Attempt: n,
				Class:   rapid.SampledFrom([]FailClass{ClassLink, ClassRefused, ClassNotServer, ClassTLS}).Draw(t, "class"),
				Code:    rapid.Byte().Draw(t, "code"),
			})
		},
		"lost": func(t *rapid.T) {
			n := w.c.Session()
			delete(w.live, n)
			w.step(Lost{Session: n, ByPeer: rapid.Bool().Draw(t, "by peer")})
		},
		"subscribed": func(*rapid.T) { w.step(Subscribed{w.c.Session()}) },
		"subscribe fails": func(t *rapid.T) {
			w.step(SubscribeFailed{Session: w.c.Session(), Class: rapid.SampledFrom([]FailClass{ClassLink, ClassRefused}).Draw(t, "class")})
		},
		"hint":        func(t *rapid.T) { w.step(LinkHint{rapid.Bool().Draw(t, "up")}) },
		"suspect":     func(*rapid.T) { w.step(Suspect{Session: w.c.Session()}) },
		"heard":       func(*rapid.T) { w.step(Heard{w.c.Session()}) },
		"silence":     func(*rapid.T) { w.step(Silence{w.c.Session()}) },
		"login again": func(*rapid.T) { w.step(LoginAgain{}) },
		"stale": func(t *rapid.T) {
			old := w.any("old")
			if old == w.c.Attempt {
				t.Skip("not stale")
			}
			before := w.c.State
			w.step(rapid.SampledFrom([]ConnEvent{
				Dialled{old}, DialFailed{Attempt: old, Class: ClassRefused, Code: 4}, Subscribed{old},
				SubscribeFailed{Session: old, Class: ClassLink}, Lost{Session: old, ByPeer: true}, Silence{old}, Suspect{Session: old},
				TimerFired{TimerRetry, old}, TimerFired{TimerDial, old}, TimerFired{TimerProbe, old},
			}).Draw(t, "event"))
			if w.c.State != before {
				t.Fatalf("an event of attempt %d moved %d from %s to %s", old, w.c.Attempt, before, w.c.State)
			}
		},
		"early timer": func(t *rapid.T) {
			timer := rapid.SampledFrom(allTimers).Draw(t, "timer")
			if w.due[timer] <= w.now {
				delete(w.armed, timer) // not early at all
			}
			w.step(TimerFired{timer, w.c.Attempt})
		},
	}
}

// Whatever comes in whatever order: at most five attempts a minute, one session,
// no event of an old one moves anything, and it is never wedged: from wherever it
// is, once the broker accepts, it comes online.
func TestConnectionHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(w.actions())
		w.wanted = true
		w.step(Connect{})
		for range 20 {
			switch {
			case w.c.State == ConnOnline:
				return
			case w.dialling != 0:
				w.finish()
			case w.c.State == ConnSubscribing:
				w.step(Subscribed{w.c.Session()})
			default:
				w.fire()
			}
		}
		t.Fatalf("still %s", w.c.State)
	})
}
