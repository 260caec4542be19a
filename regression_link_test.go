package aliiot

// What a hostile reader found of links: the report that is too large for its link, and
// the one that the broker answers by closing it.

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aliiot/aliiot/transport/faultproxy"
	"github.com/aliiot/aliiot/transport/transporttest"
)

func TestALargeReportOnASlowLinkArrives(t *testing.T) {
	for _, kib := range []int{20, 60, 150} {
		inWireBubble(t, nil, func(r *rig, p *faultproxy.Proxy) {
			r.online()
			inject(t, p, faultproxy.Slow2G(rand.New(rand.NewPCG(1, 1))))
			r.report()
			time.Sleep(time.Minute)
			sessions := r.cloud.sessions
			r.next++
			if _, err := r.reportItem("big", Properties{"key": "big", "text": strings.Repeat("x", kib<<10)}); err != nil {
				t.Fatal(err)
			}
			for range 12 {
				time.Sleep(5 * time.Second)
				r.report(Alarm)
			}
			r.drain(30 * time.Minute)
			if n := r.cloud.count("big"); n != 1 {
				t.Errorf("%d KiB: they came %d times", kib, n)
			}
			if n := r.cloud.sessions - sessions; n > 0 {
				t.Errorf("%d KiB: %d new sessions on a link that was only slow", kib, n)
			}
			heal(t, p)
		})
	}
}

func TestAPoisonReportIsSetAsideWhateverConfirms(t *testing.T) {
	for _, by := range []Confirm{ConfirmReply, ConfirmPuback} {
		inBubble(t, func(r *rig) {
			r.cfg.Confirm = by
			r.online()
			r.reports(3)
			r.drain(time.Minute)
			r.cloud.set(func(p post) []byte {
				if p.key == "k6" {
					r.net.CutAll(transporttest.FIN)
				} else if by == ConfirmReply {
					return yes(p)
				}
				return nil
			})
			r.reports(10)
			time.Sleep(6 * time.Hour)
			if l := r.ledger(); l.Quarantined != 1 || l.Pending != 1 {
				t.Errorf("confirmed by %v: %+v", by, l.Counts)
			}
		})
	}
}
