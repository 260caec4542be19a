// Package backoff computes how long to wait before the next attempt. It is pure:
// the random number comes in as an argument.
package backoff

import "time"

// Policy is exponential backoff with full jitter: before attempt n (from 0 on)
// the delay is drawn evenly from zero up to min(Cap, Base·2ⁿ). Drawing anew for
// every attempt spreads a fleet; drawing once would make waves.
type Policy struct {
	Base, Cap time.Duration
}

// Delay is the wait for an attempt, given 64 random bits. It never overflows,
// and is 0 only where Base or Cap is.
func (p Policy) Delay(attempt int, rnd uint64) time.Duration {
	top := p.Ceiling(attempt)
	if top <= 0 {
		return 0
	}
	return time.Duration(rnd%uint64(top)) + 1
}

// Ceiling is the longest wait that Delay may draw for an attempt.
func (p Policy) Ceiling(attempt int) time.Duration {
	top := p.Base
	for range max(attempt, 0) {
		if top >= p.Cap-top { // doubling would pass the cap, or overflow
			return p.Cap
		}
		top *= 2
	}
	return min(top, p.Cap)
}
