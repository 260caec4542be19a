package fsm

import (
	"slices"
	"time"
)

var allTimers = []Timer{TimerDial, TimerSubscribe, TimerProbe, TimerHint, TimerQuiet, TimerStable, TimerRetry}

// timers are the boot times at which the armed ones are due.
type timers [7]struct {
	armed bool
	due   time.Duration
}

//go:noinline
func (s *step) arm(t Timer, after time.Duration) {
	timer := &s.c.timers[slices.Index(allTimers, t)]
	timer.armed, timer.due = true, s.now+after
	s.do(ArmTimer{Timer: t, After: after, Attempt: s.c.Attempt})
}

//go:noinline
func (s *step) cancel(t Timer) {
	timer := &s.c.timers[slices.Index(allTimers, t)]
	if timer.armed {
		timer.armed = false
		s.do(CancelTimer{t})
	}
}

func (s *step) cancelAll() {
	for _, t := range allTimers {
		s.cancel(t)
	}
}

func (c Conn) armed(t Timer) bool { return c.timers[slices.Index(allTimers, t)].armed }

func (c Conn) due(t Timer) time.Duration { return c.timers[slices.Index(allTimers, t)].due }

// fired runs what the timer was armed for, if it still is and its time has come.
func (s *step) fired(t Timer) {
	i := slices.Index(allTimers, t)
	if i < 0 || !s.c.timers[i].armed {
		return
	}
	if early := s.c.timers[i].due - s.now; early > 0 {
		// A message of an earlier arming that was already on its way, or two clocks
		// that differ by a little: to ignore it could leave no timer at all.
		s.arm(t, early)
		return
	}
	s.c.timers[i].armed = false
	//exhaustive:enforce
	switch t {
	case TimerDial:
		s.do(Abort{s.c.Attempt})
		s.dialFailed(DialFailed{Attempt: s.c.Attempt, Class: ClassLink, Detail: "the attempt hung"})
	case TimerSubscribe:
		s.do(Abort{s.c.Attempt})
		s.unsubscribed("no SUBACK")
	case TimerRetry:
		s.dial()
	case TimerStable:
		s.settle()
	case TimerQuiet:
		s.c.Quiet = false
		s.do(AnnounceOnline{Session: s.c.Attempt})
	case TimerProbe:
		s.do(Abort{s.c.Attempt})
		s.ended(OfflineSilent, false, "the probe got no answer")
	case TimerHint:
		s.probe(0)
	}
}

// lateLook is by how much later than its time a timer may be seen before it says
// that nobody was running here: a process that was stopped, a machine with no time.
const lateLook = time.Second

// overslept gives an answer that was awaited as long again as we were late for it:
// it may wait in our own queue, behind the timer.
func (s *step) overslept(t Timer) bool {
	switch t {
	case TimerDial, TimerSubscribe, TimerProbe:
	default:
		return false
	}
	late := s.now - s.c.due(t)
	if !s.c.armed(t) || late <= lateLook {
		return false
	}
	s.arm(t, min(late, s.m.policy.ProbeDeadline))
	return true
}

// resumed looks at every timer by boot time: those that are due fire, the others
// run for what is left.
func (s *step) resumed() {
	attempt, bound := s.c.Attempt, s.c.bound
	awake := s.c.State == ConnOnline
	if awake {
		// While the machine slept nothing was proven, and no answer could be heard.
		s.cancel(TimerProbe)
		s.cancel(TimerHint)
		s.cancel(TimerStable)
	}
	s.c.hurry = s.c.hurry || s.c.State == ConnConnecting
	for _, t := range allTimers {
		if !s.c.armed(t) || s.c.Attempt != attempt {
			continue
		}
		if s.c.due(t) <= s.now {
			s.do(CancelTimer{t}) // the owner's own would still fire, too late
		}
		s.fired(t)
	}
	if awake {
		s.c.onlineAt = s.now
		s.arm(TimerStable, s.m.policy.StableAfter)
		s.probe(bound)
	}
}
