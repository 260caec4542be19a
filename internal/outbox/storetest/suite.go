package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aliiot/aliiot/internal/outbox"
)

// Suite is what every Store must pass. open makes a fresh store; reopen opens
// the same one again and is only called after the handle before it was closed.
func Suite(t *testing.T, open func(t *testing.T) (store outbox.Store, reopen func() outbox.Store)) {
	tests := []struct {
		name string
		run  func(*harness)
	}{
		{"fresh store is empty", freshIsEmpty},
		{"load gives order and limits", loadOrder},
		{"sync covers what was written before it", syncCovers},
		{"settle is idempotent", settleTwice},
		{"ends are counted by name", endsByName},
		{"gaps are void and never counted", gapsAreVoid},
		{"quarantine sets aside", quarantine},
		{"quarantine is bounded", quarantineBound},
		{"clocks keep the first word", clocks},
		{"an older writer is refused", staleWriter},
		{"closing ends the handle", closing},
		{"reopening finds everything equal", reopening},
		{"bodies belong to the caller", bodies},
		{"any run keeps to the model", modelRuns},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, reopen := open(t)
			h := &harness{T: t, s: s, reopen: reopen, model: newModel()}
			defer func() { _ = h.s.Close() }()
			tt.run(h)
		})
	}
}

// harness holds a store against the model after each step.
type harness struct {
	*testing.T
	s      outbox.Store
	reopen func() outbox.Store
	model  *model
}

// add appends n entries to a lane in one group and checks.
func (h *harness) add(lane uint8, sizes ...int) []outbox.Entry {
	h.Helper()
	st := h.s.State()
	var es []outbox.Entry
	for i, size := range sizes {
		seq := st.NextSeq + uint64(i)
		body := bytes.Repeat([]byte{byte('a' + seq%26)}, size)
		copy(body, fmt.Sprintf("%d:", seq))
		es = append(es, outbox.Entry{Seq: seq, Ord: st.NextOrd[lane] + uint64(i), Lane: lane, Body: body})
	}
	h.append(es)
	return es
}

func (h *harness) append(es []outbox.Entry) {
	h.Helper()
	if err := h.s.Append(h.s.State().Writer, es); err != nil {
		h.Fatalf("Append: %v", err)
	}
	h.model.append(es)
	h.check("append")
}

// sync runs one sync to its end.
func (h *harness) sync() outbox.Result {
	h.Helper()
	res := runJobs(h.s, h.s.Sync())
	if len(res.Refused)+len(res.Unknown) > 0 || res.Err != nil {
		h.Fatalf("Sync: %+v", res)
	}
	h.check("sync")
	return res
}

// runJobs runs a job and what follows from it, and returns the last result.
func runJobs(s outbox.Store, j *outbox.Job) outbox.Result {
	var res outbox.Result
	for j != nil {
		j.Run()
		<-j.Ended()
		res = s.Done(j)
		j = res.Next
	}
	return res
}

func (h *harness) settle(want bool, ends ...outbox.Settlement) {
	h.Helper()
	got := h.s.Settle(ends)
	if len(got) != len(ends) || slices.Contains(got, !want) {
		h.Fatalf("Settle(%+v) = %v, want all %v", ends, got, want)
	}
	if want {
		h.model.settle(ends)
	}
	h.check("settle")
}

func end(e outbox.Entry, o outbox.Outcome) outbox.Settlement {
	s := outbox.Settlement{Seq: e.Seq, Ord: e.Ord, Lane: e.Lane, Outcome: o, Sends: 1, Bytes: int64(len(e.Body))}
	if o == outbox.Rejected {
		s.Code = 6306
	}
	return s
}

// cycle closes the store and opens it again.
func (h *harness) cycle() {
	h.Helper()
	before := h.s.State()
	if err := h.s.Close(); err != nil {
		h.Fatalf("Close: %v", err)
	}
	h.s = h.reopen()
	after := h.s.State()
	if after.Writer <= before.Writer {
		h.Fatalf("writer went from %d to %d at reopening", before.Writer, after.Writer)
	}
	after.Writer = before.Writer
	if d := cmp.Diff(before, after, cmpopts.EquateEmpty()); d != "" {
		h.Fatalf("state differs after reopening (-before +after):\n%s", d)
	}
	h.check("reopen")
}

