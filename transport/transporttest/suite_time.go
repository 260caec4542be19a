package transporttest

import (
	"context"
	"errors"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// timeChecks need the fake time of a bubble.
var timeChecks = []check{
	{"a dial ends with its deadline", func(s *suite) {
		for _, f := range []Fault{DialBlackhole(), HalfOpen(Both)} {
			s.Server.Inject(f)
			ctx, cancel := context.WithTimeout(s.context(), 7*time.Second)
			start := time.Now()
			_, err := s.Dialer.Dial(ctx, s.connect(), NewRecorder())
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 7*time.Second {
				s.Errorf("%s: %v after %v", f.Name, err, time.Since(start))
			}
			s.Server.Heal()
		}
	}},
	{"cancel while dialling ends at once", func(s *suite) {
		s.Server.Inject(DialBlackhole())
		ctx, cancel := context.WithCancel(s.context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		_, err := s.Dialer.Dial(ctx, s.connect(), NewRecorder())
		if !errors.Is(err, context.Canceled) || time.Since(start) != 3*time.Second || transport.PhaseOf(err) != transport.PhaseDial {
			s.Errorf("%v after %v", err, time.Since(start))
		}
	}},
	{"an idle link is kept alive", func(s *suite) {
		session, r := s.dial(s.connect())
		before := session.Stats()
		time.Sleep(time.Hour - 30*time.Second)
		if len(r.LostErrors()) > 0 {
			s.Fatalf("lost %v", r.LostErrors())
		}
		// A ping of two bytes and its answer, at most once in a keepalive.
		after := session.Stats()
		if pings := (after.BytesOut - before.BytesOut) / 2; pings < 50 || pings > 60 || after.BytesIn-before.BytesIn != 2*pings {
			s.Errorf("in an hour %d bytes out, %d in", after.BytesOut-before.BytesOut, after.BytesIn-before.BytesIn)
		}
		if after.SinceHeard > 70*time.Second {
			s.Errorf("silent for %v", after.SinceHeard)
		}
	}},
	{"a half-open link is noticed by the keepalive", func(s *suite) {
		for _, d := range []Direction{Up, Down, Both} {
			session, r := s.dial(s.connect())
			s.Server.Inject(HalfOpen(d))
			start := time.Now()
			s.waitLong(session)
			if took := time.Since(start); took < time.Minute || took > 76*time.Second {
				s.Errorf("direction %d: noticed after %v", d, took)
			}
			if lost := r.LostErrors(); len(lost) != 1 || !errors.Is(lost[0], transport.ErrNoPingResponse) {
				s.Errorf("direction %d: lost %v", d, lost)
			}
			s.Server.Heal()
		}
	}},
	{"half-open, publishing: written is not delivered", func(s *suite) {
		session, r := s.dial(s.connect())
		s.Server.Inject(HalfOpen(Both))
		for i := range 30 {
			s.publish(session, uint64(i), byte(i%2))
			time.Sleep(time.Second)
		}
		if n := len(r.Fates()); n != 15 {
			s.Errorf("%d fates", n) // all of QoS 0, none of QoS 1
		}
		s.waitLong(session)
		if n := len(r.Fates()); n != 30 {
			s.Errorf("%d fates at the end", n)
		}
	}},
	{"a stalled write ends at its deadline", func(s *suite) {
		c := s.connect()
		c.KeepAlive, c.WriteTimeout = 0, 8*time.Second
		session, r := s.dial(c)
		s.Server.Inject(StallWrite())
		start := time.Now()
		for i := range 10 {
			_ = session.Publish(uint64(i), "t", make([]byte, 100<<10), 0)
		}
		s.waitLong(session)
		if took := time.Since(start); took != 8*time.Second {
			s.Errorf("ended after %v", took)
		}
		var timeout interface{ Timeout() bool }
		if lost := r.LostErrors(); len(lost) != 1 || !errors.As(lost[0], &timeout) || !timeout.Timeout() {
			s.Errorf("lost %v", lost)
		}
		if n := len(r.Fates()); n != 10 {
			s.Errorf("%d fates", n)
		}
	}},
	{"Close on a stalled link is bounded", func(s *suite) {
		session, r := s.dial(s.connect())
		s.Server.Inject(StallWrite())
		for i := range 10 {
			_ = session.Publish(uint64(i), "t", make([]byte, 100<<10), 1)
		}
		synctest.Wait()
		start := time.Now()
		session.Close()
		if took := time.Since(start); took > time.Second {
			s.Errorf("Close took %v", took)
		}
		if len(r.LostErrors()) != 0 || len(r.Fates()) != 10 {
			s.Errorf("lost %v, %d fates", r.LostErrors(), len(r.Fates()))
		}
	}},
	{"Abort on a stalled link is at once", func(s *suite) {
		session, r := s.dial(s.connect())
		s.Server.Inject(StallWrite())
		for i := range 10 {
			_ = session.Publish(uint64(i), "t", make([]byte, 100<<10), 1)
		}
		synctest.Wait()
		start := time.Now()
		session.Abort(nil)
		s.waitLong(session)
		if took := time.Since(start); took != 0 || len(r.LostErrors()) != 1 {
			s.Errorf("after %v, lost %v", took, r.LostErrors())
		}
	}},
	{"a subscription into a stalled link honours its context", func(s *suite) {
		session, _ := s.dial(s.connect())
		s.Server.Inject(StallWrite())
		for i := range 10 {
			_ = session.Publish(uint64(i), "t", make([]byte, 100<<10), 1)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(s.context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		err := session.Subscribe(ctx, []transport.Filter{{Topic: "t"}})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			s.Errorf("%v after %v", err, time.Since(start))
		}
	}},
	{"latency delays and keeps the order", func(s *suite) {
		n := 0
		s.Server.Inject(Latency(
			func() time.Duration { n++; return time.Duration(n%3) * time.Second },
			func() time.Duration { return 400 * time.Millisecond }))
		s.Server.OnPublish = func(c *Client, m transport.Message) bool { c.Push("d", m.Payload, 0); return true }
		session, r := s.dial(s.connect())
		start := time.Now()
		for i := range 9 {
			s.publish(session, uint64(i), 0)
		}
		s.until(r, "all echoes", func() bool { return len(r.Messages()) == 9 })
		if took := time.Since(start); took < 2*time.Second || took > 3*time.Second {
			s.Errorf("took %v", took)
		}
		for i, m := range r.Messages() {
			if m.Payload[0] != byte('0'+i) {
				s.Errorf("message %d is %s", i, m.Payload)
			}
		}
	}},
	{"a flow that a NAT forgot is found at the next probe", func(s *suite) {
		c := s.connect()
		c.KeepAlive = 300 * time.Second
		s.Server.Inject(NATForget(150 * time.Second))
		session, r := s.dial(c)
		start := time.Now()
		s.waitLong(session)
		if took := time.Since(start); took < 300*time.Second || took > 316*time.Second {
			s.Errorf("found after %v (%v)", took, r.LostErrors())
		}
	}},
	{"the broker drops who is silent, and keeps ghosts until then", func(s *suite) {
		ended := make(chan error, 1)
		s.Server.OnEnd = func(_ *Client, err error) { ended <- err }
		session, _ := s.dial(s.connect())
		s.Server.Inject(HalfOpen(Both))
		session.Abort(nil)
		s.waitLong(session)
		if s.Server.Clients() != 1 {
			s.Errorf("no ghost")
		}
		time.Sleep(91 * time.Second)
		if err := <-ended; !errors.Is(err, ErrKeepAlive) || s.Server.Clients() != 0 {
			s.Errorf("%v, %d clients", err, s.Server.Clients())
		}
	}},
	{"displaced again and again", func(s *suite) {
		s.Server.Inject(Displaced(2 * time.Second))
		for range 3 {
			session, _ := s.dial(s.connect())
			start := time.Now()
			s.waitLong(session)
			if took := time.Since(start); took > 2*time.Second {
				s.Errorf("displaced after %v", took)
			}
		}
	}},
}

// waitLong waits for the end, in fake time.
func (s *suite) waitLong(session transport.Session) {
	s.Helper()
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	select {
	case <-session.Ended():
	case <-t.C:
		s.Fatal("not noticed within an hour")
	}
}
