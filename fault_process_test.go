package aliiot

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
)

// bomb is a middleware that panics on chosen messages.
type bomb struct {
	actor string // the end of the actor's id
	on    func(msg any) bool
	left  atomic.Int64
	hits  atomic.Int64
}

func (b *bomb) middleware(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		id := ctx.Self().Id
		if b.left.Load() > 0 && len(id) >= len(b.actor) && id[len(id)-len(b.actor):] == b.actor && b.on(env.Message) {
			b.left.Add(-1)
			b.hits.Add(1)
			panic(fmt.Sprintf("injected into %s on %T", id, env.Message))
		}
		next(ctx, env)
	}
}

func anything(any) bool { return true }

func kind[T any](msg any) bool { _, ok := msg.(T); return ok }

func TestFault_panic_actor(t *testing.T) {
	for name, b := range map[string]struct {
		actor string
		on    func(any) bool
	}{
		"outbox/append":      {"outbox", kind[actors.Append]},
		"outbox/replied":     {"outbox", kind[actors.Replied]},
		"outbox/published":   {"outbox", kind[actors.Published]},
		"outbox/online":      {"outbox", kind[actors.Online]},
		"outbox/offline":     {"outbox", kind[actors.Offline]},
		"outbox/ledger":      {"outbox", kind[actors.AskLedger]},
		"outbox/any":         {"outbox", anything},
		"connection/publish": {"connection", kind[actors.Publish]},
		"connection/any":     {"connection", anything},
		"dispatch/online":    {"dispatch", kind[actors.Online]},
		"dispatch/inbound":   {"dispatch", kind[actors.Inbound]},
		"dispatch/any":       {"dispatch", anything},
		"connection/hint":    {"connection", kind[actors.LinkHint]},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bomb := &bomb{actor: b.actor, on: b.on}
				r.cfg.Middleware = []actor.ReceiverMiddleware{bomb.middleware}
				r.clock.SetSynchronised(false) // so that dispatch has something to ask
				r.online()
				r.reports(10)
				for range 3 { // within the budget
					bomb.left.Store(1)
					for range 10 {
						start := time.Now()
						_, _, err := r.report()
						if err != nil && time.Since(start) > 100*time.Millisecond {
							t.Errorf("the error %v came after %v", err, time.Since(start))
						}
						time.Sleep(time.Second)
					}
					r.net.Publish(alink.Topic{Kind: alink.Service, Device: alink.Device{ProductKey: testPK, DeviceName: testDN}, Name: "unknown"}.String(),
						[]byte(`{"id":"1","version":"1.0","params":{}}`), 0)
					time.Sleep(time.Second)
					r.net.CutAll(0)
					r.dev.LinkHint(true)
					time.Sleep(3 * time.Minute)
					_ = r.tryLedger()
					time.Sleep(time.Minute)
				}
				bomb.left.Store(0)
				r.waitOnline()
				r.drain(time.Hour)
				r.wantNothingLost()
				r.cloud.wantSteady(t)
				r.ledger()
				if n := r.dev.Status().TreeRestarts; n > 0 {
					t.Errorf("%d restarts of the whole tree for single panics", n)
				}
				if bomb.hits.Load() == 0 {
					t.Error("nothing panicked")
				}
			})
		})
	}
}

func (r *rig) tryLedger() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := r.dev.Ledger(ctx)
	return err
}

// A question that is lost with the actor that it was put to is asked again.
func TestAQuestionOutlivesAPanic(t *testing.T) {
	for name, question := range map[string]struct {
		actor string
		on    func(any) bool
		ask   func(context.Context, *rig, Receipt) error
	}{
		"ledger": {"outbox", kind[actors.AskLedger], func(ctx context.Context, r *rig, _ Receipt) error { _, err := r.dev.Ledger(ctx); return err }},
		"end":    {"outbox", kind[actors.AskEnd], func(ctx context.Context, _ *rig, rec Receipt) error { _, err := rec.Wait(ctx); return err }},
		"online": {"connection", kind[actors.AskOnline], func(ctx context.Context, r *rig, _ Receipt) error { return r.dev.WaitOnline(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				b := &bomb{actor: question.actor, on: question.on}
				r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
				r.online()
				_, rec, err := r.report()
				if err != nil {
					t.Fatal(err)
				}
				b.left.Store(1)
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				if err := question.ask(ctx, r, rec); err != nil || b.hits.Load() != 1 {
					t.Errorf("%v after %d panics", err, b.hits.Load())
				}
			})
		})
	}
}

func TestFault_panic_storm(t *testing.T) {
	for _, name := range []string{"outbox", "connection", "dispatch"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				b := &bomb{actor: name, on: anything}
				r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
				r.online()
				r.reports(5)
				b.left.Store(100)
				for range 200 {
					r.report()
					time.Sleep(100 * time.Millisecond)
				}
				b.left.Store(0)
				time.Sleep(30 * time.Minute)
				told := false
				for len(r.dev.Notices()) > 0 {
					n := <-r.dev.Notices()
					told = told || n.Kind == NoticeEscalated
				}
				if !told && b.hits.Load() > 6 {
					t.Errorf("%d panics, and the application was not told", b.hits.Load())
				}
				if b.hits.Load() > 100 {
					t.Errorf("%d panics of 100", b.hits.Load())
				}
				if n := r.dev.Status().TreeRestarts; name == "dispatch" && n > 0 {
					t.Errorf("dispatch took the tree down %d times", n)
				}
				r.waitOnline()
				r.reports(3)
				r.drain(time.Hour)
				r.wantNothingLost()
			})
		})
	}
}

