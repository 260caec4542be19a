package actors

import (
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

// device is the supervisor of the tree. Sinks are spawned first and sources last,
// so that nobody speaks to somebody who is not there yet; they stop one by one in
// reverse, since protoactor would stop them all at once.
type device struct {
	supervisor
	order    []*actor.PID // as spawned
	stopping chan<- struct{}
}

// shutdown asks to stop all children in order; ended is closed then.
type shutdown struct{ ended chan<- struct{} }

func newDevice(t *Tree) actor.Actor { return &device{supervisor: newSupervisor(t)} }

// Receive implements actor.Actor.
func (d *device) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.start(ctx)
	case restartDue:
		d.restart(ctx, m)
	case started:
		close(m.ready)
	case shutdown:
		d.stopping = m.ended
		d.stopNext(ctx)
	case *actor.Terminated:
		d.gone(ctx, m.Who)
	case *actor.Restarting, *actor.Stopping:
		d.stopTimers()
		if d.end != nil {
			d.end()
		}
	}
}

func (d *device) start(ctx actor.Context) {
	t := d.tree
	d.self, d.root = ctx.Self(), ctx.ActorSystem().Root
	done := make(chan struct{})
	d.end = sync.OnceFunc(func() {
		close(done)
		d.root.Send(t.apps, treeDown{})
	})
	d.life = t.epochs.Add(1)
	t.inbound.Store(0)
	t.due.outbox.Store(false)
	t.due.connection.Store(false)
	clear(t.lastConn.hear) // who subscribed is spawned anew
	for _, c := range t.children() {
		pid, err := d.spawn(ctx, c)
		if err != nil {
			panic(err)
		}
		d.order = append(d.order, pid)
	}
	t.epoch.Store(&epoch{d.life, done}) // not before: see Tree.Send
	d.root.Send(t.apps, treeUp{})
}

// gone forgets a child that has ended, and stops the next one where the tree ends.
func (d *device) gone(ctx actor.Context, who *actor.PID) {
	d.forget(who)
	d.order = slices.DeleteFunc(d.order, func(p *actor.PID) bool { return p.Id == who.Id })
	if d.stopping != nil {
		d.stopNext(ctx)
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
