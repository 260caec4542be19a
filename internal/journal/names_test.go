package journal

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// TestFault_name_lost: the folder's own sync fails, and of a new segment the power
// cut leaves the bytes and not the name. What was acknowledged is never in it.
func TestFault_name_lost(t *testing.T) {
	for _, times := range []int{1, 2, disktest.Always} {
		for skip := range 3 {
			for seed := range uint64(8) {
				t.Run(fmt.Sprintf("%d/%d/%d", times, skip, seed), func(t *testing.T) {
					r := newRig(t)
					r.mustAppend(0, 100)
					r.sync()
					f := r.d.Fault(disktest.Fault{Kind: disktest.SyncDir, Err: syscall.EIO, Drop: true, Skip: skip, Times: times})
					for range 6 { // some three segments
						_ = r.append(0, many(40, 700)...)
						r.sync()
					}
					r.holds()
					if f.Hits() == 0 {
						t.Fatal("no new name was synced")
					}
					r.d.Heal()
					r.reopen(disktest.Level(seed%4), seed)
				})
			}
		}
	}
}
