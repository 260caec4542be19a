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
	base   time.Time     // the runtime's time when boot time was up
	up     time.Duration // boot time at base, suspends since then included
	slept  time.Duration // all suspends: true time less the runtime's
	ahead  time.Duration // of the wall clock from true time
	synced bool
	bootID uint64
	rnd    *rand.Rand
}

// New returns a machine that has been up for an hour, with a wall clock that is
// right but that nobody has vouched for. The seed decides boot ids and what Rand
// returns.
func New(seed uint64) *Fake {
	f := &Fake{base: time.Now(), up: time.Hour, rnd: rand.New(rand.NewPCG(seed, 0xb007))}
	f.bootID = f.rnd.Uint64()
	return f
}

// Clock is what a process that starts now gets. Its BootID is this boot's for
// ever, while its functions follow the Fake: after NewBoot take a new one.
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
	return f.now().Add(f.ahead)
}

// True is the time that it really is, suspends included.
func (f *Fake) True() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now()
}

// now strips the monotonic reading, which a jump would not touch.
func (f *Fake) now() time.Time { return time.Now().Round(0).Add(f.slept) }

// Boot is the time since this boot began, suspends included.
func (f *Fake) Boot() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.base) + f.up
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
	f.ahead = t.Sub(f.now())
}

// Jump moves the date by d, which may be negative.
func (f *Fake) Jump(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead += d
}

// SetSynchronised says what the kernel says of the wall clock.
func (f *Fake) SetSynchronised(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced = on
}

// Suspend lets the machine sleep for d: date, true time and boot time go on, the
// runtime's timers and monotonic clock have stood still.
func (f *Fake) Suspend(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slept += d
	f.up += d
}

// NewBoot restarts the machine: another boot id, boot time from zero, a clock
// that nobody calls synchronised. The date goes on, as with a battery: SetWall
// takes the battery out.
func (f *Fake) NewBoot() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.up, f.synced = time.Now(), 0, false
	f.bootID = f.rnd.Uint64()
}
