package main

import (
	"sync"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
)

// record is what the driver writes down while the device lives and dies: W and L
// of the oracle.
type record struct {
	mu        sync.Mutex
	calls     []oracle.Call
	snapshots []oracle.Snapshot
}

func now() int64 { return time.Now().UnixMilli() }

// started notes a call before it is made.
func (r *record) started(p report) { r.call(p, oracle.Call{Step: oracle.StepStart}) }

// returned notes what a call was told.
func (r *record) returned(p report, told oracle.Outcome, seq uint64, err error) {
	c := oracle.Call{Step: oracle.StepReturn, Outcome: told, Seq: seq}
	if err != nil {
		c.Error = err.Error()
	}
	r.call(p, c)
}

// lived notes that the device's process has opened its folder, or has ended.
func (r *record) lived(step oracle.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, oracle.Call{At: now(), Step: step})
}

func (r *record) call(p report, c oracle.Call) {
	c.At, c.Key, c.Lane, c.N = now(), p.key(), p.Lane, p.N
	c.Hash, c.TTL, c.Made = p.hash(), p.ttl().Milliseconds(), p.Made.UnixMilli()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// saw notes a ledger, with the states of all reports where they were asked for.
func (r *record) saw(phase oracle.Phase, l *ledger, reports []oracle.Report) {
	if l == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, oracle.Snapshot{At: now(), Phase: phase, Total: l.Counts, Lanes: l.Lanes, Reports: reports})
}

func (r *record) all() ([]oracle.Call, []oracle.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls, r.snapshots
}
