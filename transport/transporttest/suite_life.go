package transporttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// lifeChecks are about how a session begins and ends.
var lifeChecks = []check{
	{"connect carries everything", func(s *suite) {
		got := make(chan transport.Connect, 1)
		s.Server.OnConnect = func(c transport.Connect) byte { got <- c; return 0 }
		session, _ := s.dial(s.connect())
		c := <-got
		if c.ClientID != "device-1" || c.Username != "user" || string(c.Password) != "secret" || c.KeepAlive != time.Minute || !c.CleanSession {
			s.Errorf("the broker saw %+v", c)
		}
		if st := session.Stats(); st.BytesOut == 0 || st.BytesIn != 4 || st.PacketsIn != 1 || st.SessionPresent {
			s.Errorf("stats after connect: %+v", st)
		}
	}},
	{"refused by every code", func(s *suite) {
		for _, code := range []byte{1, 2, 3, 4, 5, 6, 128, 135} {
			s.Server.Inject(ConnackRefused(code))
			r := NewRecorder()
			_, err := s.Dialer.Dial(s.context(), s.connect(), r)
			var refused *transport.RefusedError
			if !errors.As(err, &refused) || refused.Code != code || transport.PhaseOf(err) != transport.PhaseConnect {
				s.Errorf("code %d: %v", code, err)
			}
			if len(r.LostErrors()) > 0 {
				s.Errorf("code %d: Lost without a session", code)
			}
		}
		if n := s.Server.Connects(); n != 8 {
			s.Errorf("%d CONNECTs for 8 attempts", n)
		}
		s.Server.Heal()
		s.dial(s.connect())
	}},
	{"a captive portal is no refusal", func(s *suite) {
		s.Server.Inject(CaptivePortal())
		_, err := s.Dialer.Dial(s.context(), s.connect(), NewRecorder())
		var not *transport.NotServerError
		if !errors.As(err, &not) || string(not.Got[:5]) != "HTTP/" || transport.PhaseOf(err) != transport.PhaseConnect {
			s.Errorf("%v", err)
		}
	}},
	{"cancel while waiting for CONNACK", func(s *suite) {
		ctx, cancel := context.WithCancel(s.context())
		asked, answer := make(chan struct{}), make(chan struct{})
		s.Server.OnConnect = func(transport.Connect) byte { close(asked); <-answer; return 5 }
		go func() { <-asked; cancel(); close(answer) }()
		_, err := s.Dialer.Dial(ctx, s.connect(), NewRecorder())
		// The refusal may have come first in memory; a session may not.
		if err == nil {
			s.Errorf("cancelled, and connected")
		}
	}},
	{"a cancelled context dials nothing", func(s *suite) {
		ctx, cancel := context.WithCancel(s.context())
		cancel()
		if _, err := s.Dialer.Dial(ctx, s.connect(), NewRecorder()); !errors.Is(err, context.Canceled) {
			s.Errorf("%v", err)
		}
	}},
	{"the peer's end is Lost, once", func(s *suite) {
		for _, how := range []Cut{FIN, RST} {
			session, r := s.dial(s.connect())
			s.Server.Client("device-1").Cut(how)
			s.wait("the end", session.Ended())
			lost := r.LostErrors()
			if len(lost) != 1 || lost[0] == nil || !errors.Is(session.Err(), lost[0]) {
				s.Errorf("cut %d: lost %v, err %v", how, lost, session.Err())
			}
		}
	}},
	{"Close says goodbye and is not Lost", func(s *suite) {
		ended := make(chan error, 1)
		s.Server.OnEnd = func(_ *Client, err error) { ended <- err }
		session, r := s.dial(s.connect())
		session.Close()
		select {
		case <-session.Ended():
		default:
			s.Errorf("Close came back before the end")
		}
		if err := <-ended; err != nil {
			s.Errorf("the broker saw no DISCONNECT: %v", err)
		}
		if len(r.LostErrors()) != 0 || session.Err() != nil {
			s.Errorf("lost %v, err %v", r.LostErrors(), session.Err())
		}
		session.Close()
		session.Abort(nil)
	}},
	{"Close lets the queue leave first", func(s *suite) {
		seen := make(chan string, 64)
		s.Server.OnPublish = func(_ *Client, m transport.Message) bool { seen <- string(m.Payload); return true }
		ended := make(chan error, 1)
		s.Server.OnEnd = func(_ *Client, err error) { ended <- err }
		session, r := s.dial(s.connect())
		for i := range 20 {
			s.publish(session, uint64(i), 0)
		}
		session.Close()
		if err := <-ended; err != nil {
			s.Errorf("the broker saw no DISCONNECT: %v", err)
		}
		if len(seen) != 20 {
			s.Errorf("%d of 20 arrived", len(seen))
		}
		for _, f := range r.Fates() {
			if f.Level != transport.Written || f.Err != nil {
				s.Errorf("fate %+v", f)
			}
		}
	}},
	{"Abort ends at once with its reason", func(s *suite) {
		reason := errors.New("watchdog")
		ended := make(chan error, 1)
		s.Server.OnEnd = func(_ *Client, err error) { ended <- err }
		session, r := s.dial(s.connect())
		session.Abort(reason)
		s.wait("the end", session.Ended())
		if lost := r.LostErrors(); len(lost) != 1 || !errors.Is(lost[0], reason) || !errors.Is(session.Err(), reason) {
			s.Errorf("lost %v, err %v", lost, session.Err())
		}
		if err := <-ended; err == nil {
			s.Errorf("the broker saw a DISCONNECT")
		}
	}},
	{"after the end everything says so", func(s *suite) {
		session, _ := s.dial(s.connect())
		session.Abort(nil)
		s.wait("the end", session.Ended())
		if err := session.Publish(1, "t", nil, 0); !errors.Is(err, transport.ErrEnded) {
			s.Errorf("publish: %v", err)
		}
		if err := session.Subscribe(s.context(), []transport.Filter{{Topic: "t"}}); !errors.Is(err, transport.ErrEnded) {
			s.Errorf("subscribe: %v", err)
		}
		if !errors.Is(session.Err(), transport.ErrAborted) {
			s.Errorf("err: %v", session.Err())
		}
	}},
	{"a newer connection displaces the older", func(s *suite) {
		old, r := s.dial(s.connect())
		young, ry := s.dial(s.connect())
		s.wait("the old one's end", old.Ended())
		if len(r.LostErrors()) != 1 {
			s.Errorf("lost %v", r.LostErrors())
		}
		s.publish(young, 1, 1)
		s.until(ry, "a PUBACK on the young one", func() bool { return len(ry.Fates()) == 1 })
	}},
	{"many sessions come and go", func(s *suite) {
		for i := range 50 {
			c := s.connect()
			c.ClientID = fmt.Sprint("device-", i%7)
			session, r := s.dial(c)
			s.publish(session, 1, 1)
			switch i % 3 {
			case 0:
				session.Close()
			case 1:
				session.Abort(nil)
			default:
				s.Server.CutAll(RST)
			}
			s.wait("the end", session.Ended())
			if len(r.Fates()) != 1 {
				s.Errorf("round %d: fates %v", i, r.Fates())
			}
		}
	}},
}
