package actors

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/transport"
)

// Confirm says whose word makes a post confirmed.
type Confirm string

const (
	// ConfirmReply: the platform's reply with code 200. The default.
	ConfirmReply Confirm = "reply"
	// ConfirmPuback: the broker's PUBACK, for products without replies.
	ConfirmPuback Confirm = "puback"
)

// Limits are what the platform allows one device. In a copy of PlatformLimits,
// 0 takes a limit away: a broker of one's own may have none.
type Limits struct {
	// RateQoS0 and RateQoS1 are publishes a second by QoS. Posts are kept under
	// them, retries and everything else the device says included.
	RateQoS0, RateQoS1 float64
	// Payload is the largest payload of a post, in bytes.
	Payload int
	// ConnectsPerMinute bounds how often the device connects.
	ConnectsPerMinute int
}

// PlatformLimits are the platform's own (product documentation, "limits").
func PlatformLimits() Limits {
	return Limits{RateQoS0: alink.RateQoS0, RateQoS1: alink.RateQoS1, Payload: alink.MaxPayload, ConnectsPerMinute: alink.ConnectsPerMinute}
}

// Auditor keeps what became of each report, for an operator's question.
type Auditor interface {
	// Record is called for each end, before the space of the report is freed. It
	// must not wait for the medium.
	Record(lane string, e outbox.Ended)
	// Syncer returns the work that makes what was recorded durable; it runs beside
	// the outbox.
	Syncer() func() error
	Close() error
}

// Connects keeps the times of the last connects over restarts of the process.
// Its methods may wait for the disk: they are called beside the actors.
type Connects interface {
	Load() fsm.ConnRecord
	Save(fsm.ConnRecord) error
}

// Options are what a tree is made of. Package aliiot fills them in.
type Options struct {
	Name   string // of the supervisor; default "device"
	Device alink.Device
	Store  outbox.Store
	// Reopen opens the store anew after a panic came out of it.
	Reopen func() (outbox.Store, error)
	Lanes  []Lane // by class

	Credentials func(tls bool) (alink.Credentials, error)
	Servers     []string // scheme://host:port, tried in turn
	Dialer      transport.Dialer
	TLS         *tls.Config
	KeepAlive   time.Duration
	Policy      fsm.ConnPolicy // zero: the default
	Connects    Connects

	Confirm   Confirm
	Limits    *Limits
	ClockWait time.Duration
	Silence   time.Duration

	Clock      clock.Clock
	Log        *slog.Logger
	System     *actor.ActorSystem
	Middleware []actor.ReceiverMiddleware
	Restart    RestartPolicy
	Audit      Auditor
	// Notify takes what the application may want to know; it must not block.
	Notify func(any)

	render func(*outboxActor, *outbox.Send) (topic string, payload []byte) // tests break it
}

const defaultKeepAlive = 5 * time.Minute

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Store == nil || o.Dialer == nil || o.Credentials == nil || len(o.Servers) == 0 || len(o.Lanes) == 0:
		return o, errors.New("actors: a store, a dialer, credentials, a server and a lane are needed")
	case o.Clock.Boot == nil:
		return o, errors.New("actors: a clock is needed")
	}
	if o.Name == "" {
		o.Name = "device"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.System == nil {
		o.System = NewSystem(o.Log)
	}
	if o.Confirm == "" {
		o.Confirm = ConfirmReply
	}
	if o.Limits == nil {
		l := PlatformLimits()
		o.Limits = &l
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	if o.Policy.Endpoints == 0 {
		o.Policy = fsm.DefaultConnPolicy()
		o.Policy.ConnectsPerMinute = o.Limits.ConnectsPerMinute
		o.Policy.Endpoints = len(o.Servers)
	}
	if o.render == nil {
		o.render = (*outboxActor).render
	}
	o.Restart = o.Restart.withDefaults()
	return o, nil
}

// config is what the pure core of the outbox goes by.
func (o Options) config(recent *outbox.Recent) outbox.Config {
	c := outbox.Config{
		RatePerQoS: [2]float64{outbox.RateUnder(o.Limits.RateQoS0), outbox.RateUnder(o.Limits.RateQoS1)},
		ClockWait:  o.ClockWait, DeadAfter: o.Silence, Rand: o.Clock.Rand, Recent: recent,
	}
	c.MaxPayload = maxStored - envelopeRoom
	if o.Limits.Payload > 0 {
		c.MaxPayload = min(o.Limits.Payload, maxStored) - envelopeRoom
	}
	if o.Confirm == ConfirmPuback {
		c.Confirm = outbox.ByPuback
	}
	for _, l := range o.Lanes {
		c.Lanes = append(c.Lanes, outbox.Lane{Name: l.Name, Budget: l.Budget, Policy: l.Policy.core(),
			TTL: l.TTL, Priority: l.Priority, Ordered: l.Ordered, Reserve: l.Reserve})
	}
	return c
}

// envelopeRoom is what the envelope and the times of 200 properties may add to
// the parameters of a report.
const envelopeRoom = 8 << 10

// maxStored is the largest report that the journal has a frame for, in bytes: a
// quarter of what MQTT 3.1.1 has a packet for (2.2.3).
const maxStored = 64 << 20

// Check says which limit makes no sense.
func (l Limits) Check() error {
	switch {
	case l.Payload != 0 && l.Payload < 2*envelopeRoom:
		return fmt.Errorf("a payload of %d bytes: the envelope alone may take %d; 0 is no limit", l.Payload, envelopeRoom)
	case l.RateQoS0 < 0 || l.RateQoS1 < 0 || l.ConnectsPerMinute < 0:
		return errors.New("a rate is negative; 0 is no limit")
	}
	return nil
}

func (p Policy) core() outbox.Policy {
	switch p {
	case RefuseNew, Retired:
		return outbox.RefuseNew
	case LatestOnly:
		return outbox.LatestOnly
	}
	return outbox.EvictOldest
}
