package transporttest

import (
	"context"
	"sync"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// pingWait is how long a session waits for the answer to a ping, as the real
// transport does by default.
const pingWait = 10 * time.Second

// closeWait bounds Close, as in the real transport.
const closeWait = 500 * time.Millisecond

// Dialer is a transport.Dialer that reaches this server, whatever address it is
// given, without sockets: for synctest bubbles, and as many sessions as one likes.
func (s *Server) Dialer() transport.Dialer { return dialer{s} }

type dialer struct{ server *Server }

func (d dialer) Dial(ctx context.Context, c transport.Connect, sink transport.Sink) (transport.Session, error) {
	if err := d.server.admit(ctx); err != nil {
		return nil, err
	}
	d.server.mu.Lock()
	connecting := d.server.f.connecting
	d.server.mu.Unlock()
	if connecting != nil {
		return nil, &transport.PhaseError{Phase: transport.PhaseConnect, Err: connecting}
	}
	if ctx.Err() != nil {
		return nil, &transport.PhaseError{Phase: transport.PhaseConnect, Err: context.Cause(ctx)}
	}
	s := newSession(c, sink)
	client, code := d.server.welcome(c, s)
	if code != 0 {
		return nil, &transport.PhaseError{Phase: transport.PhaseConnect, Err: &transport.RefusedError{Code: code}}
	}
	s.start(client)
	return s, nil
}

type publish struct {
	token   uint64
	topic   string
	payload []byte
	qos     byte
}

// session is the client's side of a connection in memory.
type session struct {
	sink         transport.Sink
	keepAlive    time.Duration
	writeTimeout time.Duration
	client       *Client
	ready        chan struct{} // client is set

	queue   chan publish
	closing chan struct{}
	cut     chan struct{} // closed when the session begins to end
	ended   chan struct{}

	// speaking is held while the sink is spoken to from below, so that nothing
	// comes after Lost.
	speaking sync.Mutex

	mu       sync.Mutex
	reason   error
	over     bool
	closed   bool
	err      error
	current  *publish
	lastID   uint16
	pending  map[uint16]uint64
	subacks  map[uint16]chan []byte
	stats    transport.Stats
	heard    time.Time
	spoke    time.Time
	pingSent time.Time // zero: none is out
}

func newSession(c transport.Connect, sink transport.Sink) *session {
	if c.Queue <= 0 {
		c.Queue = 256
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = 10 * time.Second
	}
	now := time.Now()
	return &session{
		sink: sink, keepAlive: c.KeepAlive, writeTimeout: c.WriteTimeout,
		ready: make(chan struct{}), queue: make(chan publish, c.Queue), closing: make(chan struct{}),
		cut: make(chan struct{}), ended: make(chan struct{}),
		pending: map[uint16]uint64{}, subacks: map[uint16]chan []byte{},
		stats: transport.Stats{BytesOut: uint64(connectSize(c)), BytesIn: 4, PacketsIn: 1},
		heard: now, spoke: now,
	}
}

func (s *session) start(c *Client) {
	s.client = c
	close(s.ready)
	var workers sync.WaitGroup
	workers.Go(s.writer)
	if s.keepAlive > 0 {
		workers.Go(s.pinger)
	}
	go func() {
		workers.Wait()
		s.finish()
	}()
}

// leave takes one packet to the network. It waits while the peer does not read.
func (s *session) leave(f frame) error {
	timeout := time.NewTimer(s.writeTimeout)
	defer timeout.Stop()
	select {
	case <-s.client.server.stalled():
	case <-s.cut:
		return transport.ErrEnded
	case <-timeout.C:
		err := &writeError{}
		s.end(err)
		return err
	}
	select {
	case <-s.cut:
		return transport.ErrEnded
	default:
	}
	s.mu.Lock()
	s.stats.BytesOut += uint64(f.size())
	s.spoke = time.Now()
	s.mu.Unlock()
	s.client.sendUp(f)
	return nil
}

// writeError is a write that ran into its deadline.
type writeError struct{}

func (*writeError) Error() string   { return "transporttest: write: i/o timeout" }
func (*writeError) Timeout() bool   { return true }
func (*writeError) Temporary() bool { return true }

func (s *session) writer() {
	for s.alive() { // else a publish that was left for finish would be forgotten
		select {
		case <-s.cut:
			return
		case p := <-s.queue:
			s.send(p)
		case <-s.closing:
			for s.alive() {
				select {
				case p := <-s.queue:
					s.send(p)
					continue
				default:
				}
				_ = s.leave(frame{kind: kindDisconnect})
				return
			}
			return
		}
	}
}

func (s *session) alive() bool {
	select {
	case <-s.cut:
		return false
	default:
		return true
	}
}

func (s *session) send(p publish) {
	f := frame{kind: kindPublish, topic: p.topic, payload: p.payload, qos: p.qos}
	s.mu.Lock()
	s.current = &p
	if p.qos > 0 {
		f.id = s.newID()
		s.pending[f.id] = p.token
	}
	s.mu.Unlock()
	f.payload = append([]byte(nil), p.payload...)
	err := s.leave(f)
	s.mu.Lock()
	if err != nil {
		delete(s.pending, f.id)
		s.mu.Unlock()
		return // finish tells its fate
	}
	s.current = nil
	s.stats.PublishesWritten++
	s.mu.Unlock()
	if p.qos == 0 {
		s.speak(func() { s.sink.Published(p.token, transport.Written, nil) })
	}
}

func (s *session) newID() uint16 {
	for {
		s.lastID++
		if _, taken := s.pending[s.lastID]; s.lastID != 0 && !taken && s.subacks[s.lastID] == nil {
			return s.lastID
		}
	}
}

// pinger keeps the connection alive and notices its silent end.
func (s *session) pinger() {
	t := time.NewTimer(s.keepAlive)
	defer t.Stop()
	for {
		select {
		case <-s.cut:
			return
		case <-t.C:
		}
		now := time.Now()
		s.mu.Lock()
		wait := min(s.keepAlive-now.Sub(s.spoke), s.keepAlive-now.Sub(s.heard))
		out := s.pingSent
		if wait <= 0 && out.IsZero() {
			s.pingSent = now
		}
		s.mu.Unlock()
		switch {
		case !out.IsZero() && now.Sub(out) >= pingWait:
			s.end(transport.ErrNoPingResponse)
			return
		case !out.IsZero():
			wait = pingWait - now.Sub(out)
		case wait <= 0:
			if s.leave(frame{kind: kindPing}) != nil {
				return
			}
			wait = pingWait
		}
		t.Reset(wait)
	}
}

// deliver takes one packet from the network; the client's goroutine calls it.
func (s *session) deliver(f frame) {
	<-s.ready
	s.mu.Lock()
	if s.over || s.reason != nil {
		s.mu.Unlock()
		return
	}
	s.heard = time.Now()
	s.stats.PacketsIn++
	s.stats.BytesIn += uint64(f.size())
	token, acked := s.pending[f.id]
	suback := s.subacks[f.id]
	switch f.kind {
	case kindPuback:
		delete(s.pending, f.id)
	case kindSuback:
		delete(s.subacks, f.id)
	case kindPong:
		s.pingSent = time.Time{}
	}
	s.mu.Unlock()
	switch f.kind {
	case kindPublish:
		s.speak(func() {
			s.sink.Message(transport.Message{Topic: f.topic, Payload: f.payload, QoS: f.qos, Duplicate: f.dup})
		})
		if f.qos > 0 {
			_ = s.leave(frame{kind: kindPuback, id: f.id})
		}
	case kindPuback:
		if acked {
			s.speak(func() { s.sink.Published(token, transport.Acked, nil) })
		}
	case kindSuback:
		if suback != nil {
			suback <- f.codes
		}
	}
}

// speak calls the sink unless it has heard its last.
func (s *session) speak(say func()) {
	s.speaking.Lock()
	defer s.speaking.Unlock()
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over {
		return
	}
	defer func() { _ = recover() }() // a sink's panic stays its own, as in the real transport
	say()
}

func (s *session) peerClosed(err error, _ Cut) { s.end(err) }

// end begins the end; the first reason counts.
func (s *session) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.reason = reason
		close(s.cut)
	}
}
