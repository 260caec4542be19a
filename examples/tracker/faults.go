package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aliiot/aliiot/transport/faultproxy"
)

// fault is one thing that goes wrong on the way. The names are those of the
// project's catalogue of faults.
type fault struct {
	name   string
	short  string  // for the head
	at     float64 // of the replay, from 0 to 1
	strike func(*driver, context.Context) bool
}

// schedule is what goes wrong, in this order and at nearly these times: the seed
// moves them a little and chooses the actor. A platform's own closings are kept
// apart, since three of them soon after connecting look like another client that
// takes the session.
func schedule(seed uint64) []fault {
	lot := rand.New(rand.NewPCG(seed, seed))
	actor := []string{"outbox", "connection"}[lot.IntN(2)]
	n := 1 + lot.IntN(3)
	list := []fault{
		{"cut-after-publish", "a reset", 0.15, func(d *driver, ctx context.Context) bool { return d.reset(ctx, n) }},
		{"half-open", "a half-open link", 0.21, (*driver).halfOpen},
		{"panic-actor", "a panic", 0.46, func(d *driver, ctx context.Context) bool { return d.panicActor(ctx, actor) }},
		{"kill-9", "SIGKILL", 0.52, (*driver).killInTunnel},
		{"replay-blackhole", "a black hole", 0.79, (*driver).blackhole},
	}
	for i := range list {
		list[i].at += 0.02 * (lot.Float64() - 0.5)
	}
	return list
}

// misfortune strikes as the schedule says, one after the other: a fault whose
// time comes while another is still at work waits for it. Each has one line of its
// own, also where it cannot strike.
func (d *driver) misfortune(ctx context.Context, feed time.Duration) {
	for i, f := range d.faults {
		if !pause(ctx, time.Until(d.began.Add(time.Duration(f.at*float64(feed))))) || !pause(ctx, breath) {
			return
		}
		d.change(func() { d.turn = i + 1 })
		if f.strike(d, ctx) {
			d.change(func() { d.done = append(d.done, f.name) })
		}
		if ctx.Err() != nil || d.failure() != nil {
			return
		}
	}
}

// announce writes the line of the fault whose turn it is.
func (d *driver) announce(format string, args ...any) {
	d.out.happened(aboutFault, "%d of %d: %s", d.turnNow(), len(d.faults), fmt.Sprintf(format, args...))
}

// breath is the least time between the end of one fault and the next.
const breath = 300 * time.Millisecond

// patience is how long a fault waits for what it is meant to bring about.
func (d *driver) patience() time.Duration {
	if d.o.real {
		return time.Minute
	}
	return 15 * time.Second
}

func (d *driver) inject(f ...faultproxy.Fault) {
	if err := d.proxy.Inject(f...); err != nil {
		d.fail(err)
	}
}

func (d *driver) heal() {
	if err := d.proxy.Heal(faultproxy.CloseDead); err != nil {
		d.fail(err)
	}
}

// networkIsBack heals the link, and lets the modem say so as a modem does.
func (d *driver) networkIsBack(ctx context.Context) {
	d.heal()
	d.order(ctx, order{Kind: orderHint})
	d.await(ctx, d.patience(), func() bool { return d.online })
}

// ordinal names one of the next posts.
var ordinal = []string{1: "the next post", 2: "the second post from now", 3: "the third post from now"}

// reset closes the connection hard, right behind a report.
func (d *driver) reset(ctx context.Context, n int) bool {
	sessions := d.sessionsNow()
	passed := int(d.proxy.Stats().Up.Packets[mqttPublish])
	d.announce("the link is going to be reset, right behind %s", ordinal[n])
	d.inject(faultproxy.CutAfterPublish(faultproxy.RST, passed+n, true))
	struck := d.await(ctx, d.patience(), func() bool { return d.sessions > sessions && d.online })
	d.heal()
	if !struck && ctx.Err() == nil {
		d.out.happened(aboutLink, "it was not reset: no such post was sent")
	}
	return struck
}

