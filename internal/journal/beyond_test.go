package journal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// TestFault_power_cut_paired_page is level 4: bytes that had been synced die
// with the cut. Nothing may be lost in silence, but for the last group, whose
// watermark may not be out yet.
func TestFault_power_cut_paired_page(t *testing.T) {
	var w *world
	images, named := 0, uint64(0)
	every, seeded := 6, 48
	if long() {
		every, seeded = 1, 200
	}
	o := disktest.Options{Level: disktest.Beyond, Every: every, Exhaustive: 1, Seeded: seeded, Most: 4 * seeded, Seed: 11}
	disktest.Cuts(o, func(fs disk.FS) {
		w = newWorld(fs, testOptions(3))
		if err := w.life(false); err != nil {
			t.Fatal(err)
		}
	}, func(img *disktest.Disk, at disktest.Cut) {
		if at.Level != disktest.Beyond {
			return
		}
		if w.witness(at.Damage) {
			return
		}
		images++
		n, err := w.beyond(img)
		if err != nil {
			t.Fatalf("%v\n%v\n%v", err, at, img)
		}
		named += n
	})
	t.Logf("%d images, %d reports named damaged", images, named)
	if images < 100 || named == 0 {
		t.Fatalf("%d images, %d named damaged: nothing was destroyed", images, named)
	}
}

// witness says whether damage strikes the groups that alone can say what had been
// synced last: then nothing on the disk tells a lost report from a torn one.
func (w *world) witness(damage []disktest.Damage) bool {
	if w.j == nil || w.j.active == nil {
		return true
	}
	a := w.j.active
	for _, d := range damage {
		if d.Name == segName(a.id) && d.Off+d.Len > w.lastWrite {
			return true
		}
	}
	return false
}

// beyond opens an image with damage: every acknowledged report is there, has an
// end, or is named damaged.
func (w *world) beyond(img *disktest.Disk) (uint64, error) {
	j, err := Open(img.FS(), w.o)
	if err != nil {
		if strings.Contains(err.Error(), "no segment of the journal") {
			return 0, nil // both copies of the only header: named, too
		}
		return 0, fmt.Errorf("Open: %w", err)
	}
	f, err := look(j)
	if err != nil {
		return 0, err
	}
	for seq, e := range f.pending {
		p := w.reports[seq]
		if p == nil || string(p.e.Body) != string(e.Body) {
			return 0, fmt.Errorf("report %d is not what was submitted", seq)
		}
		if p.refused {
			return 0, fmt.Errorf("refused report %d rose", seq)
		}
	}
	var damaged, missing uint64
	for lane, c := range f.state.Lanes {
		damaged += c.Ends[9]
		for _, p := range w.reports {
			if int(p.e.Lane) != lane || !p.acked || p.end != 0 {
				continue
			}
			if _, ok := f.pending[p.e.Seq]; !ok && p.e.Seq < w.lastGroup {
				missing++
			}
		}
	}
	if missing > damaged {
		return damaged, fmt.Errorf("%d acknowledged reports are gone, %d named damaged", missing, damaged)
	}
	return damaged, nil
}
