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
	// cache keeps the TLS tickets of those who bring no configuration.
	cache tls.ClientSessionCache

	mu       sync.Mutex
	lastGood map[string]string // host → address with the IP that answered last
}

func newOpener(dial DialFunc) *opener {
	if dial == nil {
		dial = dialTCP
	}
	return &opener{dial: dial, cache: tls.NewLRUClientSessionCache(4), lastGood: map[string]string{}}
}

// open returns the connection that MQTT speaks on, and the one below it that a
// watchdog can close without a word (both are the same without TLS).
func (o *opener) open(ctx context.Context, t target, c Connect) (conn, raw net.Conn, err error) {
	if raw, err = o.connect(ctx, t); err != nil {
		phase := PhaseDial
		if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
			phase = PhaseResolve
		}
		return nil, nil, &PhaseError{Phase: phase, Err: err}
	}
	if !t.secure {
		return raw, raw, nil
	}
	tc := tls.Client(raw, o.config(t, c.TLS))
	if err = tc.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		// What answers in the clear on a TLS port is somebody else.
		if bad := (tls.RecordHeaderError{}); errors.As(err, &bad) {
			err = &NotServerError{Got: bad.RecordHeader[:]}
		}
		return nil, nil, &PhaseError{Phase: PhaseTLS, Err: err}
	}
	return tc, raw, nil
}

// connect dials by name, and by the address that answered last when the name
// does not resolve: a broken resolver is no fact about the broker.
func (o *opener) connect(ctx context.Context, t target) (net.Conn, error) {
	c, err := o.dial(ctx, "tcp", t.address)
	if err == nil {
		if host, _, e := net.SplitHostPort(c.RemoteAddr().String()); e == nil && net.ParseIP(host) != nil {
			o.mu.Lock()
			o.lastGood[t.address] = c.RemoteAddr().String()
			o.mu.Unlock()
		}
		return c, nil
	}
	o.mu.Lock()
	last := o.lastGood[t.address]
	o.mu.Unlock()
	if dns := (*net.DNSError)(nil); last == "" || ctx.Err() != nil || !errors.As(err, &dns) {
		return nil, err
	}
	if c, e := o.dial(ctx, "tcp", last); e == nil {
		return c, nil
	}
	return nil, err
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
