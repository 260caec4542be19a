// Package backoff decides how long to wait before trying again. It is pure: the
// randomness comes in as an argument, and who waits has the timer.
package backoff

import (
	"math/bits"
	"time"
)

// Policy is exponential backoff with full jitter: before attempt n (from 0 on)
// the delay is drawn evenly from zero up to min(Cap, Base·2ⁿ). Drawing anew for
// every attempt spreads a fleet that fell together; drawing once makes waves.
type Policy struct {
	Base, Cap time.Duration
}

// Ceiling is the longest wait that Delay may draw for an attempt. The attempt
// may be any number; nothing overflows.
func (p Policy) Ceiling(attempt int) time.Duration {
	if p.Base <= 0 || p.Cap <= 0 {
		return 0
	}
	n := max(0, attempt)
	// Base<<n is at most Cap exactly if Base is at most Cap>>n: no bit is lost.
	if n >= bits.Len64(uint64(p.Cap)) || p.Base > p.Cap>>n {
		return p.Cap
	}
	return p.Base << n
}

// Delay is the wait for an attempt, given 64 random bits: equal bits give equal
// delays. It is 0 only where Base or Cap is, so nobody spins.
func (p Policy) Delay(attempt int, rnd uint64) time.Duration {
	top := uint64(p.Ceiling(attempt))
	if top == 0 {
		return 0
	}
	hi, _ := bits.Mul64(rnd, top) // uniform in [0, top)
	return time.Duration(hi) + 1
}
