package actors

import (
	"runtime/debug"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

// now is the moment of an input to the core. Where a source has said what time it
// is, the wall clock is what follows from that: the system's own may still stand
// in 1970, or may have jumped since.
func (o *outboxActor) now() outbox.Now {
	c := o.tree.opts.Clock
	now := outbox.Now{Boot: c.BootID, At: c.Boot(), Trusted: o.tree.clockKnown.Load()}
	if now.Trusted {
		now.Wall = (time.Duration(o.tree.clockOffset.Load()) + now.At).Milliseconds()
	} else {
		now.Wall = c.Wall().UnixMilli()
	}
	return now
}

// Boot is the time since the machine's boot by the tree's clock, suspends included:
// Append.Made.
func (t *Tree) Boot() time.Duration { return t.opts.Clock.Boot() }

// learnFromKernel takes the trust that a start may have: what an earlier process
// of this boot has learned, or a clock that the kernel calls synchronised.
func (o *outboxActor) learnFromKernel(st outbox.State) {
	c := o.tree.opts.Clock
	for _, p := range st.Clocks {
		if p.Boot == c.BootID {
			o.tree.setClock(p.Offset)
			return
		}
	}
	if !o.tree.clockKnown.Load() && c.Synchronised() {
		o.learn(ClockLearned{Now: c.Wall(), Source: "kernel"})
	}
}

// learn believes the first source of this boot. One that lies before this program
// was built is mistaken, whatever it is (a GNSS week rollover, an unset clock).
func (o *outboxActor) learn(m ClockLearned) {
	if o.tree.clockKnown.Load() || o.newClock != nil {
		return
	}
	if m.Now.Before(builtAt) || m.Now.After(builtAt.Add(believable)) || m.Source == "" || len(m.Source) > 32 {
		o.tree.log.Warn("a source's time is not believed", "source", m.Source, "now", m.Now.UTC())
		return
	}
	c := o.tree.opts.Clock
	taken := m.Taken
	if taken == 0 {
		taken = c.Boot()
	}
	p := outbox.ClockPoint{Boot: c.BootID, Offset: time.Duration(m.Now.UnixNano()) - taken, Source: m.Source}
	o.keep.guard(func() {
		if err := o.keep.store.SaveClock(p); err != nil {
			o.tree.log.Warn("what was learned of the clock could not be kept", "err", err)
		}
	})
	o.newClock = &p
}

// believe uses a clock that was learned, once it is on the disk: else a power cut
// could make a stamp that was sent come out otherwise the next time. Where the
// disk fails it is used all the same, since delivery goes on.
func (o *outboxActor) believe() {
	p := *o.newClock
	o.newClock, o.clockJob = nil, nil
	o.tree.setClock(p.Offset)
	o.core.ClockLearned(o.now(), p)
	o.tree.log.Info("the clock is known", "source", p.Source, "now", time.Unix(0, 0).Add(p.Offset+o.tree.opts.Clock.Boot()).UTC())
}

func (t *Tree) setClock(offset time.Duration) {
	t.clockOffset.Store(int64(offset))
	t.clockKnown.Store(true)
}

// certificateTime is the date that certificates are held against: the known time,
// else the system's unless that is before this program was built or absurdly far
// ahead. Verification itself is never switched off.
func (t *Tree) certificateTime() time.Time {
	if t.clockKnown.Load() {
		return time.Unix(0, t.clockOffset.Load()).Add(t.opts.Clock.Boot())
	}
	wall := t.opts.Clock.Wall()
	if wall.Before(builtAt) || wall.After(builtAt.Add(believable)) {
		return builtAt
	}
	return wall
}

// believable is how far ahead of its build a device may live.
const believable = 30 * 365 * 24 * time.Hour

// builtAt is a date that is surely past: the commit's, or this file's.
var builtAt = func() time.Time {
	floor := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				if at, err := time.Parse(time.RFC3339, s.Value); err == nil && at.After(floor) {
					return at
				}
			}
		}
	}
	return floor
}()
