package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// names is a resolver and a network in memory: the broker is at one address, a
// captive portal at another, one refuses, and nobody answers at the rest.
type names struct {
	server *transporttest.Server
	answer func(ctx context.Context) ([]netip.Addr, error)
	mu     sync.Mutex
	dialed []string
}

const (
	brokerAt, portalAt, refusesAt = "192.0.2.1:1883", "10.0.0.1:1883", "192.0.2.9:1883"
)

func (n *names) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if host != "broker" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return n.answer(ctx)
}

func (n *names) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, address)
	n.mu.Unlock()
	switch address {
	case brokerAt:
		return n.server.DialContext(ctx, network, address)
	case portalAt:
		client, server := transporttest.ConnPair()
		go func() {
			_, _ = server.Read(make([]byte, 100))
			_, _ = io.WriteString(server, "HTTP/1.1 302 Found\r\n\r\n")
			_ = server.Close()
		}()
		return client, nil
	case refusesAt:
		return nil, syscall.ECONNREFUSED
	}
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
}

func at(addresses ...string) func(context.Context) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, a := range addresses {
		all = append(all, netip.MustParseAddr(a))
	}
	return func(context.Context) ([]netip.Addr, error) { return all, nil }
}

func nxdomain(context.Context) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: "broker", IsNotFound: true}
}

// slow says so when its caller has given up, or after half a minute.
func slow(ctx context.Context) ([]netip.Addr, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(30 * time.Second):
		return nil, &net.DNSError{Err: "i/o timeout", Name: "broker", IsTimeout: true}
	}
}

func TestFault_dns_broken(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(context.Context) ([]netip.Addr, error)
		fresh  transport.Phase // how far one comes who was never connected; "" is all the way
		within time.Duration   // to a session, of one who was, in at most two attempts
	}{
		"nxdomain":      {nxdomain, transport.PhaseResolve, time.Second},
		"slow":          {slow, transport.PhaseResolve, 10 * time.Second},
		"no address":    {at(), transport.PhaseResolve, time.Second},
		"lie/nobody":    {at("10.9.9.9"), transport.PhaseDial, 6 * time.Second},
		"lie/portal":    {at("10.0.0.1"), transport.PhaseConnect, time.Second},
		"lie/refuses":   {at("192.0.2.9"), transport.PhaseDial, time.Second},
		"dead-v6":       {at("2001:db8::1", "2001:db8::2", "192.0.2.1"), "", time.Second},
		"dead-v6/many":  {at("192.0.2.9", "192.0.2.1", "2001:db8::1"), "", time.Second},
		"first is dead": {at("192.0.2.7", "192.0.2.1"), "", 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &names{server: transporttest.NewServer(t), answer: c.answer}
				connect := func(d transport.Dialer) error {
					ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
					defer cancel()
					s, err := d.Dial(ctx, plain(), transporttest.NewRecorder())
					if err == nil {
						s.Close()
					}
					return err
				}
				start := time.Now()
				err := connect(transport.NewPaho(transport.PahoOptions{DialContext: n.dial, Resolve: n.resolve}))
				if transport.PhaseOf(err) != c.fresh || (err == nil) != (c.fresh == "") {
					t.Errorf("never connected before: %v", err)
				}
				if took := time.Since(start); c.fresh == transport.PhaseResolve && took > 10*time.Second {
					t.Errorf("the name alone took %v", took)
				}
				if dns := (*net.DNSError)(nil); c.fresh == transport.PhaseResolve && !errors.As(err, &dns) {
					t.Errorf("the error has no type: %v", err)
				}

				d := transport.NewPaho(transport.PahoOptions{DialContext: n.dial, Resolve: n.resolve})
				n.answer = at("192.0.2.1")
				if err := connect(d); err != nil {
					t.Fatal(err)
				}
				n.answer = c.answer
				start = time.Now()
				if err = connect(d); err != nil {
					err = connect(d)
				}
				if took := time.Since(start); err != nil || took > c.within {
					t.Errorf("connected before: %v after %v", err, took)
				}
				if n.answer = at("192.0.2.1"); connect(d) != nil {
					t.Error("not connected when all is well")
				}
			})
		})
	}
}

// The address that worked last is no dogma: when it is dead, the name counts.
func TestTheLastGoodAddressMayDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{server: transporttest.NewServer(t), answer: at("192.0.2.1")}
		moved := false
		d := transport.NewPaho(transport.PahoOptions{Resolve: n.resolve, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if moved {
				switch address {
				case brokerAt:
					address = refusesAt
				case "192.0.2.2:1883":
					address = brokerAt
				}
			}
			return n.dial(ctx, network, address)
		}})
		for i, step := range []struct {
			moved bool
			at    string
			ok    bool
		}{
			{false, "192.0.2.1", true}, {false, "10.0.0.1", false}, // now the name is in doubt
			{true, "10.0.0.1", false}, {true, "192.0.2.2", true}, {true, "192.0.2.2", true},
		} {
			moved, n.answer = step.moved, at(step.at)
			s, err := d.Dial(t.Context(), plain(), transporttest.NewRecorder())
			if (err == nil) != step.ok {
				t.Errorf("step %d: %v; dialled %s", i, err, strings.Join(n.dialed, " "))
			}
			if err == nil {
				s.Close()
			}
		}
	})
}

// counted counts the connections that are open.
type counted struct {
	net.Conn
	open *atomic.Int64
}

func (c counted) Close() error {
	c.open.Add(-1)
	return c.Conn.Close()
}

func TestTheLoserOfARaceIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{server: transporttest.NewServer(t), answer: at("192.0.2.1", "2001:db8::1")}
		var open atomic.Int64
		d := transport.NewPaho(transport.PahoOptions{Resolve: n.resolve, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(time.Second) // deaf to its context, as a dialer may be
			c, err := n.dial(t.Context(), network, brokerAt)
			open.Add(1)
			return counted{c, &open}, err
		}})
		s, err := d.Dial(t.Context(), plain(), transporttest.NewRecorder())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.dialed) != 2 || open.Load() != 1 {
			t.Errorf("dialled %v, %d connections are open", n.dialed, open.Load())
		}
		s.Close()
	})
}
