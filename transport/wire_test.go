package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// rawBroker answers a CONNECT, and then each packet, by bytes of the test's choice.
type rawBroker struct {
	connack []byte
	answer  func(packet []byte) []byte
	after   []byte // sent at once after CONNACK
	hangUp  bool   // and then closes
}

func (b rawBroker) dialer(t *testing.T) transport.Dialer {
	return transport.NewPaho(transport.PahoOptions{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := transporttest.ConnPair()
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer server.Close()
				buf := make([]byte, 64<<10)
				if _, err := server.Read(buf); err != nil {
					return
				}
				_, _ = server.Write(append(append([]byte(nil), b.connack...), b.after...))
				for !b.hangUp {
					n, err := server.Read(buf)
					if err != nil {
						return
					}
					if b.answer != nil {
						_, _ = server.Write(b.answer(buf[:n]))
					}
				}
			}()
			t.Cleanup(func() { _ = server.Close(); <-done })
			return client, nil
		},
	})
}

var accepted = []byte{0x20, 2, 0, 0}

func plain() transport.Connect {
	return transport.Connect{Server: "mqtt://broker:1883", ClientID: "c", CleanSession: true, MaxPacket: 1000}
}

func TestWhatIsNoBroker(t *testing.T) {
	for name, b := range map[string][]byte{
		"http":            []byte("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"),
		"tls alert":       {0x15, 3, 3, 0, 2, 2, 40},
		"mqtt 5":          {0x20, 3, 0, 0, 0},
		"publish first":   {0x30, 3, 0, 1, 'x'},
		"one space":       {0x20, 0x20, 0x20, 0x20},
		"html":            []byte("<html>"),
		"a length of lie": {0x30, 0xff, 0xff, 0xff, 0x7f},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rawBroker{connack: b}.dialer(t).Dial(t.Context(), plain(), transporttest.NewRecorder())
			var not *transport.NotServerError
			if !errors.As(err, &not) || len(not.Got) == 0 || not.Got[0] != b[0] || transport.PhaseOf(err) != transport.PhaseConnect {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestBrokerThatHangsUpInConnect(t *testing.T) {
	for _, b := range [][]byte{{}, {0x20}, {0x20, 2, 0}} {
		d := transport.NewPaho(transport.PahoOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := transporttest.ConnPair()
			go func() {
				defer server.Close()
				_, _ = server.Read(make([]byte, 1000))
				_, _ = server.Write(b)
			}()
			return client, nil
		}})
		_, err := d.Dial(t.Context(), plain(), transporttest.NewRecorder())
		if !errors.Is(err, io.EOF) || transport.PhaseOf(err) != transport.PhaseConnect {
			t.Errorf("%v: %v", b, err)
		}
	}
}

// TestTrickle: a byte now and then resets every idle timer, but no deadline of a phase.
func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := transport.NewPaho(transport.PahoOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := transporttest.ConnPair()
			go func() {
				defer server.Close()
				for _, b := range []byte{0x20, 2, 0, 0} {
					time.Sleep(6 * time.Second)
					if _, err := server.Write([]byte{b}); err != nil {
						return
					}
				}
			}()
			return client, nil
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		_, err := d.Dial(ctx, plain(), transporttest.NewRecorder())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.Sleep(time.Minute) // the peer's goroutine ends
	})
}

func TestWhatBreaksTheProtocolEndsTheSession(t *testing.T) {
	for name, b := range map[string][]byte{
		"256 MB announced":         {0x30, 0xff, 0xff, 0xff, 0x7f},
		"1 KB where 1000 B may be": {0x30, 0x80, 0x08},
		"five length bytes":        {0x30, 0x80, 0x80, 0x80, 0x80, 0x01},
		"QoS 2":                    {0x34, 8, 0, 1, 'x', 0, 1, 'p', 'p', 'p'},
		"QoS 3":                    {0x36, 8, 0, 1, 'x', 0, 1, 'p', 'p', 'p'},
		"PUBLISH without topic":    {0x30, 2, 0, 0},
		"PUBLISH too short":        {0x30, 1, 0},
		"topic longer than packet": {0x30, 4, 0, 9, 'x', 'y'},
		"id cut off":               {0x32, 3, 0, 1, 'x'},
		"SUBACK for nothing":       {0x90, 3, 0, 1, 0},
		"SUBACK of nothing":        {0x90, 2, 0, 1},
		"PUBREC":                   {0x50, 2, 0, 1},
		"second CONNACK":           {0x20, 2, 0, 0},
		"PUBACK of three":          {0x40, 3, 0, 1, 0},
		"type 0":                   {0, 0},
		"type 15":                  {0xf0, 0},
		"a client's packet":        {0x82, 6, 0, 1, 0, 1, 'x', 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := transporttest.NewRecorder()
			s, err := rawBroker{connack: accepted, after: b}.dialer(t).Dial(t.Context(), plain(), r)
			if err != nil {
				t.Fatal(err)
			}
			<-s.Ended()
			var broken *transport.ProtocolError
			if lost := r.LostErrors(); len(lost) != 1 || !errors.As(lost[0], &broken) {
				t.Errorf("lost %v", lost)
			}
			if len(r.Messages()) > 0 {
				t.Errorf("messages %v", r.Messages())
			}
		})
	}
}

