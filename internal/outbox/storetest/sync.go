package storetest

import (
	"errors"
	"slices"

	"github.com/aliiot/aliiot/internal/outbox"
)

// errPanicked is a sync whose job ended without an outcome.
var errPanicked = errors.New("storetest: the sync ended without a result")

// Sync implements outbox.Store.
func (m *Memory) Sync() *outbox.Job {
	entries, settles := m.Dirty()
	if m.closed || m.job != nil || !entries && !settles {
		return nil
	}
	m.res = syncOutcome{upTo: m.med.nextSeq - 1, undo: len(m.med.undo), hold: m.held}
	m.res.fate, m.res.err = m.takeSyncFault()
	m.job = outbox.NewJob(m, m.runSync)
	return m.job
}

// Dirty implements outbox.Store.
func (m *Memory) Dirty() (entries, settles bool) {
	return len(m.med.unsynced) > 0, len(m.med.undo) > 0 || m.med.dirtyClock || m.med.late > 0
}

// Running implements outbox.Store.
func (m *Memory) Running() []*outbox.Job {
	if m.job == nil {
		return nil
	}
	return []*outbox.Job{m.job}
}

// Done implements outbox.Store.
func (m *Memory) Done(j *outbox.Job) outbox.Result {
	if j == nil || j != m.job {
		return outbox.Result{}
	}
	m.job = nil
	res := m.res
	if !res.ended {
		res.fate, res.err = Refuse, errPanicked
	}
	if m.closed {
		return outbox.Result{}
	}
	med := m.med
	if res.fate == Keep {
		med.synced(res.upTo, res.undo)
		return outbox.Result{Durable: med.durable}
	}
	// All behind the last good sync is in doubt, what came meanwhile too.
	out := outbox.Result{Durable: med.durable, Err: res.err}
	for _, u := range med.unsynced {
		e, ok := med.lanes[u.Lane].remove(u.Ord)
		if !ok {
			continue
		}
		med.countOut(u)
		if res.fate == Forget {
			out.Unknown = append(out.Unknown, e)
			med.ghosts = append(med.ghosts, e)
		} else {
			out.Refused = append(out.Refused, e)
		}
	}
	med.unsynced, med.unsyncedSize = med.unsynced[:0], 0
	return out
}

// synced makes what was written before a sync began durable.
func (med *medium) synced(upTo uint64, undo int) {
	med.durable = max(med.durable, upTo)
	n := 0
	for n < len(med.unsynced) && med.unsynced[n].Seq <= upTo {
		med.unsyncedSize -= med.unsynced[n].Bytes
		n++
	}
	med.unsynced = slices.Delete(med.unsynced, 0, n)
	med.undo = slices.Delete(med.undo, 0, undo)
	med.dirtyClock, med.late = false, 0
}
