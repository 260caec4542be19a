package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/aliiot/aliiot/transport"
)

// trafficChecks are about what moves on a living session.
var trafficChecks = []check{
	{"QoS 0 is written, QoS 1 acknowledged", func(s *suite) {
		seen := make(chan transport.Message, 2)
		s.Server.OnPublish = func(_ *Client, m transport.Message) bool { seen <- m; return true }
		session, r := s.dial(s.connect())
		s.publish(session, 7, 0)
		s.publish(session, 8, 1)
		s.until(r, "both fates", func() bool { return len(r.Fates()) == 2 })
		for _, f := range r.Fates() {
			if f.Err != nil || f.Token == 7 && f.Level != transport.Written || f.Token == 8 && f.Level != transport.Acked {
				s.Errorf("fate %+v", f)
			}
		}
		for want := byte(0); want < 2; want++ {
			if m := <-seen; m.QoS != want || m.Topic != "t/up" || string(m.Payload) != fmt.Sprint(7+want) {
				s.Errorf("the broker saw %+v", m)
			}
		}
		s.untilWritten(session, 2) // a PUBACK may come before the write returns
		if st := session.Stats(); st.PublishesWritten != 2 || st.PublishesBacklogged != 0 {
			s.Errorf("stats %+v", st)
		}
	}},
	{"order holds both ways", func(s *suite) {
		const n = 300
		s.Server.OnPublish = func(c *Client, m transport.Message) bool {
			c.Push("t/down", m.Payload, m.QoS)
			return true
		}
		session, r := s.dial(s.connect())
		for i := range n {
			for session.Publish(uint64(i), "t/up", fmt.Append(nil, i), byte(i%2)) != nil {
				<-r.Changed // the queue is full: something will be published
			}
		}
		s.until(r, "all echoes", func() bool { return len(r.Messages()) == n })
		for i, m := range r.Messages() {
			if string(m.Payload) != fmt.Sprint(i) || int(m.QoS) != i%2 {
				s.Fatalf("message %d is %s with QoS %d", i, m.Payload, m.QoS)
			}
		}
		s.until(r, "all fates", func() bool { return len(r.Fates()) == n })
	}},
	{"large payloads pass whole", func(s *suite) {
		big := bytes.Repeat([]byte("0123456789abcdef"), 15<<10) // 240 KiB, near the platform's limit
		s.Server.OnPublish = func(c *Client, m transport.Message) bool {
			c.Push("t/down", m.Payload, 0)
			return true
		}
		session, r := s.dial(s.connect())
		if err := session.Publish(1, "t/up", big, 1); err != nil {
			s.Fatal(err)
		}
		s.until(r, "the echo", func() bool { return len(r.Messages()) == 1 })
		if !bytes.Equal(r.Messages()[0].Payload, big) {
			s.Errorf("it came back changed")
		}
		if st := session.Stats(); st.BytesOut < uint64(len(big)) || st.BytesIn < uint64(len(big)) {
			s.Errorf("stats %+v", st)
		}
	}},
	{"bytes are counted as MQTT counts", func(s *suite) {
		session, r := s.dial(s.connect())
		before := session.Stats()
		s.publish(session, 5, 0) // 1 + 1 + 2 + 4 + 1
		s.publish(session, 6, 1) // two more for the id; its PUBACK has 4
		s.until(r, "both fates", func() bool { return len(r.Fates()) == 2 })
		s.untilWritten(session, 2)
		after := session.Stats()
		if out, in := after.BytesOut-before.BytesOut, after.BytesIn-before.BytesIn; out != 20 || in != 4 {
			s.Errorf("%d bytes out, %d in", out, in)
		}
		// A CONNECT with client id, user name and password: 2 + 10 + (2+8) + (2+4) + (2+6).
		if before.BytesOut != 36 {
			s.Errorf("CONNECT counted as %d bytes", before.BytesOut)
		}
	}},
	{"subscribe, and hear by filter", func(s *suite) {
		session, r := s.dial(s.connect())
		filters := []transport.Filter{{Topic: "a/+/c", QoS: 1}, {Topic: "b/#", QoS: 0}, {Topic: "b/#", QoS: 0}}
		if err := session.Subscribe(s.context(), filters); err != nil {
			s.Fatal(err)
		}
		for topic, want := range map[string]int{"a/x/c": 1, "b/y/z": 1, "a/c": 0, "c": 0} {
			if n := s.Server.Publish(topic, []byte("m"), 1); n != want {
				s.Errorf("%s reached %d", topic, n)
			}
		}
		s.until(r, "two messages", func() bool { return len(r.Messages()) == 2 })
	}},
	{"a refused filter is named", func(s *suite) {
		s.Server.Inject(SubackBad("bad/1", "bad/2"))
		session, _ := s.dial(s.connect())
		filters := []transport.Filter{{Topic: "ok", QoS: 1}, {Topic: "bad/2"}, {Topic: "bad/1", QoS: 1}}
		err := session.Subscribe(s.context(), filters)
		var refused *transport.SubscribeError
		if !errors.As(err, &refused) || strings.Join(refused.Topics, " ") != "bad/2 bad/1" {
			s.Errorf("%v", err)
		}
		select {
		case <-session.Ended():
			s.Errorf("the session ended for it")
		default:
		}
	}},
	{"pushed without a subscription", func(s *suite) {
		_, r := s.dial(s.connect())
		s.Server.Client("device-1").Push("sys/x", []byte("{}"), 1)
		s.Server.Client("device-1").Push("sys/empty", nil, 0)
		s.until(r, "the pushes", func() bool { return len(r.Messages()) == 2 })
		if m := r.Messages(); m[0].Topic != "sys/x" || m[0].QoS != 1 || m[1].Topic != "sys/empty" || len(m[1].Payload) != 0 {
			s.Errorf("%+v", m)
		}
	}},
	{"what can never be sent is refused at once", func(s *suite) {
		session, r := s.dial(s.connect())
		bad := &transport.ConfigError{}
		for _, topic := range []string{"", "a/+", "a/#", "a\x00b", strings.Repeat("x", 1<<16)} {
			if err := session.Publish(1, topic, nil, 0); !errors.As(err, &bad) {
				s.Errorf("topic %.10q: %v", topic, err)
			}
		}
		if err := session.Publish(1, "t", nil, 2); !errors.As(err, &bad) {
			s.Errorf("QoS 2: %v", err)
		}
		if err := session.Subscribe(s.context(), nil); !errors.As(err, &bad) {
			s.Errorf("no filter: %v", err)
		}
		if len(r.Fates()) != 0 {
			s.Errorf("fates %v", r.Fates())
		}
	}},
	{"a full queue says so", func(s *suite) {
		c := s.connect()
		c.Queue = 3
		session, r := s.dial(c)
		s.Server.Inject(StallWrite())
		accepted := 0
		for ; accepted < 100; accepted++ {
			// Each is larger than what any buffer on the way holds.
			if err := session.Publish(uint64(accepted), "t", make([]byte, 900<<10), 0); err != nil {
				if !errors.Is(err, transport.ErrQueueFull) {
					s.Errorf("publish: %v", err)
				}
				break
			}
		}
		if accepted < 3 || accepted > 4 {
			s.Errorf("%d were accepted into a queue of 3", accepted)
		}
		s.eventually("all backlogged", func() bool { return session.Stats().PublishesBacklogged == accepted })
		session.Abort(nil)
		s.wait("the end", session.Ended())
		fates := r.Fates()
		if len(fates) != accepted {
			s.Errorf("%d fates of %d accepted", len(fates), accepted)
		}
		for i, f := range fates {
			if f.Err == nil || f.Level != 0 || f.Token != uint64(i) {
				s.Errorf("fate %+v", f)
			}
		}
	}},
	{"publishes without PUBACK may have arrived", func(s *suite) {
		s.Server.Inject(PubackLost())
		seen := make(chan struct{}, 2)
		s.Server.OnPublish = func(*Client, transport.Message) bool { seen <- struct{}{}; return true }
		session, r := s.dial(s.connect())
		s.publish(session, 1, 1)
		s.publish(session, 2, 1)
		<-seen
		<-seen
		s.untilWritten(session, 2)
		session.Abort(nil)
		s.wait("the end", session.Ended())
		for i, f := range r.Fates() {
			if f.Token != uint64(i+1) || f.Level != transport.Written || !errors.Is(f.Err, transport.ErrEnded) {
				s.Errorf("fate %+v", f)
			}
		}
		if len(r.Fates()) != 2 {
			s.Errorf("fates %v", r.Fates())
		}
	}},
	{"cut after a PUBLISH", func(s *suite) {
		for _, how := range []Cut{FIN, RST} {
			seen := 0
			ended := make(chan struct{}, 1)
			s.Server.OnPublish = func(*Client, transport.Message) bool { seen++; return true }
			s.Server.OnEnd = func(*Client, error) { ended <- struct{}{} }
			s.Server.Inject(CutAfterPublish(how, 3))
			session, r := s.dial(s.connect())
			for i := range 5 {
				if session.Publish(uint64(i), "t", nil, 1) != nil {
					break
				}
			}
			s.wait("the end", session.Ended())
			<-ended
			if how == FIN && seen != 3 || seen > 3 {
				s.Errorf("cut %d: %d arrived", how, seen)
			}
			for _, f := range r.Fates() {
				if f.Token > 2 && f.Err == nil {
					s.Errorf("cut %d: fate %+v", how, f)
				}
			}
			s.Server.Heal()
		}
	}},
	{"a panicking sink harms nobody", func(s *suite) {
		r := NewRecorder()
		session, err := s.Dialer.Dial(s.context(), s.connect(), panicky{r})
		if err != nil {
			s.Fatal(err)
		}
		s.Server.Client("device-1").Push("t", nil, 1)
		s.publish(session, 1, 0)
		s.publish(session, 2, 1)
		s.until(r, "message and fates", func() bool { return len(r.Messages()) == 1 && len(r.Fates()) == 2 })
		session.Abort(nil)
		s.wait("the end", session.Ended())
		if len(r.LostErrors()) != 1 {
			s.Errorf("lost %v", r.LostErrors())
		}
	}},
	{"a cancelled Subscribe comes back", func(s *suite) {
		asked, answer := make(chan struct{}), make(chan struct{})
		s.Server.OnSubscribe = func(*Client, transport.Filter) byte { close(asked); <-answer; return 0 }
		session, r := s.dial(s.connect())
		ctx, cancel := context.WithCancel(s.context())
		go func() { <-asked; cancel() }()
		err := session.Subscribe(ctx, []transport.Filter{{Topic: "t"}})
		if !errors.Is(err, context.Canceled) {
			s.Errorf("%v", err)
		}
		close(answer)
		s.publish(session, 1, 1) // and the late SUBACK does no harm
		s.until(r, "a PUBACK", func() bool { return len(r.Fates()) == 1 })
	}},
}

// untilWritten waits until n publishes have left.
func (s *suite) untilWritten(session transport.Session, n uint64) {
	s.Helper()
	s.eventually("the writes", func() bool { return session.Stats().PublishesWritten >= n })
}

// eventually is for what other goroutines do within a moment, and tell nobody.
func (s *suite) eventually(what string, ok func() bool) {
	s.Helper()
	for range 20_000_000 {
		if ok() {
			return
		}
		runtime.Gosched()
	}
	s.Fatalf("never saw %s", what)
}

type panicky struct{ r *Recorder }

func (p panicky) Message(m transport.Message) { p.r.Message(m); panic("message") }
func (p panicky) Lost(err error)              { p.r.Lost(err); panic("lost") }
func (p panicky) Published(token uint64, l transport.Level, err error) {
	p.r.Published(token, l, err)
	panic("published")
}
