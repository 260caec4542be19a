package aliiot

import (
	"context"
	"strconv"
	"strings"
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
	for _, name := range []string{"time-out", "reconnect", "restart", "kill-9"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.online()
				var mu sync.Mutex
				first := map[string]post{}
				r.cloud.set(func(p post) []byte {
					mu.Lock()
					defer mu.Unlock()
					if p.n == 1 {
						first[p.key] = p
					}
					return nil
				})
				r.reports(5)
				time.Sleep(5 * time.Second)
				switch name {
				case "time-out": // each was sent again; the link is still believed in
					time.Sleep(9 * time.Second)
				case "reconnect":
					r.net.CutAll(transporttest.FIN)
					time.Sleep(30 * time.Second)
					r.waitOnline()
				case "restart":
					r.close()
					r.online()
				case "kill-9":
					r.kill()
					r.online()
				}
				if l := r.ledger(); l.Pending != 5 {
					t.Errorf("before any answer: %+v", l.Counts)
				}
				for range 2 {
					mu.Lock()
					for _, p := range first {
						to, _ := p.topic.Reply()
						if r.net.Publish(to.String(), yes(p), 0) != 1 {
							t.Error("nobody heard the late reply")
						}
					}
					mu.Unlock()
				}
				time.Sleep(time.Second)
				if l := r.ledger(); l.Pending != 0 || l.Confirmed != 5 {
					t.Errorf("after the late answers: %+v", l.Counts)
				}
				r.cloud.set(yes)
				if r.wantWhole(time.Minute); r.cloud.got["k1"] == 0 {
					t.Error("nothing came")
				}
			})
		})
	}
}

func TestFault_reply_unknown_id(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		r.close()
		r.online() // ids 1 to 3 are an earlier process's, long settled
		r.cloud.set(func(post) []byte { return nil })
		r.reports(5)
		time.Sleep(time.Second) // they are on the wire
		for _, id := range []string{"1", "2", "3", "77777", "2147483653", "4294967295", "99999999999999999999", "-1", "abc"} {
			for _, code := range []string{"200", "460"} {
				r.net.Publish(postReply, []byte(`{"id":"`+id+`","code":`+code+`,"data":{}}`), 0)
			}
		}
		time.Sleep(time.Second)
		if l := r.ledger(); l.Confirmed != 3 || l.Rejected != 0 || l.Pending != 5 {
			t.Errorf("a stranger was settled: %+v", l.Counts)
		}
		if n := r.dev.tree.Figures().UnknownReplies; n != 2*7 { // two of nine are ids of the session's own half
			t.Errorf("%d replies that fit nothing were counted", n)
		}
		r.cloud.set(yes)
		r.wantWhole(time.Hour)
	})
}

var postReply = alink.Topic{Kind: alink.PropertyPostReply, Device: alink.Device{ProductKey: testPK, DeviceName: testDN}}.String()

