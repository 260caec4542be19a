package transporttest

import (
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// Cut is how a connection is ended by somebody else than its client.
type Cut uint8

const (
	// FIN lets what is under way arrive; RST throws it away.
	FIN Cut = iota
	RST
)

// front is the client's side of a connection: a session in memory, or a conn.
type front interface {
	// deliver hands over one packet that came down. It may block.
	deliver(f frame)
	// peerClosed says that the connection is over.
	peerClosed(err error, how Cut)
}

// Client is one connection as the broker sees it.
type Client struct {
	server   *Server
	connect  transport.Connect
	number   int
	front    front
	up, down *line

	mu        sync.Mutex
	over      bool
	gone      bool // the client has closed, whether the broker knows or not
	dead      bool // half-open for good: nothing passes, whatever heals
	publishes int
	lastID    uint16
	granted   map[string]byte
	silence   *time.Timer
	moved     time.Time // when a packet passed last, either way
}

func newClient(s *Server, number int, conn transport.Connect, f front) *Client {
	return &Client{
		server: s, number: number, connect: conn, front: f, up: newLine(), down: newLine(),
		granted: map[string]byte{}, moved: time.Now(),
	}
}

// Connect is what the client came with.
func (c *Client) Connect() transport.Connect { return c.connect }

// Number counts the CONNECTs of its server, from 1, refused ones included.
func (c *Client) Number() int { return c.number }

// Push sends one message down, subscribed or not, as the platform does.
func (c *Client) Push(topic string, payload []byte, qos byte) {
	f := frame{kind: kindPublish, topic: topic, payload: append([]byte(nil), payload...), qos: qos}
	if qos > 0 {
		c.mu.Lock()
		c.lastID = max(c.lastID+1, 1)
		f.id = c.lastID
		c.mu.Unlock()
	}
	c.sendDown(f)
}

// Cut ends the connection: the broker (FIN after what it sent) or the network (RST).
func (c *Client) Cut(how Cut) { c.end(ErrCut, how) }

// Kill makes this one connection half-open for good, in both directions.
func (c *Client) Kill() {
	c.mu.Lock()
	c.dead = true
	c.mu.Unlock()
}

func (c *Client) subscribed(topic string) (byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for filter, qos := range c.granted {
		if Match(filter, topic) {
			return qos, true
		}
	}
	return 0, false
}

// sendUp is a packet that left the client.
func (c *Client) sendUp(f frame) {
	fate := c.server.fateUp(c, f)
	if !fate.lost {
		c.up.put(fate.delay, func() { c.handle(f) })
	}
	switch {
	case !fate.cut:
	case fate.how == RST:
		c.end(ErrCut, RST)
	default: // what left reaches the broker, its answers do not reach the client
		c.down.drop(func() { c.front.peerClosed(io.EOF, FIN) })
		c.up.close(func() { c.end(ErrCut, FIN) })
	}
}

func (c *Client) sendDown(f frame) {
	if fate := c.server.fateDown(c, f); !fate.lost {
		c.down.put(fate.delay, func() { c.front.deliver(f) })
	}
}

// handle is one packet that reached the broker.
func (c *Client) handle(f frame) {
	c.mu.Lock()
	over := c.over
	if c.silence != nil && !over {
		c.silence.Reset(patience(c.connect))
	}
	c.mu.Unlock()
	if over {
		return
	}
	switch f.kind {
	case kindPublish:
		ack := true
		if h := c.server.OnPublish; h != nil {
			ack = h(c, transport.Message{Topic: f.topic, Payload: f.payload, QoS: f.qos, Duplicate: f.dup})
		}
		if ack && f.qos > 0 {
			c.sendDown(frame{kind: kindPuback, id: f.id})
		}
	case kindSubscribe:
		c.sendDown(frame{kind: kindSuback, id: f.id, codes: c.grant(f.filters)})
	case kindPing:
		c.sendDown(frame{kind: kindPong})
	case kindDisconnect:
		c.end(nil, FIN)
	}
}

func (c *Client) grant(filters []transport.Filter) []byte {
	codes := make([]byte, len(filters))
	for i, one := range filters {
		codes[i] = c.server.grant(c, one)
		if codes[i] < 0x80 {
			c.mu.Lock()
			c.granted[one.Topic] = codes[i]
			c.mu.Unlock()
		}
	}
	return codes
}

// patience is how long a broker waits for a client (MQTT 3.1.1, 3.1.2.10).
func patience(c transport.Connect) time.Duration { return c.KeepAlive + c.KeepAlive/2 }

// clientClosed is the client's end, as far as the network tells the broker. A
// ghost stays until its keepalive, a takeover or Close of the server.
func (c *Client) clientClosed() {
	c.mu.Lock()
	c.gone = true
	over := c.over
	c.mu.Unlock()
	switch {
	case over:
		c.front.peerClosed(io.EOF, FIN)
	case !c.server.fateUp(c, frame{}).lost:
		c.up.close(func() { c.end(ErrClientGone, FIN) })
	}
}

// end is the connection's end on the broker's side. Whether the client hears of
// it is the network's affair.
func (c *Client) end(err error, how Cut) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	gone := c.gone
	if c.silence != nil {
		c.silence.Stop()
	}
	c.mu.Unlock()
	c.server.forget(c)
	c.up.drop(nil)
	told := func() { c.front.peerClosed(io.EOF, FIN) }
	if how == RST {
		told = func() { c.front.peerClosed(syscall.ECONNRESET, RST) }
	}
	switch {
	case gone:
		c.down.drop(told)
	case c.server.fateDown(c, frame{}).lost:
		c.server.tellLater(told)
		c.down.drop(nil)
	case how == RST:
		c.down.drop(told)
	default:
		c.down.close(told)
	}
	if h := c.server.OnEnd; h != nil {
		h(c, err)
	}
}
