package aliiot

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// TestADay lives through one simulated day of a tracker: a position every ten
// seconds, speed and battery every minute, an event every ten minutes on the
// average, while the link fails forty times in three ways, two actors panic, and
// the process is killed once and opened again.
func TestADay(t *testing.T) {
	inBubble(t, func(r *rig) {
		rnd := rand.New(rand.NewPCG(1, 2))
		b := &bomb{on: func(any) bool { r.witness.panicked(); return true }}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.alone = true
		r.witness.level.Set(slog.LevelDebug) // no secret even there
		r.online()
		fault, since := "", int64(0)
		outages, healAt := 0, time.Time{}
		start := time.Now()
		cutEvery := 24 * time.Hour / 45
		nextCut := start.Add(cutEvery)
		for second := 0; second < 24*3600; second += 10 {
			now := time.Now()
			r.mustReport(TTL(24 * time.Hour))
			if second%60 == 0 {
				r.mustReport(InLane("latest"))
			}
			if second%3600 == 0 {
				r.snapshot(oracle.Running)
			}
			if rnd.IntN(60) == 0 {
				r.mustEvent()
			}
			if !healAt.IsZero() && now.After(healAt) {
				r.net.Heal()
				r.strike(fault, since)
				healAt = time.Time{}
			}
			if now.After(nextCut) {
				nextCut = nextCut.Add(cutEvery)
				outages++
				healAt = now.Add(time.Duration(20+rnd.IntN(160)) * time.Second)
				since = r.ms()
				switch outages % 3 { // a server that cut every session for minutes would look like a poison report
				case 0:
					fault = "half-open"
					r.net.Inject(transporttest.HalfOpen(transporttest.Both))
				case 1:
					fault = "dial-fails"
					r.net.Inject(transporttest.DialBlackhole())
					r.net.CutAll(transporttest.RST)
				case 2:
					fault = "cut-after-publish"
					r.net.Inject(transporttest.CutAfterPublish(transporttest.FIN, 2))
					healAt = now.Add(25 * time.Second)
				}
			}
			switch second {
			case 6 * 3600:
				b.actor = "outbox"
				b.left.Store(1)
			case 12 * 3600:
				b.actor = "connection"
				b.left.Store(1)
			case 18 * 3600:
				killed := r.ms()
				r.kill()
				r.open().Connect()
				r.strike("kill-9", killed)
			}
			time.Sleep(10*time.Second - time.Since(now))
		}
		if r.net.Heal(); !healAt.IsZero() {
			r.strike(fault, since)
		}
		r.waitOnline()
		r.snapshot(oracle.Healed)
		r.drain(time.Hour)
		l := r.ledger()
		total, keys := r.cloud.arrivals()
		t.Logf("%d reports, %d outages, %d panics, %d sessions; the platform has %d in %d posts; %+v",
			l.Accepted, outages, b.hits.Load(), r.cloud.sessions, keys, total, l.Counts)
		if outages < 40 || b.hits.Load() != 2 {
			t.Errorf("%d outages and %d panics: not the day that it should be", outages, b.hits.Load())
		}
		if l.Pending != 0 || l.Rejected+l.Expired+l.Damaged != 0 || l.EvictedBy.Budget != 0 {
			t.Errorf("at the end of the day: %+v", l.Counts)
		}
		r.cloud.wantSteady(t)
		r.snapshot(oracle.Drained)
		r.used(oracle.Drained)
		r.close()
		time.Sleep(2 * time.Second) // a dead letter's goroutine lives for one
		r.used(oracle.Closed)
		r.open()
		r.snapshot(oracle.Reopened)

		rec := r.recording("latest")
		rec.Scenario.Bounds = oracle.Bounds{
			Online:  (6 * time.Minute).Milliseconds(), // the backoff's cap, and an attempt
			Silence: (2 * time.Minute).Milliseconds(),
			Alarm:   (2 * time.Second).Milliseconds(),
			Rate:    20,
		}
		if judged := rec.Judged(); len(judged) != len(oracle.Checks)-1 { // all but O18
			t.Errorf("only %v were judged", judged)
		}
		for _, v := range rec.Check() {
			t.Error(v)
		}
	})
}

func (r *rig) mustReport(opts ...Option) {
	r.t.Helper()
	if _, _, err := r.report(opts...); err != nil && !isUnknown(err) && !strings.Contains(err.Error(), "panicked") {
		r.t.Fatalf("a report was refused: %v", err)
	}
}

func (r *rig) mustEvent() {
	r.t.Helper()
	r.next++
	key := fmt.Sprintf("k%d", r.next)
	_, _ = r.reportItem(key, Event{ID: "geofence", Output: map[string]string{"key": key}}, Alarm)
}
