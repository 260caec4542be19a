package aliiot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/disk"
)

// Device is one device on the platform. Make it with Open, end it with Close.
// Its methods are safe for concurrent use.
type Device struct {
	cfg     Config
	tree    *actors.Tree
	notices *notices
	folder  disk.Info
	unlock  func() error
	unmeter func() error
	service *service // nil where no service manager wants to hear
	closing sync.Once
	closed  error
}

// Connect begins to connect, returns at once, and keeps trying for as long as
// the device is open. After Disconnect it connects again. Calling it twice does
// nothing more.
func (d *Device) Connect() { d.tree.Connect() }

// Disconnect ends the session and stops connecting, until Connect. Reports are
// accepted and kept meanwhile. It returns when the session has ended.
func (d *Device) Disconnect(ctx context.Context) error {
	d.tree.Unwant()
	_, err := ask(ctx, d, "connection", func(reply chan<- struct{}) any { return actors.Disconnect{Done: reply} })
	if err != nil && !errors.Is(err, ErrClosed) { // a closed device has no session
		return fmt.Errorf("aliiot: disconnecting: %w", err)
	}
	return nil
}

// WaitOnline returns when the device is online, or with ctx's error, or with
// ErrClosed.
func (d *Device) WaitOnline(ctx context.Context) error {
	_, err := ask(ctx, d, "connection", func(reply chan<- actors.Online) any { return actors.AskOnline{Reply: reply, Gone: ctx.Done()} })
	if err != nil {
		return fmt.Errorf("aliiot: waiting to be online: %w", err)
	}
	return nil
}

// Ledger is the account of every report that this journal ever accepted.
// Errors: ctx's, or ErrClosed.
func (d *Device) Ledger(ctx context.Context) (Ledger, error) {
	l, err := ask(ctx, d, "outbox", func(reply chan<- Ledger) any { return actors.AskLedger{Reply: reply} })
	if err != nil {
		return Ledger{}, fmt.Errorf("aliiot: asking for the ledger: %w", err)
	}
	return l, nil
}

// ask sends a request to an actor until its answer has come: what asks may be
// asked again by the actor's, or the tree's, next life.
func ask[T any](ctx context.Context, d *Device, name string, request func(chan<- T) any) (T, error) {
	var none T
	reply := make(chan T, 1)
	for {
		done, failed := d.tree.Done(), d.tree.Failed()
		if d.tree.Closed() {
			return none, ErrClosed
		}
		d.tree.Send(name, request(reply))
		select {
		case v := <-reply:
			return v, nil
		case <-ctx.Done():
			return none, ctx.Err()
		case <-failed: // perhaps with our question
		case <-done:
			if !pause(ctx, restartPause) { // the tree comes back
				return none, ctx.Err()
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// LinkHint tells what the modem knows: up after an attach or a change of
// address, down when the network is lost. It makes the device probe its link, or
// try again at once, within the platform's limit of connects a minute.
func (d *Device) LinkHint(up bool) { d.tree.Send("connection", actors.LinkHint{Up: up}) }

// SetTime says what time it is by a source that the application trusts: a GNSS
// receiver with a fix, an operator. source is at most 32 bytes, for the audit.
// The first source to speak in a boot is believed; reports made before get
// their true time.
func (d *Device) SetTime(t time.Time, source string) {
	d.tree.Send("outbox", actors.ClockLearned{Now: t, Source: source, Taken: d.tree.BootTime()})
}

// Spawn starts an actor of the application's beside ours: see actors.Tree.Spawn.
func (d *Device) Spawn(ctx context.Context, name string, producer actor.Producer) (*actor.PID, error) {
	return d.tree.Spawn(ctx, name, producer)
}

// Tree is the supervision tree, for applications that are made of actors: its
// PIDs take the messages of package actors.
func (d *Device) Tree() *actors.Tree { return d.tree }

// Close waits until what is pending has been settled, for at most
// Config.DrainTimeout and only while online, then stops the actors in order and
// leaves a clean journal. What is still pending goes on with the next Open.
// Calling it again returns the same error. Where a call to the disk hangs Close
// returns an error, and the folder stays locked until that call is over.
func (d *Device) Close() error {
	d.closing.Do(func() {
		if d.service != nil {
			d.service.stopping()
		}
		d.drain()
		if d.service != nil {
			d.service.end()
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		errs := []error{d.tree.Stop(ctx)}
		if d.unmeter != nil {
			errs = append(errs, d.unmeter())
		}
		if d.unlock != nil {
			errs = append(errs, d.release())
		}
		if err := disk.Join(errs...); err != nil {
			d.closed = fmt.Errorf("aliiot: closing: %w", err)
		}
	})
	return d.closed
}

// release gives the folder back, but not before the last call to its disk returned:
// what that writes would fall into the journal of whoever comes next.
func (d *Device) release() error {
	select {
	case <-d.tree.Released():
		return d.unlock()
	default:
	}
	go func() { // ends with the call, or with the process
		<-d.tree.Released()
		_ = d.unlock()
	}()
	return errors.New("the folder stays locked until the disk answers, or this process ends")
}

func (d *Device) drain() {
	wait := d.cfg.DrainTimeout
	if wait == 0 {
		wait = defaultDrain
	}
	if wait < 0 || d.Status().Link.State != actors.StateOnline {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	_, _ = ask(ctx, d, "outbox", func(reply chan<- actors.Drained) any { return actors.AskDrained{Reply: reply} })
}

// Status is what the device is doing now. It asks nobody and never blocks.
func (d *Device) Status() Status {
	return Status{
		Link: d.tree.Link(), Folder: string(d.folder.Kind), Disk: d.tree.DiskError(),
		Restarts: d.tree.Restarts(), TreeRestarts: d.tree.TreeRestarts(),
	}
}

// Status is a moment of a device's life.
type Status struct {
	// Link is the connection's state and what led to it.
	Link actors.LinkStatus
	// Folder is the file system that the folder is on, as far as it is known.
	Folder string
	// Disk is nil while the journal takes reports.
	Disk error
	// Restarts counts the restarts of single actors, TreeRestarts those of the
	// whole tree.
	Restarts, TreeRestarts uint64
}
