package aliiot

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk"
)

// BenchmarkReport is a durable report through the face and the actors, as a ratio
// to the bare limit of this machine: a write and a sync of the same bytes into
// blocks that were written before, taken in the same slices (bare, ours, bare).
func BenchmarkReport(b *testing.B) {
	for _, size := range []int{256, 1024} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%dB/%d-callers", size, callers), func(b *testing.B) { benchReport(b, size, callers) })
		}
	}
}

func benchReport(b *testing.B, size, callers int) {
	dir := b.TempDir()
	dev, err := Open(context.Background(), Config{
		Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: testSecret},
		Server:   "mqtt://127.0.0.1:1", Dir: filepath.Join(dir, "device"), AllowVolatile: true,
		Lanes: []Lane{{Name: "default", Budget: 1 << 30, Policy: EvictOldest}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = dev.Close() })
	text := string(make([]byte, 0, size))
	for len(text) < size-40 { // what the stored form adds
		text += "x"
	}
	bare := newBareDisk(b, dir, callers*size)
	slice := func(f func()) float64 {
		n, start := 0, time.Now()
		for time.Since(start) < 125*time.Millisecond {
			f()
			n++
		}
		return float64(n) / time.Since(start).Seconds()
	}
	ours := func() {
		if callers == 1 {
			if _, err := dev.Report(context.Background(), Properties{"t": text}); err != nil {
				b.Error(err)
			}
			return
		}
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range 16 {
					if _, err := dev.Report(context.Background(), Properties{"t": text}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	per := 1.0
	if callers > 1 {
		per = 16
	}
	var ratios []float64
	var rate float64
	for range 12 {
		before := slice(bare)
		mine := slice(ours) * per
		after := slice(bare)
		ratios = append(ratios, 2*mine/(before+after))
		rate = mine * float64(callers)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "of-L0")
	b.ReportMetric(rate, "reports/s")
	b.ReportMetric(0, "ns/op")
}

// newBareDisk writes and syncs group after group into blocks written before.
func newBareDisk(b *testing.B, dir string, group int) func() {
	fs, err := disk.OS(dir)
	if err != nil {
		b.Fatal(err)
	}
	f, err := fs.Create("bench", "bare")
	if err != nil {
		b.Fatal(err)
	}
	const length = 16 << 20
	if _, err := f.WriteAt("bench", make([]byte, length), 0); err != nil {
		b.Fatal(err)
	}
	buf, off := make([]byte, group), int64(0)
	return func() {
		if off+int64(group) > length {
			off = 0
		}
		if _, err := f.WriteAt("bench", buf, off); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync("bench"); err != nil {
			b.Fatal(err)
		}
		off += int64(group)
	}
}
