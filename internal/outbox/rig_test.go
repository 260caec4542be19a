package outbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

// epoch is the true time at which the first boot begins.
const epoch = 1_800_000_000_000

// fataler is what *testing.T, *rapid.T and *testing.B have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// rig does what the outbox actor does, around a memory store, and holds core and
// store against each other after every step.
type rig struct {
	t      fataler
	cfg    outbox.Config
	core   *outbox.Core
	store  *storetest.Memory
	writer uint64
	now    outbox.Now

	autoSync bool
	onSend   func(outbox.Send)
	onReady  func(*outbox.Ready)
	trace    *strings.Builder // nil: no trace
	wakeAt   time.Duration
	session  uint64
	online   bool
	sentIDs  []uint32 // for the benchmarks
	dead     bool     // the core gave the link up
	first    uint64   // the first seq of this core
	strict   bool     // check after every step
	mayPark  int      // 0: as many as the core parks
}

func newRig(t fataler, cfg outbox.Config, before ...func(*rig)) *rig {
	if cfg.Rand == nil {
		cfg.Rand = seeded(1)
	}
	g := &rig{t: t, cfg: cfg, store: storetest.NewMemory(), autoSync: true, strict: true}
	g.now = outbox.Now{Boot: 1, Wall: epoch, Trusted: true}
	for _, f := range before {
		f(g)
	}
	g.start()
	return g
}

func seeded(s uint64) func() uint64 {
	return func() uint64 {
		s = s*6364136223846793005 + 1442695040888963407
		return s >> 11
	}
}

// start makes a new core over the store, as a restarted actor does.
func (g *rig) start() {
	for _, j := range g.store.Running() {
		<-j.Ended()
		g.store.Done(j)
	}
	entries, _ := g.store.Dirty()
	g.writer = g.store.State().Writer
	g.first = g.store.State().NextSeq
	g.core = outbox.NewCore(g.cfg, g.store.State(), entries)
	if g.mayPark > 0 {
		g.core.ParkAtMost(g.mayPark)
	}
	g.online = false
	g.core.Tick(g.now)
	g.perform()
	if entries {
		g.sync()
	}
}

// at moves the time.
func (g *rig) at(d time.Duration) {
	was := g.now.At
	g.now.At += d
	g.now.Wall += g.now.At.Milliseconds() - was.Milliseconds()
}

func (g *rig) submit(lane int, it outbox.Item) (uint64, error) {
	seq, err := g.core.Submit(g.now, lane, it)
	g.perform()
	return seq, err
}

func (g *rig) up() {
	g.session++
	g.online, g.dead = true, false
	g.core.Up(g.now, g.session, false)
	g.perform()
}

func (g *rig) down(byPeer bool) {
	g.online = false
	g.core.Down(g.now, g.session, byPeer)
	g.perform()
}

func (g *rig) tick() {
	g.core.Tick(g.now)
	g.perform()
}

// pass lets time go by and ticks whenever the core wants it.
func (g *rig) pass(d time.Duration) {
	end := g.now.At + d
	for g.wakeAt > 0 && g.wakeAt <= end {
		g.at(max(g.wakeAt-g.now.At, 0))
		was := g.wakeAt
		g.tick()
		if g.wakeAt > 0 && g.wakeAt <= was {
			g.t.Fatalf("at %v the core wants to be woken at %v: a hot loop", g.now.At, g.wakeAt)
		}
	}
	g.at(end - g.now.At)
}

// sync runs what the store has to sync.
func (g *rig) sync() {
	for j := g.store.Sync(); j != nil; {
		j.Run()
		res := g.store.Done(j)
		g.core.Synced(g.now, res)
		g.perform()
		j = res.Next
	}
}

// perform takes Ready until it is empty.
func (g *rig) perform() {
	for range 10_000 {
		rd := g.core.Ready()
		g.wakeAt = rd.WakeAt
		if rd.Empty() {
			g.check()
			return
		}
		g.log(rd)
		g.dead = g.dead || rd.Probe == outbox.ProbeDead
		if g.onReady != nil {
			g.onReady(rd)
		}
		if len(rd.Append) > 0 {
			g.core.Appended(g.now, g.store.Append(g.writer, rd.Append))
		}
		for _, p := range rd.SaveClock {
			g.must(g.store.SaveClock(p))
		}
		for _, a := range rd.Quarantine {
			g.must(g.store.Quarantine(a.Mark, a.On))
		}
		if len(rd.Settle) > 0 {
			for i, ok := range g.store.Settle(rd.Settle) {
				if !ok {
					g.t.Fatalf("settled what is not pending: %+v", rd.Settle[i])
				}
			}
		}
		for _, lane := range rd.Late {
			g.store.CountLate(lane)
		}
		for _, l := range rd.Load {
			got, err := g.store.Load(l.Lane, l.After, l.N, l.MaxBytes)
			g.core.Loaded(g.now, l.Lane, got, err)
		}
		for _, s := range rd.Send {
			if s.Seq > g.store.Durable() {
				g.t.Fatalf("sent %d before it was durable", s.Seq)
			}
			if g.onSend != nil {
				g.onSend(s)
			}
		}
		if len(rd.Append) > 0 && g.autoSync {
			g.sync()
		}
	}
	g.t.Fatalf("the core does not come to rest")
}

