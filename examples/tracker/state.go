package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliiot/aliiot"
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

func (d *driver) struck(name string) { d.change(func() { d.done = append(d.done, name) }) }

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
				return nil, fmt.Errorf("%w, and nobody killed it", errGone)
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

// openWithin is how long a folder may be locked by a process that is just dying.
const openWithin = 5 * time.Second

// openDevice starts a device's process on the folder.
func (d *driver) openDevice(ctx context.Context) error {
	d.life.Lock()
	defer d.life.Unlock()
	for deadline := time.Now().Add(openWithin); ; pause(ctx, 200*time.Millisecond) {
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
			d.record.saw(oracle.Running, got.Ledger, nil)
			d.change(func() { d.up, d.ledger = true, *got.Ledger })
			return nil
		}
		dev.kill()
		var no *refusal
		if !errors.As(err, &no) || !no.Locked || time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("opening %s: %w", d.dir, err)
		}
	}
}

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
	case newsActor:
		d.out.happened(aboutFault, "it panics: %s", n.Text)
	case newsNotice:
		d.notice(n)
	}
}

func (d *driver) notice(n news) {
	if d.atRest.Load() {
		return // the log is through: what follows is opening and closing of ours
	}
	switch n.Notice {
	case aliiot.NoticeOnline:
		var since time.Time
		var first bool
		d.change(func() {
			since, first = d.lost, d.sessions == 0
			if !d.online {
				d.sessions++
			}
			d.online, d.lost = true, time.Time{}
		})
		switch {
		case first:
			d.out.happened(aboutLink, "online")
		case !since.IsZero() && time.Since(since) > 100*time.Millisecond:
			d.out.happened(aboutLink, "online again after %s; %s", seconds(time.Since(since)), wait(d.waitingNow()))
		default:
			d.out.happened(aboutLink, "online again; %s", wait(d.waitingNow()))
		}
	case aliiot.NoticeOffline:
		was := false
		d.change(func() {
			was = d.online
			if was {
				d.lost = time.Now()
			}
			d.online = false
		})
		if was || !d.o.emulated() {
			d.out.happened(aboutLoss, "%s", n.Text)
		}
	case aliiot.NoticeDialFailed:
		if !d.o.emulated() { // there we break the link ourselves, and say so
			d.out.happened(aboutLoss, "%s", n.Text)
		}
	default:
		d.out.happened(aboutDevice, "%s: %s", n.Notice, n.Text)
	}
}
