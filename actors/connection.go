package actors

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/transport"
)

// connection owns the session and is the only one that dials. It turns what
// happens into events of fsm.Conn and performs the actions that come back; what
// may block (a dial, a SUBSCRIBE, a DISCONNECT, the record of connects) runs
// beside the mailbox and comes back as a message with the attempt's number.
type connection struct {
	tree *Tree
	root *actor.RootContext
	self *actor.PID

	machine *fsm.Connection
	conn    fsm.Conn
	cancel  context.CancelFunc // of the dial under way
	saved   <-chan error       // says when the record that counts the next dial is on the disk
	session transport.Session
	number  uint64 // of the session or the attempt
	server  string // of the last attempt
	toldWhy string // how far the last attempts came, as the application was told
	online  bool
	quiet   bool
	timers  map[fsm.Timer]*time.Timer
	waiting askers[Online]
	looks   *time.Timer
	status  LinkStatus
	bootAt  time.Duration // the clocks at the last look, to notice a suspend
	monoAt  time.Time
}

type (
	dialled struct {
		attempt uint64
		session transport.Session
		err     error
		taken   chan<- struct{} // the session has an owner
	}
	subscribed struct {
		session uint64
		err     error
	}
	lost struct {
		session uint64
		err     error
	}
	timerFired struct {
		timer   fsm.Timer
		attempt uint64
	}
	// AskOnline is answered as soon as there is a session.
	AskOnline struct {
		Reply chan<- Online // room for one
		// Gone, where it is set, is closed when nobody waits any more.
		Gone <-chan struct{}
	}
	// reborn says that an actor was restarted.
	reborn struct{ who *actor.PID }
	// look is when the clocks are compared, to notice a suspend.
	look struct{}
)

func newConnection(t *Tree) actor.Actor {
	return &connection{tree: t, timers: map[fsm.Timer]*time.Timer{}}
}

// Receive implements actor.Actor.
func (c *connection) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.start(ctx)
	case *actor.Restarting:
		c.end("restarting")
	case *actor.Stopping:
		c.end("stopped")
	case Connect:
		c.step(fsm.Connect{})
	case Disconnect:
		s := c.session
		c.step(fsm.Disconnect{})
		if m.Done == nil {
			break
		}
		if s == nil {
			answer(m.Done, struct{}{})
			break
		}
		go func() { // the transport bounds the end of a session
			<-s.Ended()
			answer(m.Done, struct{}{})
		}()
	case Subscribe:
		c.tree.lastConn.hear[m.Who.Id] = m.Who
		ctx.Watch(m.Who)
		c.inform(m.Who)
	case reborn:
		if c.tree.lastConn.hear[m.who.Id] != nil { // what it knew of the link is gone
			c.inform(m.who)
		}
	case *actor.Terminated:
		delete(c.tree.lastConn.hear, m.Who.Id)
	case AskOnline:
		if c.online {
			answer(m.Reply, Online{Session: c.number, Quiet: c.quiet})
		} else {
			c.waiting.add(m.Reply, m.Gone)
		}
	case AskPulse:
		answer(m.Reply, Pulse{At: time.Now()})
	case Publish:
		c.publish(m)
	case LinkHint:
		if m.Up {
			c.tree.lastConn.keepAlive.elsewhere()
		}
		c.step(fsm.LinkHint(m))
	case Probe:
		c.askPlatform(m.Session) // the outbox's own clock judges the answer
	case Silent:
		c.quietDeath(m.Session)
		c.step(fsm.Silence(m))
	case Heard:
		c.step(fsm.Heard(m))
	case LoginAgain:
		if m.Session == c.number {
			c.step(fsm.LoginAgain{})
		}
	case dialled:
		c.dialled(m)
	case subscribed:
		c.subscribed(m)
	case lost:
		if errors.Is(m.err, transport.ErrNoPingResponse) {
			c.quietDeath(m.session)
		}
		c.step(fsm.Lost{Session: m.session, ByPeer: byPeer(m.err), Detail: detail(m.err)})
	case look:
		c.noticeSuspend()
		c.lookLater()
	case timerFired:
		c.noticeSuspend()
		c.step(fsm.TimerFired{Timer: m.timer, Attempt: m.attempt})
	}
}

