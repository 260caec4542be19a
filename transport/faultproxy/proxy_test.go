package faultproxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPassesAndCounts(t *testing.T) {
	h := build(t)
	s, r := h.online()
	if err := s.Subscribe(t.Context(), []transport.Filter{{Topic: "x"}}); err != nil {
		t.Fatal(err)
	}
	h.publish(s, 0, 10)
	h.until(r, "all", func() bool { return len(r.Messages()) == 10 && len(r.Fates()) == 10 })
	h.soon("the last write counted", func() bool { return s.Stats().PublishesWritten == 10 })
	h.soon("the last PUBACK counted", func() bool { return h.proxy.Stats().Down.Packets[4] == 5 })
	st, own := h.proxy.Stats(), s.Stats()
	if st.Up.Bytes != own.BytesOut || st.Down.Bytes != own.BytesIn {
		t.Errorf("the proxy counts %d up, %d down; the session %d, %d", st.Up.Bytes, st.Down.Bytes, own.BytesOut, own.BytesIn)
	}
	if st.Up.Packets[1] != 1 || st.Up.Packets[3] != 10 || st.Up.Packets[8] != 1 || st.Down.Packets[4] != 5 || st.Down.Packets[3] != 10 {
		t.Errorf("%+v", st)
	}
	if st.Dials != 1 || st.Links != 1 || st.Swallowed != 0 {
		t.Errorf("%+v", st)
	}
}

func TestCutAfterPublish(t *testing.T) {
	for _, how := range []faultproxy.Cut{faultproxy.FIN, faultproxy.RST} {
		h := build(t)
		h.inject(faultproxy.CutAfterPublish(how, 3, true))
		s, _ := h.online()
		h.publish(s, 0, 10)
		h.ended(s)
		// After a reset, a write that fails first leaves an EOF to the read.
		if how == faultproxy.FIN && !errors.Is(s.Err(), io.EOF) || s.Err() == nil {
			t.Errorf("cut %d: %v", how, s.Err())
		}
		<-h.gone // and has handled what came
		if n := len(h.arrived()); n > 3 || how == faultproxy.FIN && n != 3 {
			t.Errorf("cut %d: %d arrived", how, n)
		}
		h.works() // once was asked for
	}
}

func TestCutMidPacket(t *testing.T) {
	h := build(t)
	h.inject(faultproxy.CutMidPacket(5, true))
	s, _ := h.online()
	h.publish(s, 0, 1)
	h.ended(s)
	<-h.gone
	if n := len(h.arrived()); n != 0 {
		t.Errorf("%d arrived", n)
	}
	if got := h.proxy.Stats().Up.Packets[3]; got != 1 {
		t.Errorf("%d PUBLISH came to the proxy", got)
	}
	h.works()
}

func TestHalfOpen(t *testing.T) {
	for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down, faultproxy.Both} {
		h := build(t)
		s, r := h.online()
		h.inject(faultproxy.HalfOpen(d))
		h.publish(s, 0, 4)
		h.until(r, "the writes of QoS 0", func() bool { return len(r.Fates()) == 2 })
		if !never(s.Ended()) || len(r.Messages()) != 0 {
			t.Errorf("direction %d: ended %v, %d messages", d, s.Err(), len(r.Messages()))
		}
		if n := len(h.arrived()); n > 0 && d&faultproxy.Up != 0 {
			t.Errorf("direction %d: %d arrived", d, n)
		}
		if _, _, err := h.dial(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("direction %d: a dial gave %v", d, err)
		}
		s.Abort(nil) // which the broker must not hear of
		h.ended(s)
		if ghost := h.broker.Client("device"); d&faultproxy.Up != 0 && ghost != nil {
			for range 20 { // to nobody, which the broker must not hear of either
				ghost.Push("t", nil, 0)
			}
			if !never(h.gone) {
				t.Errorf("direction %d: no ghost", d)
			}
		}
		h.heal(faultproxy.CloseDead)
		h.works()
	}
}

func TestHealKeepsTheDead(t *testing.T) {
	h := build(t)
	h.inject(faultproxy.ReplayBlackhole(2))
	s, r := h.online()
	h.publish(s, 0, 4)
	h.until(r, "the writes", func() bool { return len(r.Fates()) >= 2 })
	h.swallowed(3)
	h.heal(faultproxy.KeepDead)
	h.publish(s, 4, 6)
	if !never(s.Ended()) || len(h.arrived()) > 1 {
		t.Errorf("ended %v, arrived %v", s.Err(), h.arrived())
	}
	h.heal(faultproxy.CloseDead)
	h.ended(s)
	h.works()
}

