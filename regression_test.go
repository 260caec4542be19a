package aliiot

// What a hostile reader found before the first version, each kept from coming back.

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"syscall"
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
		b.left.Store(1000)
		for r.dev.Status().TreeRestarts == 0 {
			_, _, _ = r.report()
			time.Sleep(time.Second)
		}
		b.left.Store(0)
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

// T7b: a single panic is enough, while dispatch waits for its restart

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
		b.left.Store(1000)
		for r.dev.Status().TreeRestarts == 0 {
			_, _, _ = r.report()
			time.Sleep(time.Second)
		}
		b.left.Store(0)
		time.Sleep(time.Hour)
		_, _, err = r.report()
		if n := r.dev.Status().TreeRestarts; n > 1 || err != nil {
			t.Errorf("an hour later: %d restarts of the tree, link %s, report: %v", n, r.dev.Status().Link.State, err)
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

func TestALaneBecomesLatestOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		for _, p := range []string{"speed", "battery", "temperature"} {
			if _, err := r.dev.Report(context.Background(), Properties{p: 1}); err != nil {
				t.Fatal(err)
			}
		}
		r.close()
		lanes := DefaultLanes()
		lanes[0].Policy = LatestOnly
		r.cfg.Lanes = lanes
		r.online()
		r.drain(time.Minute)
		if l := r.ledger(); l.Confirmed != 3 {
			t.Errorf("three different keys waited: %+v", l.Counts)
		}
	})
}

func TestAStampThatLeftNeverChanges(t *testing.T) {
	for _, wait := range []time.Duration{0, 300 * time.Millisecond} {
		inBubble(t, func(r *rig) {
			r.clock.SetSynchronised(false)
			r.clock.SetWall(time.Unix(42, 0))
			r.cloud.set(func(post) []byte { return nil }) // the replies are lost
			r.open()
			r.reports(3)
			time.Sleep(time.Minute)
			r.dev.Connect()
			for {
				if n, _ := r.cloud.arrivals(); n > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(wait)
			r.powerCutInBubble(0, 1)
			r.clock.SetSynchronised(true)
			r.cloud.set(yes)
			r.online()
			r.drain(time.Hour)
			r.wantNothingLost()
			r.cloud.wantSteady(t)
		})
	}
}

func TestAtDoesNotAgeAReport(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.clock.SetSynchronised(false)
		r.clock.SetWall(time.Unix(42, 0))
		r.open()
		_, rec, err := r.report(At(time.Now().Add(-3*24*time.Hour)), TTL(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		_ = rec
		r.powerCutInBubble(0, 1)
		r.clock.SetWall(r.clock.True())
		r.clock.SetSynchronised(true)
		r.online()
		r.drain(time.Hour)
		if l := r.ledger(); l.Expired != 0 {
			t.Errorf("a minute old, to live for a day: %+v", l.Counts)
		}
	})
}

func TestLimitsOfThePayload(t *testing.T) {
	big := Properties{"text": strings.Repeat("x", 300<<10)}
	small := Properties{"text": "x"}
	for limit, want := range map[int]struct{ big, small bool }{0: {true, true}, 16384: {false, true}} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				l := PlatformLimits()
				l.Payload = limit
				r.cfg.Limits = &l
				r.open()
				_, err := r.dev.Report(context.Background(), small)
				if (err == nil) != want.small {
					t.Errorf("small: %v", err)
				}
				_, err = r.dev.Report(context.Background(), big)
				if (err == nil) != want.big {
					t.Errorf("300 KiB: %v", err)
				}
				_, err = r.dev.Report(context.Background(), Properties{"text": strings.Repeat("x", 200<<10)})
				if (err == nil) != want.big {
					t.Errorf("200 KiB: %v", err)
				}
			})
		})
	}
}

func TestANewLaneOnAFullDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(5)
		r.close()
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC, Times: disktest.Always})
		r.cfg.Lanes = append(DefaultLanes(), Lane{Name: "bulk", Budget: 1 << 20, Policy: EvictOldest})
		dev, err := r.tryOpen()
		if err != nil {
			t.Fatalf("opening needs space: %v", err)
		}
		_ = dev.Close()
	})
}

