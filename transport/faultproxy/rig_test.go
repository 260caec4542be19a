package faultproxy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/faultproxy"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// house is a broker, a proxy before it, and what the broker saw.
type house struct {
	*testing.T
	broker *transporttest.Server
	proxy  *faultproxy.Proxy
	gone   chan error    // the broker's ends
	write  time.Duration // the sessions' WriteTimeout; 0 is the default

	mu   sync.Mutex
	seen []string
}

func build(t *testing.T) *house {
	h := &house{T: t, broker: transporttest.NewServer(t), gone: make(chan error, 100)}
	h.broker.OnEnd = func(_ *transporttest.Client, err error) { h.gone <- err }
	h.broker.OnPublish = func(c *transporttest.Client, m transport.Message) bool {
		h.mu.Lock()
		h.seen = append(h.seen, string(m.Payload))
		h.mu.Unlock()
		c.Push(m.Topic+"_reply", m.Payload, 0)
		return true
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go h.broker.ServeConn(c)
		}
	}()
	h.proxy, err = faultproxy.New("127.0.0.1:0", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.proxy.Close)
	return h
}

func (h *house) dial(wait time.Duration) (transport.Session, *transporttest.Recorder, error) {
	ctx, cancel := context.WithTimeout(h.Context(), wait)
	defer cancel()
	r := transporttest.NewRecorder()
	s, err := transport.NewPaho(transport.PahoOptions{}).Dial(ctx, transport.Connect{
		Server: "mqtt://" + h.proxy.Addr(), ClientID: "device", KeepAlive: time.Minute, CleanSession: true,
		WriteTimeout: h.write,
	}, r)
	if err == nil {
		h.Cleanup(func() { s.Abort(nil); <-s.Ended() })
	}
	return s, r, err
}

func (h *house) online() (transport.Session, *transporttest.Recorder) {
	h.Helper()
	s, r, err := h.dial(20 * time.Second)
	if err != nil {
		h.Fatal(err)
	}
	return s, r
}

func (h *house) inject(f ...faultproxy.Fault) {
	h.Helper()
	if err := h.proxy.Inject(f...); err != nil {
		h.Fatal(err)
	}
}

func (h *house) heal(d faultproxy.Dead) {
	h.Helper()
	if err := h.proxy.Heal(d); err != nil {
		h.Fatal(err)
	}
}

func (h *house) publish(s transport.Session, from, to int) {
	h.Helper()
	for i := from; i < to; i++ {
		if err := s.Publish(uint64(i), "t", fmt.Append(nil, "report-", i), byte(i%2)); err != nil && !errors.Is(err, transport.ErrEnded) {
			h.Fatal(err)
		}
	}
}

func (h *house) until(r *transporttest.Recorder, what string, ok func() bool) {
	h.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for !ok() {
		select {
		case <-r.Changed:
		case <-timeout.C:
			h.Fatalf("never saw %s: %d fates, %d messages, lost %v", what, len(r.Fates()), len(r.Messages()), r.LostErrors())
		}
	}
}

func (h *house) arrived() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.seen...)
}

func (h *house) ended(s transport.Session) {
	h.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	select {
	case <-s.Ended():
	case <-timeout.C:
		h.Fatal("the session never ended")
	}
}

// swallowed waits until the proxy has taken n things away.
func (h *house) swallowed(n uint64) {
	h.Helper()
	h.soon(fmt.Sprintf("%d swallowed", n), func() bool { return h.proxy.Stats().Swallowed >= n })
}

// soon is for what other goroutines do within a moment, and tell nobody.
func (h *house) soon(what string, ok func() bool) {
	h.Helper()
	for range 20_000_000 {
		if ok() {
			return
		}
		runtime.Gosched()
	}
	h.Fatalf("never saw %s", what)
}

// works shows that a link through the proxy does what it should.
func (h *house) works() {
	h.Helper()
	s, r := h.online()
	h.publish(s, 100, 104)
	h.until(r, "replies and fates", func() bool { return len(r.Messages()) == 4 && len(r.Fates()) == 4 })
	s.Close()
}

// never waits a moment for what must not happen; it can only miss a failure.
func never[T any](c <-chan T) bool {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-c:
		return false
	case <-t.C:
		return true
	}
}
