package transporttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aliiot/aliiot/transport"
)

var errClosed = errors.New("transporttest: closed")

// finish tells what became of everything, and that it is over.
func (s *session) finish() {
	s.speaking.Lock()
	s.mu.Lock()
	s.over = true
	why, closed := s.reason, s.closed
	if !closed {
		s.err = why
	}
	s.mu.Unlock()
	s.speaking.Unlock()

	fate := fmt.Errorf("%w: %w", transport.ErrEnded, why)
	if closed {
		fate = transport.ErrEnded
	}
	tell := func(say func()) {
		defer func() { _ = recover() }()
		say()
	}
	for _, token := range slices.Sorted(maps.Values(s.pending)) {
		tell(func() { s.sink.Published(token, transport.Written, fate) })
	}
	if s.current != nil {
		tell(func() { s.sink.Published(s.current.token, 0, fate) })
	}
	for len(s.queue) > 0 {
		p := <-s.queue
		tell(func() { s.sink.Published(p.token, 0, fate) })
	}
	if !closed {
		tell(func() { s.sink.Lost(why) })
	}
	s.client.clientClosed()
	close(s.ended)
}

func (s *session) Publish(token uint64, topic string, payload []byte, qos byte) error {
	if topic == "" || len(topic) > 65535 || strings.ContainsAny(topic, "+#\x00") || qos > 1 {
		return &transport.ConfigError{What: fmt.Sprintf("topic %q with QoS %d cannot be published to", topic, qos)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.closed || s.reason != nil {
		return transport.ErrEnded
	}
	select {
	case s.queue <- publish{token, topic, payload, qos}:
		return nil
	default:
		return transport.ErrQueueFull
	}
}

func (s *session) Subscribe(ctx context.Context, filters []transport.Filter) error {
	if len(filters) == 0 {
		return &transport.ConfigError{What: "a SUBSCRIBE needs a filter"}
	}
	for _, f := range filters {
		if f.Topic == "" || f.QoS > 1 {
			return &transport.ConfigError{What: fmt.Sprintf("filter %q with QoS %d cannot be subscribed", f.Topic, f.QoS)}
		}
	}
	answer := make(chan []byte, 1)
	s.mu.Lock()
	if s.reason != nil {
		s.mu.Unlock()
		return s.endedWhile("subscribe")
	}
	f := frame{kind: kindSubscribe, id: s.newID(), filters: filters}
	s.subacks[f.id] = answer
	s.mu.Unlock()
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = s.leave(f)
	}()
	select {
	case codes := <-answer:
		<-left
		var refused []string
		for i, one := range filters {
			if i >= len(codes) || codes[i] > 1 {
				refused = append(refused, one.Topic)
			}
		}
		if refused != nil {
			return &transport.SubscribeError{Topics: refused}
		}
		return nil
	case <-s.cut:
		return s.endedWhile("subscribe")
	case <-ctx.Done():
		return fmt.Errorf("transporttest: subscribe: %w", ctx.Err())
	}
}

func (s *session) endedWhile(doing string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("transporttest: %s: %w: %w", doing, transport.ErrEnded, s.reason)
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
	case <-patience.C:
		s.end(errClosed)
		<-s.ended
	}
}

func (s *session) Abort(reason error) {
	if reason == nil {
		reason = transport.ErrAborted
	}
	s.end(reason)
}

func (s *session) Stats() transport.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.SinceHeard = time.Since(s.heard)
	out.PublishesBacklogged = len(s.queue)
	if s.current != nil {
		out.PublishesBacklogged++
	}
	return out
}