func TestStallWrite(t *testing.T) {
	h := build(t)
	h.write = 300 * time.Millisecond
	s, r := h.online()
	h.inject(faultproxy.StallWrite())
	for i := range 20 {
		if err := s.Publish(uint64(i), "t", make([]byte, 200<<10), 0); err != nil {
			break
		}
	}
	h.ended(s)
	var late net.Error
	if !errors.As(s.Err(), &late) || !late.Timeout() {
		t.Errorf("%v", s.Err())
	}
	if n := len(r.Fates()); n != 20 {
		t.Errorf("%d fates", n)
	}
	h.write = 0
	h.heal(faultproxy.CloseDead)
	h.works()
}

func TestDialFaults(t *testing.T) {
	h := build(t)
	s, r := h.online()
	h.inject(faultproxy.DialRefused())
	if _, _, err := h.dial(20 * time.Second); !errors.Is(err, syscall.ECONNREFUSED) || transport.PhaseOf(err) != transport.PhaseDial {
		t.Errorf("refused: %v", err)
	}
	h.publish(s, 0, 2) // what is connected lives on
	h.until(r, "fates", func() bool { return len(r.Fates()) == 2 })
	h.heal(faultproxy.KeepDead)
	h.works()

	h.inject(faultproxy.DialBlackhole())
	if _, _, err := h.dial(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("blackhole: %v", err)
	}
	h.heal(faultproxy.KeepDead)
	h.works()

	h.inject(faultproxy.CaptivePortal())
	var not *transport.NotServerError
	if _, _, err := h.dial(20 * time.Second); !errors.As(err, &not) || !strings.HasPrefix(string(not.Got), "HTTP/1.1 302") {
		t.Errorf("portal: %v", err)
	}
	h.heal(faultproxy.KeepDead)
	h.works()
}

