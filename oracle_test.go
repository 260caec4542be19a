package aliiot

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/audit"
)

// recorded is what the oracle judges a run by: W by the rig, L by snapshots of the
// ledger and the audit log. E is the cloud's.
type recorded struct {
	calls     []oracle.Call
	snapshots []oracle.Snapshot
	ended     map[audit.Record]int64 // what was read of the log, and when it ended
	boots     []boot
	resources []oracle.Resources
	strikes   []oracle.Strike
}

// boot is one of the machine's: since when, and whether its clock was right when the
// device was first opened in it.
type boot struct {
	id     uint64
	from   int64
	synced bool
}

// noteBoot remembers the present boot.
func (r *rig) noteBoot() {
	c := r.clock.Clock()
	if n := len(r.rec.boots); n == 0 || r.rec.boots[n-1].id != c.BootID {
		r.rec.boots = append(r.rec.boots, boot{c.BootID, r.clock.True().Add(-c.Boot()).UnixMilli(), c.Synchronised()})
	}
}

// unclocked are the boots that began without the time. What they learn from the
// platform is right to within a round trip.
func (r *rig) unclocked() (spans []oracle.Unclocked) {
	for i, b := range r.rec.boots {
		to := r.ms()
		if i+1 < len(r.rec.boots) {
			to = r.rec.boots[i+1].from - 1
		}
		learned := slices.ContainsFunc(r.cloud.told, func(at int64) bool { return b.from <= at && at <= to })
		if !b.synced {
			spans = append(spans, oracle.Unclocked{Span: oracle.Span{From: b.from, To: to}, Learned: learned})
		}
	}
	return spans
}

// ms is the true time, suspends included.
func (r *rig) ms() int64 { return r.clock.True().UnixMilli() }

// lived records the beginning or the end of a process; an end only once.
func (r *rig) lived(l oracle.Call) {
	if l.Step != oracle.StepOpen {
		r.harvest()
	}
	for i := len(r.rec.calls) - 1; l.Step != oracle.StepOpen && i >= 0; i-- {
		switch r.rec.calls[i].Step {
		case oracle.StepClose, oracle.StepKill, oracle.StepPowerCut:
			return
		case oracle.StepOpen:
			i = 0
		}
	}
	r.rec.calls = append(r.rec.calls, l)
}

func (r *rig) called(key string, it Item, opts []Option) {
	lane, ttl, at := r.meant(opts)
	c := oracle.Call{At: r.ms(), Step: oracle.StepStart, Key: key, Lane: lane, TTL: ttl.Milliseconds(), Made: r.ms(),
		Deadline: time.Minute.Milliseconds()}
	if !at.IsZero() {
		c.Made = at.UnixMilli()
	}
	switch it := it.(type) {
	case Properties:
		c.Hash = canonical(it)
	case Event:
		c.Hash = canonical(it.Output)
	}
	r.rec.calls = append(r.rec.calls, c)
}

func (r *rig) returned(key string, seq uint64, err error) {
	c := oracle.Call{At: r.ms(), Step: oracle.StepReturn, Key: key, Seq: seq, Outcome: oracle.OK}
	if err != nil {
		c.Outcome, c.Error = oracle.Refused, err.Error()
		var crash *actors.PanicError
		c.Panicked = errors.As(err, &crash)
		if isUnknown(err) {
			c.Outcome = oracle.Unknown
		}
	}
	r.rec.calls = append(r.rec.calls, c)
}

// canonical is a value's JSON in one form.
func canonical(v any) string {
	raw, err := json.Marshal(v)
	var back any
	if err == nil {
		err = json.Unmarshal(raw, &back)
	}
	if err == nil {
		raw, err = json.Marshal(back)
	}
	if err != nil {
		return "no JSON: " + err.Error()
	}
	return string(raw)
}

// bodyOf is what a post says without the wire's wrapping, and its time.
func bodyOf(params []byte) (body string, wire int64) {
	var event struct {
		Value map[string]any
		Time  int64
	}
	if json.Unmarshal(params, &event) == nil && event.Value != nil {
		return canonical(event.Value), event.Time
	}
	var props map[string]json.RawMessage
	if json.Unmarshal(params, &props) != nil {
		return string(params), 0
	}
	values := map[string]any{}
	for name, raw := range props {
		var v struct {
			Value json.RawMessage
			Time  int64
		}
		if json.Unmarshal(raw, &v) == nil && v.Value != nil {
			values[name], wire = v.Value, max(wire, v.Time)
		} else {
			values[name] = raw
		}
	}
	return canonical(values), wire
}

