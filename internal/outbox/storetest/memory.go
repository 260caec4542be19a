// Package storetest has a Store in memory, with the faults of a disk on demand,
// and the suite that every Store passes.
package storetest

import (
	"slices"
	"sort"

	"github.com/aliiot/aliiot/internal/outbox"
)

// DefaultMaxUnsynced is how many bytes of bodies may wait for a sync.
const DefaultMaxUnsynced = 4 << 20

// Memory is a Store in memory. It is one opening of a medium that outlives it:
// Reopen and PowerCut open the medium again. Its faults are set by methods in
// faults.go. Like every Store it belongs to one owner at a time; the jobs may
// run anywhere.
type Memory struct {
	faults
	med     *medium
	writer  uint64
	closed  bool
	job     *outbox.Job // the sync under way
	runSync func()
	res     syncOutcome // what the sync under way found
}

// medium is what the openings share.
type medium struct {
	epoch       uint64
	writer      uint64 // the newest opening
	nextSeq     uint64
	nextOrd     [outbox.MaxLanes]uint64
	counts      [outbox.MaxLanes]outbox.Counts
	lanes       [outbox.MaxLanes]recs
	quarantined []outbox.Mark
	clocks      []outbox.ClockPoint

	durable      uint64           // all with seq ≤ durable is on the medium
	unsynced     []outbox.Mark    // accepted above durable, in order
	unsyncedSize int64            // their bytes
	undo         []ended          // settled since the last good sync
	ghosts       []outbox.Entry   // fate unknown: they rise at the next opening
	late         int              // counted since the last good sync
	bad          map[uint64]bool  // seq → its bytes are damaged
	unreadable   map[uint64]error // seq → reading it fails for now
	dirtyClock   bool
}

// ended is a settlement that a power cut undoes.
type ended struct {
	outbox.Settlement
	entry outbox.Entry
}

// syncOutcome is how the job under way will come out.
type syncOutcome struct {
	upTo  uint64 // the last seq written before it began
	undo  int    // settles written before it began
	err   error
	fate  Fate
	hold  chan struct{} // closed when the job may end
	ended bool
}

// NewMemory opens a fresh medium.
func NewMemory() *Memory {
	med := &medium{epoch: 1, nextSeq: 1, bad: map[uint64]bool{}, unreadable: map[uint64]error{}}
	for i := range med.nextOrd {
		med.nextOrd[i] = 1
	}
	return med.open()
}

func (med *medium) open() *Memory {
	med.writer++
	m := &Memory{med: med, writer: med.writer}
	m.maxUnsynced = DefaultMaxUnsynced
	m.runSync = func() {
		if m.res.hold != nil {
			<-m.res.hold
		}
		m.res.ended = true
	}
	return m
}

// Reopen opens the medium again as after a kill -9 (or after Close): all that
// was written is there. Appends by the old handle are refused from here on.
func (m *Memory) Reopen() *Memory {
	med := m.med
	med.raiseGhosts()
	med.durable, med.unsynced, med.unsyncedSize, med.undo, med.late = med.nextSeq-1, nil, 0, nil, 0
	return med.open()
}

// PowerCut opens the medium again as after a cut of the power: what was appended
// or settled since the last good sync is undone.
func (m *Memory) PowerCut() *Memory {
	med := m.med
	for _, u := range med.unsynced {
		if _, ok := med.lanes[u.Lane].remove(u.Ord); ok {
			med.countOut(u)
		} else { // settled before it was synced: both are undone
			med.undo = slices.DeleteFunc(med.undo, func(e ended) bool {
				if e.Seq == u.Seq {
					med.counts[u.Lane].Ends[e.Outcome]--
					med.counts[u.Lane].Accepted--
				}
				return e.Seq == u.Seq
			})
		}
	}
	for _, e := range med.undo {
		c := &med.counts[e.Lane]
		c.Ends[e.Outcome]--
		c.PendingBytes += e.Bytes
		med.lanes[e.Lane].insert(e.entry)
	}
	med.unsynced, med.undo = nil, nil
	return m.Reopen()
}

