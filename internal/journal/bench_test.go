package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

func benchOptions() Options {
	return Options{Rand: rand.Uint64, Identity: "pk/dn"}
}

func benchDisk(b testing.TB, dir string) disk.FS {
	fs, err := disk.OS(dir)
	if err != nil {
		b.Fatal(err)
	}
	return fs
}

// bare is the limit L0 of targets.md: pwrite and fdatasync at the next offset of
// a file whose blocks have been written before.
type bare struct {
	f   disk.File
	off int64
	buf []byte
}

func newBare(b testing.TB, fs disk.FS, group, size int) *bare {
	f, err := fs.Create("bench", "bare")
	if err != nil {
		b.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for i := range int64(16) {
		if _, err := f.WriteAt("bench", zeros, i<<20); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync("bench"); err != nil {
		b.Fatal(err)
	}
	return &bare{f: f, buf: make([]byte, group*(size+24))}
}

func (x *bare) once(b testing.TB) {
	if x.off+int64(len(x.buf)) > 16<<20 {
		x.off = 0
	}
	if _, err := x.f.WriteAt("bench", x.buf, x.off); err != nil {
		b.Fatal(err)
	}
	if err := x.f.Sync("bench"); err != nil {
		b.Fatal(err)
	}
	x.off += int64(len(x.buf))
}

// device appends a group durably and settles an older one, as a device does that
// is online.
type device struct {
	j     *Journal
	group []outbox.Entry
	keep  *outbox.Job // upkeep that runs beside
}

func (x *device) once(b testing.TB) {
	s := x.j.now
	for i := range x.group {
		e := &x.group[i]
		e.Seq, e.Ord = s.nextSeq+uint64(i), s.lanes[0].next+uint64(i)
	}
	if err := x.j.Append(x.j.writer, x.group); err != nil {
		b.Fatal(err)
	}
	job := x.j.Sync()
	job.Run()
	if res := x.j.Done(job); res.Err != nil {
		b.Fatal(res.Err)
	}
}

// beside lets upkeep run in a goroutine of its own, as the owner of a store does.
func (x *device) beside() {
	if x.keep != nil {
		select {
		case <-x.keep.Ended():
			x.j.Done(x.keep)
			x.keep = nil
		default:
			return
		}
	}
	if x.keep = x.j.Upkeep(); x.keep != nil {
		go x.keep.Run()
	}
}

func (x *device) settle() {
	var ends []outbox.Settlement
	for o := x.j.now.lanes[0].ended.missing(1); o+uint64(len(x.group)) < x.j.now.lanes[0].next; o++ {
		ends = append(ends, outbox.Settlement{Ord: o, Outcome: outbox.ConfirmedReply, Sends: 1, Bytes: int64(len(x.group[0].Body))})
	}
	x.j.Settle(ends)
}

// BenchmarkAppend reports the ratio to the bare loop, one bare sync and one of
// ours in turn, so that whatever else the machine does meets both alike; medians.
// It runs a number of pairs of its own, not b.N. Settling and upkeep run beside,
// as on a device that is online.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{256, 1024} {
		for _, group := range []int{1, 64} {
			b.Run(fmt.Sprintf("%dB×%d", size, group), func(b *testing.B) { pairs(b, size, group) })
		}
	}
}

func pairs(b *testing.B, size, group int) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "j"), 0o755); err != nil {
		b.Fatal(err)
	}
	j, err := Open(benchDisk(b, filepath.Join(dir, "j")), benchOptions())
	if err != nil {
		b.Fatal(err)
	}
	x := &device{j: j, group: make([]outbox.Entry, group)}
	for i := range x.group {
		x.group[i].Body = make([]byte, size)
	}
	y := newBare(b, benchDisk(b, dir), group, size)
	var theirs, mine []time.Duration
	for range 2000 {
		start := time.Now()
		y.once(b)
		middle := time.Now()
		x.once(b)
		theirs, mine = append(theirs, middle.Sub(start)), append(mine, time.Since(middle))
		x.settle()
		x.beside()
	}
	slices.Sort(theirs)
	slices.Sort(mine)
	for _, q := range []int{50, 75, 90} {
		i := len(mine) * q / 100
		b.ReportMetric(float64(theirs[i])/float64(mine[i]), fmt.Sprintf("of-L0-p%d", q))
	}
	b.ReportMetric(float64(group)/mine[len(mine)/2].Seconds(), "reports/s")
	b.ReportMetric(0, "ns/op")
}

// backlog builds a folder with n reports waiting.
func backlog(b testing.TB, fs disk.FS, n int) *Journal {
	b.Helper()
	j, err := Open(fs, benchOptions())
	if err != nil {
		b.Fatal(err)
	}
	x := &device{j: j, group: make([]outbox.Entry, 500)}
	for i := range x.group {
		x.group[i].Body = make([]byte, 256)
	}
	for done := 0; done < n; done += len(x.group) {
		x.once(b)
	}
	return j
}

// BenchmarkLoad reads a backlog in order, twenty at a time.
func BenchmarkLoad(b *testing.B) {
	fs := benchDisk(b, b.TempDir())
	j := backlog(b, fs, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	after := uint64(0)
	for range b.N {
		l, err := j.Load(0, after, 20, 64<<10)
		if err != nil {
			b.Fatal(err)
		}
		if l.End {
			after = 0
			continue
		}
		after = l.Entries[len(l.Entries)-1].Ord
	}
	b.ReportMetric(20, "reports/op")
}
