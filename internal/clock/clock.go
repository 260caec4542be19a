// Package clock is the seam to time as a small device has it: a wall clock that
// may be wrong by decades, a boot-time clock that runs in suspend, the identity
// of this boot, and a source of randomness. Everything else that is time
// (timers, deadlines) comes from the runtime, which testing/synctest replaces.
package clock

import "time"

// Clock is a bundle of functions, so that a test replaces just the one it needs.
// All fields are set. The functions are safe for concurrent use.
type Clock struct {
	// Wall is the system's idea of the date. It is a guess until a source has
	// spoken, and it may jump both ways at any time.
	Wall func() time.Time
	// Boot is the time since the machine started, suspend included. It never
	// goes back within one boot; between two boots it means nothing.
	Boot func() time.Duration
	// BootID tells boots apart: equal within one boot, over all processes.
	BootID uint64
	// Synchronised says whether the kernel calls its clock synchronised
	// (adjtimex without STA_UNSYNC). It is the only trust that a start may have.
	Synchronised func() bool
	// Rand returns 64 random bits, for jitter, salts and epochs. Not for secrets.
	Rand func() uint64
}