// raiseGhosts makes the entries of unknown fate accepted.
func (med *medium) raiseGhosts() {
	for _, e := range med.ghosts {
		med.lanes[e.Lane].insert(e)
		med.counts[e.Lane].Accepted++
		med.counts[e.Lane].PendingBytes += int64(len(e.Body))
	}
	med.ghosts = nil
}

func (med *medium) countOut(u outbox.Mark) {
	med.counts[u.Lane].Accepted--
	med.counts[u.Lane].PendingBytes -= u.Bytes
}

// State implements outbox.Store.
func (m *Memory) State() outbox.State {
	med := m.med
	return outbox.State{
		Epoch: med.epoch, Writer: m.writer, NextSeq: med.nextSeq, NextOrd: med.nextOrd, Lanes: med.counts,
		Quarantined: slices.Clone(med.quarantined), Clocks: slices.Clone(med.clocks),
	}
}

// Append implements outbox.Store. It keeps the bodies.
func (m *Memory) Append(writer uint64, entries []outbox.Entry) error {
	if err := m.before(OpAppend); err != nil {
		return err
	}
	med := m.med
	switch {
	case m.closed:
		return outbox.ErrClosed
	case writer != med.writer || m.writer != med.writer:
		return outbox.ErrStaleWriter
	}
	var size int64
	for i := range entries {
		size += int64(len(entries[i].Body))
	}
	if med.unsyncedSize+size > m.maxUnsynced && len(med.unsynced) > 0 {
		return outbox.ErrBacklog
	}
	for _, e := range entries {
		n := int64(len(e.Body))
		med.lanes[e.Lane].push(e)
		med.counts[e.Lane].Accepted++
		med.counts[e.Lane].PendingBytes += n
		med.nextSeq, med.nextOrd[e.Lane] = e.Seq+1, e.Ord+1
		med.unsynced = append(med.unsynced, outbox.Mark{Seq: e.Seq, Ord: e.Ord, Lane: e.Lane, Bytes: n})
	}
	med.unsyncedSize += size
	return nil
}

// Settle implements outbox.Store.
func (m *Memory) Settle(ends []outbox.Settlement) []bool {
	_ = m.before(OpSettle)
	done := make([]bool, len(ends))
	for i, s := range ends {
		done[i] = m.med.settle(s)
	}
	return done
}

func (med *medium) settle(s outbox.Settlement) bool {
	e, ok := med.lanes[s.Lane].remove(s.Ord)
	if !ok {
		return false
	}
	c := &med.counts[s.Lane]
	c.Ends[s.Outcome]++
	s.Bytes = int64(len(e.Body))
	c.PendingBytes -= s.Bytes
	med.undo = append(med.undo, ended{s, e})
	if len(med.quarantined) > 0 {
		med.quarantined = slices.DeleteFunc(med.quarantined, func(q outbox.Mark) bool { return q.Seq == s.Seq })
	}
	delete(med.unreadable, s.Seq)
	return true
}

// CountLate implements outbox.Store.
func (m *Memory) CountLate(lane uint8) {
	_ = m.before(OpSettle)
	m.med.counts[lane].Late++
	m.med.late++
}

// Quarantine implements outbox.Store.
func (m *Memory) Quarantine(k outbox.Mark, on bool) error {
	if err := m.before(OpQuarantine); err != nil {
		return err
	}
	med := m.med
	i := slices.IndexFunc(med.quarantined, func(q outbox.Mark) bool { return q.Seq == k.Seq })
	switch {
	case on && i < 0 && len(med.quarantined) >= outbox.MaxQuarantined:
		return outbox.ErrFull
	case on && i < 0 && med.lanes[k.Lane].has(k.Ord):
		med.quarantined = append(med.quarantined, k)
		slices.SortFunc(med.quarantined, func(a, b outbox.Mark) int { return int(int64(a.Seq - b.Seq)) })
	case !on && i >= 0:
		med.quarantined = slices.Delete(med.quarantined, i, i+1)
	}
	return nil
}

