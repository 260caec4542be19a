package fsm

import (
	"time"

	"github.com/aliiot/aliiot/internal/backoff"
)

// failed is the wait after a failure of the link, and counts it.
func (s *step) failed() time.Duration {
	p := s.m.policy
	wait := p.Backoff.Delay(s.c.Failures, s.rnd)
	switch {
	case s.c.Displaced:
		wait = steady(p.Backoff.Cap, s.rnd)
	case s.c.Failures == 0 && s.c.announced:
		wait = jitter(p.LostSpread, s.rnd)
	}
	s.c.Failures++
	if s.c.hurry {
		wait = min(wait, s.hintWait())
		s.c.hintAt = s.now + wait
		s.c.hints++
	}
	return wait
}

// retryIn arms the timer of the next attempt, not before the bound on connects
// allows one.
func (s *step) retryIn(wait time.Duration) {
	wait = max(wait, s.hold())
	s.c.RetryAt = s.now + wait
	s.arm(TimerRetry, wait)
}

// hold is how long no attempt may begin, because as many as the policy allows
// ended within the last minute.
func (s *step) hold() time.Duration {
	n := s.m.policy.ConnectsPerMinute
	if n == 0 || len(s.c.connects) < n {
		return 0
	}
	oldest := s.c.connects[len(s.c.connects)-n]
	return max(0, oldest+connWindow-s.now)
}

// jitter is a random part of width.
func jitter(width time.Duration, rnd uint64) time.Duration {
	if width <= 0 {
		return 0
	}
	return backoff.Policy{Base: width, Cap: width}.Delay(0, rnd)
}

// steady is a wait of at least half of d: where coming back soon does harm, full
// jitter is too eager.
func steady(d time.Duration, rnd uint64) time.Duration {
	return d/2 + jitter(d-d/2, rnd)
}
