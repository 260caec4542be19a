package journal

import (
	"math/rand/v2"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

func testOptions(seed uint64) Options {
	rnd := rand.New(rand.NewPCG(seed, 1))
	return Options{SegmentBytes: MinSegmentBytes, Rand: rnd.Uint64, Identity: "pk/dn"}
}

// TestSuiteOnDisk is the suite on the real thing.
func TestSuiteOnDisk(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) (outbox.Store, func() outbox.Store) {
		fs, err := disk.OS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		open := func() outbox.Store {
			j, err := Open(fs, testOptions(2))
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			return j
		}
		return open(), open
	})
}

func TestSuite(t *testing.T) {
	for _, size := range []int64{MinSegmentBytes, DefaultSegmentBytes} {
		storetest.Suite(t, func(t *testing.T) (outbox.Store, func() outbox.Store) {
			d := disktest.New()
			o := testOptions(1)
			o.SegmentBytes = size
			open := func() outbox.Store {
				j, err := Open(d.FS(), o)
				if err != nil {
					t.Fatalf("Open: %v", err)
				}
				return j
			}
			return open(), open
		})
	}
}
