package journal

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// world drives a journal and remembers every promise that it has made.
type world struct {
	fs      disk.FS
	o       Options
	j       *Journal
	reports map[uint64]*promise
	seq     uint64
	ord     [outbox.MaxLanes]uint64
	version uint64 // rises with every promise
	errs    []error
	// lastGroup is the first report since the sync before the last one: whether
	// it is durable nothing on the disk says yet.
	lastGroup, thisGroup uint64
	lastOff              int64
	lastSeg              uint64
	lastWrite            int64 // where the newest segment was synced up to, one sync ago
}

// promise is a report and what has been said of it.
type promise struct {
	e       outbox.Entry
	acked   bool // a sync that covers it came back
	refused bool
	unknown bool
	end     outbox.Outcome // settled, perhaps in memory only
	final   bool           // a sync that covers the end came back
}

func newWorld(fs disk.FS, o Options) *world {
	return &world{fs: fs, o: o, reports: map[uint64]*promise{}}
}

func (w *world) open() error {
	j, err := Open(w.fs, w.o)
	if err != nil {
		return err
	}
	w.j = j
	s := j.State()
	w.seq = max(w.seq, s.NextSeq-1)
	for i := range w.ord {
		w.ord[i] = max(w.ord[i], s.NextOrd[i]-1)
	}
	return nil
}

func bodyOf(seq uint64, size int) []byte {
	rnd := rand.New(rand.NewPCG(seq, 99))
	b := fmt.Appendf(nil, "report %d:", seq)
	for len(b) < size {
		b = append(b, byte(rnd.Uint32()))
	}
	return b[:max(size, len(b))]
}

// append offers a group; what is taken is on trial until a sync covers it.
func (w *world) append(lane uint8, sizes ...int) error {
	var es []outbox.Entry
	for _, size := range sizes {
		w.seq++
		w.ord[lane]++
		es = append(es, outbox.Entry{Seq: w.seq, Ord: w.ord[lane], Lane: lane, Body: bodyOf(w.seq, size)})
	}
	// Until the call returns, its reports may be there or not.
	for _, e := range es {
		w.reports[e.Seq] = &promise{e: e}
	}
	err := w.j.Append(w.j.State().Writer, es)
	if err != nil {
		for _, e := range es {
			w.reports[e.Seq].refused = true
		}
	}
	w.version++
	return err
}

// sync runs a sync and all that follows from it.
func (w *world) sync() outbox.Result {
	job := w.j.Sync()
	var last outbox.Result
	for job != nil {
		before := w.settled()
		job.Run()
		last = w.j.Done(job)
		w.learn(last, before)
		job = last.Next
	}
	return last
}

func (w *world) settled() []uint64 {
	var out []uint64
	for seq, p := range w.reports {
		if p.end != outbox.Pending && !p.final {
			out = append(out, seq)
		}
	}
	return out
}

func (w *world) learn(res outbox.Result, before []uint64) {
	w.version++
	for _, e := range res.Refused {
		w.reports[e.Seq].refused = true
	}
	for _, e := range res.Unknown {
		w.reports[e.Seq].unknown = true
	}
	if res.Next != nil || res.Err != nil {
		return
	}
	for seq, p := range w.reports {
		if seq <= res.Durable && !p.refused && !p.unknown {
			p.acked = true
		}
	}
	for _, seq := range before {
		w.reports[seq].final = true
	}
	w.lastGroup, w.thisGroup = w.thisGroup, w.seq+1
	w.lastWrite = 0
	if a := w.j.active; a != nil && len(w.j.tail) == 0 {
		w.lastWrite = w.lastOff
		w.lastOff = a.off
		if w.lastSeg != a.id {
			w.lastWrite, w.lastSeg = 0, a.id
		}
	}
}

// settle ends those reports that are pending.
func (w *world) settle(end outbox.Outcome, seqs ...uint64) {
	var list []outbox.Settlement
	for _, seq := range seqs {
		if p := w.reports[seq]; p != nil && p.end == outbox.Pending && !p.refused && !p.unknown {
			list = append(list, outbox.Settlement{Seq: seq, Ord: p.e.Ord, Lane: p.e.Lane, Outcome: end, Sends: 1, Bytes: int64(len(p.e.Body))})
			p.end = end
		}
	}
	if len(list) == 0 {
		return
	}
	w.version++
	for i, ok := range w.j.Settle(list) {
		if !ok {
			w.errs = append(w.errs, fmt.Errorf("settling %d: it is not pending", list[i].Seq))
		}
	}
}

// upkeep runs upkeep jobs until there is none.
func (w *world) upkeep() {
	for range 4 {
		job := w.j.Upkeep()
		if job == nil {
			return
		}
		job.Run()
		w.j.Done(job)
	}
}

