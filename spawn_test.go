package aliiot

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
)

// hanger is an application's actor that does not return from "hang" until it is let go.
func hanger(lives *atomic.Int64, letGo <-chan struct{}) actor.Producer {
	return func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message() {
			case "hang":
				<-letGo
			case "hello":
				ctx.Respond("hello")
			}
			if _, ok := ctx.Message().(*actor.Started); ok {
				lives.Add(1)
			}
		})
	}
}

func TestAnActorThatHangsHoldsUpNoRestartOfTheTree(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "outbox", on: anything}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.online()
		var lives atomic.Int64
		letGo := make(chan struct{})
		pid, err := r.dev.Spawn(context.Background(), "app", hanger(&lives, letGo))
		if err != nil {
			t.Fatal(err)
		}
		root := r.dev.Tree().System().Root
		root.Send(pid, "hang")
		r.failTreeInBubble(b)
		time.Sleep(10 * time.Minute)
		if _, _, err := r.report(); err != nil {
			t.Errorf("the tree does not come back past an actor that hangs: %v", err)
		}
		close(letGo)
		time.Sleep(time.Second)
		if got, err := root.RequestFuture(pid, "hello", time.Second).Result(); err != nil || got != "hello" || lives.Load() != 2 {
			t.Errorf("let go, it says %v, %v in its life %d, want a new life with the new tree", got, err, lives.Load())
		}
	})
}

func TestAnActorThatHangsHoldsUpNoClose(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		var lives atomic.Int64
		letGo := make(chan struct{})
		defer close(letGo)
		pid, err := r.dev.Spawn(context.Background(), "app", hanger(&lives, letGo))
		if err != nil {
			t.Fatal(err)
		}
		r.dev.Tree().System().Root.Send(pid, "hang")
		time.Sleep(time.Second)
		err = r.dev.Close()
		if !errors.Is(err, actors.ErrHung) {
			t.Errorf("closing: %v, want the actor that hangs to be named", err)
		}
		r.dev = nil
		r.online() // the journal is whole
		r.wantWhole(time.Minute)
	})
}

func TestAnActorIsToldOfTheLinkOnlyWhenItAsked(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		heard := 0
		pid, err := r.dev.Spawn(context.Background(), "app", func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case actors.Online, actors.Offline:
					heard++
				case string:
					panic("asked for")
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		r.dev.Tree().System().Root.Send(pid, "panic")
		time.Sleep(time.Minute)
		if heard != 0 {
			t.Errorf("restarted, it heard %d facts of the link that it had not asked for", heard)
		}
	})
}

func TestAnActorMayNotTakeTheNameOfOurs(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		for _, name := range []string{"outbox", "connection", "dispatch"} {
			if _, err := r.dev.Spawn(context.Background(), name, func() actor.Actor { return nil }); !errors.Is(err, actor.ErrNameExists) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAProducerThatHangsHoldsUpNoClose(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		letGo := make(chan struct{})
		defer close(letGo)
		if _, err := r.dev.Spawn(context.Background(), "app", func() actor.Actor {
			<-letGo
			return actor.ReceiveFunc(func(actor.Context) {})
		}); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- r.dev.Close() }()
		select {
		case err := <-closed:
			if !errors.Is(err, actors.ErrHung) {
				t.Errorf("closing: %v", err)
			}
		case <-time.After(time.Hour):
			t.Fatal("Close does not return within an hour")
		}
		r.dev = nil
	})
}

func TestAProducerMaySpawn(t *testing.T) {
	inBubble(t, func(r *rig) {
		dev := r.online()
		inner := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := dev.Spawn(ctx, "parent", func() actor.Actor {
			_, err := dev.Spawn(ctx, "child", func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) })
			inner <- err
			return actor.ReceiveFunc(func(actor.Context) {})
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-inner; err != nil {
			t.Errorf("spawning in a producer: %v", err)
		}
	})
}

func TestOneBadBirthKeepsNobodyElseAway(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "outbox", on: anything}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.online()
		var lives atomic.Int64
		first := true
		_, err := r.dev.Tree().Spawn(context.Background(), "a", hanger(&lives, nil), actor.WithOnInit(func(actor.Context) {
			if !first {
				panic("no serial port")
			}
			first = false
		}))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := r.dev.Spawn(context.Background(), "b", hanger(&lives, nil))
		if err != nil {
			t.Fatal(err)
		}
		r.failTreeInBubble(b)
		time.Sleep(10 * time.Minute)
		if got, err := r.dev.Tree().System().Root.RequestFuture(pid, "hello", time.Second).Result(); err != nil {
			t.Errorf("b is gone: %v, %v", got, err)
		}
	})
}

func TestAProducerThatPanics(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := r.dev.Spawn(ctx, "app", func() actor.Actor { panic("the application's bug") })
		t.Logf("spawn: %v", err)
		time.Sleep(time.Minute)
		if n := r.dev.Status().TreeRestarts; n != 0 {
			t.Errorf("an application's producer took the whole tree down %d times", n)
		}
	})
}

func TestAProducerThatPanicsLater(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "outbox", on: anything}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.online()
		made := 0
		_, err := r.dev.Spawn(context.Background(), "app", func() actor.Actor {
			if made++; made > 1 {
				panic("the application's bug")
			}
			return actor.ReceiveFunc(func(actor.Context) {})
		})
		if err != nil {
			t.Fatal(err)
		}
		r.failTreeInBubble(b)
		time.Sleep(time.Hour)
		_, _, err = r.report()
		if n := r.dev.Status().TreeRestarts; n > 1 || err != nil {
			t.Errorf("an hour later: %d restarts of the tree, link %s, report: %v", n, r.dev.Status().Link.State, err)
		}
	})
}