func TestTrickle(t *testing.T) {
	h := build(t)
	h.inject(faultproxy.Trickle())
	if _, _, err := h.dial(1500 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	h.heal(faultproxy.CloseDead)
	h.works()
	hour := func() time.Duration { return time.Hour }
	for _, f := range []faultproxy.Fault{faultproxy.Latency(hour, nil), faultproxy.Latency(nil, hour)} {
		h.inject(f)
		if _, _, err := h.dial(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		h.heal(faultproxy.CloseDead)
	}
	h.works()
}

// TestSlow: slow is not broken, and nothing is overtaken.
func TestSlow(t *testing.T) {
	h := build(t)
	n := 0
	uneven := func() time.Duration { n++; return time.Duration(n%3) * 20 * time.Millisecond }
	h.inject(faultproxy.Latency(uneven, uneven), faultproxy.Bandwidth(20_000, 20_000))
	s, r := h.online()
	h.publish(s, 0, 12)
	h.until(r, "all", func() bool { return len(r.Messages()) == 12 && len(r.Fates()) == 12 })
	for i, m := range r.Messages() {
		if string(m.Payload) != fmt.Sprint("report-", i) {
			t.Errorf("message %d is %s", i, m.Payload)
		}
	}
	h.inject(faultproxy.Slow2G(rand.New(rand.NewPCG(1, 2)))) // only that it is taken; its seconds are for the bench
	h.heal(faultproxy.KeepDead)
	h.works()
}

func TestLostAnswers(t *testing.T) {
	h := build(t)
	s, r := h.online()
	h.inject(faultproxy.PubackLost())
	h.publish(s, 0, 2)
	h.until(r, "both replies", func() bool { return len(r.Messages()) == 2 })
	h.swallowed(1)
	if f := r.Fates(); len(f) != 1 || f[0].Token != 0 {
		t.Errorf("PUBACK lost, and fates %v", f)
	}
	h.heal(faultproxy.KeepDead)

	h.inject(faultproxy.ReplyLost(func(topic string) bool { return strings.HasSuffix(topic, "_reply") }))
	h.publish(s, 3, 4) // QoS 1: its PUBACK comes behind its reply
	h.until(r, "its PUBACK", func() bool { return len(r.Fates()) == 2 })
	if n := len(r.Messages()); n != 2 {
		t.Errorf("reply lost, and %d messages", n)
	}
	if st := h.proxy.Stats(); st.Swallowed != 2 {
		t.Errorf("%d swallowed", st.Swallowed)
	}
}

func TestByteFlip(t *testing.T) {
	h := build(t)
	s, r := h.online()
	h.inject(faultproxy.ByteFlip(faultproxy.Up, 6)) // header 2, topic 3, then the payload
	h.publish(s, 0, 1)
	h.until(r, "the reply", func() bool { return len(r.Messages()) == 1 })
	if got := h.arrived(); len(got) != 1 || got[0] != "beport-0" {
		t.Errorf("arrived %q", got)
	}
	h.inject(faultproxy.ByteFlip(faultproxy.Down, 1)) // the type of the next packet
	h.publish(s, 2, 3)
	h.ended(s)
	var broken *transport.ProtocolError
	if !errors.As(s.Err(), &broken) {
		t.Errorf("%v", s.Err())
	}
	h.works()
}

func TestNATForget(t *testing.T) {
	h := build(t)
	s, r := h.online()
	h.inject(faultproxy.NATForget(time.Nanosecond))
	h.publish(s, 0, 1)
	h.until(r, "the write", func() bool { return len(r.Fates()) == 1 })
	h.swallowed(1)
	if !never(s.Ended()) || len(h.arrived()) != 0 {
		t.Errorf("ended %v, arrived %v", s.Err(), h.arrived())
	}
	h.heal(faultproxy.CloseDead)
	h.ended(s)
	h.works()
}

func TestMTUBlackhole(t *testing.T) {
	h := build(t)
	s, r := h.online()
	h.inject(faultproxy.MTUBlackhole(1400))
	h.publish(s, 0, 1)
	h.until(r, "a small one", func() bool { return len(r.Messages()) == 1 })
	if err := s.Publish(2, "t", make([]byte, 2000), 0); err != nil {
		t.Fatal(err)
	}
	h.publish(s, 4, 5)
	h.until(r, "the writes", func() bool { return len(r.Fates()) == 3 })
	h.swallowed(2)
	if !never(s.Ended()) || len(h.arrived()) != 1 {
		t.Errorf("ended %v, arrived %d", s.Err(), len(h.arrived()))
	}
}

// TestTLSPassesRaw: nothing is parsed, and a big first flight can be stalled.
func TestTLSPassesRaw(t *testing.T) {
	h := build(t)
	hello := func(wait time.Duration, curves ...tls.CurveID) error {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		c, err := new(net.Dialer).DialContext(ctx, "tcp", h.proxy.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return tls.Client(c, &tls.Config{ServerName: "x", CurvePreferences: curves}).HandshakeContext(ctx)
	}
	// The broker speaks no TLS and hangs up: the ClientHello has reached it.
	if err := hello(20*time.Second, tls.X25519); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("small, untouched: %v", err)
	}
	h.inject(faultproxy.BigClientHello(1400))
	if err := hello(20*time.Second, tls.X25519); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("small: %v", err)
	}
	if err := hello(200*time.Millisecond, tls.X25519MLKEM768, tls.X25519); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("big: %v", err)
	}
	if st := h.proxy.Stats(); st.Up.Packets != [16]uint64{} || st.Up.Bytes == 0 {
		t.Errorf("%+v", st.Up)
	}
}

func TestCutAllAndClose(t *testing.T) {
	h := build(t)
	s, _ := h.online()
	h.proxy.CutAll(faultproxy.RST)
	h.ended(s)
	h.works()
	last, _ := h.online()
	h.proxy.Close()
	h.ended(last)
	if h.proxy.Stats().Links != 0 {
		t.Errorf("%+v", h.proxy.Stats())
	}
	if _, _, err := h.dial(20 * time.Second); err == nil {
		t.Error("dialled a closed proxy")
	}
}

// TestNobodyCloses: a gentle end does not wait for peers that never end.
func TestNobodyCloses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := faultproxy.New("127.0.0.1:0", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	broker, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	if _, err := client.Write([]byte{0x10, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(broker, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	p.CutAll(faultproxy.FIN)
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	p.Close() // hangs, if the end is not bounded
}

func TestLargePacketsPassWhole(t *testing.T) {
	h := build(t)
	s, r := h.online()
	big := bytes.Repeat([]byte("x"), 250<<10)
	if err := s.Publish(1, "t", big, 0); err != nil {
		t.Fatal(err)
	}
	h.until(r, "the reply", func() bool { return len(r.Messages()) == 1 })
	if !bytes.Equal(r.Messages()[0].Payload, big) {
		t.Error("changed")
	}
}