func TestServersDisconnectIsNoProtocolError(t *testing.T) {
	s, err := rawBroker{connack: accepted, after: []byte{0xe0, 0}}.dialer(t).Dial(t.Context(), plain(), transporttest.NewRecorder())
	if err != nil {
		t.Fatal(err)
	}
	<-s.Ended()
	if !errors.Is(s.Err(), transport.ErrDisconnected) {
		t.Errorf("%v", s.Err())
	}
}

// TestSubackCodes: paho would index beyond its filters, and takes any code for a yes.
func TestSubackCodes(t *testing.T) {
	for name, c := range map[string]struct {
		codes   []byte
		refused string
		broken  bool
	}{
		"granted":         {codes: []byte{1, 0}},
		"one refused":     {codes: []byte{0x80, 0x80}, refused: "a b"},
		"mqtt 5 refusals": {codes: []byte{0x87, 0x8f}, refused: "a b"},
		"too many":        {codes: []byte{0, 0, 0}, broken: true},
		"too few":         {codes: []byte{0}, broken: true},
		"more than asked": {codes: []byte{2, 0}, broken: true},
		"unknown":         {codes: []byte{0, 0x40}, broken: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := rawBroker{connack: accepted, answer: func(p []byte) []byte {
				if p[0]>>4 != 8 {
					return nil
				}
				return append([]byte{0x90, byte(2 + len(c.codes)), p[2], p[3]}, c.codes...)
			}}
			s, err := b.dialer(t).Dial(t.Context(), plain(), transporttest.NewRecorder())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			err = s.Subscribe(t.Context(), []transport.Filter{{Topic: "a", QoS: 1}, {Topic: "b"}})
			var refused *transport.SubscribeError
			var broken *transport.ProtocolError
			switch {
			case c.broken && !(errors.As(err, &broken) && errors.Is(err, transport.ErrEnded)),
				c.refused != "" && !(errors.As(err, &refused) && strings.Join(refused.Topics, " ") == c.refused),
				!c.broken && c.refused == "" && err != nil:
				t.Errorf("%v", err)
			}
		})
	}
}

