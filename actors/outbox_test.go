package actors

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

// brokenAudit panics on one of its records.
type brokenAudit struct{ left int }

func (b *brokenAudit) Record(string, outbox.Ended) {
	if b.left--; b.left == 0 {
		panic("the audit log is broken")
	}
}
func (*brokenAudit) Syncer() func() error { return func() error { return nil } }
func (*brokenAudit) Close() error         { return nil }

func TestWhoWaitsForAnEndIsToldByTheNextLife(t *testing.T) {
	inBubble(t, func(_ *rig, o *Options) { o.Audit = &brokenAudit{left: 1} }, func(r *rig) {
		kept := r.append("")
		if kept.Err != nil {
			t.Fatal(kept.Err)
		}
		ended := make(chan Settled, 1)
		r.tree.Send("outbox", AskEnd{Ref: kept.Ref, Reply: ended})
		r.tree.Connect() // the yes comes, and telling it panics
		select {
		case s := <-ended:
			if s.Err != nil || s.End.Outcome != Confirmed {
				t.Errorf("told: %+v", s)
			}
		case <-time.After(time.Hour):
			t.Error("who waited was never told")
		}
		if r.tree.Restarts() != 1 {
			t.Errorf("%d restarts", r.tree.Restarts())
		}
	})
}

func TestWhoWaitsForAnEndIsToldThoughTellingItPanicked(t *testing.T) {
	left := 1
	inBubble(t, func(_ *rig, o *Options) {
		o.Notify = func(m any) {
			if told, ok := m.(Told); ok && told.Kind == ToldDamaged && left > 0 {
				left--
				panic("a bug of the application's")
			}
		}
	}, func(r *rig) {
		kept := r.append("")
		ended := make(chan Settled, 1)
		r.tree.Send("outbox", AskEnd{Ref: kept.Ref, Reply: ended})
		r.ledger() // it has been asked
		synctest.Wait()
		r.store.Damage(kept.Ref.Seq())
		r.tree.Connect() // reading it for the link finds the damage, and telling that panics
		select {
		case s := <-ended:
			if s.End.Outcome != Damaged {
				t.Errorf("told: %+v", s)
			}
		case <-time.After(time.Hour):
			t.Error("who waited was never told")
		}
		if left != 0 {
			t.Error("nothing panicked")
		}
	})
}

func TestAReportThatPanicsItsActorIsSetAside(t *testing.T) {
	render := func(o *outboxActor, s *outbox.Send) (string, []byte) {
		if s.Seq == 3 {
			panic("this report cannot be rendered")
		}
		return o.render(s)
	}
	inBubble(t, func(_ *rig, o *Options) { o.render = render }, func(r *rig) {
		r.tree.Connect()
		time.Sleep(time.Minute)
		for range 10 {
			if a := r.append(""); a.Err != nil {
				t.Errorf("report: %v", a.Err)
			}
		}
		time.Sleep(10 * time.Minute)
		l := r.ledger()
		if l.Quarantined != 1 || l.Confirmed != 9 {
			t.Errorf("the ledger: %+v", l.Counts)
		}
		if r.tree.TreeRestarts() != 0 || r.tree.Restarts() != poisonAfter {
			t.Errorf("%d restarts, %d of the tree", r.tree.Restarts(), r.tree.TreeRestarts())
		}
	})
}

func TestAStoreThatPanicsIsOpenedAnew(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		first := r.store
		if a := r.append(""); a.Err != nil {
			t.Fatal(a.Err)
		}
		synctest.Wait()
		first.Before(func(op storetest.Op) error {
			if op == storetest.OpAppend {
				panic("a bug in the store")
			}
			return nil
		})
		if a := r.append(""); !errors.Is(a.Err, ErrOutcomeUnknown) && !errors.Is(a.Err, ErrNotKept) {
			var crash *PanicError
			if !errors.As(a.Err, &crash) {
				t.Errorf("the report that met the bug: %v", a.Err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.store == first {
			t.Fatal("the store was not opened anew")
		}
		if a := r.append(""); a.Err != nil {
			t.Errorf("afterwards: %v", a.Err)
		}
		if l := r.ledger(); l.Accepted != 2 {
			t.Errorf("the ledger: %+v", l.Counts)
		}
	})
}

func TestEndsThatAreForgotten(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.tree.Connect()
		time.Sleep(time.Minute)
		var refs []Ref
		for range 1100 {
			refs = append(refs, r.append("").Ref)
		}
		time.Sleep(10 * time.Minute)
		if s := r.end(refs[1099]); s.Err != nil || s.End.Outcome != Confirmed {
			t.Errorf("the last one: %+v", s)
		}
		if s := r.end(refs[0]); !errors.Is(s.Err, ErrForgotten) {
			t.Errorf("one of long ago: %+v", s)
		}
	})
}

func TestRefusals(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		var unknown *UnknownLaneError
		if a := r.append("nowhere"); !errors.As(a.Err, &unknown) {
			t.Errorf("an unknown lane: %v", a.Err)
		}
		synctest.Wait()
		r.store.RefuseAppend(outbox.ErrNoSpace)
		if a := r.append(""); !errors.Is(a.Err, outbox.ErrNoSpace) {
			t.Errorf("a full disk: %v", a.Err)
		}
		if !errors.Is(r.tree.DiskError(), outbox.ErrNoSpace) {
			t.Errorf("the status: %v", r.tree.DiskError())
		}
		synctest.Wait()
		r.store.RefuseAppend(nil)
		if a := r.append(""); a.Err != nil || r.tree.DiskError() != nil {
			t.Errorf("afterwards: %v, %v", a.Err, r.tree.DiskError())
		}
	})
}
