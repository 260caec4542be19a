package aliiot

// What a hostile reader found of sessions: their beginning and their end.

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

func TestSuspendOfAQuietDevice(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		time.Sleep(30 * time.Minute)
		for len(r.dev.Notices()) > 0 {
			<-r.dev.Notices()
		}
		r.clock.Suspend(50 * time.Minute)
		time.Sleep(11 * time.Second)
		told := false
		for len(r.dev.Notices()) > 0 {
			told = told || (<-r.dev.Notices()).Kind == NoticeResumed
		}
		if !told {
			t.Error("ten seconds after waking nobody has noticed the suspend")
		}
	})
}

func TestOneReportAsksForALoginForEver(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		time.Sleep(5 * time.Minute)
		r.cloud.set(func(p post) []byte {
			if p.key == "k1" {
				return reply(p, 520)
			}
			return reply(p, 200)
		})
		before := r.cloud.sessions
		r.reports(5)
		time.Sleep(6 * time.Hour)
		t.Logf("%d sessions in six hours; %+v", r.cloud.sessions-before, r.ledger().Counts)
		if r.cloud.sessions-before > 50 {
			t.Errorf("%d sessions in six hours for one report", r.cloud.sessions-before)
		}
	})
}

func TestASessionNobodyTookIn(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "connection", on: func(m any) bool { return fmt.Sprintf("%T", m) == "actors.dialled" }}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		dev := r.open()
		b.left.Store(1)
		dev.Connect()
		for b.hits.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		r.close()
		time.Sleep(time.Hour)
		if n := r.net.Clients(); n != 0 {
			t.Errorf("an hour after Close %d sessions are up", n)
		}
	})
}

// A Close while dialling, at every instant.
func TestCloseWhileDialling(t *testing.T) {
	bad := 0
	for i := range 200 {
		inBubble(t, func(r *rig) {
			r.open()
			r.dev.Connect()
			for range i {
				runtime.Gosched()
			}
			r.close()
			time.Sleep(time.Hour)
			if n := r.net.Clients(); n != 0 {
				bad++
				r.net.CutAll(0)
			}
		})
	}
	if bad > 0 {
		t.Errorf("%d of 400 devices were online an hour after Close", bad)
	}
}

// Disconnect returns when the session has ended.
func TestDisconnectReturnsWhenTheSessionHasEnded(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.net.Inject()
		r.online()
		time.Sleep(time.Minute)
		if err := r.dev.Disconnect(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := r.net.Clients(); n != 0 {
			t.Errorf("%d clients when Disconnect had returned", n)
		}
	})
}
