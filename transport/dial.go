package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// sendBuffer bounds what the kernel takes from us before a write blocks. Left
// alone it grows to megabytes, and thousands of reports are "sent" into a dead
// link before anybody is held back.
const sendBuffer = 32 << 10

// DialFunc opens the connection under MQTT and TLS, within ctx.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialTCP is the default: no TCP keepalive (Go's costs 18 MB a month on a quiet
// link, and MQTT has its own), and a bounded send buffer.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if b, ok := c.(interface{ SetWriteBuffer(int) error }); ok {
		_ = b.SetWriteBuffer(sendBuffer)
	}
	return c, nil
}

// opener does what comes before CONNECT: name, connection, TLS.
type opener struct {
	dial DialFunc
	// resolve is nil where dial takes names.
	resolve Resolve
	// cache keeps the TLS tickets of those who bring no configuration.
	cache tls.ClientSessionCache

	mu       sync.Mutex
	lastGood map[string]string // host:port → the address that spoke MQTT last
	doubt    map[string]bool   // the name led to somebody else
}

func newOpener(dial DialFunc, resolve Resolve) *opener {
	if dial == nil {
		dial = dialTCP
		if resolve == nil {
			resolve = systemResolve
		}
	}
	return &opener{dial: dial, resolve: resolve, cache: tls.NewLRUClientSessionCache(4), lastGood: map[string]string{}, doubt: map[string]bool{}}
}

// opened is a connection that MQTT can be spoken on.
type opened struct {
	conn    net.Conn
	raw     net.Conn // below conn, for a watchdog that closes without a word; conn itself without TLS
	address string   // where it leads
}

func (o *opener) open(ctx context.Context, t target, c Connect) (opened, error) {
	raw, address, err := o.connect(ctx, t)
	if err != nil {
		o.mu.Lock()
		delete(o.doubt, t.address) // the address that worked last does not either
		o.mu.Unlock()
		phase := PhaseDial
		if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
			phase = PhaseResolve
		}
		return opened{}, &PhaseError{Phase: phase, Err: err}
	}
	if !t.secure {
		return opened{raw, raw, address}, nil
	}
	tc := tls.Client(raw, o.config(t, c.TLS))
	if err = tc.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		o.judged(t, address, false)
		// What answers in the clear on a TLS port is somebody else.
		if bad := (tls.RecordHeaderError{}); errors.As(err, &bad) {
			err = &NotServerError{Got: bad.RecordHeader[:]}
		}
		return opened{}, &PhaseError{Phase: PhaseTLS, Err: err}
	}
	return opened{tc, raw, address}, nil
}

// connect dials by name, and by the address that worked last when the name does
// not resolve: a broken resolver is no fact about the broker.
func (o *opener) connect(ctx context.Context, t target) (net.Conn, string, error) {
	if o.resolve != nil {
		all, err := o.candidates(ctx, t)
		if err != nil {
			return nil, "", err
		}
		return o.race(ctx, all)
	}
	c, err := o.dial(ctx, "tcp", t.address)
	if err == nil {
		return c, c.RemoteAddr().String(), nil
	}
	o.mu.Lock()
	last := o.lastGood[t.address]
	o.mu.Unlock()
	if dns := (*net.DNSError)(nil); last == "" || ctx.Err() != nil || !errors.As(err, &dns) {
		return nil, "", err
	}
	if c, e := o.dial(ctx, "tcp", last); e == nil {
		return c, last, nil
	}
	return nil, "", err
}

// config completes the caller's TLS configuration, which stays untouched.
func (o *opener) config(t target, given *tls.Config) *tls.Config {
	var c *tls.Config
	if given != nil {
		c = given.Clone()
	} else {
		c = &tls.Config{ClientSessionCache: o.cache}
	}
	if c.ServerName == "" {
		c.ServerName = t.host
	}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	// Go's default first flight carries a hybrid key share and needs two TCP
	// segments, which some middleboxes stall, and which costs at each reconnect.
	if c.CurvePreferences == nil {
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	}
	return c
}

// sinceStart is how far now is from start on the monotonic clock.
func sinceStart(start time.Time) int64 { return int64(time.Since(start)) }
