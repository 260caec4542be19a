package aliiot

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/clock"
)

// drained waits until nothing is pending any more.
func drained(ctx context.Context, dev *Device) (Ledger, error) {
	_, err := ask(ctx, dev, "outbox", func(reply chan<- actors.Drained) any { return actors.AskDrained{Reply: reply} })
	l, lerr := dev.Ledger(context.Background())
	return l, cmp.Or(err, lerr)
}

// killBodyOf is the key and the hash of what came.
func killBodyOf(params json.RawMessage) (key, hash string) {
	field := func(name string) string {
		var all map[string]json.RawMessage
		var text string
		var stamped struct{ Value string }
		_ = json.Unmarshal(params, &all)
		if json.Unmarshal(all[name], &text) != nil && json.Unmarshal(all[name], &stamped) == nil {
			text = stamped.Value
		}
		return text
	}
	return field("key"), hashOf(field("fill"))
}

// events is what the emulator saw. The order within a millisecond is kept.
func (k *killRun) events() []oracle.Event {
	k.t.Helper()
	type event struct {
		at time.Time
		e  oracle.Event
	}
	var all []event
	add := func(at time.Time, e oracle.Event) {
		e.At = at.UnixMilli()
		all = append(all, event{at, e})
	}
	keyOf := map[string]string{} // by id
	for _, it := range k.cloud.Accepted(killed) {
		key, hash := killBodyOf(it.Params)
		keyOf[it.ID.String()] = key
		add(it.At, oracle.Event{What: oracle.Accepted, Key: key, ID: it.ID.String(), Arrival: uint64(it.Arrival), Hash: hash,
			Wire: it.WireTime, Code: 200, QoS: it.QoS, Session: it.Session})
	}
	for _, r := range k.cloud.Replies(killed) {
		what := oracle.ReplySent
		if !r.Sent {
			what = oracle.ReplySuppressed
		}
		if key, ok := keyOf[r.ID.String()]; ok {
			add(r.At, oracle.Event{What: what, Key: key, ID: r.ID.String(), Code: int(r.Code)})
		}
	}
	for _, x := range k.cloud.Connects(killed) {
		add(x.At, oracle.Event{What: oracle.Connected, Code: int(x.Code), Session: x.Session})
		if !x.Ended.IsZero() {
			add(x.Ended, oracle.Event{What: oracle.Disconnected, Session: x.Session, In: x.BytesIn, Out: x.BytesOut})
		}
	}
	if n := k.cloud.Stats().Unrecorded; n > 0 {
		k.t.Fatalf("%d entries were not recorded: the run is too long to be judged", n)
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.at.Compare(b.at) })
	out := make([]oracle.Event, len(all))
	for i := range all {
		out[i] = all[i].e
	}
	return out
}

// reports are the ends by the audit log. A report whose number nobody heard is known
// by the id under which it came, if it did.
func (k *killRun) reports() []oracle.Report {
	keys := map[uint64]string{}
	for _, it := range k.cloud.Accepted(killed) {
		if seq, err := strconv.ParseUint(it.ID.String(), 10, 64); err == nil {
			keys[seq], _ = killBodyOf(it.Params)
		}
	}
	for _, c := range k.calls {
		if c.Outcome == oracle.OK {
			keys[c.Seq] = c.Key
		}
	}
	booted := time.Now().Add(-clock.System().Boot())
	states := map[string]oracle.State{"confirmed": oracle.Confirmed, "confirmed-puback": oracle.Confirmed, "rejected": oracle.Rejected,
		"expired": oracle.Expired, "damaged": oracle.Damaged}
	var out []oracle.Report
	for seq, a := range k.ends {
		r := oracle.Report{Seq: seq, Key: keys[seq], Lane: a.Lane, Code: int(a.Code), Attempts: int(a.Sends),
			Ended: booted.Add(time.Duration(a.At) * time.Millisecond).UnixMilli()}
		if r.Key == "" {
			r.Key = "nobody heard of seq " + strconv.FormatUint(seq, 10)
		}
		if reason, ok := strings.CutPrefix(a.Outcome, "evicted-"); ok {
			r.State, r.Reason = oracle.Evicted, oracle.Reason(reason)
		} else {
			r.State = states[a.Outcome]
		}
		if r.State == oracle.Confirmed {
			r.Level = oracle.ByReply
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b oracle.Report) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func (k *killRun) scenario(seed uint64) oracle.Scenario {
	s := oracle.Scenario{Name: k.t.Name(), Seed: seed, Faults: []string{"kill-9", "reply-lost", "reply-late"},
		MayEvict: []string{"latest", laneBrief}, Lanes: map[string]oracle.Lane{},
		// The child has no limits of rate. 64 posts are in flight at most, and a process
		// takes with it what one message to the outbox has ended and not yet written.
		Limits: oracle.Limits{Connects: -1, QoS0: -1, QoS1: -1, Window: 64, Unsynced: 16}}
	policies := map[Policy]oracle.Policy{EvictOldest: oracle.EvictOldest, RefuseNew: oracle.RefuseNew, LatestOnly: oracle.LatestOnly}
	for _, l := range killLanes() {
		s.Lanes[l.Name] = oracle.Lane{Policy: policies[l.Policy], Budget: l.Budget, Ordered: l.Ordered, Alarm: l.Reserve}
	}
	return s
}

// tell says what the run was, so that nobody takes an idle one for a proof: so many
// reports there were at least.
func (k *killRun) tell(lives, atLeast int) {
	k.t.Helper()
	var ok, refused, unknown int
	open := map[string]bool{}
	for _, c := range k.calls {
		switch c.Step {
		case oracle.StepStart:
			open[c.Key] = true
		case oracle.StepReturn:
			delete(open, c.Key)
			switch c.Outcome {
			case oracle.OK:
				ok++
			case oracle.Refused:
				refused++
			default:
				unknown++
			}
		}
	}
	arrived := map[string]int{}
	arrivals := 0
	for _, it := range k.cloud.Accepted(killed) {
		key, _ := killBodyOf(it.Params)
		arrived[key]++
		arrivals++
	}
	last := k.snapshots[len(k.snapshots)-1].Total
	stats := k.cloud.Stats()
	k.t.Logf("%d lives: %v", lives, k.kinds)
	k.t.Logf("%d reports heard as kept, %d refused, %d unknown and %d cut short by a death", ok, refused, unknown, len(open))
	k.t.Logf("the ledger: %+v", last)
	k.t.Logf("the platform: %d sessions, %d arrivals of %d reports, %d of them again; %d replies held back for good; %d ends fell back",
		stats.Sessions, arrivals, len(arrived), arrivals-len(arrived), stats.NoReplies, len(k.again))
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		k.t.Fatal(err)
	}
	var bytes int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
	}
	k.t.Logf("the folder: %d files, %d of them segments and spares, %d bytes", len(entries), k.segments(), bytes)
	if ok < atLeast || stats.Sessions == 0 {
		k.t.Errorf("%d reports and %d sessions in %d lives: that is no load", ok, stats.Sessions, lives)
	}
}

// segments counts those of the journal, with its spares.
func (k *killRun) segments() int {
	names, err := filepath.Glob(filepath.Join(k.dir, "*.seg"))
	if err != nil {
		k.t.Fatal(err)
	}
	return len(names)
}
