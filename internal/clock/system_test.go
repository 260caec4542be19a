package clock

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSystemIsOneClockPerBoot(t *testing.T) {
	a, b := System(), System()
	if a.BootID == 0 || a.BootID != b.BootID {
		t.Errorf("boot ids %x and %x", a.BootID, b.BootID)
	}
	first := a.Boot()
	if first <= 0 {
		t.Errorf("boot time = %v", first)
	}
	if second := b.Boot(); second < first {
		t.Errorf("boot time went from %v to %v", first, second)
	}
	if a.Wall().IsZero() {
		t.Error("no date")
	}
	if a.Rand() == a.Rand() && a.Rand() == b.Rand() {
		t.Error("random numbers repeat")
	}
	t.Logf("boot %x, up %v, synchronised %v", a.BootID, first, a.Synchronised())
}

// The hash is on the disk of every device: this value must never change.
func TestHashIDIsStable(t *testing.T) {
	if got := hashID("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n"); got != 0xa4ff6db51d8d4211 {
		t.Errorf("hash = %#x", got)
	}
}

func TestKeptBootID(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	id := keptBootID([]string{none, dir}, time.Hour)
	if again := keptBootID([]string{none, dir}, 2*time.Hour); again != id {
		t.Errorf("the next process of this boot has %x, want %x", again, id)
	}
	next := keptBootID([]string{dir}, time.Minute)
	if next == id {
		t.Error("a boot time before the kept one is still the same boot")
	}
	if again := keptBootID([]string{dir}, time.Minute); again != next {
		t.Errorf("the next boot has %x and %x", next, again)
	}
	if a, b := keptBootID([]string{none}, 1), keptBootID([]string{none}, 1); a == b {
		t.Error("without a place to keep it, two processes share an id")
	}
}

func TestKeptBootIDFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "precious")
	if err := os.WriteFile(target, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, keptName)); err != nil {
		t.Fatal(err)
	}
	keptBootID([]string{dir}, time.Hour)
	if got, _ := os.ReadFile(target); string(got) != "text" {
		t.Errorf("the link's target holds %q", got)
	}
}
