package transport

import (
	"fmt"
	"sort"
)

// start begins the session after CONNACK.
func (s *session) start() {
	writerDone := make(chan struct{})
	go func() {
		defer close(writerDone)
		s.writer()
	}()
	go func() {
		<-s.libDone
		<-writerDone
		s.finish()
	}()
}

func (s *session) writer() {
	for !s.w.isDead() { // else a publish that was left for finish would be forgotten
		select {
		case <-s.w.dead:
			return
		case p := <-s.queue:
			s.send(p)
		case <-s.closing:
			s.farewell()
			return
		}
	}
}

// farewell sends what waits, then DISCONNECT. The broker ends the connection
// upon it, or Close cuts.
func (s *session) farewell() {
	for !s.w.isDead() {
		select {
		case p := <-s.queue:
			s.send(p)
			continue
		default:
		}
		_ = s.w.write([]byte{typeDisconnect << 4, 0}, typeDisconnect)
		return
	}
}

// send hands one publish to the library and waits until its bytes have left.
func (s *session) send(p publish) {
	s.mu.Lock()
	s.current = &p
	s.mu.Unlock()
	s.calls.RLock()
	if s.w.isDead() {
		s.calls.RUnlock()
		return // finish tells its fate
	}
	err := s.client.publish(p.topic, p.payload, p.qos)
	s.calls.RUnlock()
	if err == nil {
		err = <-s.fate // the library writes what it took, if only to a dead wire
	}
	s.mu.Lock()
	if err != nil && s.w.isDead() { // finish gives it the session's reason
		s.mu.Unlock()
		return
	}
	s.current = nil
	s.mu.Unlock()
	if err != nil {
		s.published(p.token, 0, err)
		return
	}
	s.written.Add(1)
	if p.qos == 0 {
		s.published(p.token, Written, nil)
	}
}

// finish runs when nobody else speaks to the sink any more.
func (s *session) finish() {
	why := s.w.why()
	s.mu.Lock()
	s.over = true
	if !s.closed {
		s.err = why
	}
	current, pending := s.current, s.pending
	closed, quiet := s.closed, s.quiet
	s.current, s.pending = nil, nil
	s.mu.Unlock()

	if !quiet {
		end := fmt.Errorf("%w: %w", ErrEnded, why)
		if closed {
			end = ErrEnded
		}
		for _, token := range sortedTokens(pending) {
			s.published(token, Written, end)
		}
		if current != nil {
			s.published(current.token, 0, end)
		}
		for len(s.queue) > 0 {
			s.published((<-s.queue).token, 0, end)
		}
		if !closed {
			s.guard("Lost", func() { s.sink.Lost(why) })
		}
	}
	close(s.ended)
}

func sortedTokens(pending map[uint16]uint64) []uint64 {
	tokens := make([]uint64, 0, len(pending))
	for _, t := range pending {
		tokens = append(tokens, t)
	}
	sort.Slice(tokens, func(i, j int) bool { return tokens[i] < tokens[j] })
	return tokens
}

// The wire's events.

// writing notes which packet id the library gave to the current publish; its
// PUBACK may come before the write returns.
func (s *session) writing(qos byte, id uint16) {
	if qos == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.pending != nil {
		s.pending[id] = s.current.token
	}
}

func (s *session) wrote(err error) {
	if err != nil { // it did not leave whole: it waits for no PUBACK
		s.mu.Lock()
		if s.current != nil {
			for id, token := range s.pending {
				if token == s.current.token {
					delete(s.pending, id)
				}
			}
		}
		s.mu.Unlock()
	}
	s.fate <- err
}

func (s *session) acked(id uint16) {
	s.mu.Lock()
	token, ok := s.pending[id]
	delete(s.pending, id)
	s.mu.Unlock()
	if ok {
		s.published(token, Acked, nil)
	}
}

func (s *session) quiesce() {
	s.calls.Lock()
	s.calls.Unlock() //nolint:staticcheck // only waits; the wire is dead, so nobody enters again
}

// message is the library's handler for all that comes in.
func (s *session) message(m Message) { s.guard("Message", func() { s.sink.Message(m) }) }

func (s *session) published(token uint64, level Level, err error) {
	s.guard("Published", func() { s.sink.Published(token, level, err) })
}

// guard keeps a sink's panic from the library's goroutines, where it would end the process.
func (s *session) guard(call string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("a transport sink panicked", "call", call, "panic", r)
		}
	}()
	f()
}
