package aliiot

import (
	"context"
	"fmt"
	"time"

	"github.com/aliiot/aliiot/actors"
)

// Option changes how one report is kept: Alarm, InLane, TTL, At. Where two speak of
// the same thing the later one counts.
type Option interface{ apply(*actors.Append) error }

type optionFunc func(*actors.Append) error

func (f optionFunc) apply(a *actors.Append) error { return f(a) }

// Alarm puts a report into the lane "alarm": sent first, in order, never evicted.
// It is InLane("alarm"): a Config.Lanes of one's own must declare that lane.
var Alarm Option = InLane(actors.AlarmLane)

// InLane puts a report into the lane of that name. Report fails with
// *UnknownLaneError where Config.Lanes has none.
func InLane(name string) Option {
	return optionFunc(func(a *actors.Append) error { a.Lane = name; return nil })
}

// TTL is how long the report is worth sending, in running time from now on; it
// overrides the lane's. Report fails with *ValueError where it is not positive.
func TTL(d time.Duration) Option {
	return optionFunc(func(a *actors.Append) error {
		if d <= 0 {
			return &ValueError{What: "a TTL of " + d.String(), Why: "it is not positive"}
		}
		a.TTL = d
		return nil
	})
}

// At says when the report was made, by a clock that the caller trusts (the time
// of a GNSS fix). Without it the report is stamped with the device's own time,
// and waits for a trusted clock where there is none (Config.ClockWait). Report fails
// with *ValueError for the zero time.
func At(t time.Time) Option {
	return optionFunc(func(a *actors.Append) error {
		if t.IsZero() {
			return &ValueError{What: "the zero time", Why: "At needs the time at which the report was made"}
		}
		a.At = t
		return nil
	})
}

// Report keeps a report and returns when it is on stable storage. It does not
// wait for the platform: the Receipt does.
//
// Bad values come back at once, typed: *ValueError, *alink.ValueError,
// *alink.NameError, *TooLargeError, *UnknownLaneError; nothing was stored then.
// ErrFull says that the lane refuses, ErrNoSpace and ErrReadOnly that the disk
// does, ErrBacklog that it is too slow, ErrNotKept that a fault inside does,
// ErrClosed that the device is closed. When ctx ends first, or the outbox is
// restarted meanwhile, the error is ErrOutcomeUnknown: the report may or may not
// have been kept.
func (d *Device) Report(ctx context.Context, it Item, opts ...Option) (Receipt, error) {
	a, err := actors.NewAppend(it)
	if err != nil {
		return Receipt{}, err
	}
	for _, o := range opts {
		if err := o.apply(&a); err != nil {
			return Receipt{}, err
		}
	}
	if err := d.tree.Check(a); err != nil {
		return Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, fmt.Errorf("aliiot: nothing was reported: %w", err)
	}
	reply, done := make(chan actors.Appended, 1), d.tree.Done()
	a.Reply, a.Made = reply, d.tree.Boot()
	d.tree.Send("outbox", a)
	var answer actors.Appended
	select {
	case answer = <-reply:
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	case <-done:
		select { // an answer that was given before the end still counts
		case answer = <-reply:
		default:
			if d.tree.Closed() {
				return Receipt{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ErrClosed)
			}
			return Receipt{}, ErrOutcomeUnknown
		}
	}
	if answer.Err != nil {
		return Receipt{}, answer.Err
	}
	return Receipt{d, answer.Ref, answer.Lane}, nil
}

// Receipt stands for one report that is on stable storage. It may be thrown away:
// the report goes its way without.
type Receipt struct {
	dev  *Device
	ref  actors.Ref
	lane string
}

// Seq is the report's number in the journal: what `aliiot explain` takes.
func (r Receipt) Seq() uint64 { return r.ref.Seq() }

// Lane is the name of the lane that the report is in.
func (r Receipt) Lane() string { return r.lane }

// Wait returns how the report ended, as soon as it has. Errors: ctx's; ErrClosed
// when the device is closed first (the report stays in the journal and goes on
// with the next Open); ErrForgotten when it ended so long ago that how is no
// longer in memory.
func (r Receipt) Wait(ctx context.Context) (End, error) {
	s, err := ask(ctx, r.dev, "outbox", func(reply chan<- actors.Settled) any {
		return actors.AskEnd{Ref: r.ref, Reply: reply, Gone: ctx.Done()}
	})
	if err != nil {
		return End{}, fmt.Errorf("aliiot: waiting for report %d: %w", r.Seq(), err)
	}
	return s.End, s.Err
}
