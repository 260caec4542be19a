package aliiot

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/transport/faultproxy"
)

// The faults of the bytes below MQTT: the device speaks through paho and the
// proxy, in virtual time.

func TestFault_cut_mid_packet(t *testing.T) {
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		r.online()
		for _, b := range []int{1, 2, 3, 4, 30, 60, 100, 150} { // fixed header, length, topic, payload
			time.Sleep(5 * time.Minute) // sessions that last are no takeover
			before := r.net.Connects()
			inject(t, p, faultproxy.CutMidPacket(b, true))
			r.reports(6)
			time.Sleep(time.Minute)
			if r.net.Connects() != before+1 {
				t.Errorf("after byte %d: %d new sessions, want one", b, r.net.Connects()-before)
			}
		}
		r.wantWhole(10 * time.Minute)
		if n := r.cloud.count(""); n > 0 {
			t.Errorf("%d halves of reports arrived", n)
		}
	})
}

func TestFault_stall_write_wire(t *testing.T) {
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		r.online()
		r.reports(1)
		r.drain(time.Minute)
		inject(t, p, faultproxy.StallWrite())
		if _, err := r.reportItem("big", Properties{"key": "big", "text": strings.Repeat("x", 200<<10)}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r.ledger() // the actors run on
		r.reports(3)
		if took := time.Since(start); took > time.Second {
			t.Errorf("beside a blocked write a report takes %v", took)
		}
		r.offlineWithin(12 * time.Second) // by the deadline of a write, before any ping or reply is due
		heal(t, p)
		r.waitOnline()
		r.wantWhole(time.Hour)
	})
}

func TestFault_trickle(t *testing.T) {
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		r.online()
		r.reports(1)
		r.drain(time.Minute)
		inject(t, p, faultproxy.Trickle())
		r.reports(1)
		r.offlineWithin(time.Minute)
		for range 900 { // each phase comes to its end, though every second a byte comes through
			time.Sleep(2 * time.Second)
			s := r.dev.Status().Link
			age, bound := r.dev.tree.BootTime()-s.Since, 50*time.Second
			if s.State == "waiting" {
				bound = 6 * time.Minute
			}
			if s.State == actors.StateOnline || age > bound {
				t.Fatalf("at one byte a second, for %v: %+v", age, s)
			}
		}
		if n := p.Stats().Dials; n < 5 {
			t.Errorf("%d attempts in half an hour", n)
		}
		heal(t, p)
		r.waitOnline()
		r.wantWhole(time.Hour)
	})
}

func TestFault_mtu_blackhole(t *testing.T) {
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		inject(t, p, faultproxy.MTUBlackhole(900))
		r.online()
		for i := range 3 {
			r.reports(5)
			if _, err := r.reportItem("large"+string(rune('a'+i)), Properties{"key": "large" + string(rune('a'+i)), "text": strings.Repeat("x", 2000)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Minute)
		}
		l := r.ledger()
		if l.Quarantined > 0 || l.Pending == 0 || p.Stats().Swallowed == 0 {
			t.Errorf("while large packets vanish: %+v, %d swallowed", l.Counts, p.Stats().Swallowed)
		}
		heal(t, p)
		r.wantWhole(time.Hour)
	})
}

func TestFault_byte_flip_wire(t *testing.T) {
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		r.online()
		ends := r.net.Connects()
		flips := 0
		for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
			for n := 1; n < 400; n += 7 {
				inject(t, p, faultproxy.ByteFlip(d, n))
				flips++
				r.reports(3)
				time.Sleep(2 * time.Minute)
			}
		}
		heal(t, p)
		r.waitOnline()
		r.drain(time.Hour)
		l := r.ledger()
		if s := r.dev.Status(); s.Restarts+s.TreeRestarts > 0 || l.Quarantined > 0 {
			t.Errorf("%+v, %+v", s, l.Counts)
		}
		// A flip in a report's own text is nobody's to see on a plain stream.
		lost := 0
		for key := range r.kept {
			if r.cloud.count(key) == 0 {
				lost++
			}
		}
		if lost > flips {
			t.Errorf("%d reports never came, after %d flips", lost, flips)
		}
		if n := r.net.Connects() - ends; n == 0 || n > 2*flips {
			t.Errorf("%d sessions for %d flips", n, flips)
		}
	})
}

func TestFault_captive_portal(t *testing.T) {
	for name, server := range map[string]string{"plain": "mqtt://platform.test:1883", "tls": "mqtts://platform.test:1883"} {
		t.Run(name, func(t *testing.T) {
			pool, good := certificate(t, "platform.test", 0, 100*24*time.Hour)
			served := func(c net.Conn) net.Conn { return c }
			if name == "tls" {
				served = tlsEnd(good)
			}
			inWireBubble(t, served, func(r *rig, p *faultproxy.Proxy) {
				r.cfg.Server, r.cfg.RootCAs = server, pool
				r.online()
				r.reports(3)
				r.drain(time.Minute)
				inject(t, p, faultproxy.CaptivePortal())
				p.CutAll(faultproxy.RST)
				r.reports(3)
				told := 0
				for range 60 {
					time.Sleep(10 * time.Second)
					if s := r.dev.Status().Link.State; s == "refused" || s == actors.StateOnline {
						t.Fatalf("a portal answers, and the state is %q", s)
					}
					told += r.told(NoticeNotServer)
				}
				if told != 1 {
					t.Errorf("the application was told %d times that something else answers", told)
				}
				heal(t, p)
				r.waitOnline()
				r.wantWhole(time.Hour)
			})
		})
	}
}

func TestFault_nat_forget(t *testing.T) {
	inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
		inject(t, p, faultproxy.NATForget(150*time.Second))
		r.online()
		r.reports(1)
		r.drain(time.Minute)
		time.Sleep(150*time.Second + 5*time.Minute + 20*time.Second) // found at the next ping, the bound of a quiet link
		if n := r.net.Connects(); n < 2 {
			t.Errorf("%d sessions: the dead one was not found", n)
		}
		time.Sleep(time.Hour)
		learned := r.net.Connects()
		if learned > 4 {
			t.Errorf("%d sessions in an hour", learned)
		}
		for range 6 {
			time.Sleep(time.Hour)
			r.reports(1)
		}
		r.wantWhole(time.Minute)
		if n := r.net.Connects() - learned; n > 1 { // half of the default is just what the network keeps, but for paho's ticks
			t.Errorf("%d sessions died after the keepalive had learned", n)
		}
		pings := p.Stats().Up.Packets[12]
		heal(t, p)
		r.dev.LinkHint(true) // another network
		time.Sleep(2 * time.Second)
		p.CutAll(faultproxy.FIN)
		time.Sleep(time.Hour)
		if n := p.Stats().Up.Packets[12] - pings; n > 14 {
			t.Errorf("%d pings an hour on a network that forgets nothing", n)
		}
	})
}
