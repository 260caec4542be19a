package aliiot

import (
	"strconv"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/audit"
)

// recorded is what the oracle judges a run by: W by the rig, E by the cloud, L
// by snapshots of the ledger.
type recorded struct {
	calls     []oracle.Call
	snapshots []oracle.Snapshot
}

func ms() int64 { return time.Now().UnixMilli() }

func (r *rig) called(key string, opts []Option) {
	lane, ttl := r.meant(opts)
	r.rec.calls = append(r.rec.calls, oracle.Call{At: ms(), Step: oracle.StepStart, Key: key, Lane: lane, TTL: ttl.Milliseconds(), Hash: key, Made: ms()})
}

func (r *rig) returned(key string, seq uint64, err error) {
	c := oracle.Call{At: ms(), Step: oracle.StepReturn, Key: key, Hash: key, Seq: seq, Outcome: oracle.OK}
	if err != nil {
		c.Outcome, c.Error = oracle.Refused, err.Error()
		if isUnknown(err) {
			c.Outcome = oracle.Unknown
		}
	}
	r.rec.calls = append(r.rec.calls, c)
}

// snapshot adds the ledger as it is; at rest with the end of every report.
func (r *rig) snapshot(phase oracle.Phase) {
	r.t.Helper()
	r.note(r.ledger(), phase)
}

func (r *rig) note(l Ledger, phase oracle.Phase) {
	r.t.Helper()
	s := oracle.Snapshot{At: ms(), Phase: phase, Total: countsOf(l.Counts), Lanes: map[string]oracle.Counts{}}
	for name, c := range l.Lanes {
		s.Lanes[name] = countsOf(c)
	}
	if phase == oracle.Drained {
		s.Reports = r.endsBySeq()
	}
	r.rec.snapshots = append(r.rec.snapshots, s)
}

func countsOf(c Counts) oracle.Counts {
	return oracle.Counts{
		Accepted: int64(c.Accepted), Confirmed: int64(c.Confirmed), Rejected: int64(c.Rejected), Expired: int64(c.Expired),
		Evicted: int64(c.Evicted), Damaged: int64(c.Damaged), Pending: int64(c.Pending),
		Quarantined: int64(c.Quarantined), Unreadable: int64(c.Unreadable), Late: int64(c.Late),
	}
}

// endsBySeq reads the audit log. A report of unknown fate has told no number: its
// key is found by the id under which it came.
func (r *rig) endsBySeq() []oracle.Report {
	r.t.Helper()
	keys := map[uint64]string{}
	for key, id := range r.cloud.ids {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			keys[n] = key
		}
	}
	for key, rec := range r.kept {
		keys[rec.Seq()] = key
	}
	states := map[string]oracle.State{"confirmed": oracle.Confirmed, "confirmed-puback": oracle.Confirmed, "rejected": oracle.Rejected,
		"expired": oracle.Expired, "damaged": oracle.Damaged}
	ends := map[uint64]oracle.Report{}
	err := audit.Each(r.auditFS(), func(a audit.Record) {
		state, ok := states[a.Outcome]
		if !ok {
			state = oracle.Evicted
		}
		ends[a.Seq] = oracle.Report{Seq: a.Seq, Key: keys[a.Seq], Lane: a.Lane, State: state, Level: oracle.ByReply, Code: int(a.Code)}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []oracle.Report
	for _, e := range ends {
		out = append(out, e)
	}
	return out
}

// wantOracle judges the run so far; nothing may be pending.
func (r *rig) wantOracle(mayEvict ...string) {
	r.t.Helper()
	r.snapshot(oracle.Drained)
	r.cloud.mu.Lock()
	defer r.cloud.mu.Unlock()
	for _, v := range oracle.Check(r.rec.calls, r.cloud.events, r.rec.snapshots, nil, oracle.Scenario{Name: r.t.Name(), MayEvict: mayEvict}) {
		r.t.Error(v)
	}
}
