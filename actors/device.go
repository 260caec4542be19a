package actors

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// child is one row of the table of what the tree is made of.
type child struct {
	name  string
	parks bool
	props *actor.Props
}

// device is the supervisor. Sinks are spawned first and sources last, so that
// nobody speaks to somebody who is not there yet; they stop one by one in
// reverse, since protoactor would stop them all at once.
type device struct {
	tree   *Tree
	opts   *Options
	log    *slog.Logger
	policy RestartPolicy
	root   *actor.RootContext
	self   *actor.PID
	epoch  uint64
	end    func() // closes the epoch's done, once

	kids     map[string]*kid
	order    []*actor.PID // as spawned
	stopping chan<- struct{}
	ending   bool // this incarnation is over: its children end without leaving the tree
}

type (
	// spawn asks for an actor of the application's.
	spawn struct {
		child child
		reply chan<- spawned
	}
	spawned struct {
		pid *actor.PID
		err error
	}
	// shutdown asks to stop all children in order; ended is closed then.
	shutdown struct{ ended chan<- struct{} }
)

func (m spawn) fail(err error) { m.reply <- spawned{nil, err} }

func newDevice(t *Tree) actor.Actor {
	return &device{tree: t, opts: &t.opts, log: t.log, policy: t.opts.Restart, kids: map[string]*kid{}}
}

// Receive implements actor.Actor.
func (d *device) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.start(ctx)
	case restartDue:
		d.restart(ctx, m)
	case spawn:
		pid, err := d.spawn(ctx, m.child)
		if err == nil {
			d.tree.apps = append(d.tree.apps, m.child)
		}
		m.reply <- spawned{pid, err}
	case started:
		close(m.ready)
	case shutdown:
		d.stopping = m.ended
		d.stopNext(ctx)
	case *actor.Terminated:
		d.gone(ctx, m.Who)
	case *actor.Restarting, *actor.Stopping:
		d.ending = true
		for _, k := range d.kids {
			if k.timer != nil {
				k.timer.Stop()
			}
		}
		if d.end != nil {
			d.end()
		}
	}
}

func (d *device) start(ctx actor.Context) {
	d.self, d.root = ctx.Self(), ctx.ActorSystem().Root
	done := make(chan struct{})
	d.end = sync.OnceFunc(func() { close(done) })
	d.epoch = d.tree.epochs.Add(1)
	d.tree.inbound.Store(0)
	for _, c := range d.tree.children() {
		if _, err := d.spawn(ctx, c); err != nil {
			panic(fmt.Errorf("actors: spawning %s: %w", c.name, err))
		}
	}
	for _, c := range d.tree.apps {
		if _, err := d.spawn(ctx, c); err != nil {
			d.log.Error("an actor of the application's did not come back", "actor", c.name, "err", err)
		}
	}
	d.tree.epoch.Store(&epoch{d.epoch, done}) // not before: see Tree.Send
}

func (d *device) spawn(ctx actor.Context, c child) (*actor.PID, error) {
	if d.stopping != nil {
		return nil, ErrStopped
	}
	pid, err := ctx.SpawnNamed(c.props, c.name)
	if err != nil {
		return nil, fmt.Errorf("actors: spawning %q: %w", c.name, err) // the PID is another actor's then
	}
	d.kids[pid.Id] = &kid{name: c.name, parks: c.parks}
	d.order = append(d.order, pid)
	return pid, nil
}

// gone forgets a child that has ended, and stops the next one where the tree ends.
func (d *device) gone(ctx actor.Context, who *actor.PID) {
	k := d.kids[who.Id]
	if k != nil && k.timer != nil {
		k.timer.Stop()
	}
	delete(d.kids, who.Id)
	d.order = slices.DeleteFunc(d.order, func(p *actor.PID) bool { return p.Id == who.Id })
	if d.stopping != nil {
		d.stopNext(ctx)
		return
	}
	if k != nil && !d.ending { // an application's actor that ended by itself does not come back with the tree
		d.tree.apps = slices.DeleteFunc(d.tree.apps, func(c child) bool { return c.name == k.name })
	}
}

func (d *device) stopNext(ctx actor.Context) {
	if n := len(d.order); n > 0 {
		ctx.Stop(d.order[n-1])
		return
	}
	if d.stopping != nil {
		close(d.stopping)
	}
}