func (c *connection) start(ctx actor.Context) {
	c.root, c.self = ctx.ActorSystem().Root, ctx.Self()
	clk := c.tree.opts.Clock
	c.bootAt, c.monoAt = clk.Boot(), time.Now()
	c.machine = c.tree.machine
	c.conn = c.machine.Start(clk.Boot(), c.tree.lastConn.record, clk.BootID, c.tree.lastConn.attempt)
	c.setStatus()
	for _, name := range []string{outboxName, dispatchName} { // they were spawned before, and do not ask
		pid := c.tree.PID(name)
		c.tree.lastConn.hear[pid.Id] = pid
		ctx.Watch(pid)
	}
	if c.tree.wanted.Load() {
		c.step(fsm.Connect{})
	}
}

// end leaves nothing behind: no dial, no session, no timer.
func (c *connection) end(why string) {
	if c.cancel != nil {
		c.cancel()
	}
	for _, t := range c.timers {
		t.Stop()
	}
	if c.looks != nil {
		c.looks.Stop()
	}
	if s := c.session; s != nil {
		go s.Close() // bounded by the transport; a stalled link must not hold up the tree
	}
	c.tell(Offline{Session: c.number, Reason: why})
	c.status.State = "stopped"
	status := c.status
	c.tree.link.Store(&status)
}

// step moves the machine and performs what it asks for.
func (c *connection) step(e fsm.ConnEvent) {
	clk := c.tree.opts.Clock
	next, actions := c.machine.Step(c.conn, fsm.Moment{Boot: clk.Boot(), Rnd: clk.Rand()}, e)
	c.conn = next
	c.tree.lastConn.attempt = next.Attempt
	for _, a := range actions {
		c.perform(a)
	}
	c.setStatus()
}

func (c *connection) perform(a fsm.ConnAction) {
	switch a := a.(type) {
	case fsm.SaveAttempt:
		c.tree.lastConn.record = a.Record
		if c.tree.opts.Connects != nil {
			c.saved = c.tree.saver.save(c.tree.opts.Connects, a.Record)
		}
	case fsm.Dial:
		c.dial(a)
	case fsm.Subscribe:
		c.subscribe(a)
	case fsm.ArmTimer:
		c.cancelTimer(a.Timer)
		root, self, fired := c.root, c.self, timerFired{a.Timer, a.Attempt}
		c.timers[a.Timer] = time.AfterFunc(a.After, func() { root.Send(self, fired) })
	case fsm.CancelTimer:
		c.cancelTimer(a.Timer)
	case fsm.AnnounceOnline:
		c.announceOnline(a)
	case fsm.AnnounceOffline:
		c.online = false
		off := Offline{Session: a.Session, Reason: string(a.Reason), ByPeer: a.ByPeer}
		if a.RetryAt > 0 {
			off.Retry = a.RetryAt - c.tree.opts.Clock.Boot()
		}
		c.tree.log.Info("offline", "session", a.Session, "reason", a.Reason, "by_peer", a.ByPeer, "detail", a.Detail, "retry", off.Retry)
		c.tell(off)
	case fsm.Probe:
		c.askPlatform(a.Session)
	case fsm.Abort:
		if c.cancel != nil {
			c.cancel()
		}
		if s := c.session; s != nil && a.Attempt == c.number {
			c.session = nil
			s.Abort(errSilent)
		}
	case fsm.CloseSession:
		if s := c.session; s != nil && a.Session == c.number {
			c.session = nil
			go s.Close()
		}
	case fsm.Tell:
		c.notice(a)
	}
}

var errSilent = errors.New("actors: the connection is given up")

