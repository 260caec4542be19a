package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/fsm"
)

// Errors of the tree, and of what it is asked.
var (
	// ErrStopped: the device has been closed.
	ErrStopped = errors.New("aliiot: the device is closed")
	// ErrOutcomeUnknown: the report may or may not have been kept, since the
	// caller's context ended or the outbox was restarted before it could say.
	// Reporting again may report twice.
	ErrOutcomeUnknown = errors.New("aliiot: whether the report was kept is unknown")
	// ErrNotKept: the report was not kept, by a fault inside. Reporting it again is
	// right.
	ErrNotKept = errors.New("aliiot: the report was not kept")
	// ErrHung: an actor of the application's does not return from a message. All else
	// has ended as it should; its goroutine is left behind.
	ErrHung = errors.New("aliiot: an actor of the application's does not return")
	// ErrForgotten: the report has ended, so long ago that how is no longer in
	// memory. The audit log, where it is on, may still know.
	ErrForgotten = errors.New("aliiot: how the report ended is no longer known")
)

// Tree is the handle of one device's supervision tree. Its methods are safe for
// concurrent use.
type Tree struct {
	opts   Options
	log    *slog.Logger
	system *actor.ActorSystem
	pid    *actor.PID // device
	own    [3]*actor.PID
	apps   *actor.PID // the application's actors
	keeper *keeper

	machine  *fsm.Connection
	lastConn struct { // touched by connection alone, one incarnation after the other
		record  fsm.ConnRecord
		attempt uint64
		hear    map[string]*actor.PID // who subscribed, by id
		keepAlive
	}

	saver          *saver
	epoch          atomic.Pointer[epoch]
	epochs         atomic.Uint64
	failed         atomic.Pointer[chan struct{}]
	due            restartsDue
	appsEnded      chan struct{}
	released       chan struct{}
	closed         atomic.Bool
	wanted         atomic.Bool // online
	dispatchParked atomic.Bool
	inbound        atomic.Int64 // messages that wait for dispatch
	counters
}

// epoch is one life of the tree: done says that no answer of it will come.
type epoch struct {
	n    uint64
	done chan struct{}
}

// Start makes the tree and returns when its actors run. It dials nothing.
func Start(o Options) (*Tree, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Tree{opts: o, log: o.Log, system: o.System}
	if t.machine, err = fsm.NewConnection(o.Policy); err != nil {
		return nil, fmt.Errorf("actors: the connection's policy: %w", err)
	}
	if o.Connects != nil {
		t.lastConn.record = o.Connects.Load()
	}
	t.lastConn.hear = map[string]*actor.PID{}
	t.lastConn.keepAlive = keepAlive{most: o.KeepAlive, now: o.KeepAlive}
	t.keeper, t.appsEnded = newKeeper(t), make(chan struct{})
	t.released = make(chan struct{})
	t.saver = newSaver()
	t.epoch.Store(&epoch{0, make(chan struct{})})
	t.sawFailure()
	ready := make(chan struct{})
	props := actor.PropsFromProducer(func() actor.Actor { return newDevice(t) },
		actor.WithGuardian(&guardian{tree: t, policy: o.Restart}),
		actor.WithReceiverMiddleware(Guard))
	t.pid = t.system.NewLocalPID(o.Name) // the children ask for it before SpawnNamed returns
	for i, name := range []string{outboxName, dispatchName, connectionName} {
		t.own[i] = t.system.NewLocalPID(o.Name + "/" + name)
	}
	err = t.startApps()
	if err == nil {
		if _, err = t.system.Root.SpawnNamed(props, o.Name); err != nil {
			t.system.Root.Stop(t.apps)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("actors: a device named %q runs in this actor system already: %w", o.Name, err)
	}
	t.system.Root.Send(t.pid, started{ready})
	select {
	case <-ready:
	case <-t.epoch.Load().done:
	}
	return t, nil
}

// started is answered when all that was asked before has been done.
type started struct{ ready chan<- struct{} }

// PID is the actor of the given name in this tree: "outbox", "dispatch",
// "connection", or what Spawn started.
//
//go:noinline
func (t *Tree) PID(name string) *actor.PID {
	switch name { // one each for all that is ever sent
	case outboxName:
		return t.own[0]
	case dispatchName:
		return t.own[1]
	case connectionName:
		return t.own[2]
	}
	return t.system.NewLocalPID(t.pid.Id + "/" + appsName + "/" + name)
}

// System is the actor system that the tree lives in.
func (t *Tree) System() *actor.ActorSystem { return t.system }

// Send sends a message to an actor of the tree. Between two lives of the tree it
// sends nothing, and Done is closed then: protoactor knows a name before its
// mailbox can take anything, and a message at that instant would panic the sender.
func (t *Tree) Send(name string, msg any) {
	if t.alive() {
		t.system.Root.Send(t.PID(name), msg)
	}
}

// alive says that the actors of the tree are all there.
func (t *Tree) alive() bool {
	select {
	case <-t.Done():
		return false
	default:
		return true
	}
}

// Done is closed when the present life of the tree ends: an answer that was
// asked for before will not come then. Ask for it before sending.
func (t *Tree) Done() <-chan struct{} { return t.epoch.Load().done }

// Failed is closed when the next actor fails: a question that was asked before may
// have been lost with it. Ask again; no question is harmed by being asked twice.
func (t *Tree) Failed() <-chan struct{} { return *t.failed.Load() }

func (t *Tree) sawFailure() {
	next := make(chan struct{})
	if old := t.failed.Swap(&next); old != nil {
		close(*old)
	}
}

// Stop stops the actors one by one, the application's first, then sources before
// sinks, waits for each, and releases the store. ctx bounds the waiting: a hung disk
// may outlive it. Errors: ErrHung, and those of the store.
func (t *Tree) Stop(ctx context.Context) error {
	if t.closed.Swap(true) {
		return nil
	}
	var errs []error
	if err := t.endApps(ctx); err != nil {
		errs = append(errs, err)
	}
	ended, over := make(chan struct{}), t.Done()
	t.system.Root.Send(t.pid, shutdown{ended})
	select {
	case <-ended:
	case <-over: // it waits for its restart, which will not come
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("actors: stopping the tree: %w", ctx.Err()))
	}
	err := t.system.Root.StopFuture(t.pid).Wait()
	if err != nil {
		errs = append(errs, fmt.Errorf("actors: stopping the supervisor: %w", err))
	}
	return errors.Join(append(errs, t.keeper.close(ctx, err == nil, t.released))...)
}