// check holds what the store says against the model: counts, identity, and
// everything that is pending, read through Load in small steps.
func (h *harness) check(step string) {
	h.Helper()
	st := h.s.State()
	m := h.model
	if st.NextSeq <= m.lastSeq {
		h.Fatalf("after %s: NextSeq %d, but %d was used", step, st.NextSeq, m.lastSeq)
	}
	for lane := range uint8(outbox.MaxLanes) {
		c := st.Lanes[lane]
		if d := cmp.Diff(m.counts[lane], c); d != "" {
			h.Fatalf("after %s: counts of lane %d (-want +got):\n%s", step, lane, d)
		}
		if c.Pending() != uint64(len(m.pending[lane])) {
			h.Fatalf("after %s: lane %d says %d pending, there are %d", step, lane, c.Pending(), len(m.pending[lane]))
		}
		if st.NextOrd[lane] <= m.lastOrd[lane] {
			h.Fatalf("after %s: NextOrd[%d] %d, but %d was used", step, lane, st.NextOrd[lane], m.lastOrd[lane])
		}
		if d := diffEntries(m.loadable(lane), h.loadAll(lane, 3, 1<<20)); d != "" {
			h.Fatalf("after %s: lane %d loads (-want +got):\n%s", step, lane, d)
		}
	}
	if d := cmp.Diff(m.marks(), st.Quarantined, cmpopts.EquateEmpty()); d != "" {
		h.Fatalf("after %s: quarantined (-want +got):\n%s", step, d)
	}
	if d := cmp.Diff(m.clocks, st.Clocks, cmpopts.EquateEmpty()); d != "" {
		h.Fatalf("after %s: clocks (-want +got):\n%s", step, d)
	}
}

// diffEntries is cmp.Diff for entries without its cost for large bodies.
func diffEntries(want, got []outbox.Entry) string {
	if slices.EqualFunc(want, got, func(a, b outbox.Entry) bool {
		return a.Seq == b.Seq && a.Ord == b.Ord && a.Lane == b.Lane && bytes.Equal(a.Body, b.Body)
	}) {
		return ""
	}
	return cmp.Diff(want, got)
}

func (h *harness) load(lane uint8, after uint64, n, maxBytes int) outbox.Loaded {
	h.Helper()
	l, err := h.s.Load(lane, after, n, maxBytes)
	if err != nil {
		h.Fatalf("Load(%d, %d): %v", lane, after, err)
	}
	if len(l.Lost) > 0 {
		h.Fatalf("Load(%d, %d) lost %+v", lane, after, l.Lost)
	}
	return l
}

func (h *harness) loadAll(lane uint8, n, maxBytes int) []outbox.Entry {
	h.Helper()
	var all []outbox.Entry
	after := uint64(0)
	for {
		l := h.load(lane, after, n, maxBytes)
		all = append(all, l.Entries...)
		if l.End {
			return all
		}
		if len(l.Entries) == 0 {
			h.Fatalf("Load(%d, %d) gave nothing and not the end", lane, after)
		}
		after = l.Entries[len(l.Entries)-1].Ord
	}
}

func freshIsEmpty(h *harness) {
	h.check("open")
	st := h.s.State()
	if st.NextSeq != 1 || st.NextOrd[0] != 1 || st.NextOrd[outbox.MaxLanes-1] != 1 {
		h.Fatalf("numbers begin at %d and %v, want 1", st.NextSeq, st.NextOrd)
	}
	if st.Epoch == 0 || st.Writer == 0 {
		h.Fatalf("epoch %d, writer %d: both must be set", st.Epoch, st.Writer)
	}
	if l := h.load(0, 0, 10, 1000); !l.End || len(l.Entries) > 0 {
		h.Fatalf("an empty lane loads %+v", l)
	}
	if j := h.s.Sync(); j != nil {
		runJobs(h.s, j)
	}
	if e, s := h.s.Dirty(); e || s {
		h.Fatalf("dirty after a sync: %v %v", e, s)
	}
	if j := h.s.Sync(); j != nil {
		h.Fatal("a sync with nothing to do")
	}
	if h.s.Unreadable() != 0 {
		h.Fatal("unreadable reports in an empty store")
	}
}

