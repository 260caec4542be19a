package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/alink"
)

// CodeNoHandler answers a call that this device does not know. The platform
// leaves 100000–110000 to devices.
const CodeNoHandler alink.Code = 100404

// dispatch routes what comes in. It asks the platform what time it is after a
// connect while no source has spoken in this boot, and answers calls that
// nobody handles, so that the cloud does not wait for its timeout.
type dispatch struct {
	tree    *Tree
	session uint64
	retry   *time.Timer
}

// askTime is due when the last question for the time went unanswered.
type askTime struct{ session uint64 }

const (
	ntpRetry = 30 * time.Second
	// A clock learned from an answer is wrong by at most half the round trip.
	ntpMaxRoundTrip = 5 * time.Second
)

func newDispatch(t *Tree) actor.Actor { return &dispatch{tree: t} }

// Receive implements actor.Actor.
func (d *dispatch) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Restarting, *actor.Stopping:
		d.stopRetry()
	case Online:
		d.session = m.Session
		d.ask(ctx)
	case Offline:
		d.session = 0
		d.stopRetry()
	case askTime:
		if m.session == d.session {
			d.ask(ctx)
		}
	case Inbound:
		defer d.tree.inbound.Add(-1) // also when what follows panics
		d.route(ctx, m)
	}
}

func (d *dispatch) stopRetry() {
	if d.retry != nil {
		d.retry.Stop()
	}
}

// ask sends the question for the time. What the device says of itself is its
// time since boot: a clock that nobody vouched for never leaves.
func (d *dispatch) ask(ctx actor.Context) {
	if d.session == 0 || d.tree.clockKnown.Load() {
		return
	}
	topic := alink.Topic{Kind: alink.NTPRequest, Device: d.tree.opts.Device}
	ctx.Send(d.tree.PID(connectionName), Publish{Session: d.session, Topic: topic.String(),
		Payload: alink.AppendNTPRequest(nil, d.tree.opts.Clock.Boot().Milliseconds())})
	d.stopRetry()
	root, self, due := ctx.ActorSystem().Root, ctx.Self(), askTime{d.session}
	d.retry = time.AfterFunc(ntpRetry, func() { root.Send(self, due) })
}

func (d *dispatch) route(ctx actor.Context, m Inbound) {
	topic, err := alink.ParseTopic(m.Topic)
	switch {
	case err != nil:
		d.tree.droppedInbound.Add(1)
		d.tree.log.Warn("a message on a topic that the platform does not have", "topic", m.Topic, "err", err)
	case topic.Kind == alink.NTPResponse:
		d.timeAnswered(ctx, m)
	case isCall(topic.Kind):
		if answer, ok := answerTo(m, CodeNoHandler, "no handler for this call"); ok {
			ctx.Send(d.tree.PID(connectionName), answer)
		}
		d.tree.log.Info("a call that nothing handles", "topic", m.Topic)
	default:
		d.tree.droppedInbound.Add(1)
		d.tree.log.Debug("a message that nothing handles", "topic", m.Topic)
	}
}

// timeAnswered learns the time from an answer, unless its round trip was so long
// that half of it, the error that it may have, is too much.
func (d *dispatch) timeAnswered(ctx actor.Context, m Inbound) {
	answer, err := alink.ParseNTPResponse(m.Payload)
	if err != nil {
		d.tree.log.Warn("an answer for the time that cannot be read", "err", err)
		return
	}
	now := d.tree.opts.Clock.Boot()
	trip := now - time.Duration(answer.DeviceSend)*time.Millisecond
	if trip < 0 || trip > ntpMaxRoundTrip || answer.ServerSend < answer.ServerRecv {
		d.tree.log.Info("an answer for the time that is not good enough", "round_trip", trip)
		return
	}
	wall := time.UnixMilli(answer.Now(now.Milliseconds()))
	ctx.Send(d.tree.PID(outboxName), ClockLearned{Now: wall, Source: "ntp", Taken: now})
}
