package journal

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// TestCrowded: a lane of which only the newest report waits, beside one that keeps
// its reports up to a budget and then evicts the oldest. Each segment holds a few of
// the latter, and may not stay for them.
func TestCrowded(t *testing.T) {
	const segment = 256 << 10
	for _, c := range []struct{ body, waiting, every int }{
		{500, 500, 12},  // as much waits as a segment holds
		{500, 500, 3},   // … and a third of all is of that kind
		{2000, 500, 12}, // four times as much
		{500, 60, 40},   // little waits
	} {
		t.Run(fmt.Sprintf("%d of %d, one of %d", c.waiting, c.body, c.every), func(t *testing.T) {
			d := disktest.New()
			o := testOptions(5)
			o.SegmentBytes = segment
			r := &rig{t, d, newWorld(d.FS(), o)}
			r.mustOpen()
			most := int64(0)
			n := 12_000_000 / c.body
			kept := map[uint64]uint64{} // ord of the lane that waits → seq
			for i := range n {
				lane := uint8(1)
				if i%c.every == 0 {
					lane = 0
				}
				r.mustAppend(lane, c.body)
				seq, ord := r.seq, r.ord[lane]
				delete(r.reports, seq)
				run(r.j.Sync(), r.j)
				var ends []outbox.Settlement
				switch {
				case lane == 0:
					kept[ord] = seq
					if old := ord - uint64(c.waiting); ord > uint64(c.waiting) {
						ends = append(ends, outbox.Settlement{Lane: 0, Ord: old, Seq: kept[old], Outcome: outbox.EvictedBudget, Bytes: int64(c.body)})
						delete(kept, old)
					}
				case ord > 1:
					ends = append(ends, outbox.Settlement{Lane: 1, Ord: ord - 1, Outcome: outbox.EvictedNewer, Bytes: int64(c.body)})
				}
				r.j.Settle(ends)
				run(r.j.Upkeep(), r.j)
				most = max(most, d.Used())
			}
			pending := int64(c.waiting) * int64(c.body+frameRoom)
			k := &r.j.keep
			amplified := float64(k.written) / float64(k.written-k.copied)
			t.Logf("%.2f MiB wait; the folder has at most %.2f MiB; %.2f bytes written for each; %d copies live", float64(pending)/(1<<20), float64(most)/(1<<20), amplified, len(r.j.now.moved))
			if bound := roomyShare*pending + (slackSegments+1+2)*segment; most > bound {
				t.Errorf("the folder has %d bytes with %d waiting, want at most %d", most, pending, bound)
			}
			if amplified > 1.4 {
				t.Errorf("%.2f bytes are written for each that is reported", amplified)
			}
			// Nothing is lost on the way, nor by opening again.
			for range 2 {
				got, err := r.j.Load(0, 0, c.waiting+1, 1<<30)
				if err != nil || len(got.Entries) != len(kept) || len(got.Lost) > 0 {
					t.Fatalf("%d reports wait, want %d; %d lost, %v", len(got.Entries), len(kept), len(got.Lost), err)
				}
				for _, e := range got.Entries {
					if kept[e.Ord] != e.Seq || string(e.Body) != string(bodyOf(e.Seq, c.body)) {
						t.Fatalf("report %d of the lane is %d with another body or number", e.Ord, e.Seq)
					}
				}
				r.sync()
				d.Kill()
				r.fs = d.FS()
				r.mustOpen()
			}
		})
	}
}

func run(job *outbox.Job, j *Journal) {
	for job != nil {
		job.Run()
		job = j.Done(job).Next
	}
}

// A segment that cannot be read is not waited for: the others are thinned out.
func TestCrowdedBesideWhatCannotBeRead(t *testing.T) {
	d := disktest.New()
	o := testOptions(5)
	o.SegmentBytes = 256 << 10
	r := &rig{t, d, newWorld(d.FS(), o)}
	r.mustOpen()
	step := func(i int) {
		lane := uint8(min(i%12, 1))
		r.mustAppend(lane, 500)
		delete(r.reports, r.seq)
		run(r.j.Sync(), r.j)
		if lane == 1 {
			r.j.Settle([]outbox.Settlement{{Lane: 1, Ord: r.ord[1], Seq: r.seq, Outcome: outbox.ConfirmedReply, Bytes: 500}})
		}
		run(r.j.Upkeep(), r.j)
	}
	i := 0
	for ; len(r.j.rows) < 1; i++ {
		step(i)
	}
	d.Fault(disktest.Fault{Kind: disktest.Read, Name: segName(r.j.rows[0].id), Err: syscall.EIO, Times: disktest.Always})
	first := r.j.rows[0].id
	for ; r.ord[0] < 400; i++ {
		step(i)
	}
	if r.j.rows[0].id != first {
		t.Fatal("a segment is gone with reports that wait")
	}
	used, pending := r.j.room()
	if bound := roomyShare*pending + (slackSegments+2)*o.SegmentBytes; used > bound {
		t.Errorf("%d bytes in %d segments with %d waiting, want at most %d", used, len(r.j.rows), pending, bound)
	}
}
