package aliiot

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// The faults of the link, by their names in the catalogue. Each ends with what
// holds after all of them: nothing lost, the ledger balanced, the same id and
// time at every sending.

func (r *rig) wantWhole(within time.Duration) Ledger {
	r.t.Helper()
	r.drain(within)
	r.wantNothingLost()
	r.cloud.wantSteady(r.t)
	l := r.ledger()
	if l.Confirmed != uint64(len(r.kept)) {
		r.t.Errorf("%d reports kept, the ledger: %+v", len(r.kept), l.Counts)
	}
	return l
}

func TestFault_cut_after_publish(t *testing.T) {
	for name, how := range map[string]transporttest.Cut{"fin": transporttest.FIN, "rst": transporttest.RST} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.online()
				for range 5 {
					time.Sleep(5 * time.Minute) // sessions that last are no takeover
					r.net.Inject(transporttest.CutAfterPublish(how, 2))
					r.reports(6)
					time.Sleep(time.Minute)
					r.net.Heal()
					r.waitOnline()
				}
				r.wantWhole(10 * time.Minute)
				if r.cloud.sessions < 5 {
					t.Errorf("%d sessions: the link was not cut", r.cloud.sessions)
				}
			})
		})
	}
}

func TestFault_half_open(t *testing.T) {
	for name, d := range map[string]transporttest.Direction{
		"both": transporttest.Both, "up": transporttest.Up, "down": transporttest.Down} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.online()
				r.reports(5)
				r.drain(time.Minute)
				r.net.Inject(transporttest.HalfOpen(d))
				start := time.Now()
				r.reports(1)
				for r.dev.Status().Link.State == actors.StateOnline && time.Since(start) < time.Hour {
					time.Sleep(time.Second)
				}
				if found := time.Since(start); found > 20*time.Second {
					t.Errorf("noticed after %v", found)
				}
				r.reports(5)
				r.net.Heal()
				r.waitOnline()
				r.wantWhole(10 * time.Minute)
			})
		})
	}
}

func TestFault_replay_blackhole(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(300)
		r.net.Inject(transporttest.ReplayBlackhole(20))
		r.dev.Connect()
		r.waitOnline()
		time.Sleep(10 * time.Second)
		l := r.ledger()
		if l.Pending < 200 || l.Confirmed > 100 {
			t.Errorf("while nothing comes back: %+v", l.Counts)
		}
		r.net.Heal()
		r.wantWhole(time.Hour)
	})
}

func TestFault_stall_write(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.net.Inject(transporttest.StallWrite())
		r.reports(50)
		time.Sleep(2 * time.Minute)
		r.net.Heal()
		r.wantWhole(time.Hour)
	})
}

func TestFault_flap(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.dev.Connect()
		for range 60 {
			r.reports(1)
			time.Sleep(5 * time.Second)
			r.net.Inject(transporttest.DialRefused())
			r.net.CutAll(transporttest.RST)
			time.Sleep(5 * time.Second)
			r.net.Heal()
		}
		r.waitOnline()
		r.wantWhole(time.Hour)
		if n := r.net.Connects(); n > 5*12 {
			t.Errorf("%d connects in ten minutes", n)
		}
	})
}

func TestFault_dial_fails(t *testing.T) {
	for name, fault := range map[string]func() transporttest.Fault{
		"refused": transporttest.DialRefused, "blackhole": transporttest.DialBlackhole,
		"dns": transporttest.DNSBroken, "captive-portal": transporttest.CaptivePortal, "tls-bad-cert": transporttest.TLSBadCert,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.net.Inject(fault())
				r.open()
				r.dev.Connect()
				r.reports(10)
				time.Sleep(30 * time.Minute)
				if s := r.dev.Status().Link; s.State == actors.StateOnline || s.State == "refused" {
					t.Errorf("the state is %+v", s)
				}
				told := 0
				for len(r.dev.Notices()) > 0 {
					switch n := <-r.dev.Notices(); n.Kind {
					case NoticeDialFailed, NoticeNotServer, NoticeBadCertificate:
						told++
					}
				}
				if told == 0 || told > 3 {
					t.Errorf("the application was told %d times that and why its server cannot be reached", told)
				}
				r.reports(10)
				r.net.Heal()
				r.waitOnline()
				r.wantWhole(time.Hour)
			})
		})
	}
}

