package transporttest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// connBuffer is what one direction holds before a write blocks: a real socket's
// bounded send buffer. net.Pipe has none, and two writers stand still for ever.
const connBuffer = 32 << 10

// ConnPair makes the two ends of a connection in memory, with deadlines and a
// buffer of 32 KiB each way. It blocks only on channels: fit for bubbles.
func ConnPair() (client, server net.Conn) {
	a, b := newStream(), newStream()
	return &memConn{in: a, out: b, name: "client"}, &memConn{in: b, out: a, name: "server"}
}

// stream is one direction.
type stream struct {
	mu     sync.Mutex
	change chan struct{} // closed and renewed whenever something changes
	buf    []byte
	end    error // what the reader gets behind buf
	gone   bool  // the reader has closed
}

func newStream() *stream { return &stream{change: make(chan struct{})} }

func (s *stream) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

type memConn struct {
	in, out *stream
	name    string

	mu          sync.Mutex
	linger      bool // SetLinger(0): Close resets
	read, write time.Time
	closed      bool
}

func (c *memConn) Read(p []byte) (int, error) {
	for {
		c.in.mu.Lock()
		change := c.in.change
		at, closed := c.state(&c.read)
		switch {
		case closed:
			c.in.mu.Unlock()
			return 0, net.ErrClosed
		case !at.IsZero() && !time.Now().Before(at):
			c.in.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(c.in.buf) > 0:
			n := copy(p, c.in.buf)
			c.in.buf = c.in.buf[n:]
			c.in.changed()
			c.in.mu.Unlock()
			return n, nil
		case c.in.end != nil:
			err := c.in.end
			c.in.mu.Unlock()
			return 0, err
		}
		c.in.mu.Unlock()
		waitUntil(change, at)
	}
}

func (c *memConn) Write(p []byte) (n int, err error) {
	for {
		c.out.mu.Lock()
		change := c.out.change
		at, closed := c.state(&c.write)
		switch {
		case closed:
			c.out.mu.Unlock()
			return n, net.ErrClosed
		case c.out.gone:
			c.out.mu.Unlock()
			return n, syscall.EPIPE
		case !at.IsZero() && !time.Now().Before(at):
			c.out.mu.Unlock()
			return n, os.ErrDeadlineExceeded
		}
		if room := connBuffer - len(c.out.buf); room > 0 {
			took := min(room, len(p))
			c.out.buf = append(c.out.buf, p[:took]...)
			p, n = p[took:], n+took
			c.out.changed()
		}
		c.out.mu.Unlock()
		if len(p) == 0 {
			return n, nil
		}
		waitUntil(change, at)
	}
}

func waitUntil(change <-chan struct{}, at time.Time) {
	if at.IsZero() {
		<-change
		return
	}
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-change:
	case <-t.C:
	}
}

func (c *memConn) state(d *time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *d, c.closed
}

// Close ends both directions: the peer reads what is under way, then EOF; after
// SetLinger(0) it reads a reset at once.
func (c *memConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	reset := c.linger
	c.mu.Unlock()
	c.out.mu.Lock()
	c.out.end = io.EOF
	if reset {
		c.out.buf, c.out.end = nil, syscall.ECONNRESET
	}
	c.out.changed()
	c.out.mu.Unlock()
	c.in.mu.Lock()
	c.in.gone = true
	c.in.changed()
	c.in.mu.Unlock()
	return nil
}

// SetLinger is as in net.TCPConn; only 0 has a meaning here.
func (c *memConn) SetLinger(sec int) error {
	c.mu.Lock()
	c.linger = sec == 0
	c.mu.Unlock()
	return nil
}

func (c *memConn) setDeadline(d *time.Time, s *stream, at time.Time) {
	c.mu.Lock()
	*d = at
	c.mu.Unlock()
	s.mu.Lock()
	s.changed()
	s.mu.Unlock()
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.setDeadline(&c.read, c.in, t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.setDeadline(&c.write, c.out, t)
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) LocalAddr() net.Addr  { return memAddr(c.name) }
func (c *memConn) RemoteAddr() net.Addr { return memAddr("peer of the " + c.name) }

type memAddr string

func (memAddr) Network() string  { return "memory" }
func (a memAddr) String() string { return string(a) }
