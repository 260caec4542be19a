package transporttest

import (
	"context"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// Fault is one disturbance of the link or the broker. Faults of different kinds
// add up; Heal ends them all. Names are those of faults.md, part 5.
type Fault struct {
	Name  string
	apply func(s *Server)
}

// Direction is the direction of a half-open link, as the client sees it.
type Direction uint8

const (
	Up Direction = 1 << iota
	Down
	Both = Up | Down
)

// faults is the state that they set; the server's mutex guards it.
type faults struct {
	dial        func(ctx context.Context) error
	connecting  error // instead of a CONNACK
	refuse      byte
	swallow     Direction
	cutAfter    int
	cutHow      Cut
	deadAfter   int
	forgetAfter time.Duration
	up, down    func() time.Duration
	pubackLost  bool
	lost        func(topic string) bool
	refused     map[string]bool
	displace    *time.Timer
	owed        []func() // ends that clients have not heard of
}

// DialRefused answers every dial with a reset.
func DialRefused() Fault {
	return Fault{"dial-fails(refused)", func(s *Server) {
		s.f.dial = func(context.Context) error {
			return &transport.PhaseError{Phase: transport.PhaseDial, Err: syscall.ECONNREFUSED}
		}
	}}
}

// DialBlackhole lets every dial run into its deadline.
func DialBlackhole() Fault {
	return Fault{"dial-fails(blackhole)", func(s *Server) { s.f.dial = blackhole }}
}

func blackhole(ctx context.Context) error {
	<-ctx.Done()
	return &transport.PhaseError{Phase: transport.PhaseDial, Err: context.Cause(ctx)}
}

// DNSBroken fails every name.
func DNSBroken() Fault {
	return Fault{"dns-broken(nxdomain)", func(s *Server) {
		s.f.dial = func(context.Context) error {
			err := &net.DNSError{Err: "no such host", Name: "broker", IsNotFound: true}
			return &transport.PhaseError{Phase: transport.PhaseResolve, Err: err}
		}
	}}
}

// TLSBadCert presents a certificate that does not hold.
func TLSBadCert() Fault {
	return Fault{"tls-bad-cert(ca)", func(s *Server) {
		s.f.dial = func(context.Context) error {
			return &transport.PhaseError{Phase: transport.PhaseTLS, Err: x509.UnknownAuthorityError{}}
		}
	}}
}

// CaptivePortal answers CONNECT with HTTP.
func CaptivePortal() Fault {
	return Fault{"captive-portal", func(s *Server) {
		s.f.connecting = &transport.NotServerError{Got: []byte("HTTP/1.1 302 Found\r\n")}
	}}
}

// ConnackRefused answers every CONNECT with code.
func ConnackRefused(code byte) Fault {
	return Fault{"connack-refused", func(s *Server) { s.f.refuse = code }}
}

// CutAfterPublish ends a connection behind its n-th PUBLISH; n counts from the
// connection's start. With FIN that PUBLISH arrives, with RST it does not.
func CutAfterPublish(how Cut, n int) Fault {
	return Fault{"cut-after-publish", func(s *Server) { s.f.cutAfter, s.f.cutHow = n, how }}
}

// HalfOpen swallows everything of a direction; nothing fails. New dials hang.
func HalfOpen(d Direction) Fault {
	return Fault{"half-open", func(s *Server) { s.f.swallow = d }}
}

// ReplayBlackhole kills a connection silently, and for good, at its n-th PUBLISH.
func ReplayBlackhole(n int) Fault {
	return Fault{"replay-blackhole", func(s *Server) { s.f.deadAfter = n }}
}

// StallWrite takes nothing more from the client: its writes block.
func StallWrite() Fault {
	return Fault{"stall-write", func(s *Server) { s.calm = make(chan struct{}) }}
}

// NATForget drops a connection silently after an idle time.
func NATForget(idle time.Duration) Fault {
	return Fault{"nat-forget", func(s *Server) { s.f.forgetAfter = idle }}
}

// Latency delays each packet of a direction; the order stays. nil is no delay.
func Latency(up, down func() time.Duration) Fault {
	return Fault{"latency", func(s *Server) { s.f.up, s.f.down = up, down }}
}

// Slow2G is Latency with a round trip of two seconds, give or take one, and now
// and then a stall of ten.
func Slow2G(r *rand.Rand) Fault {
	one := func() time.Duration {
		if r.IntN(100) == 0 {
			return 10 * time.Second
		}
		return 500*time.Millisecond + time.Duration(r.Int64N(int64(time.Second)))
	}
	f := Latency(one, one)
	f.Name = "slow-2g"
	return f
}

// PubackLost swallows every PUBACK.
func PubackLost() Fault {
	return Fault{"puback-lost", func(s *Server) { s.f.pubackLost = true }}
}

// ReplyLost swallows what is pushed on the topics that match says yes to.
func ReplyLost(match func(topic string) bool) Fault {
	return Fault{"reply-lost", func(s *Server) { s.f.lost = match }}
}

// SubackBad refuses the named filters with 0x80.
func SubackBad(filters ...string) Fault {
	return Fault{"suback-bad", func(s *Server) {
		s.f.refused = map[string]bool{}
		for _, f := range filters {
			s.f.refused[f] = true
		}
	}}
}

// Displaced lets somebody else take every client's identity, again and again.
func Displaced(every time.Duration) Fault {
	return Fault{"displaced", func(s *Server) {
		s.f.displace = time.AfterFunc(every, func() {
			for _, c := range s.everyone() {
				c.end(ErrDisplaced, FIN)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.f.displace != nil {
				s.f.displace.Reset(every)
			}
		})
	}}
}

// Inject adds faults.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.apply(s)
	}
}

