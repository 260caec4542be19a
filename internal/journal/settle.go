package journal

import (
	"cmp"
	"sort"

	"github.com/aliiot/aliiot/internal/outbox"
)

// Settle implements outbox.Store. Ends are counted at once; they are written at
// once where that is possible, else held and written with what comes next.
func (j *Journal) Settle(ends []outbox.Settlement) []bool {
	done := make([]bool, len(ends))
	if j.closed {
		return done
	}
	for i := range ends {
		done[i] = j.end(&ends[i])
	}
	j.flush()
	return done
}

func (j *Journal) end(s *outbox.Settlement) bool {
	if s.Lane >= outbox.MaxLanes {
		return false
	}
	n := note{kind: noteEnd, lane: s.Lane, ord: s.Ord, outcome: s.Outcome, sends: s.Sends, bytes: max(s.Bytes, 0)}
	if s.Outcome == outbox.Rejected {
		n.code = s.Code
	}
	if !j.now.apply(&n) {
		return false
	}
	delete(j.unread[s.Lane], s.Ord)
	j.held = append(j.held, n)
	return true
}

// CountLate implements outbox.Store.
func (j *Journal) CountLate(lane uint8) {
	if j.closed || lane >= outbox.MaxLanes {
		return
	}
	n := note{kind: noteLate, lane: lane, seq: j.now.lanes[lane].counts.Late + 1}
	j.now.apply(&n)
	// The last total of a lane is enough.
	for i := range j.held {
		if j.held[i].kind == noteLate && j.held[i].lane == lane {
			j.held[i] = n
			return
		}
	}
	j.held = append(j.held, n)
}

// Quarantine implements outbox.Store.
func (j *Journal) Quarantine(m outbox.Mark, on bool) error {
	if j.closed {
		return outbox.ErrClosed
	}
	n := note{kind: noteRelease, lane: m.Lane, ord: m.Ord, seq: m.Seq, bytes: m.Bytes}
	if on {
		n.kind = noteAside
		if _, is := j.now.aside[key{m.Lane, m.Ord}]; !is && len(j.now.aside) >= outbox.MaxQuarantined {
			return outbox.ErrFull
		}
	}
	if m.Lane < outbox.MaxLanes && j.now.apply(&n) {
		j.held = append(j.held, n)
		j.flush()
	}
	return nil
}

// SaveClock implements outbox.Store.
func (j *Journal) SaveClock(p outbox.ClockPoint) error {
	if j.closed {
		return outbox.ErrClosed
	}
	if len(p.Source) > maxSource {
		p.Source = p.Source[:maxSource]
	}
	n := note{kind: noteClock, clock: p}
	if j.now.apply(&n) {
		j.held = append(j.held, n)
		j.flush()
	}
	return nil
}

// maxHeld is how many notes are held one by one while nothing can be written;
// beyond it runs of ends lose who sent how often, never their number.
const maxHeld = 4096

// flush writes what is held, if it can.
func (j *Journal) flush() {
	if len(j.held) == 0 || j.stage == stageFence {
		return
	}
	if j.ensure(int64(len(j.held))*32+boundaryRoom, forNotes) != nil {
		j.squeeze()
		return
	}
	b := j.begin()
	b.notes(j.held, j.now)
	if err := j.commit(b, 0); err != nil {
		j.log.Debug("ends are held: they cannot be written now", "held", len(j.held), "err", err)
		j.giveBuffer(b.buf)
		j.squeeze()
	}
}

// squeeze keeps what is held small: ends of durable reports become runs.
func (j *Journal) squeeze() {
	if len(j.held) <= maxHeld {
		return
	}
	ends := func(n *note) bool { return n.kind == noteEnd || n.kind == noteEnds }
	sort.SliceStable(j.held, func(x, y int) bool {
		a, b := &j.held[x], &j.held[y]
		if !ends(a) || !ends(b) {
			return !ends(a) && ends(b)
		}
		return cmp.Or(cmp.Compare(a.lane, b.lane), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.ord, b.ord)) < 0
	})
	out := j.held[:0]
	for _, n := range j.held {
		if n.kind == noteEnd {
			n.to = n.ord + 1
		}
		if len(out) > 0 && ends(&n) && n.to <= j.durable.lanes[n.lane].next {
			if l := &out[len(out)-1]; ends(l) && l.lane == n.lane && l.outcome == n.outcome && l.to == n.ord {
				l.kind, l.to, l.bytes, l.sends, l.code = noteEnds, n.to, l.bytes+n.bytes, 0, 0
				continue
			}
		}
		out = append(out, n)
	}
	j.held = out
}
