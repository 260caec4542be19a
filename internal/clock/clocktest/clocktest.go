// Package clocktest is a clock that a test holds in its hands: it may be wrong
// by decades, jump, sleep through a suspend, and boot anew.
//
// Time passes as the runtime's does, so inside a synctest bubble it is the
// bubble's. Make the Fake inside the bubble then.
package clocktest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aliiot/aliiot/internal/clock"
)

// Fake is one machine's clock. Its methods are safe for concurrent use.
type Fake struct {
	mu     sync.Mutex
	base   time.Time     // the runtime's time when this boot began
	slept  time.Duration // suspends since then
	offset time.Duration // of the wall clock from the runtime's
	synced bool
	bootID uint64
	rnd    *rand.Rand
}

// New returns a machine that has just booted: its wall clock is the runtime's,
// and the kernel does not call it synchronised. The seed decides boot ids and
// what Rand returns.
func New(seed uint64) *Fake {
	f := &Fake{base: time.Now(), rnd: rand.New(rand.NewPCG(seed, 0xb007))}
	f.bootID = f.rnd.Uint64()
	return f
}

// Clock is what a process that starts now gets. Its BootID is this boot's for
// ever, while its functions follow the Fake: after Reboot take a new one.
func (f *Fake) Clock() clock.Clock {
	f.mu.Lock()
	defer f.mu.Unlock()
	return clock.Clock{
		Wall:         f.Wall,
		Boot:         f.Boot,
		BootID:       f.bootID,
		Synchronised: f.Synchronised,
		Rand:         f.Rand,
	}
}

// Wall is the date as the system has it.
func (f *Fake) Wall() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Round strips the monotonic reading, which a jump would not touch.
	return time.Now().Round(0).Add(f.offset)
}

// Boot is the time since this boot began, suspends included.
func (f *Fake) Boot() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.base) + f.slept
}

// Synchronised is the kernel's word on the wall clock.
func (f *Fake) Synchronised() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.synced
}

// Rand returns seeded bits.
func (f *Fake) Rand() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rnd.Uint64()
}

// SetWall sets the date. Boot time does not notice.
func (f *Fake) SetWall(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset = t.Sub(time.Now().Round(0))
}

// Jump moves the date by d, which may be negative.
func (f *Fake) Jump(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset += d
}

// Synchronise sets what the kernel says of the wall clock.
func (f *Fake) Synchronise(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced = on
}

// Suspend lets the machine sleep for d: date and boot time go on, the runtime's
// timers and monotonic clock have stood still.
func (f *Fake) Suspend(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slept += d
	f.offset += d
}

// Reboot begins a new boot: another boot id, boot time from zero, and the date
// that a clock without a battery starts with (or any other; the zero Time keeps
// the date going, as with a battery). Nobody calls it synchronised.
func (f *Fake) Reboot(wall time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.slept, f.synced = time.Now(), 0, false
	f.bootID = f.rnd.Uint64()
	if !wall.IsZero() {
		f.offset = wall.Sub(time.Now().Round(0))
	}
}