// Heal ends every fault. Clients hear now of the ends that a half-open link kept
// from them; what was swallowed stays swallowed.
func (s *Server) Heal() {
	s.mu.Lock()
	owed := s.heal()
	s.mu.Unlock()
	for _, tell := range owed {
		tell()
	}
}

func (s *Server) heal() []func() {
	owed := s.f.owed
	if s.f.displace != nil {
		s.f.displace.Stop()
	}
	select {
	case <-s.calm:
	default:
		close(s.calm)
	}
	s.f = faults{}
	return owed
}

func (s *Server) tellLater(tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.f.owed = append(s.f.owed, tell)
}

// fate is what becomes of one packet on its way.
type fate struct {
	lost  bool
	delay time.Duration
	cut   bool
	how   Cut
}

func (s *Server) fateUp(c *Client, f frame) (out fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.kind == kindPublish {
		c.publishes++
		c.dead = c.dead || s.f.deadAfter > 0 && c.publishes >= s.f.deadAfter
		out.cut, out.how = s.f.cutAfter > 0 && c.publishes >= s.f.cutAfter, s.f.cutHow
	}
	out.lost = s.f.swallow&Up != 0 || c.idle(s.f.forgetAfter)
	if s.f.up != nil {
		out.delay = s.f.up()
	}
	return out
}

func (s *Server) fateDown(c *Client, f frame) (out fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	out.lost = s.f.swallow&Down != 0 || c.idle(s.f.forgetAfter) ||
		s.f.pubackLost && f.kind == kindPuback ||
		s.f.lost != nil && f.kind == kindPublish && s.f.lost(f.topic)
	if s.f.down != nil {
		out.delay = s.f.down()
	}
	return out
}

// idle says whether the connection is dead, by now or for long, and notes that
// something moved on it.
func (c *Client) idle(forgetAfter time.Duration) bool {
	now := time.Now()
	c.dead = c.dead || forgetAfter > 0 && now.Sub(c.moved) > forgetAfter
	c.moved = now
	return c.dead
}

func (s *Server) grant(c *Client, f transport.Filter) byte {
	s.mu.Lock()
	bad := s.f.refused[f.Topic]
	s.mu.Unlock()
	switch {
	case bad:
		return 0x80
	case s.OnSubscribe != nil:
		return s.OnSubscribe(c, f)
	}
	return f.QoS
}

// stalled is closed while the broker reads.
func (s *Server) stalled() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calm
}

// admit is the network's part of a dial: it fails, hangs or costs time.
func (s *Server) admit(ctx context.Context) error {
	s.mu.Lock()
	dial := s.f.dial
	if dial == nil && s.f.swallow != 0 {
		dial = blackhole
	}
	var wait time.Duration
	for _, delay := range []func() time.Duration{s.f.up, s.f.down} {
		if delay != nil {
			wait += delay()
		}
	}
	s.mu.Unlock()
	if dial != nil {
		return dial(ctx)
	}
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &transport.PhaseError{Phase: transport.PhaseDial, Err: context.Cause(ctx)}
	}
}