// TestPubackForASubscribe: an id of the wrong kind must not look like a yes.
func TestPubackForASubscribe(t *testing.T) {
	b := rawBroker{connack: accepted, answer: func(p []byte) []byte {
		if p[0]>>4 != 8 {
			return nil
		}
		return []byte{0x40, 2, p[2], p[3]}
	}}
	s, err := b.dialer(t).Dial(t.Context(), plain(), transporttest.NewRecorder())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var refused *transport.SubscribeError
	if err = s.Subscribe(t.Context(), []transport.Filter{{Topic: "a"}}); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

// TestPubackTwice: the second says nothing, nor does one for an unknown id.
func TestPubackTwice(t *testing.T) {
	b := rawBroker{connack: accepted, answer: func(p []byte) []byte {
		if p[0]>>4 != 3 {
			return nil
		}
		id := p[len(p)-3 : len(p)-1] // a payload of one byte follows
		return []byte{0x40, 2, 0x77, 0x77, 0x40, 2, id[0], id[1], 0x40, 2, id[0], id[1], 0x30, 3, 0, 1, 'x'}
	}}
	r := transporttest.NewRecorder()
	s, err := b.dialer(t).Dial(t.Context(), plain(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err = s.Publish(9, "t", []byte("p"), 1); err != nil {
		t.Fatal(err)
	}
	for len(r.Messages()) == 0 {
		<-r.Changed
	}
	s.Close()
	if f := r.Fates(); len(f) != 1 || f[0] != (transporttest.Fate{Token: 9, Level: transport.Acked}) {
		t.Errorf("fates %v", f)
	}
}

// TestNothingFollowsDisconnect: not even the PUBACK of what comes in meanwhile.
func TestNothingFollowsDisconnect(t *testing.T) {
	var after []byte
	gone := make(chan struct{})
	b := rawBroker{connack: accepted, answer: func(p []byte) []byte {
		select {
		case <-gone:
			after = append(after, p...)
			return nil
		default:
		}
		if p[0] == 0xe0 {
			close(gone)
		}
		return []byte{0x32, 6, 0, 1, 'x', 0, 1, 'p'}
	}}
	synctest.Test(t, func(t *testing.T) { // Close waits for an end that the broker does not give
		r := transporttest.NewRecorder()
		s, err := b.dialer(t).Dial(t.Context(), plain(), r)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if len(r.Messages()) != 1 {
			t.Errorf("messages %v", r.Messages())
		}
	})
	<-gone
	if len(after) > 0 {
		t.Errorf("behind DISCONNECT came % x", after)
	}
}

// TestCutUnderLoad: whoever hands a packet to the library when the connection
// ends must get it back at once, not when paho's own timer says so.
func TestCutUnderLoad(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			server := transporttest.NewServer(t)
			r := transporttest.NewRecorder()
			s, err := transport.NewPaho(transport.PahoOptions{DialContext: server.DialContext}).Dial(t.Context(), plain(), r)
			if err != nil {
				t.Fatal(err)
			}
			server.Inject(transporttest.StallWrite())
			for i := range 10 {
				if err := s.Publish(uint64(i), "t", make([]byte, 50<<10), 0); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait() // the writer stands
			var callers sync.WaitGroup
			for range 50 {
				callers.Go(func() {
					err := s.Subscribe(t.Context(), []transport.Filter{{Topic: "t"}})
					if !errors.Is(err, transport.ErrEnded) {
						t.Errorf("%v", err)
					}
				})
			}
			synctest.Wait() // and they behind it
			start := time.Now()
			s.Abort(nil)
			callers.Wait()
			<-s.Ended()
			if took := time.Since(start); took != 0 {
				t.Errorf("took %v", took)
			}
			if len(r.Fates()) != 10 {
				t.Errorf("%d fates", len(r.Fates()))
			}
		})
	}
}

func FuzzInbound(f *testing.F) {
	f.Add([]byte{0x30, 3, 0, 1, 'x', 0xd0, 0})
	f.Add([]byte{0x32, 5, 0, 1, 'x', 0, 1, 0x40, 2, 0, 1})
	f.Add([]byte{0x90, 3, 0, 1, 0x80})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := transporttest.NewRecorder()
		s, err := rawBroker{connack: accepted, after: in, hangUp: true}.dialer(t).Dial(context.Background(), plain(), r)
		if err != nil {
			t.Fatal(err)
		}
		<-s.Ended()
		if len(r.LostErrors()) != 1 || r.Late() > 0 {
			t.Errorf("lost %v, %d late", r.LostErrors(), r.Late())
		}
	})
}

// TestALargePacketOnASlowLink: what moves is no stall, however long it takes; what has
// stopped moving is.
func TestALargePacketOnASlowLink(t *testing.T) {
	for name, stalls := range map[string]bool{"moves": false, "stalls": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe() // it has no buffer: a write takes as long as the reads
				defer server.Close()
				go func() {
					buf := make([]byte, 1<<10)
					_, _ = server.Read(buf)
					_, _ = server.Write(accepted)
					for n := 0; !stalls || n < 10; n++ {
						time.Sleep(time.Second)
						if _, err := server.Read(buf); err != nil {
							return
						}
					}
				}()
				r := transporttest.NewRecorder()
				d := transport.NewPaho(transport.PahoOptions{DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }})
				s, err := d.Dial(t.Context(), plain(), r)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Publish(1, "t", make([]byte, 60<<10), 0); err != nil {
					t.Fatal(err)
				}
				time.Sleep(70 * time.Second)
				synctest.Wait()
				fates := r.Fates()
				if len(fates) != 1 || (fates[0].Err != nil) != stalls {
					t.Errorf("%+v", fates)
				}
				s.Abort(nil)
				<-s.Ended()
			})
		})
	}
}