// The storm in Started: each life of the actor ends before its first message.
func TestFault_panic_storm_at_start(t *testing.T) {
	for _, name := range []string{"outbox", "connection", "dispatch"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				births := &bomb{actor: name, on: kind[*actor.Started]}
				first := &bomb{actor: name, on: anything}
				r.cfg.Middleware = []actor.ReceiverMiddleware{births.middleware, first.middleware}
				births.left.Store(3) // from the very first one on
				r.open()
				r.dev.Connect()
				r.waitOnline()
				r.reports(5)
				r.drain(time.Minute)
				births.left.Store(40)
				first.left.Store(1)
				start := time.Now()
				for time.Since(start) < 2*time.Hour {
					key, _, err := r.report()
					if err != nil && name == "dispatch" {
						t.Errorf("%s: %v", key, err)
					}
					r.dev.LinkHint(true)
					time.Sleep(time.Minute)
				}
				if hits := births.hits.Load(); hits < 20 || hits > 43 {
					t.Errorf("%d births failed", hits)
				}
				if r.told(NoticeEscalated) == 0 {
					t.Error("the application was not told")
				}
				if n := r.dev.Status().TreeRestarts; (n > 0) != (name != "dispatch") {
					t.Errorf("%d restarts of the tree", n)
				}
				births.left.Store(0)
				time.Sleep(15 * time.Minute)
				r.waitOnline()
				r.reports(3)
				r.wantWhole(time.Minute)
			})
		})
	}
}

func TestFault_kill_9(t *testing.T) {
	inBubble(t, func(r *rig) {
		for range 20 {
			r.online()
			r.reports(7)
			r.kill()
		}
		r.online()
		r.drain(time.Hour)
		r.wantNothingLost()
		r.cloud.wantSteady(t)
	})
}

func TestSpawnedActorsAreSupervised(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		lives := 0
		echo := func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *actor.Started:
					lives++
				case string:
					if m == "panic" {
						panic("asked for")
					}
					ctx.Respond(m)
				case actors.Appended:
					if m.Err != nil {
						t.Errorf("the report of an actor: %v", m.Err)
					}
				case *ask1:
					a, err := actors.NewAppend(Properties{"key": "from-an-actor"})
					if err != nil {
						t.Error(err)
					}
					ctx.Request(r.dev.Tree().PID("outbox"), a)
				}
			})
		}
		ctx := context.Background()
		pid, err := r.dev.Spawn(ctx, "echo", echo)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.dev.Spawn(ctx, "echo", echo); !errors.Is(err, actor.ErrNameExists) {
			t.Errorf("a name that is taken: %v", err)
		}
		root := r.dev.Tree().System().Root
		root.Send(pid, "panic")
		time.Sleep(time.Second)
		if got, err := root.RequestFuture(pid, "hello", time.Second).Result(); err != nil || got != "hello" {
			t.Errorf("after a panic it says %v, %v", got, err)
		}
		root.Send(pid, &ask1{})
		time.Sleep(time.Second)
		if r.cloud.count("from-an-actor") != 1 {
			t.Error("the actor's report did not arrive")
		}
		if lives != 2 {
			t.Errorf("%d lives, want 2", lives)
		}
	})
}

type ask1 struct{}

func TestDisconnectAndConnectAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(2)
		r.drain(time.Minute)
		if err := r.dev.Disconnect(context.Background()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := r.net.Clients(); n != 0 || r.dev.Status().Link.State != "stopped" {
			t.Errorf("%d clients, state %s", n, r.dev.Status().Link.State)
		}
		r.reports(2)
		r.dev.Connect()
		r.waitOnline()
		r.wantWhole(time.Minute)
	})
}

func TestClosedDevice(t *testing.T) {
	inBubble(t, func(r *rig) {
		dev := r.online()
		_, receipt, _ := r.report()
		r.close()
		if err := dev.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
		if _, err := dev.Report(context.Background(), Properties{"a": 1}); !errors.Is(err, ErrClosed) {
			t.Errorf("reporting: %v", err)
		}
		if _, err := dev.Ledger(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("the ledger: %v", err)
		}
		if _, err := receipt.Wait(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("waiting: %v", err)
		}
		if err := dev.WaitOnline(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("waiting to be online: %v", err)
		}
		if _, err := dev.Spawn(context.Background(), "x", func() actor.Actor { return nil }); !errors.Is(err, ErrClosed) {
			t.Errorf("spawning: %v", err)
		}
		dev.Connect()
		dev.LinkHint(true)
		if err := dev.Disconnect(context.Background()); err != nil {
			t.Errorf("disconnecting: %v", err)
		}
	})
}
