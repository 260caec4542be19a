package aliiot

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestMetrics(t *testing.T) {
	inBubble(t, func(r *rig) {
		reader := metric.NewManualReader()
		r.cfg.Meter = metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		r.net.CutAll(0)
		time.Sleep(time.Minute)
		r.waitOnline()

		var all metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &all); err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				switch data := m.Data.(type) {
				case metricdata.Sum[int64]:
					for _, p := range data.DataPoints {
						state, _ := p.Attributes.Value("state")
						lane, _ := p.Attributes.Value("lane")
						of, _ := p.Attributes.Value("of")
						got[m.Name+"/"+lane.AsString()+state.AsString()+of.AsString()] += float64(p.Value)
					}
				case metricdata.Gauge[float64]:
					for _, p := range data.DataPoints {
						lane, _ := p.Attributes.Value("lane")
						got[m.Name+"/"+lane.AsString()] = p.Value
					}
				}
			}
		}
		for name, want := range map[string]float64{
			"aliiot.reports/defaultaccepted": 3, "aliiot.reports/defaultconfirmed": 3, "aliiot.queue.depth/default": 0,
			"aliiot.sends/": 3, "aliiot.connects/": 2, "aliiot.restarts/tree": 0, "aliiot.online/": 1,
		} {
			if v, ok := got[name]; !ok || v != want {
				t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
			}
		}
		r.close()
		if err := reader.Collect(context.Background(), &all); err != nil {
			t.Errorf("after Close: %v", err)
		}
	})
}
