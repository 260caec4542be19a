package actors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// apps supervises the actors of the application's. It stands beside the tree, not
// in it: an actor that never returns from a message cannot be stopped, and the
// restart of a supervisor waits for all its children.
type apps struct {
	supervisor
	rows     []child
	up       bool            // the tree is there
	stopping chan<- struct{} // closed when the last has ended
	ended    bool
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
	// treeUp and treeDown say that a life of the tree begins and ends.
	treeUp   struct{}
	treeDown struct{}
	// stopApps asks to stop them all, the last first; ended is closed then.
	stopApps struct{ ended chan<- struct{} }
	// askLiving is answered by the names of those who have not ended.
	askLiving struct{ reply chan<- []string }
)

func (m spawn) fail(err error) { m.reply <- spawned{nil, err} }

const appsName = "apps"

func newApps(t *Tree) *apps { return &apps{supervisor: newSupervisor(t)} }

// Receive implements actor.Actor.
func (a *apps) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.self, a.root = ctx.Self(), ctx.ActorSystem().Root
	case spawn:
		m.reply <- a.take(ctx, m.child)
	case restartDue:
		a.restart(ctx, m)
	case treeUp:
		a.up = true
		a.fill(ctx)
	case treeDown:
		a.up = false
		for _, pid := range ctx.Children() {
			a.stop(ctx, pid)
		}
	case stopApps:
		a.stopping = m.ended
		a.stopNext(ctx)
	case askLiving:
		m.reply <- a.living()
	case *actor.Terminated:
		a.gone(ctx, m.Who)
	case *actor.Stopping:
		a.stopTimers()
	}
}

func (a *apps) take(ctx actor.Context, c child) spawned {
	switch {
	case a.stopping != nil:
		return spawned{nil, ErrStopped}
	case slices.ContainsFunc(a.rows, func(r child) bool { return r.name == c.name }):
		return spawned{nil, fmt.Errorf("actors: spawning %q: %w", c.name, actor.ErrNameExists)}
	case !a.up: // it comes with the tree
		a.rows = append(a.rows, c)
		return spawned{a.tree.PID(c.name), nil}
	}
	pid, err := a.spawnSafely(ctx, c)
	if err == nil {
		a.rows = append(a.rows, c)
	}
	return spawned{pid, err}
}

// fill spawns whoever has a row and no life.
func (a *apps) fill(ctx actor.Context) {
	for _, c := range a.rows {
		if a.kids[a.self.Id+"/"+c.name] != nil {
			continue
		}
		if _, err := a.spawnSafely(ctx, c); err != nil {
			a.tree.log.Error("an actor of the application's did not come back", "actor", c.name, "err", err)
		}
	}
}

// spawnSafely keeps what the application's options do at a birth from the others.
func (a *apps) spawnSafely(ctx actor.Context, c child) (pid *actor.PID, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("actors: spawning %q: it panicked: %v", c.name, r)
		}
	}()
	return a.spawn(ctx, c)
}

func (a *apps) stop(ctx actor.Context, pid *actor.PID) {
	if k := a.kids[pid.Id]; k != nil {
		k.told = true
	}
	ctx.Stop(pid)
}

func (a *apps) gone(ctx actor.Context, who *actor.PID) {
	k := a.forget(who)
	switch {
	case k == nil:
	case a.stopping != nil:
		a.stopNext(ctx)
	case !k.told: // it ended by itself, and does not come back with the tree
		a.rows = slices.DeleteFunc(a.rows, func(c child) bool { return c.name == k.name })
	case a.up: // it hung while the tree went and came back
		a.fill(ctx)
	}
}

func (a *apps) stopNext(ctx actor.Context) {
	for _, c := range slices.Backward(a.rows) {
		if k := a.kids[a.self.Id+"/"+c.name]; k != nil {
			a.stop(ctx, a.tree.PID(c.name))
			return
		}
	}
	if !a.ended {
		a.ended = true
		close(a.stopping)
	}
}

func (a *apps) living() []string {
	var names []string
	for _, k := range a.kids {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// resumes is the strategy above apps: what fails there is one request.
type resumes struct{}

func (resumes) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	sup.ResumeChildren(child)
}

func (t *Tree) startApps() error {
	props := actor.PropsFromProducer(func() actor.Actor { return newApps(t) },
		actor.WithGuardian(resumes{}), actor.WithReceiverMiddleware(Guard))
	var err error
	t.apps, err = t.system.Root.SpawnNamed(props, t.opts.Name+"/"+appsName)
	return err
}

// Spawn starts an actor of the application's beside ours, supervised like them:
// restarted when it panics, and parked for minutes when it does so too often. When
// the tree is restarted it is stopped, and spawned again after the tree's own; one
// that does not return from a message holds nobody up, and is spawned again when it
// does. producer must make a new instance each time; it runs in the actor's own
// goroutine. Errors: ErrStopped, or actor.ErrNameExists in the chain.
func (t *Tree) Spawn(ctx context.Context, name string, producer actor.Producer, opts ...actor.PropsOption) (*actor.PID, error) {
	switch {
	case t.closed.Load():
		return nil, ErrStopped
	case t.owns(name):
		return nil, fmt.Errorf("actors: spawning %q: %w", name, actor.ErrNameExists)
	}
	reply := make(chan spawned, 1)
	props := t.guarded(actor.PropsFromProducer(bornAlive(producer), opts...))
	t.system.Root.Send(t.apps, spawn{child{name: name, parks: true, props: props}, reply})
	select {
	case s := <-reply:
		return s.pid, s.err
	case <-ctx.Done():
		return nil, fmt.Errorf("actors: spawning %q: %w", name, ctx.Err())
	case <-t.appsEnded:
		return nil, fmt.Errorf("actors: spawning %q: %w", name, ErrStopped)
	}
}

// appsPatience bounds how long the end of a device waits for the application's
// actors: the journal must be closed in any case.
const appsPatience = 5 * time.Second

// endApps stops the actors of the application's, for at most half of what ctx has
// left, and names those that do not end.
func (t *Tree) endApps(ctx context.Context) error {
	patience := appsPatience
	if d, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(d)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer close(t.appsEnded)
	ended := make(chan struct{})
	t.system.Root.Send(t.apps, stopApps{ended})
	select {
	case <-ended:
		return t.system.Root.StopFuture(t.apps).Wait()
	case <-ctx.Done():
	}
	living := make(chan []string, 1)
	t.system.Root.Send(t.apps, askLiving{living})
	defer t.system.Root.Stop(t.apps)
	second := time.NewTimer(time.Second)
	defer second.Stop()
	select {
	case names := <-living:
		return fmt.Errorf("actors: %s: %w", strings.Join(names, ", "), ErrHung)
	case <-second.C: // one hangs in its options, and the supervisor with it
		return fmt.Errorf("actors: spawning: %w", ErrHung)
	}
}

// newborn calls the application's producer in the actor's own goroutine: protoactor
// would call it in the supervisor's, which a producer that hangs would hang, and one
// that spawns would deadlock. A producer that panics is an actor that fails.
type newborn struct {
	producer actor.Producer
	actor    actor.Actor
}

func bornAlive(producer actor.Producer) actor.Producer {
	return func() actor.Actor { return &newborn{producer: producer} }
}

// Receive implements actor.Actor.
func (n *newborn) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); ok && n.actor == nil {
		n.actor = n.producer()
	}
	if n.actor != nil { // else its birth failed, and it ends
		n.actor.Receive(ctx)
	}
}