func TestFault_reply_wrong_shape(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.cloud.set(func(post) []byte { return nil })
		r.reports(8)
		time.Sleep(time.Second) // they are on the wire, with the ids 1 to 8
		nonsense := []string{"", "{", "[]", "null", `{"id":null,"code":200}`, `{"code":200}`, `{"id":"1"}`, `{"id":"1","code":"many"}`, `{"id":{},"code":200}`,
			`{"id":"1","code":200.5}`, "\xff\xfe", strings.Repeat("[", 10000), strings.Repeat("x", 1<<17)}
		for _, body := range nonsense {
			r.net.Publish(postReply, []byte(body), 0)
		}
		time.Sleep(time.Second)
		if l := r.ledger(); l.Pending != 8 {
			t.Errorf("nonsense settled something: %+v", l.Counts)
		}
		if f := r.dev.tree.Figures(); f.DroppedReplies+f.UnknownReplies != uint64(len(nonsense)) {
			t.Errorf("%d replies of %d were counted as unreadable, %d as unknown", f.DroppedReplies, len(nonsense), f.UnknownReplies)
		}
		for i, body := range []string{`{"id":1,"code":200}`, `{"id":"2","code":"200"}`, `{"id":"3","code":200,"data":null}`, `{"id":"4","code":200,"data":"text","message":7}`,
			` { "method":"thing.event.property.post","version":"1.0","data":{},"code":200,"id":"5" } `, `{"id":"6","code":200,"unknown":{"deep":[1]}}`} {
			r.net.Publish(postReply, []byte(body), 0)
			time.Sleep(100 * time.Millisecond)
			if l := r.ledger(); l.Confirmed != uint64(i+1) {
				t.Errorf("%s was not understood: %+v", body, l.Counts)
			}
		}
		r.cloud.set(yes)
		r.wantWhole(time.Hour)
		if s := r.dev.Status(); s.Restarts > 0 {
			t.Errorf("%d actors panicked", s.Restarts)
		}
	})
	t.Run("before its PUBACK", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.cfg.Confirm = ConfirmPuback // QoS 1, and a platform that replies all the same
			r.online()
			r.reports(20)
			l := r.wantWhole(time.Hour)
			if l.Late != 0 {
				t.Errorf("%+v", l.Counts)
			}
		})
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
		final := []alink.Code{7777, 100001} // unknown ones are final too
		for c := range alink.Code(30000) {
			if c.Known() && c.Verdict() == alink.GiveUp {
				final = append(final, c)
			}
		}
		guilty := map[string]alink.Code{}
		for i, c := range final {
			guilty["k"+strconv.Itoa(2*i+1)] = c
		}
		r.cloud.set(func(p post) []byte {
			if code := guilty[p.key]; code != 0 {
				return reply(p, code)
			}
			return yes(p)
		})
		r.reports(2 * len(final))
		r.drain(time.Hour)
		l := r.ledger()
		if n := uint64(len(final)); n < 50 || l.Rejected != n || l.Confirmed != n {
			t.Errorf("%d codes; the ledger: %+v", n, l.Counts)
		}
		for key, code := range guilty {
			end, err := r.kept[key].Wait(context.Background())
			if err != nil || end.Outcome != Rejected || end.Code != int(code) {
				t.Errorf("%s ended as %+v, %v; want rejected with %d", key, end, err, code)
			}
		}
		if total, keys := r.cloud.arrivals(); total != keys {
			t.Errorf("%d arrivals of %d reports: a final no was not taken as such", total, keys)
		}
		r.close()
		r.open()
		if again := r.ledger(); again.Counts != l.Counts {
			t.Errorf("after opening again %+v, before %+v", again.Counts, l.Counts)
		}
	})
}

// A pack has one member until packing comes: it cannot be narrowed.
func TestFault_pack_one_bad(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		guilty := map[string]alink.Code{"k4": 6106, "k9": 6306, "k11": 6326}
		r.cloud.set(func(p post) []byte {
			if code := guilty[p.key]; code != 0 {
				return reply(p, code)
			}
			return yes(p)
		})
		r.reports(30)
		r.drain(time.Hour)
		for key, rec := range r.kept {
			want := End{Outcome: Confirmed}
			if code := guilty[key]; code != 0 {
				want = End{Outcome: Rejected, Code: int(code)}
			}
			if end, err := rec.Wait(context.Background()); err != nil || end.Outcome != want.Outcome || want.Code != 0 && end.Code != want.Code {
				t.Errorf("%s ended as %+v, %v", key, end, err)
			}
		}
		if total, keys := r.cloud.arrivals(); total != keys {
			t.Errorf("%d arrivals of %d reports", total, keys)
		}
	})
}

func TestFault_silent_quota(t *testing.T) {
	for name, c := range map[string]struct {
		confirm Confirm
		quota   int
	}{"qos 0": {ConfirmReply, 30}, "qos 1": {ConfirmPuback, 10}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				second, n, dropped := int64(0), 0, 0
				r.cfg.Confirm = c.confirm
				r.cloud.set(func(p post) []byte {
					if now := time.Now().Unix(); now != second {
						second, n = now, 0
					}
					if n++; n > c.quota {
						dropped++
						return nil
					}
					return yes(p)
				})
				r.open()
				r.reports(600)
				start := time.Now()
				r.dev.Connect()
				r.wantWhole(time.Hour)
				if dropped > 0 {
					t.Errorf("the quota dropped %d posts", dropped)
				}
				if took, most := time.Since(start), time.Duration(600*1.6/float64(c.quota)*float64(time.Second)); took > most {
					t.Errorf("600 reports took %v under a quota of %d a second", took, c.quota)
				}
			})
		})
	}
	t.Run("half of ours", func(t *testing.T) { // somebody shares the quota: the rate falls under what is left
		inBubble(t, func(r *rig) {
			second, n, dropped := int64(0), 0, 0
			r.cloud.set(func(p post) []byte {
				if now := time.Now().Unix(); now != second {
					second, n = now, 0
				}
				if n++; n > 5 {
					dropped++
					return nil
				}
				return yes(p)
			})
			r.open()
			r.reports(300)
			r.dev.Connect()
			r.wantWhole(time.Hour)
			if dropped == 0 || dropped > 600 {
				t.Errorf("%d posts over the quota for 300 reports", dropped)
			}
		})
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
