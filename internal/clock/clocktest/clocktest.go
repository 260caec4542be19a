// Package clocktest is a clock that a test bends. It stands on time.Now, so that
// in a testing/synctest bubble it is as fake as everything else.
package clocktest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aliiot/aliiot/internal/clock"
)

// Fake is a machine's time. It is safe for concurrent use.
type Fake struct {
	mu     sync.Mutex
	start  time.Time
	booted time.Duration // boot time at start
	slept  time.Duration
	wall   time.Duration // what the wall clock is ahead of time.Now
	boot   uint64
	synced bool
	rnd    *rand.Rand
}

// New is a machine that has been up for an hour, with a wall clock that is right
// but that nobody has vouched for.
func New(seed uint64) *Fake {
	return &Fake{start: time.Now(), booted: time.Hour, boot: seed<<16 | 1, rnd: rand.New(rand.NewPCG(seed, 1))}
}

// Clock is the clock as this boot of the machine sees it: after NewBoot ask for
// another one.
func (f *Fake) Clock() clock.Clock {
	f.mu.Lock()
	defer f.mu.Unlock()
	return clock.Clock{Wall: f.Wall, Boot: f.Boot, BootID: f.boot, Synchronised: f.isSynced, Rand: f.random}
}

// Wall is what the wall clock shows.
func (f *Fake) Wall() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.wall + f.slept).Round(0)
}

// Boot is the time since boot.
func (f *Fake) Boot() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.booted + time.Since(f.start) + f.slept
}

// True is the time that it really is, suspends included.
func (f *Fake) True() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.slept).Round(0)
}

// SetWall makes the wall clock show t now, as a battery that is empty or a bad
// source does.
func (f *Fake) SetWall(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wall = t.Sub(time.Now().Add(f.slept).Round(0))
}

// SetSynchronised says what the kernel says of its clock.
func (f *Fake) SetSynchronised(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced = on
}

// Suspend lets boot time and the wall clock run ahead by d while the runtime's
// timers stand still.
func (f *Fake) Suspend(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slept += d
}

// NewBoot restarts the machine: boot time begins again, under another identity.
func (f *Fake) NewBoot() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boot++
	f.start, f.booted, f.slept, f.synced = time.Now(), 0, 0, false
}

func (f *Fake) isSynced() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.synced
}

func (f *Fake) random() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rnd.Uint64()
}