// snapshot adds the ledger as it is; at rest with the end of every report.
func (r *rig) snapshot(phase oracle.Phase) {
	r.t.Helper()
	r.note(r.ledger(), phase)
}

func (r *rig) note(l Ledger, phase oracle.Phase) {
	r.t.Helper()
	s := oracle.Snapshot{At: r.ms(), Phase: phase, Total: countsOf(l.Counts), Lanes: map[string]oracle.Counts{}}
	for name, c := range l.Lanes {
		s.Lanes[name] = countsOf(c)
	}
	if phase == oracle.Drained || phase == oracle.Reopened {
		s.Reports = r.endsBySeq()
	}
	r.rec.snapshots = append(r.rec.snapshots, s)
}

func countsOf(c Counts) oracle.Counts {
	return oracle.Counts{
		Accepted: int64(c.Accepted), Confirmed: int64(c.Confirmed), Rejected: int64(c.Rejected), Expired: int64(c.Expired),
		Evicted: int64(c.Evicted), Damaged: int64(c.Damaged), Pending: int64(c.Pending),
		Quarantined: int64(c.Quarantined), Unreadable: int64(c.Unreadable), Late: int64(c.Late),
		ConfirmedBy: map[string]int64{"reply": int64(c.ConfirmedBy.Reply), "puback": int64(c.ConfirmedBy.Puback)},
		EvictedBy: map[string]int64{"budget": int64(c.EvictedBy.Budget), "newer": int64(c.EvictedBy.Newer),
			"thinned": int64(c.EvictedBy.Thinned), "operator": int64(c.EvictedBy.Operator)},
	}
}

// harvest reads what is new in the audit log, whose times count from the boot.
func (r *rig) harvest() (all []audit.Record) {
	if r.rec.ended == nil {
		r.rec.ended = map[audit.Record]int64{}
	}
	boot := r.clock.True().Add(-r.clock.Boot()).UnixMilli()
	err := audit.Each(r.auditFS(), func(a audit.Record) {
		if _, known := r.rec.ended[a]; !known {
			r.rec.ended[a] = boot + a.At
		}
		all = append(all, a)
	})
	if err != nil {
		r.t.Logf("the audit log: %v", err)
	}
	return all
}

var outcomes = map[string]oracle.Report{
	"confirmed":        {State: oracle.Confirmed, Level: oracle.ByReply},
	"confirmed-puback": {State: oracle.Confirmed, Level: oracle.ByPuback},
	"rejected":         {State: oracle.Rejected},
	"expired":          {State: oracle.Expired},
	"damaged":          {State: oracle.Damaged},
	"evicted-budget":   {State: oracle.Evicted, Reason: oracle.ForBudget},
	"evicted-newer":    {State: oracle.Evicted, Reason: oracle.ForNewer},
	"evicted-thinned":  {State: oracle.Evicted, Reason: oracle.Thinned},
	"evicted-operator": {State: oracle.Evicted, Reason: oracle.ByOperator},
}

// endsBySeq lists the ends that the audit log tells. A report of unknown fate has
// told no number: its key is found by the id under which it came.
func (r *rig) endsBySeq() []oracle.Report {
	r.t.Helper()
	keys := map[uint64]string{}
	r.cloud.mu.Lock()
	for key, id := range r.cloud.ids {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			keys[n] = key
		}
	}
	r.cloud.mu.Unlock()
	for key, rec := range r.kept {
		keys[rec.Seq()] = key
	}
	ends := map[uint64]oracle.Report{}
	for _, a := range r.harvest() {
		e := outcomes[a.Outcome]
		e.Seq, e.Key, e.Lane, e.Code, e.Attempts, e.Bytes = a.Seq, keys[a.Seq], a.Lane, int(a.Code), int(a.Sends), a.Bytes
		e.Marked, e.Ended = !a.Trusted, r.rec.ended[a]
		ends[a.Seq] = e
	}
	out := []oracle.Report{}
	for _, e := range ends {
		out = append(out, e)
	}
	return out
}

