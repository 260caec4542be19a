package actors

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// doneBomb is a store whose Done panics once.
type doneBomb struct {
	outbox.Store
	left int
}

func (d *doneBomb) Done(j *outbox.Job) outbox.Result {
	if d.left > 0 {
		d.left--
		panic("a bug in the store's Done")
	}
	return d.Store.Done(j)
}

func TestAStoreThatPanicsInDone(t *testing.T) {
	inBubble(t, func(r *rig, o *Options) { o.Store = &doneBomb{r.store, 1} }, func(r *rig) {
		a, _ := NewAppend(Properties{"energy": 1})
		reply := make(chan Appended, 1)
		a.Reply = reply
		r.tree.Send("outbox", a)
		time.Sleep(time.Hour)
		a2, _ := NewAppend(Properties{"energy": 2})
		reply2 := make(chan Appended, 1)
		a2.Reply = reply2
		r.tree.Send("outbox", a2)
		time.Sleep(time.Hour)
		select {
		case got := <-reply:
			t.Logf("first: %v", got.Err)
		default:
			t.Error("the first caller was never answered")
		}
		select {
		case got := <-reply2:
			if got.Err != nil {
				t.Errorf("second: %v", got.Err)
			}
		default:
			t.Error("an hour after the panic nothing is taken any more")
		}
	})
}

// What is sent in the moment between the new epoch and the birth of its actors is lost.

func TestTheBirthOfATree(t *testing.T) {
	lost := 0
	for range 300 {
		inBubble(t, func(r *rig, o *Options) {
			o.Clock.Rand = func() uint64 { return 0 }
			left := 2
			o.Restart = RestartPolicy{Budget: 1, Min: time.Second, Max: time.Second}
			o.Middleware = []actor.ReceiverMiddleware{func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
					if _, ok := env.Message.(Replied); ok && left > 0 {
						left--
						panic("boom")
					}
					next(c, env)
				}
			}}
		}, func(r *rig) {
			old := r.tree.Done()
			r.tree.Send("outbox", Replied{})
			time.Sleep(3 * time.Second)
			r.tree.Send("outbox", Replied{})
			<-old // the tree will be restarted after a second or so
			got := make(chan bool, 1)
			go func() {
				time.Sleep(time.Second + 1) // what the guardian waits, with these numbers
				// Without a pause: so it meets the moment far more often.
				for i := 0; i < 50_000_000 && r.tree.Done() == old; i++ {
				}
				if r.tree.Done() == old { // a busy machine: this round does not meet the moment
					time.Sleep(time.Second)
				}
				if r.tree.Done() == old {
					t.Error("not restarted yet")
				}
				a, _ := NewAppend(Properties{"energy": 1})
				reply := make(chan Appended, 1)
				a.Reply = reply
				done := r.tree.Done()
				r.tree.Send("outbox", a)
				select {
				case <-reply:
					got <- true
				case <-done:
					got <- true
				case <-time.After(time.Hour):
					got <- false
				}
			}()
			if !<-got {
				lost++
			}
		})
	}
	if lost > 0 {
		t.Errorf("%d of 300 callers never got an answer", lost)
	}
}

// Questions whose askers have gone away stay in memory.

func TestAskersThatHaveGone(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		kept := r.append("")
		gone := make(chan struct{})
		close(gone) // nobody waits for long
		for range 1000 {
			r.tree.Send("outbox", AskEnd{Ref: kept.Ref, Reply: make(chan Settled, 1), Gone: gone})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := len(r.tree.keeper.ends[kept.Ref.seq].askers); n > 100 {
			t.Errorf("%d channels of waits that ended long ago", n)
		}
	})
}

// A token of an application's publish means a report's number to the outbox.

func TestTheTokenOfAnotherPublish(t *testing.T) {
	inBubble(t, func(r *rig, o *Options) {
		o.Confirm = ConfirmPuback
		r.net.OnPublish = func(_ *transporttest.Client, m transport.Message) bool {
			topic, err := alink.ParseTopic(m.Topic)
			return err != nil || topic.Kind != alink.PropertyPost // no PUBACK for posts
		}
	}, func(r *rig) {
		r.tree.Connect()
		time.Sleep(time.Minute)
		r.append("")
		time.Sleep(time.Second)
		r.tree.Send("connection", Publish{Topic: "/a1B2c3D4e5F/device01/user/hello", Payload: []byte("hi"), QoS: 1})
		time.Sleep(time.Second)
		if l := r.ledger(); l.Confirmed != 0 {
			t.Errorf("confirmed by somebody else's PUBACK: %+v", l.Counts)
		}
	})
}

// appendBomb panics once after it has appended.

type appendBomb struct {
	outbox.Store
	left *int
}

func (d *appendBomb) Append(w uint64, e []outbox.Entry) error {
	err := d.Store.Append(w, e)
	if *d.left > 0 {
		*d.left--
		panic("a bug in the store, after the write")
	}
	return err
}

func TestARefusedReportRises(t *testing.T) {
	left := 1
	inBubble(t, func(r *rig, o *Options) { o.Store = &appendBomb{r.store, &left} }, func(r *rig) {
		a := r.append("")
		t.Logf("the caller heard: %v; unknown: %v", a.Err, errors.Is(a.Err, ErrOutcomeUnknown))
		r.tree.Connect()
		time.Sleep(time.Minute)
		if l := r.ledger(); l.Confirmed > 0 && !errors.Is(a.Err, ErrOutcomeUnknown) {
			t.Errorf("the caller was told %v, and the report is at the platform: %+v", a.Err, l.Counts)
		}
	})
}

// One life of the tree that fails twice is restarted once.
func TestTwoEscalationsOneRestart(t *testing.T) {
	inBubble(t, func(r *rig, o *Options) {
		o.Restart = RestartPolicy{Budget: 1, Min: 5 * time.Second, Max: 5 * time.Second, Window: time.Hour}
		o.Middleware = []actor.ReceiverMiddleware{func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
				switch m := env.Message.(type) {
				case Replied:
					if m.Text == "boom" {
						panic("boom")
					}
				case LinkHint:
					panic("boom")
				}
				next(c, env)
			}
		}}
	}, func(r *rig) {
		r.tree.Send("outbox", Replied{Text: "boom"})
		r.tree.Send("connection", LinkHint{})
		time.Sleep(time.Minute)
		r.tree.Send("outbox", Replied{Text: "boom"})
		r.tree.Send("connection", LinkHint{})
		time.Sleep(time.Minute)
		if n := r.tree.epochs.Load(); n != 2 {
			t.Errorf("%d lives of the tree after %d restarts", n, r.tree.TreeRestarts())
		}
	})
}
