// Package faultproxy is a TCP proxy that knows MQTT: it stands between a device
// and a broker, counts what passes, and breaks the link in the ways that
// faults.md names, switched at run time. Streams that do not begin with a CONNECT
// (TLS) pass as they are, and only faults that need no MQTT strike them.
package faultproxy

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy is one listener in front of one broker.
type Proxy struct {
	address, target string

	mu       sync.Mutex
	f        faults
	healed   chan struct{} // closed by Heal, then renewed
	listener net.Listener  // nil while dials are refused
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
		address: l.Addr().String(), target: target, listener: l,
		healed: make(chan struct{}), links: map[*link]struct{}{},
	}
	p.wg.Go(func() { p.accept(l) })
	return p, nil
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
		l := &link{proxy: p, client: c.(*net.TCPConn), done: make(chan struct{}), known: make(chan struct{}), moved: time.Now()}
		p.mu.Lock()
		if p.closed || p.listener != listener {
			p.mu.Unlock()
			reset(l.client)
			return
		}
		p.dials.Add(1)
		p.links[l] = struct{}{}
		p.wg.Go(l.serve)
		p.mu.Unlock()
	}
}

// refuseDials closes the listener or opens it again at the same address; the
// caller holds the lock.
func (p *Proxy) refuseDials(refuse bool) error {
	switch {
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

func reset(c *net.TCPConn) {
	if c != nil {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}
