package aliiot

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/aliiot/aliiot/actors"
)

// How long a collection waits for the ledger: an outbox that is being restarted
// must not hold up the exporter.
const collectTimeout = time.Second

// states are the values of the attribute of that name, in the order of collection.
var states = [...]string{"accepted", "confirmed", "rejected", "expired", "evicted", "damaged", "late"}

// with is the option of one attribute: an option for each, since they are large and
// would be built in place.
//
//go:noinline
func with(key, value string) metric.ObserveOption {
	return metric.WithAttributes(attribute.String(key, value))
}

// measure registers the metrics. Their values are read when they are collected.
func (d *Device) measure(m metric.Meter) (func() error, error) {
	var errs error
	counter := func(name, unit, text string) metric.Int64ObservableCounter {
		c, err := m.Int64ObservableCounter("aliiot."+name, metric.WithUnit(unit), metric.WithDescription(text))
		if err != nil && errs == nil {
			errs = fmt.Errorf("%s: %w", name, err)
		}
		return c
	}
	gauge := func(name, unit, text string) metric.Float64ObservableGauge {
		g, err := m.Float64ObservableGauge("aliiot."+name, metric.WithUnit(unit), metric.WithDescription(text))
		if err != nil && errs == nil {
			errs = fmt.Errorf("%s: %w", name, err)
		}
		return g
	}
	reports := counter("reports", "{report}", "reports by lane and how they stand in the ledger, over the life of the journal")
	pending := gauge("queue.depth", "{report}", "reports that wait, by lane")
	bytes := gauge("queue.bytes", "By", "what the waiting reports take in the journal, by lane")
	sends := counter("sends", "{message}", "posts handed to the connection, retries included")
	connects := counter("connects", "{connect}", "sessions that came online")
	restarts := counter("restarts", "{restart}", "restarts of actors, and of the whole tree")
	dropped := counter("inbound.dropped", "{message}", "messages from the cloud that were not handled")
	ignored := counter("replies.ignored", "{message}", "replies that could not be read, or to an id that no report waits under")
	sync := gauge("sync.duration", "s", "how long the last sync of the journal took")
	online := gauge("online", "1", "1 while a session is ready")
	if errs != nil {
		return nil, errs
	}
	reg, err := m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		f := d.tree.Figures()
		o.ObserveInt64(sends, int64(f.Sends))
		o.ObserveInt64(connects, int64(f.Connects))
		o.ObserveInt64(restarts, int64(f.Restarts), with("of", "actor"))
		o.ObserveInt64(restarts, int64(f.TreeRestarts), with("of", "tree"))
		o.ObserveInt64(dropped, int64(f.DroppedInbound))
		o.ObserveInt64(ignored, int64(f.DroppedReplies), with("why", "unreadable"))
		o.ObserveInt64(ignored, int64(f.UnknownReplies), with("why", "unknown"))
		o.ObserveFloat64(sync, f.LastSync.Seconds())
		up := 0.0
		if d.tree.Link().State == actors.StateOnline {
			up = 1
		}
		o.ObserveFloat64(online, up)
		ctx, cancel := context.WithTimeout(ctx, collectTimeout)
		defer cancel()
		l, err := d.Ledger(ctx)
		if err != nil {
			return err
		}
		for name, c := range l.Lanes {
			lane := with("lane", name)
			o.ObserveFloat64(pending, float64(c.Pending), lane)
			o.ObserveFloat64(bytes, float64(c.PendingBytes), lane)
			for i, n := range [...]uint64{c.Accepted, c.Confirmed, c.Rejected, c.Expired, c.Evicted, c.Damaged, c.Late} {
				o.ObserveInt64(reports, int64(n), lane, with("state", states[i]))
			}
		}
		return nil
	}, reports, pending, bytes, sends, connects, restarts, dropped, ignored, sync, online)
	if err != nil {
		return nil, err
	}
	return reg.Unregister, nil
}
