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
	t.Logf("%d calls; create %+v\nappend %+v\nfree %+v\nfill %+v\nload %+v", d.Calls(), by[opCreate], by[opAppend], by[opFree], by[opFill], by[opLoad])
	t.Logf("rows %d moved %d spares %d next %d", len(w.j.rows), len(w.j.now.moved), len(w.j.keep.spares), w.j.nextID)
}
