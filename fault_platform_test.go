package aliiot

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/transport/transporttest"
)

func TestFault_reply_lost(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.cloud.set(func(p post) []byte {
			if p.n == 1 && len(p.key)%2 == 0 {
				return nil
			}
			return yes(p)
		})
		r.reports(100)
		r.wantWhole(time.Hour)
		total, keys := r.cloud.arrivals()
		if keys != 100 || total <= keys {
			t.Errorf("%d arrivals of %d reports: no reply was lost", total, keys)
		}
	})
}

func TestFault_reply_twice(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.cloud.set(func(p post) []byte {
			to, _ := p.topic.Reply()
			r.net.Publish(to.String(), yes(p), 0)
			return yes(p)
		})
		r.reports(30)
		l := r.wantWhole(time.Hour)
		if l.Late != 0 {
			t.Errorf("the second yes counts as late: %+v", l.Counts)
		}
	})
}

func TestFault_reply_late(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		var mu sync.Mutex
		var late []post
		r.cloud.set(func(p post) []byte {
			mu.Lock()
			defer mu.Unlock()
			late = append(late, p)
			return nil
		})
		r.reports(5)
		time.Sleep(time.Minute)
		r.net.CutAll(transporttest.FIN)
		time.Sleep(30 * time.Second)
		r.waitOnline()
		r.close()
		r.online() // a process later
		mu.Lock()
		answers := slices.Clone(late)
		mu.Unlock()
		for _, p := range answers {
			to, _ := p.topic.Reply()
			r.net.Publish(to.String(), yes(p), 0)
		}
		r.wantWhole(time.Hour)
	})
}

func TestFault_reply_unknown_id(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.cloud.set(func(post) []byte { return nil })
		r.reports(5)
		time.Sleep(time.Second) // they are on the wire
		reply := alink.Topic{Kind: alink.PropertyPostReply, Device: alink.Device{ProductKey: testPK, DeviceName: testDN}}.String()
		for _, id := range []string{"77777", "2147483653", "4294967295", "99999999999999999999", "-1", "abc"} {
			r.net.Publish(reply, []byte(`{"id":"`+id+`","code":200,"data":{}}`), 0)
		}
		for _, body := range []string{``, `{`, `[]`, `{"id":null,"code":200}`, `{"code":200}`, `{"id":"1","code":"many"}`, "\xff\xfe"} { // reply-wrong-shape
			r.net.Publish(reply, []byte(body), 0)
		}
		time.Sleep(5 * time.Second)
		if l := r.ledger(); l.Confirmed != 0 {
			t.Errorf("a stranger was settled: %+v", l.Counts)
		}
		r.cloud.set(func(p post) []byte { // a number for an id, and a code as text
			return []byte(`{"id":` + p.id.String() + `,"code":"200"}`)
		})
		r.wantWhole(time.Hour)
	})
}

func TestFault_code_429(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.cloud.set(func(p post) []byte { return reply(p, 429) })
		r.reports(50)
		time.Sleep(10 * time.Minute)
		l := r.ledger()
		if l.Pending != 50 {
			t.Errorf("a throttled report ended: %+v", l.Counts)
		}
		if total, _ := r.cloud.arrivals(); total > 400 {
			t.Errorf("%d posts in ten minutes of throttling", total)
		}
		r.cloud.set(yes)
		r.wantWhole(time.Hour)
	})
}

func TestFault_code_final(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		guilty := map[string]alink.Code{"k3": 6306, "k7": 460}
		r.cloud.set(func(p post) []byte {
			if code := guilty[p.key]; code != 0 {
				return reply(p, code)
			}
			return yes(p)
		})
		r.reports(10)
		r.drain(time.Hour)
		l := r.ledger()
		if l.Rejected != 2 || l.Confirmed != 8 {
			t.Errorf("the ledger: %+v", l.Counts)
		}
		for key, code := range guilty {
			end, err := r.kept[key].Wait(context.Background())
			if err != nil || end.Outcome != Rejected || end.Code != int(code) {
				t.Errorf("%s ended as %+v, %v; want rejected with %d", key, end, err, code)
			}
		}
		r.close()
		r.open()
		if again := r.ledger(); again.Counts != l.Counts {
			t.Errorf("after opening again %+v, before %+v", again.Counts, l.Counts)
		}
	})
}

func TestFault_silent_quota(t *testing.T) {
	inBubble(t, func(r *rig) {
		second, n, dropped := int64(0), 0, 0
		r.cloud.set(func(p post) []byte {
			if now := time.Now().Unix(); now != second {
				second, n = now, 0
			}
			if n++; n > 30 {
				dropped++
				return nil
			}
			return yes(p)
		})
		r.open()
		r.reports(1000)
		start := time.Now()
		r.dev.Connect()
		r.wantWhole(time.Hour)
		if dropped > 0 {
			t.Errorf("the quota dropped %d posts", dropped)
		}
		if took := time.Since(start); took > 1000/20*time.Second {
			t.Errorf("1,000 reports took %v under a quota of 30 a second", took)
		}
	})
}

func TestFault_poison_report(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		r.cloud.set(func(p post) []byte {
			if p.key == "k6" {
				r.net.CutAll(transporttest.FIN)
				return nil
			}
			return yes(p)
		})
		r.reports(10)
		time.Sleep(2 * time.Hour)
		l := r.ledger()
		if l.Quarantined != 1 || l.Pending != 1 || l.Confirmed != 12 {
			t.Errorf("the ledger: %+v", l.Counts)
		}
		r.waitOnline()
		r.reports(5)
		r.drain(time.Minute)
		if l := r.ledger(); l.Confirmed != 17 {
			t.Errorf("the rest does not flow: %+v", l.Counts)
		}
		r.close()
		r.online()
		time.Sleep(time.Minute)
		if l := r.ledger(); l.Quarantined != 1 {
			t.Errorf("the quarantine did not outlive the process: %+v", l.Counts)
		}
	})
}

func TestFault_puback_only(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.cloud.set(func(post) []byte { return nil })
		r.reports(5)
		time.Sleep(time.Minute)
		if l := r.ledger(); l.Confirmed != 0 {
			t.Errorf("confirmed without the platform's word: %+v", l.Counts)
		}
		r.cloud.set(yes)
		r.wantWhole(time.Hour)
	})
}

func TestConfirmByPuback(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cfg.Confirm = ConfirmPuback
		r.cloud.set(func(post) []byte { return nil })
		r.online()
		r.reports(25)
		l := r.wantWhole(time.Hour)
		if l.ConfirmedBy.Puback != 25 || l.ConfirmedBy.Reply != 0 {
			t.Errorf("the level is not named: %+v", l.Counts)
		}
	})
}
