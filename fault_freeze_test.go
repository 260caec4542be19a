package aliiot

import (
	"testing"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/transport/faultproxy"
)

func TestFault_sigstop(t *testing.T) {
	for name, c := range map[string]struct {
		stopped  time.Duration
		sessions int // more than the first
	}{
		"60 s":             {time.Minute, 1},       // a busy link that fell silent may be given up, once
		"1.5 x keepalive":  {460 * time.Second, 2}, // the broker has given the session up
		"longer than that": {2 * time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inFrozenBubble(t, func(r *rig, p *faultproxy.Proxy, f *standstill) {
				r.online()
				r.reports(20, TTL(3*time.Hour))
				r.drain(time.Minute)
				before := r.net.Connects()
				r.reports(20, TTL(3*time.Hour)) // on the wire, or about to be
				f.freeze(c.stopped)
				time.Sleep(2 * time.Minute)
				arrived, _ := r.cloud.arrivals()
				if arrived > 40+20+actorsWindow {
					t.Errorf("%d arrivals of 40 reports: a flood", arrived)
				}
				if n := r.net.Connects() - before; n > c.sessions {
					t.Errorf("%d new sessions", n)
				}
				if s := r.dev.Status(); s.Link.State != actors.StateOnline || s.TreeRestarts > 0 {
					t.Errorf("two minutes later: %+v", s)
				}
				if l := r.wantWhole(time.Minute); l.Expired > 0 {
					t.Errorf("%+v", l.Counts)
				}
			})
		})
	}
}

// actorsWindow is how many posts may be on the wire at once and so be sent again.
const actorsWindow = 20

func TestFault_cpu_starved(t *testing.T) {
	inFrozenBubble(t, func(r *rig, p *faultproxy.Proxy, f *standstill) {
		r.online()
		f.mu.Lock()
		f.slow = 20 * time.Millisecond // a message that takes one at full speed
		f.mu.Unlock()
		inject(t, p, faultproxy.Latency(nil, func() time.Duration { return 300 * time.Millisecond }))
		before := r.net.Connects()
		for i := range 60 {
			go func() {
				time.Sleep(time.Duration(i%7) * 3 * time.Second)
				if i%3 == 0 {
					r.dev.LinkHint(true) // the pause falls into a probe
					time.Sleep(50 * time.Millisecond)
				}
				f.freeze(20 * time.Second)
			}()
			for range 6 {
				r.reports(1)
				time.Sleep(10 * time.Second)
			}
		}
		time.Sleep(time.Minute)
		if n := r.net.Connects() - before; n > 0 {
			t.Errorf("%d sessions were given up for a device that had no time", n)
		}
		l := r.wantWhole(10 * time.Minute)
		if s := r.dev.Status(); s.Restarts+s.TreeRestarts > 0 || l.Quarantined > 0 {
			t.Errorf("%+v %+v", s, l.Counts)
		}
		if total, keys := r.cloud.arrivals(); total > keys+keys/4 {
			t.Errorf("%d arrivals of %d reports", total, keys)
		}
	})
}

// A pause that begins while an answer is overdue already, and a probe is out.
func TestFault_cpu_starved_in_doubt(t *testing.T) {
	inFrozenBubble(t, func(r *rig, p *faultproxy.Proxy, f *standstill) {
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		before := r.net.Connects()
		for range 5 {
			slow := func() time.Duration { return 4 * time.Second }
			inject(t, p, faultproxy.Latency(nil, slow))
			r.reports(2)
			time.Sleep(3 * time.Second)
			f.freeze(25 * time.Second)
			time.Sleep(20 * time.Second)
			heal(t, p)
			r.reports(3)
			time.Sleep(3 * time.Minute)
		}
		if n := r.net.Connects() - before; n > 0 {
			t.Errorf("%d sessions were given up for a device that had no time", n)
		}
		r.wantWhole(time.Minute)
	})
}
