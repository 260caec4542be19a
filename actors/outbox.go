package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/transport"
)

// outboxActor owns the store and drives the pure core: every message is one
// input, and what the core returns is performed before the next one. Nothing in
// here waits for the medium or the link: syncs run beside the mailbox, one at a
// time, and come back as messages.
type outboxActor struct {
	tree *Tree
	keep *keeper
	core *outbox.Core
	root *actor.RootContext
	self *actor.PID
	conn *actor.PID

	first   uint64 // reports below were appended by an incarnation before
	session uint64 // 0: offline
	timer   *time.Timer
	wakeAt  time.Duration // what the timer is set for
	settle  *time.Timer   // runs while only settles wait for a sync
	drained askers[Drained]
	moved   bool // something has ended, or was set aside, since drained was last judged
	lanes   map[string]int

	appended bool               // something waits for a sync that was not started yet
	newClock *outbox.ClockPoint // learned, not yet on the disk
	clockJob *outbox.Job        // the sync that brings it there
}

type (
	// jobEnded comes back from the goroutine that ran a job of the store.
	jobEnded struct{ job *outbox.Job }
	wake     struct{}
	// settleDue is when settles have waited long enough for a sync to ride on.
	settleDue struct{}
	// AskDrained is answered when nothing is pending but what is set aside.
	AskDrained struct{ Reply chan<- Drained }
	// Drained answers AskDrained.
	Drained struct{}
)

const (
	// How long an end may wait for a sync: the time in which a power cut turns a
	// confirmed report into one more sending.
	settleWithin = time.Second
	// How many bytes of reports may wait while a sync is under way. A larger one
	// may wait alone.
	maxQueueBytes = 4 << 20
	// How many of them go into one write and one sync: less than the store lets
	// wait, so that a long queue is never refused whole.
	maxGroupBytes = 1 << 20
)

func newOutbox(t *Tree) actor.Actor { return &outboxActor{tree: t, keep: t.keeper} }

// Receive implements actor.Actor.
func (o *outboxActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		o.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		o.stopTimers()
		return
	case *actor.Stopped:
		return
	case Append:
		o.enqueue(ctx, m)
		if o.syncing() {
			return // it waits, and nothing else has changed
		}
	case jobEnded:
		o.jobEnded(m.job)
	case Online:
		if m.Session != o.session { // the end of a quiet time is the core's own
			o.session = m.Session
			o.core.Up(o.now(), m.Session, m.Quiet)
		}
	case Offline:
		o.session = 0
		o.core.Down(o.now(), m.Session, m.ByPeer)
	case Published:
		if errors.Is(m.Err, transport.ErrEnded) {
			return // Offline tells the core, which must find what was in flight then
		}
		o.core.Published(o.now(), m.Session, m.Token, outbox.Level(m.Level), m.Err != nil)
	case Replied:
		o.core.Replied(o.now(), m.Session, m.ID, verdictOf(alink.Code(m.Code)), int32(m.Code))
	case Heard:
		o.core.ProbeAnswered(o.now(), m.Session)
	case ClockLearned:
		o.learn(m)
	case AskEnd:
		o.askEnd(m)
	case AskLedger:
		answer(m.Reply, o.ledger())
	case AskPulse:
		answer(m.Reply, o.pulse())
		return
	case AskDrained:
		o.drained.add(m.Reply, nil)
		o.moved = true
	case settleDue:
		o.settle = nil
		o.sync()
	case wake:
		o.wakeAt = 0
		o.core.Tick(o.now())
	default:
		return
	}
	o.perform()
}

// start makes the core from what the store knows: an incarnation has no other
// memory. Jobs that the last one handed out come back to this one.
func (o *outboxActor) start(ctx actor.Context) {
	o.root, o.self, o.conn = ctx.ActorSystem().Root, ctx.Self(), o.tree.PID(connectionName)
	o.keep.recover()
	o.lanes = map[string]int{}
	for i, l := range o.tree.opts.Lanes {
		if l.Policy != Retired {
			o.lanes[l.Name] = i
		}
	}
	for _, j := range o.keep.store.Running() {
		o.await(j)
	}
	st := o.keep.store.State()
	dirty, _ := o.keep.store.Dirty()
	if st.Lost > 0 && st.Writer != o.keep.writer { // news of this opening, not of this incarnation
		o.tree.tell(Told{ToldDamaged, fmt.Sprintf("%d reports that had been synced are gone from the medium", st.Lost)})
	}
	o.first, o.keep.writer = st.NextSeq, st.Writer
	o.core = outbox.NewCore(o.tree.opts.config(o.keep.recent), st, dirty)
	o.catchUp(dirty)
	o.learnFromKernel(st)
	o.core.Tick(o.now())
}

