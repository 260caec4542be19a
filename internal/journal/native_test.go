package journal

import (
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// An opening copies what two segments held that no sync had covered; the copies lie in
// a third, whose numbers begin below those of the second. When the two are freed and
// the power goes, the header of the third still lists them: what it has copied was not
// in them.
func TestFreedSegmentsHeldNothingThatWasCopied(t *testing.T) {
	d := disktest.New()
	w := newWorld(d.FS(), testOptions(3))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if err := w.append(1, 40000); err != nil {
		t.Fatal(err)
	}
	w.settle(outbox.ConfirmedReply, 1)
	w.sync()
	for range 3 { // the segment ends in between, and no sync
		if err := w.append(1, 8000); err != nil {
			t.Fatal(err)
		}
	}
	d.Kill()
	w.fs = d.FS()
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.inherit()
	old := len(w.j.rows)
	if old < 2 {
		t.Fatalf("%d old segments, want two or more", old)
	}
	verified(t, d, 3)
	w.upkeep() // writes the table without them
	w.settle(outbox.ConfirmedReply, 3)
	w.sync()
	w.upkeep()
	if len(w.j.rows) >= old {
		t.Fatalf("%d of %d old segments are still there", len(w.j.rows), old)
	}
	verified(t, d, 2)
	for seed := range uint64(20) {
		img := d.Clone()
		cut := img.Crash(disktest.Garbage, seed)
		if _, err := w.verdict(img, false); err != nil {
			t.Fatalf("%v\n%v\n%v", err, cut, img)
		}
	}
}

// verified: each waiting report lies in one segment, and is there.
func verified(t *testing.T, d *disktest.Disk, want int) {
	t.Helper()
	v, err := View(d.Clone().FS(), "")
	if err != nil {
		t.Fatal(err)
	}
	missing, pending := v.Verify(), 0
	for _, s := range v.Segments {
		pending += s.Pending
	}
	if missing != 0 || pending != want {
		t.Errorf("%d reports wait, of which %d are missing; want %d and none: %+v", pending, missing, want, v.Segments)
	}
}