func (w *world) pending() []uint64 {
	var out []uint64
	for seq, p := range w.reports {
		if p.end == outbox.Pending && !p.refused && !p.unknown {
			out = append(out, seq)
		}
	}
	slices.Sort(out)
	return out
}

// key is a hash of the promises.
func (w *world) key() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, w.version)
	return h.Sum64()
}

// found is what a journal holds.
type found struct {
	state   outbox.State
	pending map[uint64]outbox.Entry
}

// look reads all that is pending and checks what must hold for every journal.
func look(j *Journal) (found, error) {
	f := found{pending: map[uint64]outbox.Entry{}}
	for lane := range uint8(outbox.MaxLanes) {
		after := uint64(0)
		for {
			l, err := j.Load(lane, after, 64, 1<<20)
			if err != nil {
				return f, err
			}
			for _, e := range l.Entries {
				if _, twice := f.pending[e.Seq]; twice || e.Ord <= after || e.Lane != lane {
					return f, fmt.Errorf("lane %d: report %d (%d) out of order or twice", lane, e.Seq, e.Ord)
				}
				after = e.Ord
				f.pending[e.Seq] = e
			}
			if l.End {
				break
			}
			if len(l.Entries) == 0 {
				return f, fmt.Errorf("lane %d: neither reports nor the end", lane)
			}
		}
	}
	f.state = j.State()
	return f, sound(j, len(f.pending))
}

// sound checks the ledger's identity.
func sound(j *Journal, loaded int) error {
	if !j.now.sound() || !j.durable.sound() {
		return fmt.Errorf("the ledger does not balance: %+v", j.State().Lanes)
	}
	for _, l := range []*ledger{j.now, j.durable} {
		for k := range l.moved {
			if !l.pending(k) {
				return fmt.Errorf("lane %d: a copy of what has ended: %d", k.lane, k.ord)
			}
		}
	}
	s := j.State()
	var pending uint64
	for _, c := range s.Lanes {
		pending += c.Pending()
	}
	if want := uint64(loaded+len(s.Quarantined)) + j.Unreadable(); loaded >= 0 && pending != want {
		return fmt.Errorf("%d pending, but %d can be loaded", pending, want)
	}
	return nil
}

// check compares what an image holds with what was promised.
func (w *world) check(f found) error {
	for seq, e := range f.pending {
		p := w.reports[seq]
		switch {
		case p == nil:
			return fmt.Errorf("report %d was never submitted", seq)
		case !bytes.Equal(p.e.Body, e.Body) || p.e.Ord != e.Ord || p.e.Lane != e.Lane:
			return fmt.Errorf("report %d is not what was submitted", seq)
		case p.refused:
			return fmt.Errorf("refused report %d rose", seq)
		case p.final:
			return fmt.Errorf("report %d is back after its end", seq)
		}
	}
	var least, most [outbox.MaxLanes]uint64
	for seq, p := range w.reports {
		if p.acked && p.end == outbox.Pending {
			if _, ok := f.pending[seq]; !ok {
				return fmt.Errorf("acknowledged report %d of lane %d is lost", seq, p.e.Lane)
			}
		}
		if p.acked {
			least[p.e.Lane]++
		}
		if !p.refused {
			most[p.e.Lane]++
		}
	}
	for lane, c := range f.state.Lanes {
		if c.Accepted < least[lane] || c.Accepted > most[lane] {
			return fmt.Errorf("lane %d: accepted %d, want %d to %d", lane, c.Accepted, least[lane], most[lane])
		}
		if d := c.Ends[outbox.Damaged]; d > 0 {
			return fmt.Errorf("lane %d: false damage: %d", lane, d)
		}
		if size := pendingBytes(f, uint8(lane)); c.PendingBytes != size {
			return fmt.Errorf("lane %d: %d pending bytes, want %d", lane, c.PendingBytes, size)
		}
	}
	return nil
}

func pendingBytes(f found, lane uint8) (n int64) {
	for _, e := range f.pending {
		if e.Lane == lane {
			n += int64(len(e.Body))
		}
	}
	return n
}

// same says how two findings differ, but for the writer.
func same(a, b found) error {
	a.state.Writer, b.state.Writer = 0, 0
	if fmt.Sprintf("%+v", a.state) != fmt.Sprintf("%+v", b.state) {
		return fmt.Errorf("the state differs:\n%+v\n%+v", a.state, b.state)
	}
	if !maps.EqualFunc(a.pending, b.pending, func(x, y outbox.Entry) bool { return bytes.Equal(x.Body, y.Body) }) {
		return fmt.Errorf("what is pending differs: %d and %d", len(a.pending), len(b.pending))
	}
	return nil
}
