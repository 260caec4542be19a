package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/internal/outbox"
)

// keeper is what belongs to the process and outlives the outbox actor: the
// store's handle with its watermark, who waits for a yes, and what the last
// incarnation was about when it ended. The outbox alone touches it, one
// incarnation after the other, and close after the last.
type keeper struct {
	tree   *Tree
	store  outbox.Store
	writer uint64 // of this opening

	queue      []Append // wait for the sync that is under way
	queueBytes int
	waiters    map[uint64]waiter // by seq: appended, not yet durable
	ends       map[uint64]asked  // by seq: who waits for an end
	sweepAt    int               // how many ends may be waited for before those whose askers have gone are forgotten
	recent     *outbox.Recent

	jobs      map[*outbox.Job]time.Time // since when each is under way
	sync      *outbox.Job               // one of them
	settleDue bool                      // settles have waited long enough
	inStore   bool                      // a panic now comes out of the store
	rendering uint64                    // a panic now comes from this report
	crashes   map[uint64]int            // panics by report
	degraded  atomic.Pointer[error]
}

// asked is who waits for the end of one report.
type asked struct {
	ref Ref
	askers[Settled]
}

// askers are who waits for one fact. Who has gone is forgotten when others come.
type askers[T any] []asker[T]

type asker[T any] struct {
	reply chan<- T
	gone  <-chan struct{}
}

func (a asker[T]) isGone() bool {
	select {
	case <-a.gone: // a nil channel is never closed
		return true
	default:
		return false
	}
}

// add takes in one who asks, once however often it asks.
func (as *askers[T]) add(reply chan<- T, gone <-chan struct{}) {
	*as = slices.DeleteFunc(*as, func(a asker[T]) bool { return a.reply == reply || a.isGone() })
	*as = append(*as, asker[T]{reply, gone})
}

func (as *askers[T]) answer(v T) {
	for _, a := range *as {
		answer(a.reply, v)
	}
	*as = nil
}

// forgetGone bounds the table of who waits by those who still do.
func (k *keeper) forgetGone() {
	if len(k.ends) <= max(k.sweepAt, 64) {
		return
	}
	for seq, a := range k.ends {
		if !slices.ContainsFunc(a.askers, func(w asker[Settled]) bool { return !w.isGone() }) {
			delete(k.ends, seq)
		}
	}
	k.sweepAt = 2 * len(k.ends)
}

// waiter is who asked for a report to be kept.
type waiter struct {
	reply chan<- Appended
	pid   *actor.PID
	lane  string
	ref   Ref
}

// answer gives an answer that its asker may have had already, or wait for no more.
func answer[T any](reply chan<- T, v T) {
	select {
	case reply <- v:
	default:
	}
}

func newKeeper(t *Tree) *keeper {
	return &keeper{tree: t, store: t.opts.Store, waiters: map[uint64]waiter{},
		ends: map[uint64]asked{}, jobs: map[*outbox.Job]time.Time{}, recent: new(outbox.Recent), crashes: map[uint64]int{}}
}

func (w waiter) answer(root *actor.RootContext, a Appended) {
	a.Lane = w.lane
	switch {
	case w.reply != nil:
		answer(w.reply, a)
	case w.pid != nil:
		root.Send(w.pid, a)
	}
}

// guard marks what runs in the store, so that a panic from there is known.
func (k *keeper) guard(f func()) {
	k.inStore = true
	f()
	k.inStore = false
}

// recover makes the store usable after the last incarnation ended in a panic.
// A panic that came out of the store leaves a handle that nobody can trust: it
// is opened anew, as after a restart of the process.
func (k *keeper) recover() {
	if k.rendering != 0 {
		k.crashes[k.rendering]++
		k.rendering = 0
	}
	if !k.inStore {
		return
	}
	k.tree.log.Error("a panic came out of the store: it is opened anew")
	for _, j := range k.store.Running() {
		<-j.Ended()
	}
	func() {
		defer func() { _ = recover() }() // it has panicked before
		_ = k.store.Close()
	}()
	store, err := k.tree.opts.Reopen()
	if err != nil {
		panic(fmt.Errorf("actors: opening the store anew: %w", err)) // tried again with the supervisor's backoff
	}
	k.store, k.inStore, k.sync, k.settleDue = store, false, nil, false
	clear(k.jobs)
	root := k.tree.system.Root
	for seq, w := range k.waiters { // what was in the page cache may or may not count
		delete(k.waiters, seq)
		w.answer(root, Appended{Err: ErrOutcomeUnknown})
	}
}

func (k *keeper) setDegraded(err error) {
	old := k.degraded.Load()
	if err == nil {
		if old != nil {
			k.degraded.Store(nil)
			k.tree.tell(Told{ToldDegraded, "the disk takes reports again"})
		}
		return
	}
	k.degraded.Store(&err)
	if old == nil {
		k.tree.tell(Told{ToldDegraded, "the disk takes no reports: " + err.Error()})
	}
}

// close releases the store after the actors have ended. A hung disk must not
// hang the process: ctx bounds the wait, and the journal is then as after a kill.
// So it is where the outbox itself hangs in a call to the disk: nobody else may
// touch its store then.
// released is closed when the store is let go of, perhaps long after ctx.
func (k *keeper) close(ctx context.Context, outboxEnded bool, released chan<- struct{}) error {
	root := k.tree.system.Root
	for _, a := range k.queue {
		waiter{reply: a.Reply, pid: a.sender}.answer(root, Appended{Err: ErrStopped})
	}
	if !outboxEnded {
		return errors.New("actors: the journal was left as it is, since a call to the disk does not return")
	}
	ended := make(chan error, 1)
	go func() {
		for _, j := range k.store.Running() {
			<-j.Ended()
			for j != nil { // what it left to do is done here, since no outbox lives to do it
				if j = k.store.Done(j).Next; j != nil {
					j.Run()
				}
			}
		}
		err := k.store.Close()
		if a := k.tree.opts.Audit; a != nil {
			if err := a.Close(); err != nil { // it lost lines, and no promise rests on it
				k.tree.log.Warn("the audit log is not whole", "err", err)
			}
		}
		close(released)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return fmt.Errorf("actors: closing the journal: %w", ctx.Err())
	}
}
