package actors

import (
	"sync/atomic"
	"time"
)

// AskPulse asks outbox or connection for a sign of life. The answer comes by way of
// the mailbox, so that an actor that does not return from a message gives none.
type AskPulse struct{ Reply chan<- Pulse } // room for one

// Pulse is an actor's sign of life.
type Pulse struct {
	At time.Time
	// DiskSince is when the oldest call began that the outbox has under way beside
	// its mailbox; zero where there is none.
	DiskSince time.Time
	// Pending is how many reports the outbox has waiting.
	Pending uint64
}

// Watch looks after the actors without which a device is dead: outbox and
// connection. It waits for nobody, and has one question at most in a mailbox. It
// belongs to one goroutine.
type Watch struct {
	tree  *Tree
	parts []watched
}

type watched struct {
	name         string
	reply        chan Pulse
	last         Pulse
	asked        bool
	failed, done <-chan struct{} // since it was asked: the question may be lost
}

// SilentActor is an actor that has shown no life for too long.
type SilentActor struct {
	Actor string
	Since time.Time
	// OnDisk says that it is alive itself, but waits for a call to the disk.
	OnDisk bool
}

// vouchFor bounds for how long a supervisor's word that an actor will be restarted
// stands for the actor's own: what has not come back by then is beyond its help.
const vouchFor = 10 * time.Minute

// Watch begins to look after outbox and connection, which count as alive now.
func (t *Tree) Watch() *Watch {
	w := &Watch{tree: t}
	for _, name := range []string{outboxName, connectionName} {
		w.parts = append(w.parts, watched{name: name, reply: make(chan Pulse, 1), last: Pulse{At: time.Now()}})
	}
	w.ask()
	return w
}

// Look takes in the answers since the last look, asks again, and says who has shown
// no life for longer than patience. An actor that waits for its restart counts as
// alive; a dead link is nobody's death.
func (w *Watch) Look(patience time.Duration) []SilentActor {
	w.hear()
	w.ask()
	var silent []SilentActor
	now := time.Now()
	for _, p := range w.parts {
		switch {
		case w.tree.restartDue(p.name) && now.Sub(p.last.At) < vouchFor: // what it said of the disk is old, too
		case now.Sub(p.last.At) > patience:
			silent = append(silent, SilentActor{Actor: p.name, Since: p.last.At})
		case !p.last.DiskSince.IsZero() && now.Sub(p.last.DiskSince) > patience:
			silent = append(silent, SilentActor{Actor: p.name, Since: p.last.DiskSince, OnDisk: true})
		}
	}
	return silent
}

// Pending is how many reports were waiting when the outbox was last heard.
func (w *Watch) Pending() uint64 { return w.parts[0].last.Pending }

// hear takes in what was answered. A question that was lost with an actor's, or the
// tree's, last life counts as not asked.
func (w *Watch) hear() {
	for i := range w.parts {
		p := &w.parts[i]
		if !p.asked {
			continue
		}
		select {
		case p.last = <-p.reply:
			p.asked = false
			continue
		default:
		}
		select {
		case <-p.failed:
			p.asked = false
		case <-p.done:
			p.asked = false
		default:
		}
	}
}

func (w *Watch) ask() {
	for i := range w.parts {
		p := &w.parts[i]
		if p.asked || !w.tree.alive() {
			continue
		}
		p.failed, p.done, p.asked = w.tree.Failed(), w.tree.Done(), true
		w.tree.Send(p.name, AskPulse{p.reply})
	}
}

// restartsDue are the restarts that a supervisor has promised and not yet begun.
type restartsDue struct{ outbox, connection, tree atomic.Bool }

func (r *restartsDue) of(name string) *atomic.Bool {
	switch name {
	case outboxName:
		return &r.outbox
	case connectionName:
		return &r.connection
	}
	return new(atomic.Bool) // nobody watches it
}

// restartDue says that an actor waits for a restart, its own or the tree's. One whose
// restart has begun and does not end is not waiting any more.
func (t *Tree) restartDue(name string) bool { return t.due.tree.Load() || t.due.of(name).Load() }

// pulse is the outbox's sign of life.
func (o *outboxActor) pulse() Pulse {
	p := Pulse{At: time.Now()}
	for _, since := range o.keep.jobs {
		if p.DiskSince.IsZero() || since.Before(p.DiskSince) {
			p.DiskSince = since
		}
	}
	for _, c := range o.core.Ledger().Lanes {
		p.Pending += c.Pending()
	}
	return p
}
