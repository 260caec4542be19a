package aliiot

import (
	"strconv"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
)

// A report was made when it was reported, not when an outbox that had to wait for
// its disk came to take it.
func TestReportHasTheTimeOfItsCall(t *testing.T) {
	for name, synced := range map[string]bool{"trusted": true, "learned later": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.clock.SetSynchronised(synced)
				r.cfg.Middleware = []actor.ReceiverMiddleware{func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
						if _, ok := env.Message.(actors.Append); ok {
							time.Sleep(20 * time.Second)
						}
						next(ctx, env)
					}
				}}
				r.open()
				called := time.Now().UnixMilli()
				key, _, err := r.report(TTL(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				r.dev.Connect()
				r.drain(time.Minute)
				if got := r.cloud.times[key]; got != strconv.FormatInt(called, 10) {
					t.Errorf("made at %d, and sent as %s", called, got)
				}
				r.wantOracle()
			})
		})
	}
}