// recording is the run so far, with what the rig's configuration says about it.
func (r *rig) recording(mayEvict ...string) oracle.Recording {
	r.cloud.mu.Lock()
	defer r.cloud.mu.Unlock()
	lanes := r.cfg.Lanes
	if lanes == nil {
		lanes = DefaultLanes()
	}
	s := oracle.Scenario{Name: r.t.Name(), MayEvict: mayEvict, Lanes: map[string]oracle.Lane{}, Unclocked: r.unclocked()}
	policies := map[actors.Policy]oracle.Policy{EvictOldest: oracle.EvictOldest, RefuseNew: oracle.RefuseNew, LatestOnly: oracle.LatestOnly}
	for _, l := range lanes {
		s.Lanes[l.Name] = oracle.Lane{Policy: policies[l.Policy], Budget: l.Budget, Ordered: l.Ordered, Alarm: l.Reserve}
	}
	if l := r.cfg.Limits; l != nil {
		s.Limits = oracle.Limits{Connects: orNone(l.ConnectsPerMinute), QoS0: orNone(l.RateQoS0), QoS1: orNone(l.RateQoS1)}
	}
	s.NoReplies = r.cfg.Confirm == ConfirmPuback &&
		!slices.ContainsFunc(r.cloud.events, func(ev oracle.Event) bool { return ev.What == oracle.ReplySent })
	if s.Faults = r.harm; s.Faults != nil { // how many it destroyed is for the test to say
		for n := len(r.rec.snapshots) - 1; n >= 0 && s.Destroyed == nil; n-- {
			s.Destroyed = make([]string, r.rec.snapshots[n].Total.Damaged)
		}
	}
	s.Strikes, s.Secrets = r.rec.strikes, []string{testSecret}
	rec := oracle.Recording{Scenario: s, Calls: r.rec.calls, Events: r.cloud.events, Snapshots: r.rec.snapshots, Resources: r.rec.resources}
	r.witness.complete(&rec)
	return rec
}

// orNone: a limit of 0 is none, which the oracle calls -1.
func orNone[N int | float64](n N) int {
	if n == 0 {
		return -1
	}
	return int(n)
}

// wantOracle judges the run so far; nothing may be pending.
func (r *rig) wantOracle(mayEvict ...string) {
	r.t.Helper()
	r.snapshot(oracle.Drained)
	r.used(oracle.Drained)
	for _, v := range r.recording(mayEvict...).Check() {
		r.t.Error(v)
	}
}

// judgeEnd lets the oracle judge a test as far as it went, in whatever state it left
// the device. What eviction and damage did is for the test itself.
func (r *rig) judgeEnd() {
	if r.t.Failed() || r.dev == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	l, err := r.dev.Ledger(ctx)
	if err != nil {
		return // it was left with a disk that hangs, or parked
	}
	r.note(l, oracle.Running)
	last := &r.rec.snapshots[len(r.rec.snapshots)-1]
	last.Reports = r.listing(l)
	rec := r.recording("default", "latest")
	known := map[string]bool{} // what a test reported past the rig is not in W
	for _, c := range rec.Calls {
		known[c.Key] = true
	}
	rec.Events = slices.DeleteFunc(slices.Clone(rec.Events), func(ev oracle.Event) bool { return ev.Key != "" && !known[ev.Key] })
	last.Reports = slices.DeleteFunc(last.Reports, func(x oracle.Report) bool { return x.Key == "" || !known[x.Key] })
	for _, v := range rec.Check() {
		if !slices.Contains(r.excused, v.Check) {
			r.t.Errorf("at the end of the test: %v", v)
		}
	}
}

// listing adds to the ends what has none, where the ledger says that so many wait; else
// nobody knows which of them the log has lost.
func (r *rig) listing(l Ledger) []oracle.Report {
	list := r.endsBySeq()
	ended := map[uint64]bool{}
	for _, e := range list {
		ended[e.Seq] = true
	}
	state := oracle.Pending
	if l.Quarantined == l.Pending {
		state = oracle.Quarantined
	}
	for key, rec := range r.kept {
		if !ended[rec.Seq()] {
			list = append(list, oracle.Report{Seq: rec.Seq(), Key: key, Lane: rec.lane, State: state})
		}
	}
	if uint64(len(list)) != l.Accepted {
		return nil
	}
	return list
}