func TestCallersBehindASlowSync(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cloud.set(func(post) []byte { return nil })
		r.online()
		r.reports(1)
		time.Sleep(5 * time.Second)
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Hang: hang})
		answers := make(chan error, 2000)
		one := func() {
			_, err := r.dev.Report(context.Background(), Properties{"text": strings.Repeat("x", 4170)})
			answers <- err
		}
		go one()
		time.Sleep(time.Second)
		for range 1000 {
			go one()
		}
		time.Sleep(time.Second)
		r.cloud.set(yes)
		r.net.CutAll(0) // the first report is sent again and confirmed meanwhile
		time.Sleep(time.Minute)
		close(hang)
		n := map[string]int{}
		for range 1001 {
			err := <-answers
			n[fmt.Sprint(err)]++
		}
		if n["<nil>"] < 900 || n["<nil>"]+n[ErrBacklog.Error()] != 1001 {
			t.Errorf("after the sync: %v", n)
		}
	})
}

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

func TestCloseBesideAHungWrite(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		time.Sleep(5 * time.Second)
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Name: "*.seg", Hang: hang})
		go func() { _, _ = r.dev.Report(context.Background(), Properties{"key": "x"}) }()
		time.Sleep(time.Second)
		start := time.Now()
		t.Logf("close: %v after %v", r.dev.Close(), time.Since(start))
		r.dev = nil
		close(hang)
		time.Sleep(time.Minute)
	})
}

// T23: a Close while dialling, at every instant

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

// T24: Disconnect returns when the session has ended

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

// T25: secrets

func TestReliefOfAFailingDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO, Times: disktest.Always})
		for range 2000 {
			_, _, _ = r.report()
			time.Sleep(10 * time.Second)
		}
		r.disk.Heal()
		refused := 0
		for {
			if _, _, err := r.report(); err == nil {
				break
			}
			refused++
			time.Sleep(10 * time.Minute)
		}
		t.Logf("%d reports refused by a disk that is well (%d hours)", refused, refused/6)
		if refused > 6 {
			t.Errorf("%d reports refused by a disk that is well, over %d hours", refused, refused/6)
		}
	})
}

// T30: as above, full disk

func TestReliefOfAFullDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC, Times: disktest.Always})
		for range 2000 {
			_, _, _ = r.report()
			time.Sleep(10 * time.Second)
		}
		r.disk.Heal()
		refused := 0
		for {
			if _, _, err := r.report(); err == nil {
				break
			}
			refused++
			time.Sleep(10 * time.Minute)
		}
		if refused > 0 {
			t.Errorf("%d reports refused by a disk that has room", refused)
		}
	})
}

// T31: an end that could not be written is durable soon after relief

func TestEndsAfterRelief(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(3)
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.EROFS, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.EROFS, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EROFS, Times: disktest.Always})
		r.dev.Connect()
		r.waitOnline()
		r.drain(time.Minute)
		r.disk.Heal()
		time.Sleep(24 * time.Hour)
		r.powerCutInBubble(0, 1)
		r.clock.SetSynchronised(true)
		r.open()
		if l := r.ledger(); l.Confirmed != 3 {
			t.Errorf("a day after relief the ends were not on the disk: %+v", l.Counts)
		}
	})
}

func TestAnEventIsNoValueOfAProperty(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		for _, it := range []Item{Event{ID: "door", Output: map[string]any{"key": "e"}}, Properties{"door": 1}} {
			if _, err := r.dev.Report(context.Background(), it, InLane("latest")); err != nil {
				t.Fatal(err)
			}
		}
		r.dev.Connect()
		r.waitOnline()
		r.drain(time.Minute)
		if l := r.ledger(); l.Confirmed != 2 {
			t.Errorf("an event and a property of one name: %+v", l.Counts)
		}
	})
}
