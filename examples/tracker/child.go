package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
)

// childEnv makes a process the device.
const childEnv = "ALIIOT_TRACKER_DEVICE"

const (
	reportDeadline = 20 * time.Second // for the disk: a report never waits for the link
	ledgerEvery    = 200 * time.Millisecond
	ledgerDeadline = time.Second
)

// runDevice is the device's process: all that a tracker's own program would do
// with aliiot is in here. It ends at orderClose, at SIGKILL, or at once when the
// driver is gone.
func runDevice(in io.Reader, out io.Writer) {
	signal.Ignore(syscall.SIGINT) // Ctrl-C is meant for the driver, who closes us
	c := &child{out: json.NewEncoder(out)}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			os.Exit(exitFailed)
		}
		var o order
		if err := json.Unmarshal(line, &o); err != nil {
			fmt.Fprintln(os.Stderr, "tracker: an order that is no JSON:", err)
			os.Exit(exitFailed)
		}
		switch o.Kind {
		case orderOpen:
			err = c.open(*o.Open)
			c.answer(o, news{Ledger: c.ledger(), Volatile: c.volatile}, err)
		case orderConnect:
			go c.tellNotices()
			c.dev.Connect()
			c.answer(o, news{}, nil)
		case orderReport: // beside the others: the disk may take its time
			go func() { c.report(o) }()
		case orderLedger:
			go func() { c.answer(o, news{Ledger: c.ledger()}, nil) }()
		case orderPanic:
			c.doomed.Store(&o.Actor)
			c.answer(o, news{}, nil)
		case orderHint:
			c.dev.LinkHint(true)
			c.answer(o, news{}, nil)
		case orderClose:
			last := c.ledger()
			c.answer(o, news{Ledger: last}, c.dev.Close())
			return
		}
	}
}

type child struct {
	mu  sync.Mutex // over out
	out *json.Encoder

	dev    *aliiot.Device
	doomed atomic.Pointer[string] // the actor that panics at its next message

	volatile      string // the folder's file system, where it keeps nothing
	sent, replied atomic.Uint64
}

func (c *child) open(s setup) error {
	limits := aliiot.PlatformLimits()
	if s.NoQuota {
		limits = aliiot.Limits{Payload: limits.Payload}
	}
	cfg := aliiot.Config{
		Identity: aliiot.DeviceSecret{
			ProductKey: s.ProductKey, DeviceName: s.DeviceName, Secret: aliiot.Secret(s.Secret),
		},
		Server:       s.Server,
		Dir:          s.Dir,
		Audit:        true,
		Confirm:      s.Confirm,
		Limits:       &limits,
		Silence:      s.Silence,
		DrainTimeout: -1, // the driver waits, and shows it
		Middleware:   []actor.ReceiverMiddleware{c.count, c.sabotage},
	}
	dev, err := aliiot.Open(context.Background(), cfg)
	if errors.Is(err, aliiot.ErrVolatile) {
		// A folder in memory outlives SIGKILL, which is what this example shows. It is
		// allowed on purpose, and the driver says so.
		cfg.AllowVolatile = true
		if dev, err = aliiot.Open(context.Background(), cfg); err == nil {
			c.volatile = dev.Status().Folder
		}
	}
	if err != nil {
		return err
	}
	c.dev = dev
	go c.tellLedger()
	return nil
}

// report makes one report: the line that a tracker is about.
func (c *child) report(o order) {
	r := *o.Report
	ctx, cancel := context.WithTimeout(context.Background(), reportDeadline)
	defer cancel()
	opts := []aliiot.Option{aliiot.InLane(r.Lane), aliiot.At(r.Made)}
	if r.ttl() > 0 {
		opts = append(opts, aliiot.TTL(r.ttl()))
	}
	receipt, err := c.dev.Report(ctx, r.item(), opts...)
	if err != nil {
		c.answer(o, news{}, err)
		return
	}
	c.answer(o, news{Seq: receipt.Seq()}, nil)
}

// count looks at what comes back for posts, on its way to the outbox.
func (c *child) count(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		switch m := env.Message.(type) {
		case actors.Published:
			if m.Err == nil {
				c.sent.Add(1)
			}
		case actors.Replied:
			c.replied.Add(1)
		}
		next(ctx, env)
	}
}

// sabotage lets the doomed actor panic at one message. It is the way in which a
// bug of anybody's would show.
func (c *child) sabotage(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		name := c.doomed.Load()
		if name != nil && strings.HasSuffix(ctx.Self().Id, "/"+*name) && !system(env.Message) &&
			c.doomed.CompareAndSwap(name, nil) {
			c.tell(news{Kind: newsActor, Text: fmt.Sprintf("the actor %q panics on %T", *name, env.Message)})
			panic("the example's own panic")
		}
		next(ctx, env)
	}
}

// system says that a message is about an actor's life: a start that fails is
// another fault than a message that cannot be handled.
func system(m any) bool {
	switch m.(type) {
	case actor.SystemMessage, actor.AutoReceiveMessage, *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
		return true
	}
	return false
}

func (c *child) tellNotices() {
	for n := range c.dev.Notices() {
		text := n.Text
		if why := c.dev.Status().Disk; n.Kind == aliiot.NoticeDegraded && why != nil {
			text = "the disk takes no reports: " + plain(why)
		}
		c.tell(news{Kind: newsNotice, Notice: n.Kind, Text: text})
	}
}

func (c *child) tellLedger() {
	for range time.Tick(ledgerEvery) {
		c.tell(news{Kind: newsLedger, Ledger: c.ledger(), Restarts: c.dev.Status().Restarts,
			Traffic: traffic{Sent: c.sent.Load(), Replied: c.replied.Load()}})
	}
}

// ledger asks the device for its account. A question is lost with an outbox that
// panics on it: it is asked again, and nil when there is no answer for long.
func (c *child) ledger() *ledger {
	if c.dev == nil {
		return nil
	}
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), ledgerDeadline)
		got, err := c.dev.Ledger(ctx)
		cancel()
		if err != nil {
			continue
		}
		var l ledger
		raw, err := json.Marshal(got)
		if err == nil {
			err = json.Unmarshal(raw, &l)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "tracker: the ledger's JSON:", err)
			return nil
		}
		return &l
	}
	return nil
}

func (c *child) answer(o order, n news, err error) {
	n.Kind, n.To = newsAnswer, o.Number
	if err != nil {
		n.Error = plain(err)
		var crash *actors.PanicError
		n.Unknown = errors.Is(err, aliiot.ErrOutcomeUnknown) || errors.As(err, &crash)
		var locked *aliiot.LockedError
		n.Locked = errors.As(err, &locked)
		if n.Locked {
			n.Error = fmt.Sprintf("its journal is in use by process %d", locked.PID)
		}
	}
	c.tell(n)
}

func (c *child) tell(n news) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.Encode(n); err != nil {
		os.Exit(exitFailed) // the driver is gone
	}
}