func loadOrder(h *harness) {
	a := h.add(0, 10, 20, 30)
	b := h.add(1, 40)
	a = append(a, h.add(0, 70_000, 50)...)
	h.sync()
	check := func(got outbox.Loaded, want []outbox.Entry, end bool) {
		h.Helper()
		if d := diffEntries(want, got.Entries); d != "" || got.End != end {
			h.Fatalf("loaded %d entries, end %v; want %d, %v\n%s", len(got.Entries), got.End, len(want), end, d)
		}
	}
	check(h.load(0, 0, 100, 1<<20), a, true)
	check(h.load(1, 0, 100, 1<<20), b, true)
	check(h.load(0, 0, 2, 1<<20), a[:2], false)
	check(h.load(0, 0, 100, 30), a[:2], false)        // 10+20 fit, 30 more do not
	check(h.load(0, a[2].Ord, 9, 1), a[3:4], false)   // the first one always comes
	check(h.load(0, a[3].Ord, 9, 1), a[4:], true)     // and the last one is the end
	check(h.load(0, a[4].Ord, 9, 1000), nil, true)    // nothing behind it
	check(h.load(0, a[4].Ord+99, 9, 1000), nil, true) // nor beyond
	h.settle(true, end(a[1], outbox.Expired))
	check(h.load(0, 0, 2, 1<<20), []outbox.Entry{a[0], a[2]}, false)
}

func syncCovers(h *harness) {
	h.add(0, 10)
	j := h.s.Sync()
	if j == nil {
		h.Fatal("no sync for an appended entry")
	}
	if h.s.Sync() != nil {
		h.Fatal("two syncs at once")
	}
	if r := h.s.Running(); len(r) != 1 || r[0] != j {
		h.Fatalf("Running() = %v, want the sync", r)
	}
	later := h.add(0, 10) // while the sync is under way
	j.Run()
	res := h.s.Done(j)
	if res.Durable < later[0].Seq-1 || res.Durable >= later[0].Seq {
		h.Fatalf("durable up to %d, want %d: not what came while it ran", res.Durable, later[0].Seq-1)
	}
	if again := h.s.Done(j); again.Durable != 0 || again.Next != nil || len(again.Refused)+len(again.Unknown) > 0 {
		h.Fatalf("Done a second time: %+v", again)
	}
	if len(h.s.Running()) != 0 {
		h.Fatal("a job that is done still runs")
	}
	if e, _ := h.s.Dirty(); !e {
		h.Fatal("the later entry is not dirty")
	}
	if res := h.sync(); res.Durable != later[0].Seq {
		h.Fatalf("durable up to %d, want %d", res.Durable, later[0].Seq)
	}
	h.settle(true, end(later[0], outbox.ConfirmedReply))
	if e, s := h.s.Dirty(); e || !s {
		h.Fatalf("after a settle alone: dirty entries %v settles %v", e, s)
	}
	h.sync()
	if e, s := h.s.Dirty(); e || s {
		h.Fatalf("after the last sync: dirty entries %v settles %v", e, s)
	}
}

func settleTwice(h *harness) {
	e := h.add(0, 10, 20)
	h.sync()
	h.settle(true, end(e[0], outbox.ConfirmedReply))
	h.settle(false, end(e[0], outbox.ConfirmedReply)) // the same end again
	h.settle(false, end(e[0], outbox.Expired))        // another end
	h.settle(false, outbox.Settlement{Seq: 999, Ord: 999, Outcome: outbox.Expired})
	h.s.CountLate(0)
	h.model.counts[0].Late++
	h.check("late")
	h.cycle()
	h.settle(false, end(e[0], outbox.ConfirmedReply))
	h.settle(true, end(e[1], outbox.Rejected))
	h.cycle()
}

func endsByName(h *harness) {
	for o := outbox.ConfirmedReply; o < outbox.OutcomeCount; o++ {
		lane := uint8(o) % 3
		e := h.add(lane, 10, 11)
		h.sync()
		h.settle(true, end(e[1], o), end(e[0], o))
	}
	h.cycle()
}

func gapsAreVoid(h *harness) {
	a := h.add(2, 10)
	h.append([]outbox.Entry{
		{Seq: a[0].Seq + 5, Ord: a[0].Ord + 3, Lane: 2, Body: []byte("behind a gap")},
		{Seq: a[0].Seq + 9, Ord: a[0].Ord + 4, Lane: 2, Body: []byte("behind a gap of seq")},
	})
	h.sync()
	h.settle(false, outbox.Settlement{Seq: a[0].Seq + 1, Ord: a[0].Ord + 1, Lane: 2, Outcome: outbox.Expired})
	h.cycle()
}