// Released is closed when a tree that was stopped has let go of its store: after a
// Stop that ended by its context, when the call to the disk returns, or never.
func (t *Tree) Released() <-chan struct{} { return t.released }

func (t *Tree) park(name string, on bool) {
	if name == dispatchName {
		t.dispatchParked.Store(on)
	}
}

func (t *Tree) tell(notice any) {
	if t.opts.Notify != nil {
		t.opts.Notify(notice)
	}
}

func (t *Tree) guarded(p *actor.Props) *actor.Props {
	mw := append([]actor.ReceiverMiddleware{Guard}, t.opts.Middleware...)
	return p.Clone(actor.WithReceiverMiddleware(mw...))
}

// Connect says that the device wants to be online, Unwant that it does not any
// more (the message Disconnect ends its session). They hold over restarts.
func (t *Tree) Connect() {
	t.wanted.Store(true)
	t.Send(connectionName, Connect{})
}

func (t *Tree) Unwant() { t.wanted.Store(false) }

// Check says whether the tree would take a report: whether the lane exists.
// The outbox checks again; this spares the caller the way.
func (t *Tree) Check(a Append) error {
	name := a.Lane
	if name == "" {
		name = DefaultLane
	}
	for _, l := range t.opts.Lanes {
		if l.Name == name && l.Policy != Retired {
			if t.closed.Load() {
				return ErrStopped
			}
			return nil
		}
	}
	return &UnknownLaneError{name}
}

// Names of the tree's own actors.
const (
	outboxName     = "outbox"
	dispatchName   = "dispatch"
	connectionName = "connection"
)

// owns says that the name is one of the tree's own actors.
func (t *Tree) owns(name string) bool {
	switch name {
	case outboxName, dispatchName, connectionName:
		return true
	}
	return false
}

// children is the table of what the tree is made of, sinks first.
func (t *Tree) children() []child {
	row := func(name string, parks bool, producer func() actor.Actor) child {
		return child{name, parks, t.guarded(actor.PropsFromProducer(producer))}
	}
	return []child{
		row(outboxName, false, func() actor.Actor { return newOutbox(t) }),
		row(dispatchName, true, func() actor.Actor { return newDispatch(t) }),
		row(connectionName, false, func() actor.Actor { return newConnection(t) }),
	}
}
