package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
)

// What the driver knows of the device at the moment, and how it waits for more.

// change makes a change and wakes who waits for one.
func (d *driver) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	close(d.changed)
	d.changed = make(chan struct{})
}

// await waits for a condition over what the driver knows, for so long at most.
func (d *driver) await(ctx context.Context, bound time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		d.mu.Lock()
		yes, changed, broken := ok(), d.changed, d.broken
		d.mu.Unlock()
		if yes || broken != nil {
			return yes
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (d *driver) fail(err error) {
	d.change(func() {
		if d.broken == nil {
			d.broken = err
		}
	})
}

func (d *driver) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}

func (d *driver) ledgerNow() ledger {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ledger
}

func (d *driver) waitingNow() int64 { l := d.ledgerNow(); return l.waiting() }

func (d *driver) sessionsNow() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sessions
}

func (d *driver) madeNow() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made
}

func (d *driver) turnNow() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.turn
}

// pid is the device's process.
func (d *driver) pid() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dev == nil {
		return 0
	}
	return d.dev.pid()
}

func (d *driver) restartsNow() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.restarts
}

// deviceUp waits for a device whose folder is open.
func (d *driver) deviceUp(ctx context.Context) (*device, error) {
	for {
		d.mu.Lock()
		dev, up, changed, broken := d.dev, d.up, d.changed, d.broken
		d.mu.Unlock()
		if broken != nil {
			return nil, broken
		}
		if up {
			select {
			case <-dev.gone: // and nobody has noticed yet
			default:
				return dev, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
			if up {
				return nil, fmt.Errorf("%w, and not by our hand; its last words, if any, stand above", errGone)
			}
		}
	}
}

// order gives an order to the device that there is now; where it is gone, the
// order is void.
func (d *driver) order(ctx context.Context, o order) {
	d.mu.Lock()
	dev, up := d.dev, d.up
	d.mu.Unlock()
	if !up {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	_, _ = dev.ask(ctx, o) // what it brings about is seen in the news
}

// openWithin is how long the kernel may take to end the locks of a process that we
// have just killed.
const openWithin = 5 * time.Second

// openDevice starts a device's process on the folder. patience is how long the
// folder may still be locked: none but after a kill of ours. A refusal comes as
// *flagError, for the folder is what the device opens.
func (d *driver) openDevice(ctx context.Context, patience time.Duration) error {
	d.life.Lock()
	defer d.life.Unlock()
	for deadline := time.Now().Add(patience); ; pause(ctx, 200*time.Millisecond) {
		dev, err := startDevice(d.hear)
		if err != nil {
			return err
		}
		d.change(func() { d.dev = dev })
		got, err := dev.ask(ctx, order{Kind: orderOpen, Open: &d.setup})
		if err == nil && got.Ledger == nil {
			err = errors.New("the device does not tell its ledger")
		}
		if err == nil {
			d.record.lived(oracle.StepOpen)
			d.record.saw(oracle.Running, got.Ledger, nil)
			d.change(func() { d.up, d.ledger, d.volatile = true, *got.Ledger, got.Volatile })
			return nil
		}
		dev.kill()
		var no *refusal
		switch {
		case !errors.As(err, &no):
			return fmt.Errorf("opening %s: %w", d.dir, err)
		case no.Locked && time.Now().Before(deadline) && ctx.Err() == nil:
		case no.Locked:
			return &flagError{Flag: "--dir " + d.dir, Cause: err, Do: "wait for its end, or choose another folder"}
		default:
			return &flagError{Flag: "--dir " + d.dir, Cause: err, Do: "mend it, or choose another folder"}
		}
	}
}

// connect lets the device begin to connect.
func (d *driver) connect(ctx context.Context) { d.order(ctx, order{Kind: orderConnect}) }

// stopDevice kills the device's process, if there is one.
func (d *driver) stopDevice() {
	d.life.Lock()
	defer d.life.Unlock()
	d.mu.Lock()
	dev := d.dev
	d.mu.Unlock()
	if dev == nil {
		return
	}
	d.change(func() { d.up = false })
	dev.kill()
	d.record.lived(oracle.StepKill) // after the last that it said; it counts where the device was not closed before
	d.change(func() {
		d.dev, d.online = nil, false
		d.restarts = 0
	})
}

// hear takes the device's news.
func (d *driver) hear(n news) {
	switch n.Kind {
	case newsLedger:
		if n.Ledger == nil {
			return
		}
		d.record.saw(oracle.Running, n.Ledger, nil)
		d.change(func() { d.ledger, d.restarts = *n.Ledger, n.Restarts })
		d.mu.Lock()
		online := d.online
		d.mu.Unlock()
		if hint := d.hints.see(time.Now(), online, n.Ledger.waiting(), n.Traffic); hint != "" && !d.atRest.Load() {
			d.out.happened(aboutReports, "%s", hint)
		}
	case newsActor:
		d.out.happened(aboutCrash, "%s", n.Text)
	case newsNotice:
		d.notice(n)
	}
}