// catchUp gives the answers that the last incarnation owed when it ended.
func (o *outboxActor) catchUp(dirty bool) {
	for seq, w := range o.keep.waiters {
		switch {
		case seq >= o.first: // never reached the store
			o.answerOne(seq, Appended{Err: fmt.Errorf("%w: the outbox failed before it was written", ErrNotKept)})
		case dirty: // a sync will tell
		case o.keep.store.Has(w.ref.class, w.ref.ord):
			o.answerOne(seq, Appended{})
		default: // refused, or ended already: nobody knows any more
			o.answerOne(seq, Appended{Err: ErrOutcomeUnknown})
		}
	}
	for seq, a := range o.keep.ends {
		if o.keep.store.Has(a.ref.class, a.ref.ord) {
			continue
		}
		delete(o.keep.ends, seq)
		for _, who := range a.askers {
			o.askEnd(AskEnd{a.ref, who.reply, who.gone})
		}
	}
}

func (o *outboxActor) stopTimers() {
	for _, t := range []*time.Timer{o.timer, o.settle} {
		if t != nil {
			t.Stop()
		}
	}
}

// enqueue collects reports while a sync is under way: one write and one sync
// then serve them all.
func (o *outboxActor) enqueue(ctx actor.Context, m Append) {
	if m.Reply == nil && ctx.Sender() != nil {
		m.sender = ctx.Sender()
	}
	size := m.weight()
	if o.keep.queueBytes > 0 && o.keep.queueBytes+size > maxQueueBytes {
		waiter{reply: m.Reply, pid: m.sender}.answer(o.root, Appended{Err: outbox.ErrBacklog})
		return
	}
	o.keep.queue = append(o.keep.queue, m)
	o.keep.queueBytes += size
}

// submit hands what has been collected to the core, unless a sync is under way.
// Each leaves the queue before its turn: what panics in between must not be kept
// by the next incarnation after its caller heard that it was not.
func (o *outboxActor) submit() {
	for group := 0; len(o.keep.queue) > 0 && !o.syncing() && group < maxGroupBytes; {
		m := o.keep.queue[0]
		o.keep.queue[0] = Append{}
		o.keep.queue = o.keep.queue[1:]
		o.keep.queueBytes -= m.weight()
		group += m.weight()
		o.submitOne(m)
	}
}

func (o *outboxActor) submitOne(m Append) {
	name := m.Lane
	if name == "" {
		name = DefaultLane
	}
	w := waiter{reply: m.Reply, pid: m.sender, lane: name}
	defer func() {
		if r := recover(); r != nil {
			w.answer(o.root, Appended{Err: fmt.Errorf("%w: %v", ErrNotKept, r)})
			panic(r)
		}
	}()
	class, ok := o.lanes[name]
	if !ok {
		w.answer(o.root, Appended{Err: &UnknownLaneError{name}})
		return
	}
	it := outbox.Item{Kind: m.Content.kind, Name: m.Content.name, Params: m.Content.params, Key: m.Content.key, TTL: m.TTL}
	it.Made.At = m.Made
	if !m.At.IsZero() {
		it.Made.Wall, it.Made.Trusted, it.Made.Given = m.At.UnixMilli(), true, true
	}
	if o.tree.opts.Lanes[class].Policy != LatestOnly {
		it.Key = "" // bytes on the flash that nothing reads
	}
	seq, err := o.core.Submit(o.now(), class, it)
	if err != nil {
		w.answer(o.root, Appended{Err: err})
		return
	}
	o.keep.waiters[seq] = w
}

// askEnd answers from memory, or registers who asks where the report is pending.
func (o *outboxActor) askEnd(m AskEnd) {
	known := o.core.Ends([]uint64{m.Ref.seq})[0]
	switch {
	case known.Seq != 0 && known.Outcome != outbox.Pending:
		answer(m.Reply, o.settled(known))
	case known.Seq == 0 && !o.keep.store.Has(m.Ref.class, m.Ref.ord):
		answer(m.Reply, Settled{Seq: m.Ref.seq, Err: ErrForgotten})
	default:
		a := o.keep.ends[m.Ref.seq]
		a.ref = m.Ref
		a.add(m.Reply, m.Gone)
		o.keep.ends[m.Ref.seq] = a
		o.keep.forgetGone()
	}
}

func (o *outboxActor) settled(s outbox.Settlement) Settled {
	return Settled{Seq: s.Seq, Lane: o.laneName(s.Lane), End: End{OutcomeOf(s.Outcome), int(s.Code)}}
}

func (o *outboxActor) laneName(class uint8) string {
	if int(class) < len(o.tree.opts.Lanes) {
		return o.tree.opts.Lanes[class].Name
	}
	return fmt.Sprintf("class-%d", class)
}

func (o *outboxActor) ledger() Ledger {
	l := Ledger{Lanes: map[string]Counts{}}
	for class, c := range o.core.Ledger().Lanes {
		name := o.laneName(uint8(class))
		if c.Accepted == 0 && class >= len(o.tree.opts.Lanes) {
			continue
		}
		counts := CountsOf(c.Counts)
		counts.Quarantined, counts.Unreadable = c.Quarantined, c.Unreadable
		l.Lanes[name] = counts
		l.Counts = l.Counts.Add(counts)
	}
	return l
}

// weight is what a report takes while it waits, about.
func (m Append) weight() int { return len(m.Content.params) + len(m.Content.key) + 128 }
