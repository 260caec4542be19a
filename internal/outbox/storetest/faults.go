package storetest

import (
	"iter"

	"github.com/aliiot/aliiot/internal/outbox"
)

// Fate is what a failed sync leaves of what it should have covered.
type Fate uint8

const (
	Keep   Fate = iota // it did not fail
	Refuse             // nothing is there, now or after a restart
	Forget             // the honest answer is "unknown": it rises at the next opening
)

// Op names a method of the store for a fault.
type Op string

// The operations that Before hears of.
const (
	OpAppend     Op = "append"
	OpSettle     Op = "settle"
	OpQuarantine Op = "quarantine"
	OpSaveClock  Op = "saveclock"
	OpLoad       Op = "load"
)

// faults are the switches of one opening.
type faults struct {
	beforeOp    func(Op) error
	maxUnsynced int64
	syncFaults  []syncFault
	held        chan struct{}
}

type syncFault struct {
	fate Fate
	err  error
}

// Before has f called at the start of each operation: its error is returned
// (Settle and CountLate have none and ignore it), its panic passes through.
// Nil takes it off.
func (m *Memory) Before(f func(Op) error) { m.beforeOp = f }

// RefuseAppend makes every Append fail with err (disk-full, remount-ro); nil heals.
func (m *Memory) RefuseAppend(err error) {
	m.Before(func(op Op) error {
		if op == OpAppend {
			return err
		}
		return nil
	})
}

// FailSync makes the sync after those already set to fail come out as fate with
// err (fsync-fails).
func (m *Memory) FailSync(fate Fate, err error) {
	m.syncFaults = append(m.syncFaults, syncFault{fate, err})
}

// HangSync makes the next syncs hang (fsync-slow) until release is called.
func (m *Memory) HangSync() (release func()) {
	ch := make(chan struct{})
	m.held = ch
	return func() {
		if m.held == ch {
			m.held = nil
		}
		close(ch)
	}
}

// LimitUnsynced sets how many bytes may wait for a sync before ErrBacklog.
func (m *Memory) LimitUnsynced(n int64) { m.maxUnsynced = n }

// Damage destroys the bytes of a report (bit-flip): the next Load that meets it
// settles it as Damaged.
func (m *Memory) Damage(seq uint64) { m.med.bad[seq] = true }

// Unreadably makes reading a report fail (read-eio) with err; nil heals.
func (m *Memory) Unreadably(seq uint64, err error) {
	if err == nil {
		delete(m.med.unreadable, seq)
		return
	}
	m.med.unreadable[seq] = err
}

// Pending goes through the entries of a lane that have no end, whatever their state.
func (m *Memory) Pending(lane uint8) iter.Seq[outbox.Entry] {
	return func(yield func(outbox.Entry) bool) {
		for _, r := range m.med.lanes[lane].list {
			if !r.gone && !yield(r.Entry) {
				return
			}
		}
	}
}

// Durable is the highest Seq that a sync has covered.
func (m *Memory) Durable() uint64 { return m.med.durable }

func (f *faults) before(op Op) error {
	if f.beforeOp == nil {
		return nil
	}
	return f.beforeOp(op)
}

func (f *faults) takeSyncFault() (Fate, error) {
	if len(f.syncFaults) == 0 {
		return Keep, nil
	}
	s := f.syncFaults[0]
	f.syncFaults = f.syncFaults[1:]
	return s.fate, s.err
}
