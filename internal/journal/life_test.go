package journal

import (
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// TestLife looks whether the workload of the power cuts does what it is for.
func TestLife(t *testing.T) {
	d := disktest.New()
	w := newWorld(d.FS(), testOptions(3))
	if err := w.life(false); err != nil {
		t.Fatal(err)
	}
	by := d.StatsByOp()
	if by[opFree].Renames == 0 || by[opFree].Removes == 0 || by[opFill].Creates == 0 || len(w.j.now.moved) == 0 || w.j.nextID < 8 {
		t.Fatalf("recycled %d, removed %d, filled %d, copies %d, segments %d: want some of each",
			by[opFree].Renames, by[opFree].Removes, by[opFill].Creates, len(w.j.now.moved), w.j.nextID)
	}
	marks := 0
	for _, s := range append(w.j.rows, w.j.active.segment) {
		r := recovery{fs: d.FS(), op: opView}
		if err := r.with(s.id, func(win *window) error {
			for off := roundUp(s.start+1, minStep); off < win.size; off += minStep {
				if readMark(win, &s, off, win.size) != nil {
					marks++
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if marks == 0 {
		t.Fatal("no checkpoint stands at a boundary")
	}
}