func (g *rig) must(err error) {
	if err != nil {
		g.t.Fatalf("%v", err)
	}
}

// check holds the core's ledger against the store's counts, and those against
// the list of what is pending.
func (g *rig) check() {
	if !g.strict {
		return
	}
	g.t.Helper()
	st := g.store.State()
	led := g.core.Ledger()
	for lane := range uint8(outbox.MaxLanes) {
		want, l := st.Lanes[lane], led.Lanes[lane]
		there := uint64(0)
		for e := range g.store.Pending(lane) {
			// What an owner before left undurable is in the core's counts from the start.
			if e.Seq > g.store.Durable() && e.Seq >= g.first {
				want.Accepted--
				want.PendingBytes -= int64(len(e.Body))
			} else {
				there++
			}
		}
		if want != l.Counts {
			g.t.Fatalf("at %v lane %d: the store and the core disagree (-store +core):\n%s", g.now.At, lane, cmp.Diff(want, l.Counts))
		}
		if l.Pending() != there {
			g.t.Fatalf("at %v lane %d: the ledger says %d pending, there are %d", g.now.At, lane, l.Pending(), there)
		}
		if l.Quarantined+l.Unreadable > l.Pending() {
			g.t.Fatalf("at %v lane %d: %d quarantined, %d unreadable of %d", g.now.At, lane, l.Quarantined, l.Unreadable, l.Pending())
		}
	}
	var aside uint64
	for _, l := range led.Lanes {
		aside += l.Quarantined
	}
	if aside != uint64(len(st.Quarantined)) {
		g.t.Fatalf("at %v: %d quarantined in the core, %v in the store", g.now.At, aside, st.Quarantined)
	}
}

// pending is how much waits in all lanes, quarantined and unreadable apart.
func (g *rig) pending() (n uint64) {
	for _, l := range g.core.Ledger().Lanes {
		n += l.Pending() - l.Quarantined - l.Unreadable
	}
	return n
}

func (g *rig) laneName(lane uint8) string {
	if int(lane) < len(g.cfg.Lanes) {
		return g.cfg.Lanes[lane].Name
	}
	return fmt.Sprintf("lane %d", lane)
}

func (g *rig) log(rd *outbox.Ready) {
	if g.trace == nil {
		return
	}
	line := func(format string, args ...any) {
		fmt.Fprintf(g.trace, "%-8v ", g.now.At)
		fmt.Fprintf(g.trace, format+"\n", args...)
	}
	for _, e := range rd.Append {
		line("append %d", e.Seq)
	}
	for _, p := range rd.SaveClock {
		line("save clock of boot %d: began %v, says %s", p.Boot, clockText(p.Offset.Milliseconds()), p.Source)
	}
	for _, a := range rd.Quarantine {
		line("quarantine %d: %v", a.Seq, a.On)
	}
	for _, e := range rd.Ended {
		code := ""
		if e.Code != 0 {
			code = fmt.Sprintf(" with code %d", e.Code)
		}
		line("end %d %s%s after %d sends", e.Seq, outcomeText(e.Outcome), code, e.Sends)
	}
	for range rd.Late {
		line("late yes")
	}
	for _, l := range rd.Load {
		line("load %s after %d", g.laneName(l.Lane), l.After)
	}
	if len(rd.Accept) > 0 {
		line("accept %s", list(rd.Accept))
	}
	for _, r := range rd.Refuse {
		line("refuse %d: %v", r.Seq, r.Err)
	}
	if len(rd.Unknown) > 0 {
		line("unknown %s", list(rd.Unknown))
	}
	for _, s := range rd.Send {
		stamp := ""
		switch {
		case s.HasTime:
			stamp = " time " + clockText(s.Time)
		case s.Marked:
			stamp = " without time"
		}
		line("send %d id %d qos %d try %d%s", s.Seq, s.ID, s.QoS, s.Attempt, stamp)
	}
	switch rd.Probe {
	case outbox.ProbeAsk:
		line("probe the link")
	case outbox.ProbeDead:
		line("the link is dead")
	}
	if rd.Login {
		line("log in again")
	}
	for _, n := range rd.Notices {
		line("notice %s %d code %d", n.Kind, n.Seq, n.Code)
	}
}

// clockText shows milliseconds relative to the epoch of the tests.
func clockText(ms int64) string { return (time.Duration(ms-epoch) * time.Millisecond).String() }

func list(seqs []uint64) string {
	var b strings.Builder
	for i := 0; i < len(seqs); {
		j := i
		for j+1 < len(seqs) && seqs[j+1] == seqs[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if j > i {
			fmt.Fprintf(&b, "%d-%d", seqs[i], seqs[j])
		} else {
			fmt.Fprintf(&b, "%d", seqs[i])
		}
		i = j + 1
	}
	return b.String()
}

var outcomes = [...]string{"pending", "confirmed", "confirmed by puback", "rejected", "expired",
	"evicted for the budget", "evicted by a newer one", "thinned", "dropped by the operator", "damaged"}

func outcomeText(o outbox.Outcome) string { return outcomes[o] }

func TestOutcomeNames(t *testing.T) {
	if len(outcomes) != outbox.OutcomeCount {
		t.Fatalf("%d names for %d outcomes", len(outcomes), outbox.OutcomeCount)
	}
}
