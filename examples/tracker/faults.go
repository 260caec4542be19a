package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aliiot/aliiot/transport/faultproxy"
)

// fault is one thing that goes wrong on the way. The names are those of the
// project's catalogue of faults.
type fault struct {
	name   string
	at     float64 // of the replay, from 0 to 1
	strike func(*driver, context.Context)
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
		{"cut-after-publish", 0.15, func(d *driver, ctx context.Context) { d.reset(ctx, n) }},
		{"half-open", 0.21, (*driver).halfOpen},
		{"panic-actor", 0.46, func(d *driver, ctx context.Context) { d.panicActor(ctx, actor) }},
		{"kill-9", 0.52, (*driver).killInTunnel},
		{"replay-blackhole", 0.79, (*driver).blackhole},
	}
	for i := range list {
		list[i].at += 0.02 * (lot.Float64() - 0.5)
	}
	return list
}

// misfortune strikes as the schedule says, one after the other: a fault whose
// time comes while another is still at work waits for it.
func (d *driver) misfortune(ctx context.Context, list []fault, feed time.Duration) {
	for _, f := range list {
		if !pause(ctx, time.Until(d.began.Add(time.Duration(f.at*float64(feed))))) || !pause(ctx, breath) {
			return
		}
		f.strike(d, ctx)
		d.struck(f.name)
	}
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

// reset closes the connection hard, right behind a report.
func (d *driver) reset(ctx context.Context, n int) {
	sessions := d.sessionsNow()
	passed := int(d.proxy.Stats().Up.Packets[mqttPublish])
	d.out.happened(aboutFault, "the connection is reset right behind a report")
	d.inject(faultproxy.CutAfterPublish(faultproxy.RST, passed+n, true))
	d.await(ctx, d.patience(), func() bool { return d.sessions > sessions && d.online })
	d.heal()
}

const mqttPublish = 3 // packet type (MQTT 3.1.1, 2.2.1)

// halfOpen swallows everything both ways: nothing fails, nothing answers.
func (d *driver) halfOpen(ctx context.Context) {
	d.out.happened(aboutFault, "the link goes half-open: all is swallowed, and nothing fails")
	began := time.Now()
	d.inject(faultproxy.HalfOpen(faultproxy.Both))
	if d.await(ctx, d.patience(), func() bool { return !d.online }) {
		d.out.happened(aboutLoss, "noticed after %s, by the answers that the platform owed", seconds(time.Since(began)))
	}
	d.networkIsBack(ctx)
}

func (d *driver) panicActor(ctx context.Context, actor string) {
	d.out.happened(aboutFault, "a bug: the actor %q will panic at its next message", actor)
	restarts, sessions := d.restartsNow(), d.sessionsNow()
	d.order(ctx, order{Kind: orderPanic, Actor: actor})
	if d.await(ctx, d.patience(), func() bool { return d.restarts > restarts }) {
		d.out.happened(aboutDevice, "it was restarted alone; the others went on")
	}
	if actor == "connection" { // which took its session with it
		d.await(ctx, d.patience(), func() bool { return d.sessions > sessions && d.online })
	}
}

// killInTunnel lets a tunnel build a backlog, ends the device's process in it by
// SIGKILL, and starts it again on the same folder.
func (d *driver) killInTunnel(ctx context.Context) {
	d.out.happened(aboutFault, "a tunnel: nothing gets through any more")
	d.inject(faultproxy.HalfOpen(faultproxy.Both))
	d.await(ctx, d.patience(), func() bool { return !d.online })
	d.out.happened(aboutFault, "and in it, SIGKILL for the device's process; %s in its journal", wait(d.waitingNow()))
	d.stopDevice()
	pause(ctx, d.scaled(700*time.Millisecond))
	if err := d.openDevice(ctx); err != nil {
		d.fail(err)
		return
	}
	l := d.ledgerNow()
	d.out.happened(aboutDevice, "started again as process %d; it remembers %s, %s", d.pid(), count(l.Accepted, "report"), wait(l.waiting()))
}

// blackhole ends the tunnel, and lets the link die again, silently, just while
// the backlog goes up.
func (d *driver) blackhole(ctx context.Context) {
	sessions, waiting := d.sessionsNow(), d.waitingNow()
	d.out.happened(aboutLink, "the tunnel ends; %s", wait(waiting))
	if waiting == 0 { // a short log leaves no backlog to die in
		d.networkIsBack(ctx)
		return
	}
	d.heal()
	d.inject(faultproxy.ReplayBlackhole(int(min(waiting, 6))))
	d.order(ctx, order{Kind: orderHint})
	if d.await(ctx, d.patience(), func() bool { return d.sessions > sessions }) {
		d.out.happened(aboutFault, "and while they go up, the link dies again without a word")
	}
	d.await(ctx, d.patience(), func() bool { return !d.online })
	d.networkIsBack(ctx)
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
		return "1 waits"
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
