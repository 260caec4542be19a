package outbox_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

// wire is a link in virtual time: every post is answered after a round trip.
type wire struct {
	g    *rig
	rtt  func() time.Duration // negative: no answer
	due  []answer
	sent []time.Duration
}

type answer struct {
	at time.Duration
	id uint32
}

func newWire(g *rig, rtt func() time.Duration) *wire {
	w := &wire{g: g, rtt: rtt}
	g.onSend = func(s outbox.Send) {
		w.sent = append(w.sent, g.now.At)
		if d := rtt(); d >= 0 {
			w.due = append(w.due, answer{g.now.At + d, s.ID})
			sort.SliceStable(w.due, func(i, j int) bool { return w.due[i].at < w.due[j].at })
		}
	}
	return w
}

// run lets time go by until end or until stop, whatever comes next being done.
func (w *wire) run(end time.Duration, stop func() bool) {
	for !stop() {
		next := end
		if w.g.wakeAt > 0 && w.g.wakeAt < next {
			next = max(w.g.wakeAt, w.g.now.At)
		}
		reply := len(w.due) > 0 && w.due[0].at <= next
		if reply {
			next = w.due[0].at
		}
		w.g.at(next - w.g.now.At)
		switch {
		case reply:
			id := w.due[0].id
			w.due = w.due[1:]
			w.g.core.Replied(w.g.now, w.g.session, id, outbox.OK, 200)
			w.g.perform()
		case next == end:
			return
		default:
			w.g.tick()
		}
	}
}

func never() bool { return false }

// However much waits, the core keeps a window and a few loaded reports.
func TestMemoryIsTheWindows(t *testing.T) {
	const most, mostBytes = 2*256 + 64, 2*64<<10 + 256<<10
	sizes := map[int]int{}
	for _, n := range []int{3000, 30_000} {
		cfg := benchConfig()
		cfg.Lanes[0].Budget = 0
		g := newRig(t, cfg)
		g.strict = false
		peak := 0
		g.onReady = func(*outbox.Ready) {
			held, bytes := g.core.InMemory()
			if held > most || bytes > mostBytes {
				t.Fatalf("%d waiting: %d reports, %d bytes in memory", g.pending(), held, bytes)
			}
			peak = max(peak, held)
		}
		submit := func() {
			if _, err := g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body}); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			submit()
		}
		w := newWire(g, func() time.Duration { return 100 * time.Millisecond })
		g.up()
		for range n / 2 { // a burst beside it
			submit()
		}
		for g.pending() > 0 { // live reports come beside the backlog
			if n--; n%20 == 0 {
				submit()
			}
			w.run(g.now.At+10*time.Millisecond, never)
		}
		sizes[peak]++
		t.Logf("at most %d reports in memory", peak)
	}
}

