package journal

import (
	"slices"
	"sort"

	"github.com/aliiot/aliiot/internal/outbox"
)

// lostSeqs is how many numbers are passed over when reports below the watermark
// are lost whose numbers nobody knows: none may be used twice.
const lostSeqs = 1 << 16

// replay brings the chosen state up to the watermark.
func (r *recovery) replay(chosen *block) {
	r.ledger = chosen.ledger
	r.writer = max(r.writer, chosen.writer)
	r.lastMark = r.last.self.start
	from := chosen.asOf
	if chosen.self.id == r.last.self.id {
		r.adopt(chosen)
		r.lastMark = max(chosen.asOf.off, r.lastMark)
	}
	// A checkpoint on the way that is durable is as good, and nearer.
	for _, s := range r.segments() {
		sv := r.surveys[s.id]
		if sv == nil {
			continue
		}
		for i := range sv.recs {
			c := &sv.recs[i]
			if c.h.kind != kindCheckpoint || c.bad || !c.at().less(r.sure) || c.at().less(from) {
				continue
			}
			bl, err := decodeBlock(c.body)
			if err != nil || bl.self.id != s.id || bl.asOf != c.at() {
				continue
			}
			r.ledger, from = bl.ledger, bl.asOf
			if s.id == r.last.self.id {
				r.adopt(bl)
				r.lastMark = c.off
			}
		}
	}
	for _, s := range r.segments() {
		sv := r.surveys[s.id]
		if sv == nil {
			continue
		}
		for i := range sv.recs {
			if c := &sv.recs[i]; c.at().less(r.sure) && !c.at().less(from) {
				r.certain(c)
			}
		}
		for _, h := range sv.holes {
			if at := (place{s.id, h.from}); at.less(r.sure) && !at.less(from) {
				r.holes = append(r.holes, h)
			}
		}
	}
	for lane := range r.sureOrds {
		r.lose(uint8(lane), r.sureOrds[lane])
	}
}

// adopt takes the table of a checkpoint of the newest segment: it may leave out
// what the header still lists.
func (r *recovery) adopt(bl *block) {
	if bl != r.last {
		rows := make([]segment, 0, len(r.rows))
		for _, s := range r.rows {
			if slices.ContainsFunc(bl.rows, func(b segment) bool { return b.id == s.id }) {
				rows = append(rows, s)
			} else {
				r.strays = append(r.strays, s.id)
			}
		}
		r.rows = rows
	}
}

// certain applies a frame that is known to have been synced: a number that is
// missing before it was accepted, and is lost.
func (r *recovery) certain(c *rec) {
	if c.bad {
		if it, ok := c.seg.item(c.h, make([]byte, 16), c.off); ok && it.kind == kindReport && c.h.flags&flagAbsolute == 0 {
			r.lose(it.entry.Lane, it.entry.Ord+1)
			r.ledger.sawSeq(it.entry.Seq)
		}
		return
	}
	it, ok := c.seg.item(c.h, c.body, c.off)
	if !ok {
		return
	}
	switch it.kind {
	case kindReport:
		r.lose(it.entry.Lane, it.entry.Ord)
	case kindNotes:
		r.sawWriter(&it)
	}
	r.ledger.replay(&it)
}

func (r *recovery) lose(lane uint8, to uint64) {
	if n := r.ledger.lose(lane, to); n > 0 {
		r.lost += n
		r.ledger.nextSeq += n + lostSeqs
	}
}

func (r *recovery) sawWriter(it *item) {
	decodeNotes(it.notes, func(n *note) {
		if n.kind == noteWriter {
			r.writer = max(r.writer, n.seq)
		}
	})
}

