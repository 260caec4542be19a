package journal

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// full is a rig with segments of the ordinary size.
func full(t *testing.T) *rig {
	d := disktest.New()
	o := testOptions(5)
	o.SegmentBytes = DefaultSegmentBytes
	r := &rig{t, d, newWorld(d.FS(), o)}
	r.mustOpen()
	return r
}

// TestOpenReads: what an opening reads does not depend on what waits (D9).
func TestOpenReads(t *testing.T) {
	for _, clean := range []bool{true, false} {
		var bytes [2]int64
		for i, n := range []int{20, 200} {
			r := full(t)
			for range n {
				r.mustAppend(0, many(100, 900)...)
				r.sync()
			}
			if clean {
				if err := r.j.Close(); err != nil {
					t.Fatal(err)
				}
			}
			r.d.Kill()
			r.d.ResetStats()
			j, err := Open(r.d.FS(), r.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := j.State().Lanes[0].Pending(); got != uint64(n*100) {
				t.Fatalf("%d pending, want %d", got, n*100)
			}
			s := r.d.StatsByOp()[opOpen]
			bytes[i] = s.ReadBytes
			t.Logf("clean %v, %d reports: %d reads, %d bytes", clean, n*100, s.Reads, s.ReadBytes)
			header, tail := int64(headerAhead), int64(256<<10+100*1024)
			if s.ReadBytes > header+tail {
				t.Errorf("clean %v, %d reports: %d bytes read to open, want at most %d", clean, n*100, s.ReadBytes, header+tail)
			}
		}
	}
}

// TestSyncsPerGroup: one sync a group and nothing else; none for a settle alone
// until it is asked for; names only where a segment changes (D5).
func TestSyncsPerGroup(t *testing.T) {
	r := full(t)
	r.upkeep()
	r.d.ResetStats()
	for range 200 {
		r.mustAppend(0, many(8, 256)...)
		r.settle(outbox.ConfirmedReply, r.seq-7, r.seq-6)
		r.sync()
	}
	s := r.d.Stats()
	if s.FileSyncs != 200 || s.DirSyncs+s.DirOps() != 0 || s.SizeChanges != 0 {
		t.Fatalf("%+v: want 200 syncs, and neither names nor sizes changed", s)
	}
}

// TestBytes: what is written for a report of 256 bytes, over its whole life, in
// groups of 64 (D6): header and body, the group's share, its end, checkpoints.
func TestBytes(t *testing.T) {
	r := full(t)
	r.upkeep()
	r.d.ResetStats()
	const n = 64 * 1000
	for range n / 64 {
		r.mustAppend(0, many(64, 256)...)
		r.sync()
		first := r.seq - 63
		var seqs []uint64
		for s := first; s <= r.seq; s++ {
			seqs = append(seqs, s)
		}
		r.settle(outbox.ConfirmedReply, seqs...)
		for seq := range seqs {
			delete(r.reports, first+uint64(seq)-64)
		}
		if r.seq%6400 == 0 {
			r.upkeep()
		}
	}
	s := r.d.Stats()
	fills := r.d.StatsByOp()[opFill].WriteBytes // once in a life
	per := float64(s.WriteBytes-fills) / n
	t.Logf("%.1f bytes a report; %+v", per, s)
	if per > 290 { // 256 + 24 + 2; a partial page at each sync comes on top
		t.Fatalf("%.1f bytes written for a report of 256", per)
	}
	if fills > 2*DefaultSegmentBytes {
		t.Fatalf("%d bytes of zeros written: settled segments are not used again", fills)
	}
}

// TestAllocs: an append costs a few allocations a call, not a report (D11).
func TestAllocs(t *testing.T) {
	r := full(t)
	group := make([]outbox.Entry, 64)
	for i := range group {
		group[i].Body = make([]byte, 256)
	}
	next := func() {
		s := r.j.now
		for i := range group {
			group[i].Seq, group[i].Ord = s.nextSeq+uint64(i), s.lanes[0].next+uint64(i)
		}
		if err := r.j.Append(r.j.writer, group); err != nil {
			t.Fatal(err)
		}
		job := r.j.Sync()
		job.Run()
		r.j.Done(job)
	}
	if n := testing.AllocsPerRun(100, next); n > 32 {
		t.Fatalf("%.0f allocations for 64 reports", n)
	}
}

// TestHeapDoesNotGrow: what an opening keeps in memory does not depend on what waits,
// a small record for each segment aside (D10).
func TestHeapDoesNotGrow(t *testing.T) {
	const n = 10_000
	var added [2]int64
	var segments [2]int
	for i, waiting := range []int{n, 10 * n} {
		fs := benchDisk(t, t.TempDir())
		if err := backlog(t, fs, waiting).Close(); err != nil {
			t.Fatal(err)
		}
		before := liveHeap()
		j, err := Open(fs, benchOptions())
		if err != nil {
			t.Fatal(err)
		}
		added[i], segments[i] = liveHeap()-before, len(j.rows)
		if got := j.State().Lanes[0].Pending(); got != uint64(waiting) {
			t.Fatalf("%d pending, want %d", got, waiting)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("heap added: %d bytes with %d waiting, %d with %d", added[0], n, added[1], 10*n)
	const slack = 16 << 10 // the runtime's own
	if most := int64(256 << 10); added[1] > most {
		t.Errorf("%d bytes of heap with %d waiting, want %d at most", added[1], 10*n, most)
	}
	if grown := added[1] - added[0]; grown > slack+64*int64(segments[1]-segments[0]) {
		t.Errorf("ten times as many waiting take %d bytes more, in %d segments instead of %d", grown, segments[1], segments[0])
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestFragments: ends far out of order are kept as what they are, and the
// journal opens with them.
func TestFragments(t *testing.T) {
	r := full(t)
	for range 40 {
		r.mustAppend(0, many(500, 30)...)
	}
	r.sync()
	var odd []uint64
	for _, seq := range r.pending() {
		if seq%2 == 1 {
			odd = append(odd, seq)
		}
	}
	r.settle(outbox.EvictedThinned, odd...)
	r.sync()
	r.reopen(killOnly, 0)
	if got := r.j.now.lanes[0].ended.spans(); got != 10_000 {
		t.Fatalf("%d ranges, want 10000", got)
	}
	for range 100 {
		r.mustAppend(1, many(100, 900)...)
		r.sync()
	}
	r.reopen(disktest.Garbage, 1)
	// All the gaps close, and then a sync fails: the new header holds the old state.
	var even []uint64
	for _, seq := range r.pending() {
		if p := r.reports[seq]; p.e.Lane == 0 {
			even = append(even, seq)
		}
	}
	r.settle(outbox.Expired, even...)
	r.d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: syscall.EIO})
	if res := r.sync(); res.Err != nil {
		t.Fatalf("the rescue: %+v", res)
	}
	r.reopen(disktest.Garbage, 2)
}
