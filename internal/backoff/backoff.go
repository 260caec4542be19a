// Package backoff decides how long to wait before trying again. It is pure: the
// randomness comes in as an argument, and who waits has the timer.
package backoff

import (
	"math/bits"
	"time"
)

// Policy is exponential backoff with full jitter: a delay is uniform between
// nothing and the ceiling, drawn anew for each attempt, so that a fleet that
// fell together does not come back together.
type Policy struct {
	Base time.Duration // the ceiling of the first delay
	Cap  time.Duration // the highest ceiling; if not above Base, the only one
}

// Ceiling is the longest delay before attempt n+1: Base·2ⁿ, at most Cap. n
// counts the failed attempts before this delay from 0 and may be any number.
func (p Policy) Ceiling(n int) time.Duration {
	base, limit := max(0, p.Base), max(0, p.Base, p.Cap)
	if n <= 0 || base == 0 {
		return base
	}
	// Shifting must not lose bits: base<<n ≤ limit exactly if base ≤ limit>>n.
	if n >= bits.Len64(uint64(limit)) || base > limit>>n {
		return limit
	}
	return base << n
}

// Delay is how long to wait after the failed attempt n (from 0). rnd is 64
// random bits; equal bits give equal delays.
func (p Policy) Delay(n int, rnd uint64) time.Duration {
	// The high word of rnd·(ceiling+1) is uniform in [0, ceiling].
	hi, _ := bits.Mul64(rnd, uint64(p.Ceiling(n))+1)
	return time.Duration(hi)
}