const mqttPublish = 3 // packet type (MQTT 3.1.1, 2.2.1)

// halfOpen swallows everything both ways: nothing fails, nothing answers.
func (d *driver) halfOpen(ctx context.Context) bool {
	began := time.Now()
	d.inject(faultproxy.HalfOpen(faultproxy.Both))
	d.announce("the link is half-open: all is swallowed, and nothing fails")
	if d.await(ctx, d.patience(), func() bool { return !d.online }) {
		d.out.happened(aboutLoss, "noticed %s after it began", seconds(time.Since(began)))
	}
	d.networkIsBack(ctx)
	return true
}

func (d *driver) panicActor(ctx context.Context, actor string) bool {
	d.announce("a bug: the actor %q is going to panic at its next message", actor)
	restarts, sessions := d.restartsNow(), d.sessionsNow()
	d.order(ctx, order{Kind: orderPanic, Actor: actor})
	struck := d.await(ctx, d.patience(), func() bool { return d.restarts > restarts })
	if struck {
		d.out.happened(aboutDevice, "it was restarted alone; the others went on")
	} else if ctx.Err() == nil {
		d.out.happened(aboutDevice, "it did not: no message came for it")
	}
	if actor == "connection" { // which took its session with it
		d.await(ctx, d.patience(), func() bool { return d.sessions > sessions && d.online })
	}
	return struck
}

// killInTunnel lets a tunnel build a backlog, ends the device's process in it by
// SIGKILL, and starts it again on the same folder.
func (d *driver) killInTunnel(ctx context.Context) bool {
	d.inject(faultproxy.HalfOpen(faultproxy.Both))
	d.out.happened(aboutLoss, "a tunnel begins: nothing gets through any more")
	if !d.await(ctx, d.patience(), func() bool { return !d.online }) && ctx.Err() != nil {
		return false
	}
	d.stopDevice()
	d.announce("in the tunnel, SIGKILL for the device's process; %s of this run are acknowledged", count(d.madeNow(), "report"))
	pause(ctx, d.scaled(700*time.Millisecond))
	if err := d.openDevice(ctx, openWithin); err != nil {
		d.fail(err)
		return true
	}
	l := d.ledgerNow()
	d.out.happened(aboutDevice, "started again as process %d; it remembers %s, %s", d.pid(), count(l.Accepted, "report"), wait(l.waiting()))
	d.connect(ctx)
	return true
}

// blackhole ends the tunnel, and lets the link die again, silently, just while
// the backlog goes up.
func (d *driver) blackhole(ctx context.Context) bool {
	waiting := d.waitingNow()
	d.out.happened(aboutLink, "the tunnel ends; %s", wait(waiting))
	if waiting == 0 { // a short log leaves no backlog to die in
		d.announce("left out: there is no backlog to swallow")
		d.networkIsBack(ctx)
		return false
	}
	d.heal()
	swallowed := d.proxy.Stats().Swallowed
	d.inject(faultproxy.ReplayBlackhole(int(min(waiting, 6))))
	d.order(ctx, order{Kind: orderHint})
	struck := false
	for deadline := time.Now().Add(d.patience()); !struck && time.Now().Before(deadline) && pause(ctx, 20*time.Millisecond); {
		struck = d.proxy.Stats().Swallowed > swallowed
	}
	if struck {
		d.announce("while the backlog goes up, the link has died again without a word")
	} else if ctx.Err() == nil {
		d.announce("left out: nothing went up that it could swallow")
	}
	d.await(ctx, d.patience(), func() bool { return !d.online })
	d.networkIsBack(ctx)
	return struck
}

// scaled is a pause that takes its time in real time.
func (d *driver) scaled(fast time.Duration) time.Duration {
	if d.o.real {
		return 10 * fast
	}
	return fast
}

// wait says how many wait.
func wait(n int64) string {
	switch n {
	case 0:
		return "nothing waits"
	case 1:
		return "1 report waits"
	}
	return count(n, "report") + " wait"
}

// pause waits, and returns false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
