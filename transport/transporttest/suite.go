package transporttest

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// Pair is a transport and the server that it reaches.
type Pair struct {
	Dialer transport.Dialer
	Server *Server
	// Address goes into Connect.Server.
	Address string
}

// Suite checks what every transport promises. In a bubble it also checks what
// takes time: keepalives, deadlines, stalls. newPair is called once for each
// check, inside the bubble; it registers its own cleaning up with t.
func Suite(t *testing.T, bubble bool, newPair func(t *testing.T) Pair) {
	checks := append([]check(nil), lifeChecks...)
	checks = append(checks, trafficChecks...)
	if bubble {
		checks = append(checks, timeChecks...)
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			run := func(t *testing.T) { c.run(&suite{T: t, Pair: newPair(t)}) }
			if bubble {
				synctest.Test(t, run) // which also finds what is left behind
			} else {
				run(t)
			}
		})
	}
}

type check struct {
	name string
	run  func(s *suite)
}

type suite struct {
	*testing.T
	Pair
}

// patience only bounds a test that would fail anyway.
const patienceOfTests = 30 * time.Second

func (s *suite) connect() transport.Connect {
	return transport.Connect{
		Server: s.Address, ClientID: "device-1", Username: "user", Password: "secret",
		KeepAlive: 60 * time.Second, CleanSession: true,
	}
}

func (s *suite) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	s.Cleanup(cancel)
	return ctx
}

// dial connects, and aborts at the end of the check.
func (s *suite) dial(c transport.Connect) (transport.Session, *Recorder) {
	s.Helper()
	r := NewRecorder()
	session, err := s.Dialer.Dial(s.context(), c, r)
	if err != nil {
		s.Fatalf("dial: %v", err)
	}
	s.Cleanup(func() {
		session.Abort(nil)
		<-session.Ended()
		if n := len(r.LostErrors()); n > 1 {
			s.Errorf("Lost was called %d times", n)
		}
		if n := r.Late(); n > 0 {
			s.Errorf("the sink was called %d times after Lost", n)
		}
	})
	return session, r
}

// until waits for something that the recorder shows.
func (s *suite) until(r *Recorder, what string, ok func() bool) {
	s.Helper()
	timeout := time.NewTimer(patienceOfTests)
	defer timeout.Stop()
	for !ok() {
		select {
		case <-r.Changed:
		case <-timeout.C:
			s.Fatalf("never saw %s: fates %v, %d messages, lost %v", what, r.Fates(), len(r.Messages()), r.LostErrors())
		}
	}
}

// wait waits for a channel.
func (s *suite) wait(what string, c <-chan struct{}) {
	s.Helper()
	timeout := time.NewTimer(patienceOfTests)
	defer timeout.Stop()
	select {
	case <-c:
	case <-timeout.C:
		s.Fatalf("never saw %s", what)
	}
}

func (s *suite) publish(session transport.Session, token uint64, qos byte) {
	s.Helper()
	if err := session.Publish(token, "t/up", []byte(fmt.Sprint(token)), qos); err != nil {
		s.Fatalf("publish %d: %v", token, err)
	}
}
