package transport

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// closeWait bounds Close: the queue, DISCONNECT and the broker's own end.
const closeWait = 500 * time.Millisecond

// client is what a session needs of the MQTT library. Its calls may block until
// the packet before theirs is written, which the wire's deadline bounds.
type client interface {
	// publish hands a packet over. An error means that it never will be written.
	publish(topic string, payload []byte, qos byte) error
	// subscribe hands one SUBSCRIBE over; done closes when its SUBACK came or the
	// session ended, and then codes gives what the broker granted.
	subscribe(asked map[string]byte) subscribing
}

type subscribing interface {
	Done() <-chan struct{}
	// codes is the code of each filter that has one.
	codes() (map[string]byte, error)
}

type publish struct {
	token   uint64
	topic   string
	payload []byte
	qos     byte
}

// session is a Session over a wire. Its goroutines are the writer, which owns
// all publishing, and the closer, which waits for the end of everything else
// and then speaks the last word.
type session struct {
	w      *wire
	client client
	sink   Sink
	log    *slog.Logger

	// calls is held for reading during a call into the library, for writing when
	// the wire ends: the library must not stop while somebody hands it a packet.
	calls sync.RWMutex

	queue   chan publish
	fate    chan error // what became of the write of the current publish
	closing chan struct{}
	libDone chan struct{} // the library's goroutines have ended
	ended   chan struct{}

	written atomic.Uint64

	mu      sync.Mutex
	over    bool // nothing enters the queue any more
	closed  bool // by Close
	quiet   bool // Dial failed after all: the sink hears nothing
	err     error
	current *publish
	pending map[uint16]uint64 // packet id → token of a QoS 1 publish on its way
}

func newSession(c Connect, sink Sink, log *slog.Logger) *session {
	return &session{
		sink: sink, log: log,
		queue: make(chan publish, c.Queue), fate: make(chan error, 1),
		closing: make(chan struct{}), libDone: make(chan struct{}), ended: make(chan struct{}),
		pending: map[uint16]uint64{},
	}
}

func (s *session) Publish(token uint64, topic string, payload []byte, qos byte) error {
	if err := checkPublish(topic, qos); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.closed || s.w.isDead() {
		return ErrEnded
	}
	select {
	case s.queue <- publish{token, topic, payload, qos}:
		return nil
	default:
		return ErrQueueFull
	}
}

func (s *session) Subscribe(ctx context.Context, filters []Filter) error {
	asked, err := checkFilters(filters)
	if err != nil {
		return err
	}
	handed := make(chan subscribing, 1)
	go func() { // the hand-over may wait behind a slow write
		s.calls.RLock()
		defer s.calls.RUnlock()
		if s.w.isDead() {
			close(handed)
			return
		}
		handed <- s.client.subscribe(asked)
	}()
	var sub subscribing
	select {
	case sub = <-handed:
	case <-ctx.Done():
		return fmt.Errorf("transport: subscribe: %w", ctx.Err())
	}
	if sub != nil {
		select {
		case <-sub.Done():
		case <-s.w.dead:
		case <-ctx.Done():
			return fmt.Errorf("transport: subscribe: %w", ctx.Err())
		}
	}
	if s.w.isDead() {
		return fmt.Errorf("transport: subscribe: %w: %w", ErrEnded, s.w.why())
	}
	codes, err := sub.codes()
	if err != nil {
		return fmt.Errorf("transport: subscribe: %w", err)
	}
	var refused []string
	for _, f := range filters {
		if code, ok := codes[f.Topic]; !ok || code > 1 {
			refused = append(refused, f.Topic)
		}
	}
	if refused != nil {
		return &SubscribeError{Topics: refused}
	}
	return nil
}

func (s *session) Ended() <-chan struct{} { return s.ended }

func (s *session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *session) Close() {
	s.mu.Lock()
	first := !s.closed && !s.over
	s.closed = s.closed || first
	s.mu.Unlock()
	if first {
		close(s.closing)
	}
	patience := time.NewTimer(closeWait)
	defer patience.Stop()
	select {
	case <-s.ended:
		return
	case <-patience.C:
	}
	s.w.cut(errClosed)
	patience.Reset(closeWait)
	select {
	case <-s.ended:
	case <-patience.C: // a sink blocks, against its contract
	}
}

func (s *session) Abort(reason error) {
	if reason == nil {
		reason = ErrAborted
	}
	s.w.abort(reason)
}

func (s *session) Stats() Stats {
	s.mu.Lock()
	backlog := len(s.queue)
	if s.current != nil {
		backlog++
	}
	s.mu.Unlock()
	return Stats{
		BytesIn: s.w.in.Load(), BytesOut: s.w.out.Load(), PacketsIn: s.w.packets.Load(),
		SinceHeard:     time.Duration(sinceStart(s.w.start) - s.w.heard.Load()),
		SessionPresent: s.w.sessionPresent.Load(), PublishesWritten: s.written.Load(), PublishesBacklogged: backlog,
	}
}
