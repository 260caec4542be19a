package aliiot

// What a hostile reader found of the supervision tree: who waits while an actor, or the
// tree, is restarted.

import (
	"context"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func TestWaitOnlineOutlivesAPanicOfTheConnection(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "connection", on: kind[actors.LinkHint]}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.open()
		got := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		go func() { got <- r.dev.WaitOnline(ctx) }()
		time.Sleep(time.Second)
		b.left.Store(1)
		r.dev.LinkHint(true) // the connection alone is restarted
		time.Sleep(time.Minute)
		r.dev.Connect()
		r.waitOnline()
		time.Sleep(time.Minute)
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("online for a minute (%v), and who waited for it was never told", r.dev.Status().Link.State)
			cancel()
			<-got
		}
	})
}

func TestWhoAsksGetsAnAnswerWhenItsQuestionPanics(t *testing.T) {
	for name, c := range map[string]struct {
		actor string
		on    func(any) bool
		ask   func(r *rig, rec Receipt, ctx context.Context) error
	}{
		"end":        {"outbox", kind[actors.AskEnd], func(_ *rig, rec Receipt, ctx context.Context) error { _, err := rec.Wait(ctx); return err }},
		"ledger":     {"outbox", kind[actors.AskLedger], func(r *rig, _ Receipt, ctx context.Context) error { _, err := r.dev.Ledger(ctx); return err }},
		"online":     {"connection", kind[actors.AskOnline], func(r *rig, _ Receipt, ctx context.Context) error { return r.dev.WaitOnline(ctx) }},
		"disconnect": {"connection", kind[actors.Disconnect], func(r *rig, _ Receipt, ctx context.Context) error { return r.dev.Disconnect(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				b := &bomb{actor: c.actor, on: c.on}
				r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
				r.online()
				_, rec, _ := r.report()
				r.drain(time.Minute)
				b.left.Store(1)
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				start := time.Now()
				if err := c.ask(r, rec, ctx); err != nil {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		})
	}
}

func TestOutboxRestartWhileUpkeepRuns(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "outbox", on: kind[actors.AskLedger]}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Op: "journal.fill", Name: "spare-*", Hang: hang, Skip: 1, Times: disktest.Always})
		r.open()
		r.reports(5)
		time.Sleep(10 * time.Second)
		b.left.Store(1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, _ = r.dev.Ledger(ctx)
		cancel()
		time.Sleep(10 * time.Second)
		close(hang)
		r.disk.Heal()
		time.Sleep(10 * time.Second)
		r.dev.Connect()
		r.waitOnline()
		time.Sleep(time.Hour)
		if total, _ := r.cloud.arrivals(); total != 5 {
			t.Errorf("online for an hour, %d of 5 reports arrived; ledger %+v", total, r.ledger().Counts)
		}
	})
}

func TestCloseWhileTheTreeWaitsForItsRestart(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "outbox", on: anything}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.cfg.Restart = actors.RestartPolicy{Budget: 1, Min: 20 * time.Second, Max: 30 * time.Second}
		unlocked := false
		r.open()
		r.dev.unlock = func() error { unlocked = true; return nil }
		r.reports(1)
		r.failTreeInBubble(b)
		start := time.Now()
		err := r.dev.Close()
		t.Logf("closed after %v: %v; unlocked %v", time.Since(start), err, unlocked)
		if err != nil || time.Since(start) > 5*time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(start))
		}
		r.dev = nil
		time.Sleep(time.Minute)
	})
}

func TestParkedDispatchCostsTheLink(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "dispatch", on: kind[actors.Inbound]}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.online()
		time.Sleep(5 * time.Minute)
		b.left.Store(6)
		for b.left.Load() > 0 {
			r.net.Publish(alink.Topic{Kind: alink.Service, Device: alink.Device{ProductKey: testPK, DeviceName: testDN}, Name: "unknown"}.String(),
				[]byte(`{"id":"1","version":"1.0","params":{}}`), 0)
			time.Sleep(31 * time.Second)
		}
		before := r.cloud.sessions
		r.dev.LinkHint(true)
		time.Sleep(45 * time.Second)
		if n := r.cloud.sessions; n != before || r.dev.Status().Link.State != actors.StateOnline {
			t.Errorf("a healthy link was given up: %d sessions before the hint, %d after; %+v", before, n, r.dev.Status().Link)
		}
	})
}

// A single panic is enough, while dispatch waits for its restart.
func TestRestartingDispatchCostsTheLink(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "dispatch", on: kind[actors.Inbound]}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.cfg.Restart = actors.RestartPolicy{Budget: 5, Min: 40 * time.Second, Max: 40 * time.Second}
		r.online()
		time.Sleep(5 * time.Minute)
		b.left.Store(1)
		before := r.cloud.sessions
		r.dev.LinkHint(true)
		time.Sleep(45 * time.Second)
		if n := r.cloud.sessions; n != before {
			t.Errorf("a healthy link was given up: %d sessions before the hint, %d after; %+v", before, n, r.dev.Status().Link)
		}
	})
}

func TestTwoDevicesInOneSystem(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cfg.System = actors.NewSystem(r.cfg.logger())
		r.open()
		other := &rig{t: t, disk: disktest.New(), clock: r.clock, net: r.net, cloud: r.cloud, cfg: r.cfg}
		other.cfg.Identity = DeviceSecret{ProductKey: testPK, DeviceName: "device02", Secret: testSecret}
		dev, err := other.tryOpen()
		if err != nil {
			t.Errorf("a second device in the application's system: %v", err)
			return
		}
		_ = dev.Close()
	})
}