// In any one second no more goes than the quota, retries and alarms included, and
// what the platform drops is nothing (targets W4, O14).
func TestBacklogUnderTheQuota(t *testing.T) {
	const n, quota = 30_000, 30
	cfg := benchConfig()
	cfg.RatePerQoS = [2]float64{outbox.RateUnder(quota), outbox.RateUnder(10)} // what the platform allows
	g := newRig(t, cfg)
	g.strict = false
	for range n {
		if _, err := g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body}); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	w := newWire(g, func() time.Duration {
		if rnd.IntN(50) == 0 {
			return -1 // some replies are lost: the retries are under the quota too
		}
		return 200 * time.Millisecond
	})
	start := g.now.At
	g.up()
	var live []time.Duration
	ended := map[uint64]time.Duration{}
	asked := false
	g.onReady = func(rd *outbox.Ready) {
		for _, e := range rd.Ended {
			ended[e.Seq] = g.now.At
		}
		asked = asked || rd.Probe == outbox.ProbeAsk
	}
	made := map[uint64]time.Duration{}
	for i := 0; g.pending() > 0; i++ {
		w.run(g.now.At+time.Second, func() bool { return g.pending() == 0 })
		if asked { // the last reply was among the lost ones
			asked = false
			g.core.ProbeAnswered(g.now, g.session)
			g.perform()
		}
		if i%10 == 0 && i < 90 {
			lane := []int{0, 1, 2}[i/10%3]
			seq, err := g.submit(lane, outbox.Item{Kind: outbox.KindEvent, Params: body, Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			made[seq] = g.now.At
		}
	}
	for seq, at := range made {
		live = append(live, ended[seq]-at)
	}
	first := 0
	for i, at := range w.sent {
		for w.sent[first] <= at-time.Second {
			first++
		}
		if i-first+1 > quota-1 { // one is left for what else the session sends
			t.Fatalf("%d posts in the second before %v, the quota is %d", i-first+1, at, quota)
		}
	}
	took := g.now.At - start
	bound := time.Duration(float64(len(w.sent)) / quota * float64(time.Second))
	if limit := bound * 110 / 100; took > limit {
		t.Errorf("draining %d in %d posts took %v, the quota allows %v: want at most %v", n, len(w.sent), took, bound, limit)
	}
	sort.Slice(live, func(i, j int) bool { return live[i] < live[j] })
	t.Logf("%d posts in %v (the quota's bound %v); a live report beside them took %v to %v", len(w.sent), took, bound, live[0], live[len(live)-1])
}

// A dead link is suspected one time-out after the next report and given up 15 s
// later (targets W11, half-open).
func TestSilenceIsFound(t *testing.T) {
	g := newRig(t, benchConfig())
	g.strict = false
	alive := true
	w := newWire(g, func() time.Duration {
		if alive {
			return 60 * time.Millisecond
		}
		return -1
	})
	var asked, dead time.Duration
	g.onReady = func(rd *outbox.Ready) {
		switch {
		case rd.Probe == outbox.ProbeAsk && asked == 0:
			asked = g.now.At
		case rd.Probe == outbox.ProbeDead && dead == 0:
			dead = g.now.At
		}
	}
	g.up()
	var cut time.Duration
	for i := range 20 {
		if i == 10 {
			alive, cut = false, g.now.At+5*time.Second
		}
		_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
		w.run(g.now.At+10*time.Second, never)
	}
	if asked == 0 || asked-cut > 12*time.Second {
		t.Errorf("cut at %v, suspected at %v", cut, asked)
	}
	if dead == 0 || dead-cut > 27*time.Second {
		t.Errorf("cut at %v, given up at %v: want within 27 s", cut, dead)
	}
}

// On a slow link no silence is seen where there is none, and nothing is sent in a
// storm: 10 days of slow-2g, steady and in steps (targets W11).
func TestSlowLinkIsNoSilence(t *testing.T) {
	days := 1
	if long {
		days = 10
	}
	for _, steps := range []bool{false, true} {
		t.Run(map[bool]string{false: "steady", true: "step"}[steps], func(t *testing.T) {
			g := newRig(t, benchConfig())
			g.strict = false
			rnd := rand.New(rand.NewPCG(5, 5))
			w := newWire(g, func() time.Duration {
				if steps {
					if g.now.At/(10*time.Minute)%2 == 1 {
						return 8 * time.Second
					}
					return 60 * time.Millisecond
				}
				d := time.Second + time.Duration(rnd.IntN(2000))*time.Millisecond
				if rnd.IntN(50) == 0 {
					d += 10 * time.Second
				}
				return d
			})
			asks := 0
			g.onReady = func(rd *outbox.Ready) {
				switch rd.Probe {
				case outbox.ProbeAsk:
					asks++
				case outbox.ProbeDead:
					t.Fatalf("at %v the link is given up, and it lives", g.now.At)
				}
			}
			g.up()
			reports := days * 8640
			for range reports {
				_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
				w.run(g.now.At+10*time.Second, never)
				w.sent = w.sent[max(0, len(w.sent)-1):len(w.sent):len(w.sent)]
			}
			w.run(g.now.At+time.Minute, never)
			led := g.core.Ledger().Lanes[0]
			t.Logf("%d reports, %d probes", reports, asks)
			if led.Pending() > 0 {
				t.Errorf("%d pending", led.Pending())
			}
		})
	}
}

// Numbers beyond 2^31 and 2^32 use their ids again, and no reply finds a stranger.
func TestIDsWrap(t *testing.T) {
	for _, next := range []uint64{1<<31 - 2, 1<<32 - 2, 1<<31 + 1, 1 << 40} {
		t.Run(fmt.Sprint(next), func(t *testing.T) {
			g := newRig(t, benchConfig(), func(g *rig) {
				// One report that ended long ago carries the number before.
				e := outbox.Entry{Seq: next - 1, Ord: 1, Body: []byte("old")}
				if err := g.store.Append(g.store.State().Writer, []outbox.Entry{e}); err != nil {
					t.Fatal(err)
				}
				j := g.store.Sync()
				j.Run()
				g.store.Done(j)
				g.store.Settle([]outbox.Settlement{{Seq: e.Seq, Ord: 1, Outcome: outbox.Expired}})
			})
			var ids []uint32
			g.onSend = func(s outbox.Send) { ids = append(ids, s.ID) }
			g.up()
			for range 4 {
				_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
			}
			for i, id := range ids {
				if id >= 1<<31 || uint64(id) != (next+uint64(i))%(1<<31) {
					t.Fatalf("seq %d has id %d", next+uint64(i), id)
				}
				g.core.Replied(g.now, g.session, id, outbox.OK, 200)
				g.perform()
			}
			if n := g.pending(); n != 0 {
				t.Fatalf("%d pending after all replies", n)
			}
			if g.core.Ledger().UnknownReplies != 0 {
				t.Fatal("a reply found no report")
			}
		})
	}
}

// Nothing wakes a device on which nothing is due: idle, and offline with a
// backlog (targets F3, I5).
func TestNothingDueNoWakeUp(t *testing.T) {
	cfg := benchConfig()
	cfg.Lanes[0].TTL = 0
	g := newRig(t, cfg)
	w := newWire(g, func() time.Duration { return 50 * time.Millisecond })
	g.up()
	_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	w.run(g.now.At+time.Minute, never)
	if g.wakeAt != 0 {
		t.Errorf("idle, and wants to be woken at %v (now %v)", g.wakeAt, g.now.At)
	}
	g.down(false)
	for range 100 {
		_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	}
	g.tick()
	if g.wakeAt != 0 {
		t.Errorf("offline, and wants to be woken at %v (now %v)", g.wakeAt, g.now.At)
	}
}

// Where many reports are told to come again later, memory and the others hold.
func TestParkedReportsAreBounded(t *testing.T) {
	cfg := benchConfig()
	cfg.Lanes[0].Budget = 0
	g := newRig(t, cfg)
	g.strict = false
	for range 3000 {
		_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	}
	var ids []uint32
	g.onSend = func(s outbox.Send) { ids = append(ids, s.ID) }
	g.up()
	for range 100 {
		now := ids
		ids = nil
		for _, id := range now {
			g.core.Replied(g.now, g.session, id, outbox.Retry, 500)
		}
		g.pass(50 * time.Millisecond)
		g.tick()
		if held, bytes := g.core.InMemory(); held > 1000 || bytes > 512<<10 {
			t.Fatalf("%d reports, %d bytes in memory", held, bytes)
		}
		if s := g.core.Check(); s != "" {
			t.Fatal(s)
		}
	}
	before := len(ids)
	_, err := g.submit(2, outbox.Item{Kind: outbox.KindEvent, Params: body})
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != before+1 {
		t.Fatal("the alarm waits behind what is told to come again")
	}
}

// The operator releases a report while the answer to a Load is on its way: what
// lies between is not passed over.
func TestReleaseWhileLoading(t *testing.T) {
	cfg := benchConfig()
	cfg.WindowMessages = 1
	g := newRig(t, cfg)
	for range 3 {
		_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	}
	g.up()
	g.core.Poison(g.now, 2)
	g.perform()
	g.down(false)
	for range 2 {
		_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	}
	g.session++
	g.core.Up(g.now, g.session, false)
	rd := g.core.Ready()
	if len(rd.Load) != 1 {
		t.Fatalf("%d loads, want one", len(rd.Load))
	}
	l := rd.Load[0]
	got, err := g.store.Load(l.Lane, l.After, l.N, l.MaxBytes)
	g.core.Release(g.now, 2)
	g.core.Loaded(g.now, l.Lane, got, err)
	g.onSend = func(s outbox.Send) { g.sentIDs = append(g.sentIDs, s.ID) }
	g.perform()
	for range 10 {
		g.core.Replied(g.now, g.session, 1, outbox.OK, 200)
		ids := g.sentIDs
		g.sentIDs = nil
		for _, id := range ids {
			g.core.Replied(g.now, g.session, id, outbox.OK, 200)
		}
		g.perform()
	}
	led := g.core.Ledger().Lanes[0]
	if n := led.Pending(); n != 0 {
		t.Fatalf("%d pending at the end", n)
	}
}

// What has expired on the disk ends as soon as it is looked at, however much it is.
func TestExpiredBacklogEndsAtOnce(t *testing.T) {
	cfg := benchConfig()
	cfg.Lanes[0].TTL = time.Hour
	g := newRig(t, cfg)
	for range 500 {
		_, _ = g.submit(0, outbox.Item{Kind: outbox.KindProperty, Params: body})
	}
	g.store = g.store.Reopen()
	g.at(2 * time.Hour)
	g.start()
	g.tick()
	if n := g.pending(); n != 0 {
		t.Fatalf("%d of 500 still pending an hour after their time", n)
	}
}

var _ outbox.Store = (*storetest.Memory)(nil)
