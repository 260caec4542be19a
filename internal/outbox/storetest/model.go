package storetest

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/aliiot/aliiot/internal/outbox"
)

// model is the slow and obvious Store: what is pending is a list.
type model struct {
	counts  [outbox.MaxLanes]outbox.Counts
	pending [outbox.MaxLanes][]outbox.Entry
	aside   map[uint64]outbox.Mark
	clocks  []outbox.ClockPoint
	lastSeq uint64
	lastOrd [outbox.MaxLanes]uint64
}

func newModel() *model { return &model{aside: map[uint64]outbox.Mark{}} }

func (m *model) append(es []outbox.Entry) {
	for _, e := range es {
		e.Body = slices.Clone(e.Body)
		m.pending[e.Lane] = append(m.pending[e.Lane], e)
		m.counts[e.Lane].Accepted++
		m.counts[e.Lane].PendingBytes += int64(len(e.Body))
		m.lastSeq, m.lastOrd[e.Lane] = e.Seq, e.Ord
	}
}

func (m *model) settle(ends []outbox.Settlement) {
	for _, s := range ends {
		m.counts[s.Lane].Ends[s.Outcome]++
		m.counts[s.Lane].PendingBytes -= s.Bytes
		m.pending[s.Lane] = slices.DeleteFunc(m.pending[s.Lane], func(e outbox.Entry) bool { return e.Seq == s.Seq })
		delete(m.aside, s.Seq)
	}
}

func (m *model) quarantine(k outbox.Mark, on bool) {
	if on {
		m.aside[k.Seq] = k
	} else {
		delete(m.aside, k.Seq)
	}
}

func (m *model) saveClock(p outbox.ClockPoint) {
	if slices.ContainsFunc(m.clocks, func(c outbox.ClockPoint) bool { return c.Boot == p.Boot }) {
		return
	}
	m.clocks = append(m.clocks, p)
	m.clocks = m.clocks[max(0, len(m.clocks)-outbox.MaxClocks):]
}

func (m *model) loadable(lane uint8) []outbox.Entry {
	return slices.DeleteFunc(slices.Clone(m.pending[lane]), func(e outbox.Entry) bool {
		_, aside := m.aside[e.Seq]
		return aside
	})
}

func (m *model) marks() []outbox.Mark {
	var out []outbox.Mark
	for _, k := range m.aside {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b outbox.Mark) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// modelRuns does random things, the same for the same seed, and holds the store
// against the model after each.
func modelRuns(h *harness) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		lane := uint8(rnd.IntN(4))
		switch p := h.model.pending[lane]; rnd.IntN(12) {
		case 0, 1, 2, 3:
			sizes := make([]int, 1+rnd.IntN(5))
			for i := range sizes {
				sizes[i] = 1 + rnd.IntN(400)
			}
			h.add(lane, sizes...)
		case 4, 5, 6, 7:
			h.sync()
			var ends []outbox.Settlement
			for _, e := range p {
				if rnd.IntN(3) == 0 {
					ends = append(ends, end(e, outbox.Outcome(1+rnd.IntN(outbox.OutcomeCount-1))))
				}
			}
			if len(ends) > 0 {
				rnd.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
				h.settle(true, ends...)
			}
		case 8:
			if len(p) > 0 {
				e := p[rnd.IntN(len(p))]
				k := outbox.Mark{Seq: e.Seq, Ord: e.Ord, Lane: lane, Bytes: int64(len(e.Body))}
				_, was := h.model.aside[e.Seq]
				h.sync()
				if err := h.s.Quarantine(k, !was); err != nil {
					h.Fatalf("Quarantine: %v", err)
				}
				h.model.quarantine(k, !was)
				h.check("quarantine")
			}
		case 9:
			h.sync()
			if j := h.s.Upkeep(); j != nil {
				runJobs(h.s, j)
				h.check("upkeep")
			}
		case 10:
			h.s.CountLate(lane)
			h.model.counts[lane].Late++
			h.check("late")
		case 11:
			if rnd.IntN(4) == 0 {
				h.cycle()
			}
		}
	}
	h.cycle()
}
