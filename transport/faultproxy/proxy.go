// Package faultproxy is a TCP proxy that knows MQTT: it stands between a device
// and a broker, counts what passes, and breaks the link in the ways that
// faults.md names, switched at run time. Streams that do not begin with a CONNECT
// (TLS) pass as they are, and only faults that need no MQTT strike them.
package faultproxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Proxy is one listener in front of one broker.
type Proxy struct {
	address string
	pipe    Pipe // in memory: what Dial gives out
	broker  func(ctx context.Context) (net.Conn, error)

	mu       sync.Mutex
	f        faults
	healed   chan struct{} // closed by Heal, then renewed
	listener net.Listener  // nil while dials are refused, and in memory
	refuse   bool          // in memory
	links    map[*link]struct{}
	closed   bool
	wg       sync.WaitGroup

	dials     atomic.Uint64
	swallowed atomic.Uint64
	counts    [2]counter
}

// Traffic is what passed in one direction, as the device's side saw it.
type Traffic struct {
	Bytes uint64
	// Packets by MQTT type: 3 is PUBLISH, 12 PINGREQ (MQTT 3.1.1, 2.2.1). All
	// zero for streams that are not MQTT in the clear.
	Packets [16]uint64
}

// Stats are the counters since New.
type Stats struct {
	Dials     uint64 // connections accepted
	Links     int    // open now, dead ones included
	Up, Down  Traffic
	Swallowed uint64 // packets or chunks that a fault took away
}

type counter struct {
	bytes   atomic.Uint64
	packets [16]atomic.Uint64
}

func (c *counter) traffic() Traffic {
	t := Traffic{Bytes: c.bytes.Load()}
	for i := range c.packets {
		t.Packets[i] = c.packets[i].Load()
	}
	return t
}

// New listens on address (port 0 chooses one) and connects each client to target.
func New(address, target string) (*Proxy, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("faultproxy: %w", err)
	}
	p := &Proxy{
		address: l.Addr().String(), listener: l,
		healed: make(chan struct{}), links: map[*link]struct{}{},
	}
	p.broker = func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", target) }
	p.wg.Go(func() { p.accept(l) })
	return p, nil
}

// Pipe makes the two ends of a buffered connection whose Close lets the other end
// read what is under way; with a SetLinger(0) before it, it resets.
type Pipe func() (client, server net.Conn)

// InMemory is a proxy without a listener, for synctest bubbles: what Dial opens
// goes through it to what broker opens.
func InMemory(pipe Pipe, broker func(ctx context.Context) (net.Conn, error)) *Proxy {
	return &Proxy{address: "memory", pipe: pipe, broker: broker, healed: make(chan struct{}), links: map[*link]struct{}{}}
}

// Dial opens a connection through a proxy in memory, whatever the address.
func (p *Proxy) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, server := p.pipe()
	p.take(server)
	return client, nil
}

// Addr is host:port of the listener.
func (p *Proxy) Addr() string { return p.address }

// Stats are the counters now.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	links := len(p.links)
	p.mu.Unlock()
	return Stats{
		Dials: p.dials.Load(), Links: links, Swallowed: p.swallowed.Load(),
		Up: p.counts[up].traffic(), Down: p.counts[down].traffic(),
	}
}

// CutAll ends every connection on both sides, as a restart of the broker or of a
// router does.
func (p *Proxy) CutAll(how Cut) {
	for _, l := range p.all() {
		l.cut(how)
	}
}

// Close ends everything and waits for the proxy's goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	l := p.listener
	p.listener = nil
	p.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	p.CutAll(RST)
	p.wg.Wait()
}

func (p *Proxy) all() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*link, 0, len(p.links))
	for l := range p.links {
		all = append(all, l)
	}
	return all
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.closed || p.listener != listener {
			p.mu.Unlock()
			reset(c)
			return
		}
		p.take(c)
		p.mu.Unlock()
	}
}

// take serves a connection; the caller holds the lock.
func (p *Proxy) take(c net.Conn) {
	l := &link{proxy: p, client: c, done: make(chan struct{}), known: make(chan struct{}), moved: time.Now()}
	p.dials.Add(1)
	p.links[l] = struct{}{}
	p.wg.Go(l.serve)
}

// refuseDials closes the listener or opens it again at the same address; the
// caller holds the lock.
func (p *Proxy) refuseDials(refuse bool) error {
	switch {
	case p.pipe != nil:
		p.refuse = refuse
	case p.closed:
	case refuse && p.listener != nil:
		_ = p.listener.Close()
		p.listener = nil
	case !refuse && p.listener == nil:
		l, err := net.Listen("tcp", p.address)
		if err != nil {
			return fmt.Errorf("faultproxy: listening again: %w", err)
		}
		p.listener = l
		p.wg.Go(func() { p.accept(l) })
	}
	return nil
}

func reset(c net.Conn) {
	if c == nil {
		return
	}
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}

// setReadBuffer bounds what a kernel takes from the other side before we read it.
func setReadBuffer(c net.Conn, n int) {
	if b, ok := c.(interface{ SetReadBuffer(bytes int) error }); ok {
		_ = b.SetReadBuffer(n)
	}
}

// endGently closes one direction, or both where the connection knows no half.
func endGently(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
		_ = c.SetDeadline(time.Now().Add(drainWait))
		return
	}
	_ = c.Close()
}
