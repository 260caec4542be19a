package aliiot

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/faultproxy"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// inWireBubble is inBubble with a device that dials through a proxy; served, where it is
// not nil, takes a connection over at the broker's end, for TLS.
func inWireBubble(t *testing.T, served func(net.Conn) net.Conn, f func(r *rig, p *faultproxy.Proxy)) {
	t.Helper()
	inBubble(t, func(r *rig) {
		p := faultproxy.InMemory(transporttest.ConnPair, func(ctx context.Context) (net.Conn, error) {
			if served == nil {
				return r.net.DialContext(ctx, "tcp", "")
			}
			client, server := transporttest.ConnPair()
			go r.net.ServeConn(served(server))
			return client, nil
		})
		defer p.Close()
		r.dialer = transport.NewPaho(transport.PahoOptions{DialContext: p.Dial})
		defer func() {
			if r.dev != nil {
				r.close()
			}
		}()
		f(r, p)
	})
}

func inject(t *testing.T, p *faultproxy.Proxy, f faultproxy.Fault) {
	t.Helper()
	if err := p.Inject(f); err != nil {
		t.Fatal(err)
	}
}

func heal(t *testing.T, p *faultproxy.Proxy) {
	t.Helper()
	if err := p.Heal(faultproxy.CloseDead); err != nil {
		t.Fatal(err)
	}
}

// offlineWithin waits until the device knows that its link is gone.
func (r *rig) offlineWithin(bound time.Duration) {
	r.t.Helper()
	start, session := time.Now(), r.dev.Status().Link.Session
	for at := r.dev.Status().Link; at.State == actors.StateOnline && at.Session == session; at = r.dev.Status().Link {
		if time.Sleep(time.Second); time.Since(start) > bound {
			r.t.Fatalf("the link has been dead for %v, and nobody has noticed", bound)
		}
	}
}

// told takes the notices so far and counts those of a kind.
func (r *rig) told(kind NoticeKind) (n int) {
	for len(r.dev.Notices()) > 0 {
		if m := <-r.dev.Notices(); m.Kind == kind {
			n++
		}
	}
	return n
}

// standstill stops a device as SIGSTOP does, or a machine that has no time for it: no
// actor takes a message, nothing is read from the link or written to it, while the
// kernel and the rest of the world go on.
type standstill struct {
	mu   sync.Mutex
	thaw chan struct{} // nil: it runs
	// slow is how long each message takes beside its own work.
	slow time.Duration
}

// wait returns when the device runs, and says how slowly it does.
func (f *standstill) wait() time.Duration {
	f.mu.Lock()
	thaw, slow := f.thaw, f.slow
	f.mu.Unlock()
	if thaw != nil {
		<-thaw
	}
	return slow
}

// freeze stops the device for d.
func (f *standstill) freeze(d time.Duration) {
	thaw := make(chan struct{})
	f.mu.Lock()
	f.thaw = thaw
	f.mu.Unlock()
	time.Sleep(d)
	f.mu.Lock()
	f.thaw = nil
	f.mu.Unlock()
	close(thaw)
}

func (f *standstill) middleware(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		time.Sleep(f.wait())
		next(ctx, env)
	}
}

// frozenConn is the device's end of its connection. Bytes that came meanwhile are
// there when it goes on.
type frozenConn struct {
	net.Conn
	f *standstill
}

func (c frozenConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.f.wait()
	return n, err
}

// SetWriteDeadline comes just before a write: nothing stops between the two.
func (c frozenConn) SetWriteDeadline(at time.Time) error {
	began := time.Now()
	c.f.wait()
	at = at.Add(time.Since(began))
	return c.Conn.SetWriteDeadline(at)
}

func (c frozenConn) SetLinger(sec int) error {
	return c.Conn.(interface{ SetLinger(int) error }).SetLinger(sec)
}

// inFrozenBubble is inWireBubble with a device that can be frozen.
func inFrozenBubble(t *testing.T, body func(r *rig, p *faultproxy.Proxy, f *standstill)) {
	t.Helper()
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		f := new(standstill)
		r.cfg.Middleware = []actor.ReceiverMiddleware{f.middleware}
		r.dialer = transport.NewPaho(transport.PahoOptions{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := p.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return frozenConn{c, f}, nil
		}})
		body(r, p, f)
	})
}

// lateLost is a dialer whose first session tells its end long after it.
type lateLost struct {
	transport.Dialer
	late  time.Duration
	dials atomic.Int64
}

func (d *lateLost) Dial(ctx context.Context, c transport.Connect, s transport.Sink) (transport.Session, error) {
	if d.dials.Add(1) == 1 {
		s = lateSink{s, d.late}
	}
	return d.Dialer.Dial(ctx, c, s)
}

type lateSink struct {
	transport.Sink
	late time.Duration
}

func (s lateSink) Lost(err error) {
	time.Sleep(s.late)
	s.Sink.Lost(err)
}
