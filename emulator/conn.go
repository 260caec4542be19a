package emulator

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUnsent is what may wait for a client that does not read; beyond it the
	// connection is cut.
	maxUnsent = 8 << 20
	// lastWords is how long a closed connection may take to send what is left, a
	// CONNACK that refuses among it.
	lastWords = time.Second
)

// ErrClosed says that the emulator was closed.
var ErrClosed = errors.New("emulator: closed")

var errSlowReader = errors.New("emulator: the client does not read what it is sent")

// conn is a connection that was accepted. Writing to it never blocks, so that
// neither the broker's hooks nor a reply that is late wait for a client that
// stalls; a goroutine of its own sends what was written.
type conn struct {
	inner    net.Conn
	listener string
	secure   bool

	mu     sync.Mutex
	unsent []byte
	closed bool
	wake   chan struct{} // buffered 1
	sent   chan struct{} // closed when the sender has ended

	in, out atomic.Int64

	session *session // the client's goroutine sets it, at CONNECT
}

func newConn(inner net.Conn, listener string, secure bool) *conn {
	c := &conn{inner: inner, listener: listener, secure: secure, wake: make(chan struct{}, 1), sent: make(chan struct{})}
	go c.send()
	return c
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.inner.Read(p)
	c.in.Add(int64(n))
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if len(c.unsent)+len(p) > maxUnsent {
		c.drop()
		return 0, errSlowReader
	}
	c.unsent = append(c.unsent, p...)
	c.nudge()
	return len(p), nil
}

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send writes what waits, and closes the connection when it was closed and all is
// said.
func (c *conn) send() {
	defer close(c.sent)
	defer func() { _ = c.inner.Close() }()
	for range c.wake {
		c.mu.Lock()
		p, closed := c.unsent, c.closed
		c.unsent = nil
		c.mu.Unlock()
		if len(p) > 0 {
			n, err := c.inner.Write(p)
			c.out.Add(int64(n))
			if err != nil {
				c.cut()
				return
			}
		}
		if closed {
			return
		}
	}
}

// Close ends the connection after its last words.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	_ = c.inner.SetWriteDeadline(time.Now().Add(lastWords))
	c.nudge()
	return nil
}

// cut ends the connection at once, without a word.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

func (c *conn) drop() {
	c.unsent, c.closed = nil, true
	c.nudge()
	if tc, ok := c.inner.(interface{ NetConn() net.Conn }); ok {
		_ = tc.NetConn().Close() // TLS would say goodbye and wait for it
		return
	}
	_ = c.inner.Close()
}

func (c *conn) LocalAddr() net.Addr  { return c.inner.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.inner.RemoteAddr() }

// SetDeadline is the broker's keepalive. It concerns what is read: writes never block.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return c.inner.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(time.Time) error { return nil }
