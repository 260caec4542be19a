package clock_test

import (
	"testing"

	"github.com/aliiot/aliiot/internal/clock"
)

func TestSystem(t *testing.T) {
	a, b := clock.System(), clock.System()
	if a.BootID == 0 || a.BootID != b.BootID {
		t.Errorf("boot ids %x and %x within one boot", a.BootID, b.BootID)
	}
	first := a.Boot()
	if second := a.Boot(); first <= 0 || second < first {
		t.Errorf("boot time went from %v to %v", first, second)
	}
	if a.Rand() == a.Rand() {
		t.Error("the same random number twice")
	}
	a.Synchronised() // either answer is right; it must not fail
}