func quarantine(h *harness) {
	e := h.add(0, 10, 20, 30)
	h.sync()
	mark := func(e outbox.Entry) outbox.Mark {
		return outbox.Mark{Seq: e.Seq, Ord: e.Ord, Lane: e.Lane, Bytes: int64(len(e.Body))}
	}
	set := func(e outbox.Entry, on bool) {
		h.Helper()
		if err := h.s.Quarantine(mark(e), on); err != nil {
			h.Fatalf("Quarantine(%d, %v): %v", e.Seq, on, err)
		}
		h.model.quarantine(mark(e), on)
		h.check("quarantine")
	}
	set(e[0], true)
	set(e[1], true)
	set(e[1], true) // twice is once
	h.sync()
	h.cycle()
	set(e[0], false)
	h.settle(true, end(e[1], outbox.EvictedOperator)) // an end takes the mark away
	h.cycle()
}

func quarantineBound(h *harness) {
	sizes := make([]int, outbox.MaxQuarantined+1)
	for i := range sizes {
		sizes[i] = 8
	}
	es := h.add(0, sizes...)
	h.sync()
	for i, e := range es {
		err := h.s.Quarantine(outbox.Mark{Seq: e.Seq, Ord: e.Ord, Bytes: 8}, true)
		if i < outbox.MaxQuarantined && err != nil || i == outbox.MaxQuarantined && !errors.Is(err, outbox.ErrFull) {
			h.Fatalf("quarantining number %d: %v", i+1, err)
		}
	}
	if l := h.load(0, 0, 10, 1000); len(l.Entries) != 1 || !l.End {
		h.Fatalf("loaded %d, want the one that found no room", len(l.Entries))
	}
}

func clocks(h *harness) {
	save := func(p outbox.ClockPoint) {
		h.Helper()
		if err := h.s.SaveClock(p); err != nil {
			h.Fatalf("SaveClock: %v", err)
		}
		h.model.saveClock(p)
		h.check("clock")
	}
	save(outbox.ClockPoint{Boot: 7, Offset: 1700000000 * time.Second, Source: "ntp"})
	save(outbox.ClockPoint{Boot: 7, Offset: 1, Source: "gnss"})
	runJobs(h.s, h.s.Sync())
	h.cycle()
	save(outbox.ClockPoint{Boot: 7, Offset: 2, Source: "kernel"})
	for i := range uint64(outbox.MaxClocks) {
		save(outbox.ClockPoint{Boot: 100 + i, Offset: time.Duration(i) * time.Hour, Source: "ntp"})
	}
	h.cycle()
}

func staleWriter(h *harness) {
	h.add(0, 10)
	w := h.s.State().Writer
	st := h.s.State()
	e := []outbox.Entry{{Seq: st.NextSeq, Ord: st.NextOrd[0], Body: []byte("from the past")}}
	if err := h.s.Append(w-1, e); !errors.Is(err, outbox.ErrStaleWriter) {
		h.Fatalf("Append by an older writer: %v", err)
	}
	h.check("a stale append")
	h.cycle()
	if err := h.s.Append(w, e); !errors.Is(err, outbox.ErrStaleWriter) {
		h.Fatalf("Append by the writer before the reopening: %v", err)
	}
	h.check("a stale append after reopening")
	h.add(0, 10)
}

func closing(h *harness) {
	e := h.add(0, 10, 10)
	h.settle(true, end(e[0], outbox.ConfirmedReply)) // before any sync of it
	st := h.s.State()
	h.cycle() // Close syncs
	old := h.s
	if err := old.Close(); err != nil {
		h.Fatalf("Close: %v", err)
	}
	if err := old.Append(old.State().Writer, []outbox.Entry{{Seq: st.NextSeq, Ord: st.NextOrd[0], Body: []byte("late")}}); !errors.Is(err, outbox.ErrClosed) {
		h.Fatalf("Append after Close: %v", err)
	}
	h.s = h.reopen()
	h.check("reopen")
}

func reopening(h *harness) {
	for range 3 {
		a := h.add(0, 10, 300, 70_000)
		b := h.add(3, 5)
		h.sync()
		h.settle(true, end(a[1], outbox.ConfirmedPuback), end(b[0], outbox.Rejected))
		h.add(uint8(outbox.MaxLanes-1), 9)
		h.cycle()
		h.cycle() // twice is as once
	}
}

func bodies(h *harness) {
	e := h.add(0, 10)
	want := bytes.Clone(e[0].Body)
	h.sync()
	got := h.load(0, 0, 1, 100)
	clear(got.Entries[0].Body)
	if again := h.load(0, 0, 1, 100); !bytes.Equal(again.Entries[0].Body, want) {
		h.Fatalf("a caller's change shows in the store: %q", again.Entries[0].Body)
	}
}
