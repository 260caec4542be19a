package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNotInMemory says that the emulator was started without [InMemory].
var ErrNotInMemory = errors.New("emulator: it was not started with a listener in memory")

// acceptPause is how long a listener rests after an error such as too many open files.
const acceptPause = 50 * time.Millisecond

func (e *Emulator) listen(o Options) error {
	if o.MQTT != "" {
		l, err := net.Listen("tcp", o.MQTT)
		if err != nil {
			return fmt.Errorf("emulator: mqtt: %w", err)
		}
		e.listeners["mqtt"] = l
	}
	if o.MQTTS != "" {
		ca, err := newAuthority(hostOf(o.MQTTS))
		if err != nil {
			return fmt.Errorf("emulator: making a certificate: %w", err)
		}
		l, err := net.Listen("tcp", o.MQTTS)
		if err != nil {
			return fmt.Errorf("emulator: mqtts: %w", err)
		}
		e.authority = ca
		e.listeners["mqtts"] = tls.NewListener(l, ca.server)
	}
	if o.Memory {
		e.memory = newMemListener()
		e.listeners["memory"] = e.memory
	}
	if o.Listener != nil {
		e.listeners["own"] = o.Listener
	}
	for name, l := range e.listeners {
		e.goroutines.Go(func() { e.accept(name, l) })
	}
	return nil
}

func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	return host
}

func (e *Emulator) accept(name string, l net.Listener) {
	for {
		inner, err := l.Accept()
		if err != nil {
			select {
			case <-e.done:
				return
			case <-time.After(acceptPause):
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if !e.establish(name, inner) {
			refuse(inner)
		}
	}
}

// refuse resets a connection, as a broker does that is not there.
func refuse(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// establish serves a connection, unless the emulator has closed or plays dead.
func (e *Emulator) establish(name string, inner net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || time.Now().Before(e.downUntil) {
		return false
	}
	_, isTLS := inner.(*tls.Conn)
	c := newConn(inner, name, isTLS)
	// The broker keeps a connection that never says CONNECT for ever.
	_ = c.SetReadDeadline(time.Now().Add(e.o.ConnectTimeout))
	e.conns[c] = struct{}{}
	e.goroutines.Go(func() {
		if e.shakeHands(inner) {
			_ = e.broker.EstablishConnection(name, c) // how it ended is in the record
		}
		_ = c.Close()
		<-c.sent
		e.mu.Lock()
		delete(e.conns, c)
		e.mu.Unlock()
	})
	return true
}

// shakeHands does what comes before MQTT, so that a client which does not trust the
// certificate leaves a line. The read deadline bounds it.
func (e *Emulator) shakeHands(inner net.Conn) bool {
	t, ok := inner.(*tls.Conn)
	if !ok {
		return true
	}
	err := t.Handshake()
	if err == nil {
		return true
	}
	select {
	case <-e.done: // it is we who cut it
	default:
		e.log.Info("no TLS", "reason", strings.TrimPrefix(err.Error(), "tls: "), "remote", inner.RemoteAddr())
	}
	return false
}

// DialContext connects to an emulator that was started with [InMemory], whatever
// the address; its form is that of a net.Dialer, so that it goes wherever a client
// takes a dialer of one's own. Errors: [ErrNotInMemory], a *net.OpError like a
// socket's.
func (e *Emulator) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if e.memory == nil {
		return nil, ErrNotInMemory
	}
	e.mu.Lock()
	down := time.Now().Before(e.downUntil)
	e.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	}
	return e.memory.dial(ctx)
}

// MQTT is the address of the plain listener, as mqtt://host:port; "" without one.
func (e *Emulator) MQTT() string { return e.address("mqtt") }

// MQTTS is the address of the TLS listener, as mqtts://host:port; "" without one.
// Clients must trust [Emulator.CA].
func (e *Emulator) MQTTS() string { return e.address("mqtts") }

func (e *Emulator) address(scheme string) string {
	l, ok := e.listeners[scheme]
	if !ok {
		return ""
	}
	return scheme + "://" + dialable(l.Addr())
}

// dialable is where a client on this machine finds a listener: one on all addresses is
// on 127.0.0.1, too, which its certificate names.
func dialable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