// collect gathers what is whole at or above the watermark, and finds where each
// segment's fence has to stand: at its first hole, or where nothing follows.
func (r *recovery) collect() {
	var reports, rest []item
	only := 0 // frames above the watermark
	closing := false
	for _, s := range r.segments() {
		sv := r.surveys[s.id]
		if sv == nil || s.id < r.sure.seg {
			continue
		}
		fence := max(s.start, sv.end)
		if s.id == r.sure.seg {
			fence = max(r.sure.off, sv.end)
		}
		for _, h := range sv.holes {
			if !(place{s.id, h.from}).less(r.sure) {
				fence = min(fence, h.from)
			}
		}
		for i := range sv.recs {
			c := &sv.recs[i]
			if c.at().less(r.sure) {
				continue
			}
			only++
			closing = c.at() == r.sure && c.h.kind == kindGroup && int64(c.h.b) == int64(frameSize(int(c.h.size))) && c.whole
			if !c.whole {
				fence = min(fence, c.off)
				continue
			}
			it, ok := s.item(c.h, c.body, c.off)
			switch {
			case !ok:
			case it.kind == kindReport:
				if it.entry.Ord >= r.ledger.lanes[it.entry.Lane].next {
					reports = append(reports, it)
				}
			default:
				if it.kind == kindNotes {
					r.sawWriter(&it)
				}
				rest = append(rest, it)
			}
		}
		s.fence = min(s.fence, fence)
		if s.id == r.sure.seg {
			s.sure = max(s.sure, min(r.sure.off, s.fence))
		}
	}
	r.clean = only == 1 && closing && r.sure.seg == r.last.self.id && len(r.holes) == 0 && r.lost == 0 &&
		r.surveys[r.sure.seg].end == r.sure.off+int64(frameSize(int(r.closingSize())))
	sort.SliceStable(reports, func(a, b int) bool { return reports[a].entry.Seq < reports[b].entry.Seq })
	r.items = append(reports, rest...)
}

func (r *recovery) closingSize() uint32 {
	recs := r.surveys[r.sure.seg].recs
	return recs[len(recs)-1].h.size
}

// missing settles what was in segments that are gone: it is the difference of
// what their headers count (faults.md 1.6.7).
func (r *recovery) missing() {
	there := func(id uint64) bool { _, ok := r.sizes[id]; return ok }
	rows := r.rows[:0:0]
	for i := range r.rows {
		if there(r.rows[i].id) {
			rows = append(rows, r.rows[i])
			continue
		}
		for lane := range uint8(outbox.MaxLanes) {
			r.ledger.eachPending(lane, r.rows[i].base[lane], r.native(i, lane), func(from, to uint64) {
				for o := from; o < to; o++ {
					if p, moved := r.ledger.moved[key{lane, o}]; !moved || !there(p.seg) {
						r.lost += r.ledger.settle(lane, o, o+1, outbox.Damaged, 0)
					}
				}
			})
		}
	}
	for k, p := range r.ledger.moved {
		if !there(p.seg) {
			r.lost += r.ledger.settle(k.lane, k.ord, k.ord+1, outbox.Damaged, 0)
		}
	}
	r.rows = rows
	if r.lost > 0 {
		r.clean = false
	}
}

// native is where the numbers of a lane begin that are no longer in row i: see
// Journal.nativeEnd.
func (r *recovery) native(i int, lane uint8) uint64 {
	end := r.last.self.base[lane]
	for k := i + 1; k < len(r.rows); k++ {
		end = min(end, r.rows[k].base[lane])
	}
	return end
}

// gap makes void what a report leaves out that nobody was promised.
func (l *ledger) gap(it *item) {
	if it.kind == kindReport {
		l.void(it.entry.Lane, it.entry.Ord)
	}
}

// eachPending hands runs of pending numbers in [from, to) to f, which may end them.
func (l *ledger) eachPending(lane uint8, from, to uint64, f func(from, to uint64)) {
	ln := &l.lanes[lane]
	to = min(to, ln.next)
	for o := ln.ended.missing(max(from, 1)); o < to; o = ln.ended.missing(o) {
		end := min(ln.ended.follows(o), to)
		f(o, end)
		o = end
	}
}
