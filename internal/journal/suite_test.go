package journal

import (
	"math/rand/v2"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

func testOptions(seed uint64) Options {
	rnd := rand.New(rand.NewPCG(seed, 1))
	return Options{SegmentBytes: MinSegmentBytes, Rand: rnd.Uint64, Identity: "pk/dn"}
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
