package transport

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// MQTT 3.1.1 packet types (2.2.1), as the upper half of the first byte.
const (
	typePublish    = 3
	typePuback     = 4
	typeSubscribe  = 8
	typeSuback     = 9
	typePingreq    = 12
	typePingresp   = 13
	typeDisconnect = 14
)

// errCut is all that paho ever hears of an end. It must not look like a closed
// network connection, which paho would pass over in silence.
var errCut = errors.New("transport: the wire is cut")

// writeAtOnce is how many bytes go under one write deadline: with the default of ten
// seconds a link of 1 KiB/s may still stall for six.
const writeAtOnce = 4 << 10

// wireEvents is what a wire tells its session.
type wireEvents interface {
	// writing comes before a PUBLISH goes to the socket, wrote after it.
	writing(qos byte, id uint16)
	wrote(err error)
	// acked comes with each PUBACK, before paho sees it.
	acked(id uint16)
	// quiesce returns when nobody is in a call to paho, and nobody will be.
	quiesce()
}

// wire stands between paho and the connection. It frames what comes in and
// refuses what paho would believe (a length field, a CONNACK code, a SUBACK of
// another size), puts a deadline on every write, and counts. There is one way
// for a session to end, the error of Read: a failed write, an unanswered ping
// and a watchdog all cut the wire, and Read tells.
type wire struct {
	net.Conn          // what MQTT speaks on; TLS or raw itself
	raw      net.Conn // the socket
	r        *bufio.Reader
	events   wireEvents
	timeout  time.Duration // of one write, at most writeAtOnce
	pingWait time.Duration
	max      int // of one packet that comes in

	start            time.Time
	heard            atomic.Int64 // since start
	in, out, packets atomic.Uint64
	sessionPresent   atomic.Bool
	greeted          bool // CONNACK has been read; Read's own
	left             int  // of the current packet; Read's own
	writeMu          sync.Mutex
	silent           bool // DISCONNECT has gone: nothing may follow; under writeMu
	mu               sync.Mutex
	reason           error
	dead             chan struct{}
	ping             *time.Timer
	subscribes       map[uint16]int // SUBSCRIBE id → number of filters
}

func newWire(conn, raw net.Conn, c Connect, pingWait time.Duration, events wireEvents) *wire {
	w := &wire{
		Conn: conn, raw: raw, events: events,
		timeout: c.WriteTimeout, pingWait: pingWait, max: c.MaxPacket,
		start: time.Now(), dead: make(chan struct{}), subscribes: map[uint16]int{},
	}
	w.r = bufio.NewReader(arrivals{w})
	return w
}

// arrivals counts what comes from the connection.
type arrivals struct{ w *wire }

func (a arrivals) Read(p []byte) (int, error) {
	n, err := a.w.Conn.Read(p)
	if n > 0 {
		a.w.in.Add(uint64(n))
		a.w.heard.Store(sinceStart(a.w.start))
	}
	return n, err
}

// Read gives paho one packet at a time, each checked before its first byte.
func (w *wire) Read(p []byte) (int, error) {
	if w.left == 0 {
		size, err := w.next()
		if err != nil {
			return 0, w.end(err)
		}
		w.left = size
		w.packets.Add(1)
	}
	n, err := w.r.Read(p[:min(len(p), w.left)])
	w.left -= n
	if err != nil {
		return n, w.end(err)
	}
	return n, nil
}

func (w *wire) end(err error) error {
	w.cut(err)
	w.events.quiesce()
	return errCut
}

// Write sends one packet; paho makes one call for each. It always says yes: the
// session hears the truth through events and everybody else through Read.
func (w *wire) Write(p []byte) (int, error) {
	kind := p[0] >> 4
	if kind == typePublish {
		qos, id := publishID(p)
		w.events.writing(qos, id)
	}
	err := w.write(p, kind)
	if kind == typePublish {
		w.events.wrote(err)
	}
	return len(p), nil
}

func (w *wire) write(p []byte, kind byte) error {
	w.writeMu.Lock()
	defer w.writeMu.Unlock()
	if w.silent || w.isDead() {
		return ErrEnded
	}
	switch kind {
	case typeSubscribe:
		id, filters := subscribeShape(p)
		w.mu.Lock()
		w.subscribes[id] = filters
		w.mu.Unlock()
	case typePingreq:
		w.mu.Lock()
		if w.reason == nil {
			w.ping = time.AfterFunc(w.pingWait, func() { w.cut(ErrNoPingResponse) })
		}
		w.mu.Unlock()
	case typeDisconnect:
		w.silent = true
	}
	var err error
	for len(p) > 0 && err == nil { // a large packet on a slow link moves, if slowly: only a stall is an end
		var n int
		_ = w.raw.SetWriteDeadline(time.Now().Add(w.timeout))
		n, err = w.Conn.Write(p[:min(len(p), writeAtOnce)])
		w.out.Add(uint64(n))
		p = p[n:]
	}
	_ = w.raw.SetWriteDeadline(time.Time{}) // an old one would fail what TLS writes by itself
	if err != nil {
		err = fmt.Errorf("transport: write: %w", err)
		w.cut(err) // half a packet poisons the stream
	}
	return err
}

// cut closes the connection; the first reason counts.
func (w *wire) cut(reason error) {
	w.mu.Lock()
	first := w.reason == nil
	if first {
		w.reason = reason
		close(w.dead)
		if w.ping != nil {
			w.ping.Stop()
		}
	}
	w.mu.Unlock()
	if first {
		_ = w.raw.Close()
	}
}

// abort cuts so that nothing of ours arrives later. It closes the connection
// before anything else could wait.
func (w *wire) abort(reason error) {
	if l, ok := w.raw.(interface{ SetLinger(int) error }); ok && !w.isDead() {
		_ = l.SetLinger(0)
	}
	w.cut(reason)
}

func (w *wire) isDead() bool {
	select {
	case <-w.dead:
		return true
	default:
		return false
	}
}

func (w *wire) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason
}

// Close is paho's way to close; by then Read has told why, or nobody asks.
func (w *wire) Close() error { w.cut(ErrAborted); return nil }

// Deadlines are the wire's own business; paho's would undo them.
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
