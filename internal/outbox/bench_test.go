package outbox_test

import (
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

var body = []byte(`{"GeoLocation":{"Longitude":121.4737,"Latitude":31.2304,"Altitude":4.5,"CoordinateSystem":1},"Speed":42.5}`)

func benchConfig() outbox.Config {
	return outbox.Config{Lanes: []outbox.Lane{
		{Name: "default", Budget: 64 << 20, TTL: 24 * time.Hour},
		{Name: "latest", Policy: outbox.LatestOnly, Budget: 1 << 20},
		{Name: "alarm", Policy: outbox.RefuseNew, Budget: 1 << 20, Ordered: true, Priority: 9, Reserve: true},
	}, Rand: seeded(1)}
}

// live runs n reports from Submit to Settle, in groups that share a sync; a tick
// comes with each.
func live(g *rig, n, group int) {
	for n > 0 {
		for range min(group, n) {
			if _, err := g.core.Submit(g.now, 0, outbox.Item{Kind: outbox.KindProperty, Params: body}); err != nil {
				g.t.Fatalf("%v", err)
			}
		}
		n -= group
		g.perform()
		g.at(10 * time.Second)
		for _, id := range g.sentIDs {
			g.core.Replied(g.now, g.session, id, outbox.OK, 200)
		}
		g.sentIDs = g.sentIDs[:0]
		g.perform()
		g.tick()
	}
}

func newBenchRig(t fataler, change ...func(*outbox.Config)) *rig {
	cfg := benchConfig()
	for _, f := range change {
		f(&cfg)
	}
	g := newRig(t, cfg)
	g.strict = false
	g.onSend = func(s outbox.Send) { g.sentIDs = append(g.sentIDs, s.ID) }
	g.up()
	return g
}

// Targets I6: at most 1.5 µs and 4 allocations a report, ticks included.
func BenchmarkSubmitToSettle(b *testing.B) {
	for _, group := range []int{1, 8} {
		b.Run(map[int]string{1: "one", 8: "eight"}[group], func(b *testing.B) {
			g := newBenchRig(b)
			live(g, 1000, group)
			b.ReportAllocs()
			b.ResetTimer()
			live(g, b.N, group)
		})
	}
}

// A backlog goes from the store through Load to its settlements.
func BenchmarkDrain(b *testing.B) {
	g := newBenchRig(b, func(cfg *outbox.Config) { cfg.Lanes[0].Budget = 0 })
	g.down(false)
	for range b.N {
		_, _ = g.core.Submit(g.now, 0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	}
	g.perform()
	b.ReportAllocs()
	b.ResetTimer()
	g.up()
	for g.pending() > 0 {
		ids := g.sentIDs
		g.sentIDs = nil
		for _, id := range ids {
			g.core.Replied(g.now, g.session, id, outbox.OK, 200)
		}
		g.perform()
	}
}

// The lane is full: each new report evicts one (targets D12).
func BenchmarkSubmitEvicting(b *testing.B) {
	cfg := benchConfig()
	cfg.Lanes[0].Budget = 200_000
	g := newRig(b, cfg)
	g.strict = false
	submit := func() {
		_, _ = g.core.Submit(g.now, 0, outbox.Item{Kind: outbox.KindProperty, Params: body})
		g.perform()
	}
	for range 3000 {
		submit()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		submit()
	}
}

func TestAllocationsPerReport(t *testing.T) {
	for group, limit := range map[int]float64{1: 4, 8: 3} {
		g := newBenchRig(t)
		live(g, 2000, group)
		const n = 1000
		got := testing.AllocsPerRun(5, func() { live(g, n, group) }) / n
		if got > limit+0.05 { // the lists grow now and then
			t.Errorf("groups of %d: %.2f allocations a report from Submit to Settle, want at most %v (targets I6)", group, got, limit)
		}
	}
}
