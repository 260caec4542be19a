package fsm

import (
	"time"

	"github.com/aliiot/aliiot/internal/backoff"
)

// hint is the modem's word. It brings a probe or an attempt forward, and a storm
// of hints brings forward no more than a few of them.
func (s *step) hint(up bool) {
	//exhaustive:enforce
	switch s.c.State {
	case ConnOnline:
		// The socket survives a change of address and a loss of the link without a
		// sound: whatever the hint says, only an answer proves the session.
		if wait := s.c.probedAt + s.m.policy.HintGap - s.now; !s.c.probed || wait <= 0 {
			s.probe(0)
		} else if !s.c.armed(TimerHint) {
			s.arm(TimerHint, wait)
		}
	case ConnConnecting:
		s.c.hurry = s.c.hurry || up
	case ConnWaiting:
		if up {
			s.comeSooner()
		}
	case ConnStopped, ConnSubscribing, ConnRefused, ConnDisplaced:
		// Credentials do not get better with the link, and a fight not either. A
		// SUBSCRIBE under way is its own probe.
	}
}

// comeSooner shortens a wait for the link.
func (s *step) comeSooner() {
	wait := max(s.hintWait(), s.hold())
	if s.now+wait >= s.c.RetryAt {
		return
	}
	s.c.hintAt = s.now + wait
	s.c.hints++
	if wait > 0 {
		s.retryIn(wait)
		return
	}
	s.dial()
}

// hintWait is how long the next hint must wait: nothing at first, and twice as
// long each time that an attempt brought forward was in vain.
func (s *step) hintWait() time.Duration {
	if s.c.hints == 0 {
		return 0
	}
	gap := backoff.Policy{Base: s.m.policy.HintGap, Cap: max(s.m.policy.HintGap, s.m.policy.Backoff.Cap)}.Ceiling(s.c.hints - 1)
	return max(0, s.c.hintAt+gap-s.now)
}

// probe asks the platform for a sign of life, unless one is awaited already.
func (s *step) probe(bound time.Duration) {
	if s.c.State != ConnOnline || s.c.armed(TimerProbe) {
		return
	}
	if bound <= 0 {
		bound = s.m.policy.ProbeDeadline
	}
	s.cancel(TimerHint) // this is the probe that it waits for
	s.c.probed, s.c.probedAt, s.c.bound = true, s.now, bound
	s.arm(TimerProbe, bound)
	s.do(Probe{Session: s.c.Attempt, Bound: bound})
}
