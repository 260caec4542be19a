package emulator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// ask copies what of a list is the device's; the zero Device asks for all.
func ask[T any](e *Emulator, list *[]T, d alink.Device, of func(T) alink.Device, also func(T) bool) []T {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []T
	for _, x := range *list {
		if (d.IsZero() || of(x) == d) && (also == nil || also(x)) {
			found = append(found, x)
		}
	}
	return found
}

// Accepted is what the platform has stored of a device, in order of arrival; of
// all devices where d is zero. What a device sent twice is there twice.
func (e *Emulator) Accepted(d alink.Device) []Item {
	return ask(e, &e.record.items, d, func(i Item) alink.Device { return i.Device }, func(i Item) bool { return i.Code == alink.CodeSuccess })
}

// Refused is what the platform answered with another code than 200.
func (e *Emulator) Refused(d alink.Device) []Item {
	return ask(e, &e.record.items, d, func(i Item) alink.Device { return i.Device }, func(i Item) bool { return i.Code != alink.CodeSuccess })
}

// Replies is what was answered, and what was not and why.
func (e *Emulator) Replies(d alink.Device) []Reply {
	return ask(e, &e.record.replies, d, func(r Reply) alink.Device { return r.Device }, nil)
}

// Drops is what vanished by quota or fault.
func (e *Emulator) Drops(d alink.Device) []Drop {
	return ask(e, &e.record.drops, d, func(x Drop) alink.Device { return x.Device }, nil)
}

// Troubles is the platform's log about a device.
func (e *Emulator) Troubles(d alink.Device) []Trouble {
	return ask(e, &e.record.troubles, d, func(x Trouble) alink.Device { return x.Device }, nil)
}

// Connects is every CONNECT, refused ones included. A user name that names no
// device is found with the zero Device only.
func (e *Emulator) Connects(d alink.Device) []Connect {
	all := ask(e, &e.record.connects, d, func(x Connect) alink.Device { return x.Device }, nil)
	for i := range all {
		if c := all[i].conn; c != nil {
			all[i].BytesIn, all[i].BytesOut, all[i].conn = c.in.Load(), c.out.Load(), nil
		}
	}
	return all
}

// Subscribes is every filter that was asked for.
func (e *Emulator) Subscribes(d alink.Device) []Subscribe {
	return ask(e, &e.record.subscribes, d, func(x Subscribe) alink.Device { return x.Device }, nil)
}

// Stats are the counters.
func (e *Emulator) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.record.stats
}

// Session is a device that is online.
type Session struct {
	Device        alink.Device
	Session       int64
	AutoPush      bool     // _ss=1
	Subscriptions []string // sorted
	Unacked       int      // QoS 1 messages without a PUBACK
}

// Sessions is who is online, sorted by device.
func (e *Emulator) Sessions() []Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Session
	for _, d := range e.devices {
		s := d.session
		if s == nil {
			continue
		}
		one := Session{Device: d.id, Session: s.n, AutoPush: s.auto, Unacked: len(s.unacked)}
		for f := range s.subs {
			one.Subscriptions = append(one.Subscriptions, f)
		}
		slices.Sort(one.Subscriptions)
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Session) int { return compare(a.Device, b.Device) })
	return all
}

func compare(a, b alink.Device) int {
	return slices.Compare([]string{a.ProductKey, a.DeviceName}, []string{b.ProductKey, b.DeviceName})
}

// Online tells whether a device has a session.
func (e *Emulator) Online(d alink.Device) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	dev := e.devices[d]
	return dev != nil && dev.session != nil
}

// signal wakes who waits. The caller holds the lock.
func (e *Emulator) signal() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// WaitFor waits until ok returns true. It is asked at the beginning and after each
// change; it may call the emulator. The error is the context's, or says that the
// emulator was closed.
func (e *Emulator) WaitFor(ctx context.Context, ok func() bool) error {
	for {
		e.mu.Lock()
		if e.changed == nil {
			e.changed = make(chan struct{})
		}
		changed, closed := e.changed, e.closed
		e.mu.Unlock()
		if ok() {
			return nil
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// WaitAccepted waits until n items of a device were accepted, and returns them.
func (e *Emulator) WaitAccepted(ctx context.Context, d alink.Device, n int) ([]Item, error) {
	arrived := func() int64 {
		e.mu.Lock()
		defer e.mu.Unlock()
		if dev := e.devices[d]; dev != nil {
			return dev.arrivals
		}
		return 0
	}
	err := e.WaitFor(ctx, func() bool { return arrived() >= int64(n) })
	if err != nil {
		return e.Accepted(d), fmt.Errorf("emulator: %d of %d items of %s: %w", arrived(), n, d, err)
	}
	return e.Accepted(d), nil
}

// WaitOnline waits for a device's session, WaitOffline for its end.
func (e *Emulator) WaitOnline(ctx context.Context, d alink.Device) error {
	return e.WaitFor(ctx, func() bool { return e.Online(d) })
}

// WaitOffline waits until a device has no session.
func (e *Emulator) WaitOffline(ctx context.Context, d alink.Device) error {
	return e.WaitFor(ctx, func() bool { return !e.Online(d) })
}

// WaitSession waits for a session of a device that is newer than number n.
func (e *Emulator) WaitSession(ctx context.Context, d alink.Device, n int64) (int64, error) {
	var now int64
	err := e.WaitFor(ctx, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		if dev := e.devices[d]; dev != nil && dev.session != nil {
			now = dev.session.n
		}
		return now > n
	})
	return now, err
}

// Since is how long a connection lived, or lives.
func (c Connect) Since() time.Duration {
	if c.Ended.IsZero() {
		return time.Since(c.At)
	}
	return c.Ended.Sub(c.At)
}
