package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/internal/backoff"
)

// RestartPolicy bounds how often an actor is restarted and how fast.
type RestartPolicy struct {
	// Budget failures within Window are met by restarts; one more parks the
	// actor or restarts the tree. Default 5.
	Budget int
	// Window is the time in which failures are counted. Default 10 minutes.
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

// kid is what a supervisor remembers of one child.
type kid struct {
	name   string
	parks  bool // past its budget it waits for minutes instead of taking the tree down
	fails  []time.Time
	parked int         // times in a row
	due    bool        // its restart is under way
	told   bool        // to stop, by its supervisor
	timer  *time.Timer // of that restart
}

// restartDue comes back to the supervisor when a child's delay is over. A timer
// that restarted the child itself could hit a namesake of a later tree.
type restartDue struct {
	child *actor.PID
	life  uint64
}

// supervisor restarts its children one for one, with a backoff and a budget.
type supervisor struct {
	tree *Tree
	root *actor.RootContext
	self *actor.PID
	life uint64 // of the supervisor: what was due in an earlier one is void
	kids map[string]*kid
	end  func() // called before a failure is escalated
}

func newSupervisor(t *Tree) supervisor {
	return supervisor{tree: t, kids: map[string]*kid{}}
}

func (s *supervisor) spawn(ctx actor.Context, c child) (*actor.PID, error) {
	pid, err := ctx.SpawnNamed(c.props, c.name)
	if err != nil {
		return nil, fmt.Errorf("actors: spawning %q: %w", c.name, err) // the PID is another actor's then
	}
	s.kids[pid.Id] = &kid{name: c.name, parks: c.parks}
	return pid, nil
}

// forget drops a child that has ended, and says which it was.
func (s *supervisor) forget(who *actor.PID) *kid {
	k := s.kids[who.Id]
	if k != nil && k.timer != nil {
		k.timer.Stop()
	}
	delete(s.kids, who.Id)
	return k
}

func (s *supervisor) stopTimers() {
	for _, k := range s.kids {
		if k.timer != nil {
			k.timer.Stop()
		}
	}
}

// HandleFailure is the strategy. protoactor asks the actor before its props, so
// this runs in the supervisor's goroutine and needs no lock.
func (s *supervisor) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, msg any) {
	k, now, policy := s.kids[child.Id], time.Now(), s.tree.opts.Restart
	if k == nil {
		return // stopped meanwhile
	}
	s.tree.restarts.Add(1)
	s.tree.sawFailure()
	s.tree.log.Error("actor failed", "actor", child.Id, "err", reason, "stack", stackOf(reason))
	if k.due {
		return // a second failure of the same incarnation
	}
	k.fails = append(within(k.fails, now.Add(-policy.Window)), now)
	if len(k.fails) <= policy.Budget {
		bo := backoff.Policy{Base: policy.Min, Cap: policy.Max}
		s.restartAfter(k, child, policy.Min/2+bo.Delay(len(k.fails)-1, s.tree.opts.Clock.Rand()))
		if len(k.fails) == 1 {
			k.parked = 0
		}
		return
	}
	count := len(k.fails)
	k.fails = nil
	if k.parks {
		wait := min(policy.ParkMin<<min(k.parked, 10), policy.ParkMax)
		k.parked++
		s.tree.park(k.name, true)
		s.tree.tell(Escalated{Actor: k.name, Reason: textOf(reason), Count: count, Parked: wait})
		s.restartAfter(k, child, wait)
		return
	}
	s.tree.tell(Escalated{Actor: k.name, Reason: textOf(reason), Count: count})
	s.end() // whoever waits for this tree learns it before the mailboxes go
	sup.EscalateFailure(reason, msg)
}

func (s *supervisor) restartAfter(k *kid, child *actor.PID, delay time.Duration) {
	k.due = true
	s.tree.due.of(k.name).Store(true)
	root, self, due := s.root, s.self, restartDue{child, s.life}
	k.timer = time.AfterFunc(delay, func() { root.Send(self, due) })
}

func (s *supervisor) restart(ctx actor.Context, m restartDue) {
	k := s.kids[m.child.Id]
	if m.life != s.life || k == nil || !k.due || k.told {
		return
	}
	for _, c := range ctx.Children() {
		if c == m.child { // the very same child, not a namesake
			k.due = false
			s.tree.due.of(k.name).Store(false)
			s.tree.park(k.name, false)
			ctx.(actor.Supervisor).RestartChildren(c)
			s.tree.Send(connectionName, reborn{c})
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
}

func (g *guardian) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	if g.tree.due.tree.Swap(true) {
		return // a second failure of the same life changes nothing
	}
	n := g.tree.treeRestarts.Add(1)
	g.tree.log.Error("the tree is restarted", "err", reason, "restarts", n)
	bo := backoff.Policy{Base: g.policy.Min, Cap: g.policy.Max}
	delay := g.policy.Min + bo.Delay(int(min(n, 30)), g.tree.opts.Clock.Rand())
	time.AfterFunc(delay, func() {
		g.tree.due.tree.Store(false)
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
