package emulator

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is what one direction of a connection in memory holds before a write
// blocks. Without a buffer two sides that both write stand still for ever.
const pipeBuffer = 64 << 10

// memAddr is the address of both ends of a connection in memory.
type memAddr struct{}

func (memAddr) Network() string { return "memory" }
func (memAddr) String() string  { return "memory" }

// memListener hands out connections in memory.
type memListener struct {
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func newMemListener() *memListener {
	return &memListener{accept: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr{} }

func (l *memListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := pipe()
	select {
	case l.accept <- server:
		return client, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: ctx.Err()}
	}
}

// stream is one direction of a connection. Who waits, waits on a channel, so
// that a bubble's time goes on.
type stream struct {
	mu     sync.Mutex
	change chan struct{} // closed and renewed whenever something changes
	buf    []byte
	ended  bool // the writer has closed
	gone   bool // the reader has closed
}

func (s *stream) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

type memConn struct {
	in, out     *stream
	read, write deadline
	closed      chan struct{}
	once        sync.Once
}

// pipe makes the two ends of a connection.
func pipe() (client, server net.Conn) {
	a, b := &stream{change: make(chan struct{})}, &stream{change: make(chan struct{})}
	return &memConn{in: a, out: b, closed: make(chan struct{})}, &memConn{in: b, out: a, closed: make(chan struct{})}
}

// deadline is a point in time that can be moved while somebody waits for it.
type deadline struct {
	mu    sync.Mutex
	at    time.Time
	moved chan struct{}
}

func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}

func (d *deadline) get() (at time.Time, moved <-chan struct{}, passed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved = make(chan struct{})
	}
	return d.at, d.moved, !d.at.IsZero() && !time.Now().Before(d.at)
}

// wait returns when the stream changed, the deadline passed or moved, or the
// connection was closed.
func (c *memConn) wait(change <-chan struct{}, at time.Time, moved <-chan struct{}) {
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-change:
	case <-moved:
	case <-timer:
	case <-c.closed:
	}
}

func (c *memConn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *memConn) Read(p []byte) (int, error) {
	for {
		at, moved, passed := c.read.get()
		switch {
		case c.isClosed():
			return 0, net.ErrClosed
		case passed:
			return 0, os.ErrDeadlineExceeded
		}
		c.in.mu.Lock()
		if n := copy(p, c.in.buf); n > 0 || len(p) == 0 {
			c.in.buf = c.in.buf[n:]
			c.in.changed()
			c.in.mu.Unlock()
			return n, nil
		}
		if c.in.ended {
			c.in.mu.Unlock()
			return 0, io.EOF
		}
		change := c.in.change
		c.in.mu.Unlock()
		c.wait(change, at, moved)
	}
}

func (c *memConn) Write(p []byte) (n int, err error) {
	for {
		at, moved, passed := c.write.get()
		switch {
		case c.isClosed():
			return n, net.ErrClosed
		case passed:
			return n, os.ErrDeadlineExceeded
		}
		c.out.mu.Lock()
		if c.out.gone {
			c.out.mu.Unlock()
			return n, syscall.EPIPE
		}
		took := min(max(pipeBuffer-len(c.out.buf), 0), len(p))
		if took > 0 {
			c.out.buf = append(c.out.buf, p[:took]...)
			p, n = p[took:], n+took
			c.out.changed()
		}
		change := c.out.change
		c.out.mu.Unlock()
		if len(p) == 0 {
			return n, nil
		}
		c.wait(change, at, moved)
	}
}

// Close lets the peer read what is under way, then EOF.
func (c *memConn) Close() error {
	first := false
	c.once.Do(func() { first = true; close(c.closed) })
	if !first {
		return net.ErrClosed
	}
	c.out.mu.Lock()
	c.out.ended = true
	c.out.changed()
	c.out.mu.Unlock()
	c.in.mu.Lock()
	c.in.gone, c.in.buf = true, nil
	c.in.changed()
	c.in.mu.Unlock()
	return nil
}

func (c *memConn) LocalAddr() net.Addr  { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr { return memAddr{} }

func (c *memConn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return nil
}
