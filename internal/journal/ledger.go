package journal

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/aliiot/aliiot/internal/outbox"
)

// key names a report within a store.
type key struct {
	lane uint8
	ord  uint64
}

func compareKeys(a, b key) int {
	return cmp.Or(cmp.Compare(a.lane, b.lane), cmp.Compare(a.ord, b.ord))
}

// place is where a frame begins.
type place struct {
	seg uint64
	off int64
}

func (p place) less(q place) bool {
	return p.seg < q.seg || p.seg == q.seg && p.off < q.off
}

// lane is the ledger of one lane class. What has ended is a set of ordinals;
// what is below next and not in it is pending. Numbers that were never accepted
// are in the set too, uncounted.
type lane struct {
	counts outbox.Counts
	next   uint64
	ended  ordSet
}

// ledger is the whole state of a journal but for the backlog itself. Two of them
// live in a Journal: one for all that was written, one for what is durable.
// Every change is idempotent, so that a log may be replayed from any earlier
// state and over repeated frames.
type ledger struct {
	nextSeq uint64
	lanes   [outbox.MaxLanes]lane
	// moved says where the copies of stragglers are, of pending reports only.
	moved map[key]place
	// aside are the quarantined reports.
	aside  map[key]outbox.Mark
	clocks []outbox.ClockPoint
}

func newLedger() *ledger {
	l := &ledger{nextSeq: 1, moved: map[key]place{}, aside: map[key]outbox.Mark{}}
	for i := range l.lanes {
		l.lanes[i].next = 1
	}
	return l
}

func (l *ledger) clone() *ledger {
	c := *l
	for i := range c.lanes {
		c.lanes[i].ended = l.lanes[i].ended.clone()
	}
	c.moved, c.aside, c.clocks = maps.Clone(l.moved), maps.Clone(l.aside), slices.Clone(l.clocks)
	return &c
}

func (l *ledger) sawSeq(seq uint64) {
	if seq >= l.nextSeq {
		l.nextSeq = seq + 1
	}
}

// accept counts a report in. It returns false where its number is used already.
// Whoever calls it has dealt with a gap before ord.
func (l *ledger) accept(k key, seq uint64, bytes int64) bool {
	ln := &l.lanes[k.lane]
	l.sawSeq(seq)
	if k.ord < ln.next {
		return false
	}
	ln.next = k.ord + 1
	ln.counts.Accepted++
	ln.counts.PendingBytes += bytes
	return true
}

// void passes over numbers below to that were never accepted.
func (l *ledger) void(laneNo uint8, to uint64) bool {
	ln := &l.lanes[laneNo]
	if to <= ln.next {
		return false
	}
	ln.ended.add(ln.next, to)
	ln.next = to
	return true
}

// lose counts the numbers below to as accepted and destroyed.
func (l *ledger) lose(laneNo uint8, to uint64) uint64 {
	ln := &l.lanes[laneNo]
	if to <= ln.next {
		return 0
	}
	n := to - ln.next
	ln.counts.Accepted += n
	ln.counts.Ends[outbox.Damaged] += n
	ln.ended.add(ln.next, to)
	ln.next = to
	return n
}

func (l *ledger) pending(k key) bool {
	ln := &l.lanes[k.lane]
	return k.ord >= 1 && k.ord < ln.next && !ln.ended.has(k.ord)
}

// settle ends [from, to) under one name and returns how many were pending.
func (l *ledger) settle(laneNo uint8, from, to uint64, end outbox.Outcome, bytes int64) uint64 {
	ln := &l.lanes[laneNo]
	from, to = max(from, 1), min(to, ln.next)
	if from >= to || end == outbox.Pending || end >= outbox.OutcomeCount {
		return 0
	}
	n := ln.ended.add(from, to)
	if n == 0 {
		return 0
	}
	ln.counts.Ends[end] += n
	ln.counts.PendingBytes -= bytes
	if ln.counts.PendingBytes < 0 || ln.counts.Pending() == 0 {
		ln.counts.PendingBytes = 0 // only damage of unknown size makes this differ
	}
	if len(l.moved) > 0 || len(l.aside) > 0 {
		l.forget(laneNo, from, to)
	}
	return n
}

// forget drops what is known beside the counts about reports that have ended.
func (l *ledger) forget(laneNo uint8, from, to uint64) {
	if to-from == 1 {
		delete(l.moved, key{laneNo, from})
		delete(l.aside, key{laneNo, from})
		return
	}
	gone := func(k key) bool { return k.lane == laneNo && k.ord >= from && k.ord < to }
	maps.DeleteFunc(l.moved, func(k key, _ place) bool { return gone(k) })
	maps.DeleteFunc(l.aside, func(k key, _ outbox.Mark) bool { return gone(k) })
}

// move notes that a pending report's copy is at p. A copy of what has an end is
// nothing (faults.md 1.6.10).
func (l *ledger) move(k key, p place) bool {
	if !l.pending(k) {
		return false
	}
	l.moved[k] = p
	return true
}

func (l *ledger) quarantine(m outbox.Mark, on bool) bool {
	k := key{m.Lane, m.Ord}
	_, is := l.aside[k]
	switch {
	case on && !is && l.pending(k):
		l.aside[k] = m
	case !on && is:
		delete(l.aside, k)
	default:
		return false
	}
	return true
}

// clock keeps the first word about a boot.
func (l *ledger) clock(p outbox.ClockPoint) bool {
	if slices.ContainsFunc(l.clocks, func(c outbox.ClockPoint) bool { return c.Boot == p.Boot }) {
		return false
	}
	if len(l.clocks) >= outbox.MaxClocks {
		l.clocks = slices.Delete(l.clocks, 0, len(l.clocks)-outbox.MaxClocks+1)
	}
	l.clocks = append(l.clocks, p)
	return true
}

// late raises a lane's count of late yeses to total.
func (l *ledger) late(laneNo uint8, total uint64) bool {
	c := &l.lanes[laneNo].counts
	if total <= c.Late {
		return false
	}
	c.Late = total
	return true
}

// sound says whether the ledger's identity holds in every lane.
func (l *ledger) sound() bool {
	for i := range l.lanes {
		ln := &l.lanes[i]
		ends := uint64(0)
		for _, e := range ln.counts.Ends {
			ends += e
		}
		if ends > ln.counts.Accepted || ln.next < 1 || ln.ended.n > ln.next-1 ||
			ln.counts.Accepted-ends != ln.next-1-ln.ended.n || ln.counts.Ends[outbox.Pending] != 0 {
			return false
		}
	}
	return true
}

func (l *ledger) ords() (n [outbox.MaxLanes]uint64) {
	for i := range l.lanes {
		n[i] = l.lanes[i].next
	}
	return n
}

func (l *ledger) marks() []outbox.Mark {
	m := make([]outbox.Mark, 0, len(l.aside))
	for _, mark := range l.aside {
		m = append(m, mark)
	}
	sort.Slice(m, func(a, b int) bool {
		return cmp.Or(cmp.Compare(m[a].Seq, m[b].Seq), compareKeys(key{m[a].Lane, m[a].Ord}, key{m[b].Lane, m[b].Ord})) < 0
	})
	return m
}

// state is what the ledger shows of itself.
func (l *ledger) state(epoch, writer uint64) outbox.State {
	s := outbox.State{Epoch: epoch, Writer: writer, NextSeq: l.nextSeq, NextOrd: l.ords(),
		Quarantined: l.marks(), Clocks: slices.Clone(l.clocks)}
	for i := range l.lanes {
		s.Lanes[i] = l.lanes[i].counts
	}
	return s
}