func (c *connection) announceOnline(a fsm.AnnounceOnline) {
	if !c.online {
		c.tree.connects.Add(1)
		c.tree.log.Info("online", "session", a.Session, "quiet", a.Quiet)
	}
	c.online, c.quiet, c.toldWhy = true, a.Quiet, ""
	c.status.Err, c.status.Phase = nil, ""
	c.setStatus()
	on := Online{Session: a.Session, Quiet: a.Quiet}
	c.tell(on)
	c.waiting.answer(on)
	c.lookLater()
}

// publish hands a message to the session's writer, which never blocks.
func (c *connection) publish(m Publish) {
	err := transport.ErrEnded
	if c.session != nil && c.online && (m.Session == c.number || m.Session == 0) {
		err = c.session.Publish(m.token, m.Topic, m.Payload, m.QoS)
	}
	if err != nil && m.token != 0 {
		c.root.Send(c.tree.PID(outboxName), Published{Session: m.Session, Token: m.token, Err: err})
	}
}

// askPlatform asks for the time: the smallest question that the platform itself
// answers, where a PINGRESP would prove the broker alone.
func (c *connection) askPlatform(session uint64) {
	topic := alink.Topic{Kind: alink.NTPRequest, Device: c.tree.opts.Device}
	c.publish(Publish{Session: session, Topic: topic.String(), Payload: alink.AppendNTPRequest(nil, c.tree.opts.Clock.Boot().Milliseconds())})
}

// inform tells one who subscribed how the link is.
func (c *connection) inform(who *actor.PID) {
	if c.online {
		c.root.Send(who, Online{Session: c.number, Quiet: c.quiet})
	} else {
		c.root.Send(who, Offline{Session: c.number, Reason: string(c.conn.State)})
	}
}

// tell sends a fact to all who subscribed, and to the application.
func (c *connection) tell(fact any) {
	for _, who := range c.tree.lastConn.hear {
		c.root.Send(who, fact)
	}
	c.tree.tell(fact)
}

func (c *connection) notice(a fsm.Tell) {
	c.tree.log.Warn("connection: "+string(a.Notice), "code", a.Code, "detail", a.Detail, "since", a.Since, "attempts", a.Attempts)
	text := strings.ReplaceAll(string(a.Notice), "_", " ")
	if a.Detail != "" {
		text += ": " + a.Detail
	}
	c.tree.tell(Told{Kind: string(a.Notice), Text: text})
}

func (c *connection) cancelTimer(t fsm.Timer) {
	if old := c.timers[t]; old != nil {
		old.Stop()
		delete(c.timers, t)
	}
}

// suspendSlack is by how much boot time may outrun the runtime's clock before it
// counts as a suspend.
const suspendSlack = 2 * time.Second

// lookEvery is how soon after waking a suspend is noticed on a quiet session.
const lookEvery = 10 * time.Second

func (c *connection) lookLater() {
	if c.looks != nil {
		c.looks.Stop()
	}
	if !c.online {
		return
	}
	root, self := c.root, c.self
	c.looks = time.AfterFunc(lookEvery, func() { root.Send(self, look{}) })
}

// noticeSuspend compares the clock that runs in suspend with the one that does
// not. The timers stood still with the latter.
func (c *connection) noticeSuspend() {
	boot, mono := c.tree.opts.Clock.Boot(), time.Now()
	slept := boot - c.bootAt - mono.Sub(c.monoAt)
	c.bootAt, c.monoAt = boot, mono
	if slept > suspendSlack {
		c.tree.log.Info("the machine was suspended", "for", slept)
		c.tree.tell(Told{ToldResumed, "the machine was suspended for " + slept.String()})
		c.step(fsm.Resumed{})
	}
}

func (c *connection) setStatus() {
	state := LinkState(c.conn.State)
	if c.status.State != state {
		c.status.State, c.status.Since = state, c.tree.opts.Clock.Boot()
	}
	c.status.Session, c.status.Attempts, c.status.Retry = c.number, c.conn.Failures, c.conn.RetryAt
	status := c.status
	c.tree.link.Store(&status)
}

// detail is an error for a person, who need not know which package it came from.
func detail(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "transport: ")
}