func TestFault_connack_refused(t *testing.T) {
	for code, want := range map[byte]actors.LinkState{1: "refused", 2: "refused", 3: "waiting", 4: "refused", 5: "refused"} {
		t.Run(strconv.Itoa(int(code)), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.net.Inject(transporttest.ConnackRefused(code))
				r.open()
				r.dev.Connect()
				r.reports(3)
				time.Sleep(2 * time.Second)
				if s := r.dev.Status().Link; s.State != want {
					t.Errorf("the state is %q, want %q", s.State, want)
				}
				time.Sleep(3 * time.Hour)
				if n := r.told(NoticeRefused); (n == 1) != (want == "refused") {
					t.Errorf("the application was told %d times that it is refused", n)
				}
				r.net.Heal()
				r.waitOnline()
				r.wantWhole(time.Hour)
			})
		})
	}
	t.Run("disabled", func(t *testing.T) { // is cut, and refused from then on
		inBubble(t, func(r *rig) {
			r.online()
			r.reports(3)
			r.drain(time.Minute)
			r.net.Inject(transporttest.ConnackRefused(5))
			r.net.CutAll(transporttest.FIN)
			before := r.net.Connects()
			for range 24 {
				r.reports(1)
				time.Sleep(time.Hour)
			}
			if n := r.net.Connects() - before; n < 24 || n > 120 {
				t.Errorf("%d attempts in a day", n)
			}
			if n := r.told(NoticeRefused); n != 1 {
				t.Errorf("the application was told %d times that it is refused", n)
			}
			r.net.Heal()
			time.Sleep(31 * time.Minute)
			if s := r.dev.Status().Link; s.State != actors.StateOnline {
				t.Errorf("enabled again for half an hour: %+v", s)
			}
			r.wantWhole(time.Minute)
		})
	})
}

func TestFault_displaced(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		r.net.Inject(transporttest.Displaced(2 * time.Second))
		told := false
		before := r.net.Connects()
		for range 120 { // two hours
			r.reports(1)
			time.Sleep(time.Minute)
			for len(r.dev.Notices()) > 0 {
				if n := <-r.dev.Notices(); n.Kind == NoticeDisplaced {
					told = true
				}
			}
		}
		if !told {
			t.Error("the application was not told")
		}
		if n := r.net.Connects() - before; n > 200 {
			t.Errorf("%d connects in two hours against a twin: it fights", n)
		}
		if l := r.ledger(); l.Quarantined > 0 {
			t.Errorf("a takeover was taken for a poison report: %+v", l.Counts)
		}
		r.net.Heal()
		r.waitOnline()
		r.wantWhole(time.Hour)
	})
}

func TestFault_address_change(t *testing.T) {
	for name, c := range map[string]struct {
		hint  bool
		bound time.Duration
	}{
		"hint": {true, 20 * time.Second},
		"none": {false, 5*time.Minute + 12*time.Second}, // the keepalive, and what a ping may take
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.online()
				r.net.Inject(transporttest.HalfOpen(transporttest.Both)) // the source address is gone, the socket is not
				if c.hint {
					r.dev.LinkHint(true)
				}
				r.offlineWithin(c.bound)
				r.reports(3)
				r.net.Heal()
				r.waitOnline()
				r.wantWhole(time.Hour)
			})
		})
	}
	t.Run("hint-storm", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.online()
			for _, dead := range []bool{false, true} {
				if dead {
					r.net.Inject(transporttest.HalfOpen(transporttest.Both))
				}
				before := r.net.Connects()
				asked := r.cloud.questions()
				for range 50 * 60 {
					r.dev.LinkHint(true)
					time.Sleep(20 * time.Millisecond)
				}
				if n := r.net.Connects() - before; n > 6 || !dead && n > 0 {
					t.Errorf("%d connects in a minute of hints; the link is dead: %v", n, dead)
				}
				if n := r.cloud.questions() - asked; n > 8 || !dead && n == 0 {
					t.Errorf("%d probes in a minute of hints; the link is dead: %v", n, dead)
				}
			}
			r.net.Heal()
			r.reports(3)
			r.waitOnline()
			r.wantWhole(time.Hour)
		})
	})
}