// SaveClock implements outbox.Store.
func (m *Memory) SaveClock(p outbox.ClockPoint) error {
	if err := m.before(OpSaveClock); err != nil {
		return err
	}
	med := m.med
	if slices.ContainsFunc(med.clocks, func(c outbox.ClockPoint) bool { return c.Boot == p.Boot }) {
		return nil
	}
	med.clocks = append(med.clocks, p)
	if n := len(med.clocks) - outbox.MaxClocks; n > 0 {
		med.clocks = slices.Delete(med.clocks, 0, n)
	}
	med.dirtyClock = true
	return nil
}

// Load implements outbox.Store.
func (m *Memory) Load(lane uint8, after uint64, n int, maxBytes int) (outbox.Loaded, error) {
	if err := m.before(OpLoad); err != nil {
		return outbox.Loaded{}, err
	}
	med := m.med
	var out outbox.Loaded
	size := 0
	l := &med.lanes[lane]
	for i := l.after(after); i < len(l.list); i++ {
		r := &l.list[i]
		switch {
		case r.gone || med.isQuarantined(r.Seq) || med.unreadable[r.Seq] != nil:
			continue
		case med.bad[r.Seq]:
			s := outbox.Settlement{Seq: r.Seq, Ord: r.Ord, Lane: lane, Outcome: outbox.Damaged, Bytes: int64(len(r.Body))}
			out.Lost = append(out.Lost, s)
			continue
		}
		if len(out.Entries) > 0 && (len(out.Entries) >= n || size+len(r.Body) > maxBytes) {
			m.settleLost(out.Lost)
			return out, nil
		}
		e := r.Entry
		e.Body = slices.Clone(e.Body)
		size += len(e.Body)
		out.Entries = append(out.Entries, e)
	}
	m.settleLost(out.Lost)
	out.End = true
	return out, nil
}

func (m *Memory) settleLost(lost []outbox.Settlement) {
	for _, s := range lost {
		m.med.settle(s)
	}
}

func (med *medium) isQuarantined(seq uint64) bool {
	return len(med.quarantined) > 0 &&
		slices.ContainsFunc(med.quarantined, func(q outbox.Mark) bool { return q.Seq == seq })
}

// Unreadable implements outbox.Store.
func (m *Memory) Unreadable() uint64 { return uint64(len(m.med.unreadable)) }

// Upkeep implements outbox.Store: memory needs none.
func (m *Memory) Upkeep() *outbox.Job { return nil }

// Close implements outbox.Store.
func (m *Memory) Close() error {
	if !m.closed {
		m.closed = true
		m.med.synced(m.med.nextSeq-1, len(m.med.undo))
	}
	return nil
}

// recs is a lane's entries in order of Ord; ends leave holes that are closed
// from the front and, when they are many, altogether.
type recs struct {
	list []rec
	gone int
}

type rec struct {
	outbox.Entry
	gone bool
}

func (l *recs) push(e outbox.Entry) { l.list = append(l.list, rec{Entry: e}) }

// after is the index of the first entry with Ord > ord.
func (l *recs) after(ord uint64) int {
	return sort.Search(len(l.list), func(i int) bool { return l.list[i].Ord > ord })
}

func (l *recs) find(ord uint64) *rec {
	if i := l.after(ord) - 1; i >= 0 && l.list[i].Ord == ord && !l.list[i].gone {
		return &l.list[i]
	}
	return nil
}

func (l *recs) has(ord uint64) bool { return l.find(ord) != nil }

func (l *recs) insert(e outbox.Entry) {
	i := l.after(e.Ord)
	if i > 0 && l.list[i-1].Ord == e.Ord {
		l.list[i-1] = rec{Entry: e}
		l.gone--
		return
	}
	l.list = slices.Insert(l.list, i, rec{Entry: e})
}

func (l *recs) remove(ord uint64) (outbox.Entry, bool) {
	r := l.find(ord)
	if r == nil {
		return outbox.Entry{}, false
	}
	e := r.Entry
	*r = rec{Entry: outbox.Entry{Seq: e.Seq, Ord: e.Ord}, gone: true}
	l.gone++
	if l.gone > 64 && l.gone > len(l.list)/2 {
		l.list = slices.DeleteFunc(l.list, func(r rec) bool { return r.gone })
		l.gone = 0
	}
	return e, true
}
