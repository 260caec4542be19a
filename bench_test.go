package aliiot

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// TestBenchDays measures for the benchmark (targets I5), and runs only when that asks
// for it: how long a device with a report every ten seconds, a link that is cut for
// half of each day, and faults, takes in virtual time, beside three bare protoactors
// that do the same, and an idle day without a link. ALIIOT_BENCH_DAYS is the file for
// the result, a comma, and how long to live.
func TestBenchDays(t *testing.T) {
	file, span, ok := strings.Cut(os.Getenv("ALIIOT_BENCH_DAYS"), ",")
	if !ok {
		t.Skip("only for the benchmark")
	}
	life, err := time.ParseDuration(span)
	if err != nil {
		t.Fatal(err)
	}
	took := struct{ Bare, Device, Idle, Days float64 }{Days: life.Hours() / 24}
	seconds := func(f func()) float64 {
		start := time.Now() // outside of the bubble time is real
		f()
		return time.Since(start).Seconds()
	}
	before := seconds(func() { bareActorsInBubble(t, life) })
	took.Device = seconds(func() { activeDeviceInBubble(t, life) })
	took.Idle = seconds(func() { idleDeviceInBubble(t, life) })
	took.Bare = (before + seconds(func() { bareActorsInBubble(t, life) })) / 2
	text, err := json.Marshal(took)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

const reportEvery = 10 * time.Second

func activeDeviceInBubble(t *testing.T, life time.Duration) {
	inBubble(t, func(r *rig) {
		r.cfg.Audit = false
		r.net.OnPublish = answerOnly // no record: the device is what is measured
		r.online()
		end := time.Now().Add(life)
		for n := 0; time.Now().Before(end); n++ {
			if _, err := r.dev.Report(context.Background(), six); err != nil {
				t.Fatal(err)
			}
			switch quarter := n % 720; quarter { // of two hours
			case 0:
				r.net.Heal()
			case 180:
				r.net.Inject(transporttest.DialBlackhole())
				r.net.CutAll(transporttest.RST)
			case 360:
				r.net.Heal()
			case 540:
				r.net.Inject(transporttest.HalfOpen(transporttest.Both))
			}
			time.Sleep(reportEvery)
		}
		r.net.Heal()
	})
}

func answerOnly(client *transporttest.Client, m transport.Message) bool {
	topic, err := alink.ParseTopic(m.Topic)
	if err != nil {
		return true
	}
	to, answered := topic.Reply()
	if topic.Kind == alink.NTPRequest {
		sent, _ := alink.ParseNTPRequest(m.Payload)
		now := time.Now().UnixMilli()
		client.Push(to.String(), alink.AppendNTPResponse(nil, sent, now, now), 0)
	} else if req, err := alink.ParseRequest(m.Payload); err == nil && answered {
		client.Push(to.String(), alink.AppendReply(nil, alink.Reply{ID: req.ID, Code: 200, Message: "success", Data: []byte("{}")}), 0)
	}
	return true
}

func idleDeviceInBubble(t *testing.T, life time.Duration) {
	inBubble(t, func(r *rig) {
		r.cfg.Audit = false
		r.open()
		time.Sleep(life)
	})
}

// The limit: a report goes from one actor to the next, which arms a timer for its
// retry, and on to a third, which answers after a round trip.
type (
	bareReport struct{}
	bareReply  struct{}
	bareActor  struct {
		to, back *actor.PID
		root     *actor.RootContext
		retry    *time.Timer
		last     bool
	}
)

func (a *bareActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case bareReport:
		if a.last {
			time.AfterFunc(50*time.Millisecond, func() { a.root.Send(a.back, bareReply{}) })
			return
		}
		if a.back == nil { // the one in the middle waits for the answer
			self := ctx.Self()
			a.retry = time.AfterFunc(6*time.Second, func() { a.root.Send(self, bareReport{}) })
		}
		a.root.Send(a.to, m)
	case bareReply:
		a.retry.Stop()
	}
}

func bareActorsInBubble(t *testing.T, life time.Duration) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		system := actors.NewSystem(slog.New(slog.DiscardHandler))
		root := system.Root
		third := &bareActor{root: root, last: true}
		spawn := func(a *bareActor) *actor.PID {
			return root.Spawn(actor.PropsFromProducer(func() actor.Actor { return a }))
		}
		thirdPID := spawn(third)
		secondPID := spawn(&bareActor{root: root, to: thirdPID})
		third.back = secondPID
		firstPID := spawn(&bareActor{root: root, to: secondPID, back: secondPID})
		for end := time.Now().Add(life); time.Now().Before(end); {
			root.Send(firstPID, bareReport{})
			time.Sleep(reportEvery)
		}
		for _, pid := range []*actor.PID{firstPID, secondPID, thirdPID} {
			_ = root.StopFuture(pid).Wait() // it has nothing left
		}
		time.Sleep(2 * time.Second) // a dead letter's goroutine lives for one
	})
}