func TestFault_own_ghost(t *testing.T) {
	inBubble(t, func(r *rig) {
		d := &lateLost{Dialer: r.net.Dialer(), late: 25 * time.Second}
		r.dialer = d
		var id atomic.Value
		r.net.OnConnect = func(c transport.Connect) byte {
			id.Store(c.ClientID)
			return r.cloud.connect(c)
		}
		r.online()
		time.Sleep(2 * time.Minute)
		r.net.Client(id.Load().(string)).Kill() // half-open for good: the broker goes on believing in it
		r.reports(3)
		r.offlineWithin(30 * time.Second)
		r.waitOnline() // now the broker closes the old session, and word of it comes late
		connects := r.net.Connects()
		for range 30 {
			r.reports(1)
			time.Sleep(time.Minute)
			if s := r.dev.Status().Link; s.State != actors.StateOnline {
				t.Fatalf("the end of the old session moved the new one: %+v", s)
			}
		}
		if n := r.net.Connects() - connects; n > 0 || d.dials.Load() != 2 {
			t.Errorf("%d more sessions, %d dials", n, d.dials.Load())
		}
		if n := r.told(NoticeDisplaced); n > 0 {
			t.Error("its own ghost was taken for a twin")
		}
		r.wantWhole(time.Minute)
	})
}

func TestFault_puback_lost(t *testing.T) {
	t.Run("reply", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.net.Inject(transporttest.PubackLost())
			r.online()
			r.reports(20)
			r.wantWhole(time.Minute)
			if total, keys := r.cloud.arrivals(); total != keys {
				t.Errorf("%d arrivals of %d reports", total, keys)
			}
		})
	})
	t.Run("puback", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.cfg.Confirm = ConfirmPuback
			r.cloud.set(func(post) []byte { return nil })
			r.net.Inject(transporttest.PubackLost())
			r.online()
			r.reports(5)
			time.Sleep(10 * time.Minute)
			if l := r.ledger(); l.Confirmed > 0 {
				t.Errorf("confirmed without a PUBACK: %+v", l.Counts)
			}
			if total, keys := r.cloud.arrivals(); total <= keys {
				t.Errorf("%d arrivals of %d reports: nothing was repeated", total, keys)
			}
			r.net.Heal()
			r.waitOnline()
			r.wantWhole(time.Hour) // each under the id that it had
		})
	})
}

func TestFault_broker_restart(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(20)
		r.net.Inject(transporttest.DialRefused())
		r.net.CutAll(transporttest.FIN)
		r.reports(20)
		time.Sleep(5 * time.Minute)
		r.net.Heal()
		r.waitOnline()
		r.wantWhole(time.Hour)
	})
}

func TestFault_slow_2g(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		var late atomic.Int64
		oneWay := func() time.Duration { return time.Duration(late.Load()) / 2 }
		late.Store(int64(60 * time.Millisecond))
		r.net.Inject(transporttest.Latency(oneWay, oneWay))
		before := r.net.Connects()
		for i := range 600 {
			late.Store(int64(60 * time.Millisecond))
			if i/60%2 == 1 {
				late.Store(int64(8 * time.Second))
			}
			r.reports(1)
			time.Sleep(10 * time.Second)
		}
		if n := r.net.Connects() - before; n > 0 {
			t.Errorf("%d new sessions on a link that was only slow", n)
		}
		r.wantWhole(time.Hour)
		if total, keys := r.cloud.arrivals(); total > keys+keys/5 {
			t.Errorf("%d arrivals of %d reports: a resend storm", total, keys)
		}
	})
}

func TestFault_suback_bad(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.net.Inject(transporttest.SubackBad(alink.Filters(alink.Device{ProductKey: testPK, DeviceName: testDN})[0]))
		r.online()
		r.reports(3)
		r.wantWhole(time.Hour)
	})
}
