package actors

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/internal/backoff"
)

// RestartPolicy bounds how often an actor is restarted and how fast.
type RestartPolicy struct {
	// Budget failures within Window are met by restarts; one more parks the
	// actor or restarts the tree. Default 5 in 10 minutes.
	Budget int
	Window time.Duration
	// Min and Max bound the delay before a restart. Default 100 ms and 30 s.
	Min, Max time.Duration
	// ParkMin and ParkMax bound how long an actor past its budget stays parked.
	// Default 1 and 10 minutes.
	ParkMin, ParkMax time.Duration
}

func (p RestartPolicy) withDefaults() RestartPolicy {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if p.Budget == 0 {
		p.Budget = 5
	}
	def(&p.Window, 10*time.Minute)
	def(&p.Min, 100*time.Millisecond)
	def(&p.Max, 30*time.Second)
	def(&p.ParkMin, time.Minute)
	def(&p.ParkMax, 10*time.Minute)
	return p
}

// kid is what the supervisor remembers of one child.
type kid struct {
	name   string
	parks  bool // past its budget it waits for minutes instead of taking the tree down
	fails  []time.Time
	parked int         // times in a row
	due    bool        // its restart is under way
	timer  *time.Timer // of that restart
}

// restartDue comes back to the supervisor when a child's delay is over. A timer
// that restarted the child itself could hit a namesake of a later tree.
type restartDue struct {
	child *actor.PID
	epoch uint64
}

// HandleFailure is the strategy of the tree. protoactor asks the actor before
// its props, so this runs in the supervisor's goroutine and needs no lock.
func (d *device) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, msg any) {
	k, now := d.kids[child.Id], time.Now()
	if k == nil {
		return // stopped meanwhile
	}
	d.tree.restarts.Add(1)
	d.tree.sawFailure()
	d.log.Error("actor failed", "actor", child.Id, "err", reason, "stack", stackOf(reason))
	if k.due {
		return // a second failure of the same incarnation
	}
	k.fails = append(within(k.fails, now.Add(-d.policy.Window)), now)
	if len(k.fails) <= d.policy.Budget {
		bo := backoff.Policy{Base: d.policy.Min, Cap: d.policy.Max}
		d.restartAfter(k, child, d.policy.Min/2+bo.Delay(len(k.fails)-1, d.opts.Clock.Rand()))
		if len(k.fails) == 1 {
			k.parked = 0
		}
		return
	}
	count := len(k.fails)
	k.fails = nil
	if k.parks {
		wait := min(d.policy.ParkMin<<min(k.parked, 10), d.policy.ParkMax)
		k.parked++
		d.tree.park(k.name, true)
		d.tree.tell(Escalated{Actor: k.name, Reason: textOf(reason), Count: count, Parked: wait})
		d.restartAfter(k, child, wait)
		return
	}
	d.tree.tell(Escalated{Actor: k.name, Reason: textOf(reason), Count: count})
	d.end() // whoever waits for this tree learns it before the mailboxes go
	sup.EscalateFailure(reason, msg)
}

func (d *device) restartAfter(k *kid, child *actor.PID, delay time.Duration) {
	k.due = true
	root, self, due := d.root, d.self, restartDue{child, d.epoch}
	k.timer = time.AfterFunc(delay, func() { root.Send(self, due) })
}

func (d *device) restart(ctx actor.Context, m restartDue) {
	k := d.kids[m.child.Id]
	if m.epoch != d.epoch || k == nil || !k.due {
		return
	}
	for _, c := range ctx.Children() {
		if c == m.child { // the very same child, not a namesake
			k.due = false
			d.tree.park(k.name, false)
			ctx.(actor.Supervisor).RestartChildren(c)
			if k.name != connectionName { // what it knew of the link is gone
				d.tree.Send(connectionName, Subscribe{c})
			}
			return
		}
	}
}

func within(times []time.Time, after time.Time) []time.Time {
	for len(times) > 0 && times[0].Before(after) {
		times = times[1:]
	}
	return times
}

// guardian restarts the tree itself, with a backoff and for ever. Its method
// runs in the goroutine of the failing device.
type guardian struct {
	tree   *Tree
	policy RestartPolicy
	due    atomic.Bool // a restart is under way: a second failure of the same life changes nothing
}

func (g *guardian) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	if g.due.Swap(true) {
		return
	}
	n := g.tree.treeRestarts.Add(1)
	g.tree.log.Error("the tree is restarted", "err", reason, "restarts", n)
	bo := backoff.Policy{Base: g.policy.Min, Cap: g.policy.Max}
	delay := g.policy.Min + bo.Delay(int(min(n, 30)), g.tree.opts.Clock.Rand())
	time.AfterFunc(delay, func() {
		g.due.Store(false)
		if !g.tree.closed.Load() {
			sup.RestartChildren(child)
		}
	})
}

func textOf(reason any) string {
	switch r := reason.(type) {
	case *PanicError:
		return r.Error()
	case error:
		return r.Error()
	case string:
		return r
	}
	return "panic"
}

func stackOf(reason any) string {
	if c, ok := reason.(*PanicError); ok {
		return string(c.Stack)
	}
	return ""
}

// bornAlive keeps a panic of an application's producer out of the supervisor, in
// whose goroutine protoactor calls it: what is born then fails by itself.
func bornAlive(producer actor.Producer) actor.Producer {
	return func() (a actor.Actor) {
		defer func() {
			if r := recover(); r != nil {
				a = stillborn{r}
			}
		}()
		return producer()
	}
}

type stillborn struct{ reason any }

func (s stillborn) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); ok {
		panic(fmt.Sprintf("its producer panicked: %v", s.reason))
	}
}
