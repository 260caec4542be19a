package clocktest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTimePassesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(1)
		c := f.Clock()
		start := c.Wall()
		time.Sleep(90 * time.Second)
		if got := c.Boot(); got != time.Hour+90*time.Second {
			t.Errorf("boot time = %v", got)
		}
		if got := c.Wall().Sub(start); got != 90*time.Second {
			t.Errorf("the date went on by %v", got)
		}
	})
}

func TestTheDateIsAGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(1)
		c := f.Clock()
		f.SetWall(time.Unix(0, 0))
		time.Sleep(time.Minute)
		if got := c.Wall().Unix(); got != 60 {
			t.Errorf("a minute after 1970: %d", got)
		}
		f.Jump(-30 * time.Second)
		if got := c.Wall().Unix(); got != 30 {
			t.Errorf("after a jump back: %d", got)
		}
		if got := c.Boot(); got != time.Hour+time.Minute {
			t.Errorf("boot time followed the date: %v", got)
		}
		if c.Synchronised() {
			t.Error("a fresh clock is called synchronised")
		}
		f.SetSynchronised(true)
		if !c.Synchronised() {
			t.Error("synchronise has no effect")
		}
	})
}

func TestSuspendMovesDateAndBootTimeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(1)
		c := f.Clock()
		wall, mono := c.Wall(), time.Now()
		f.Suspend(time.Hour)
		if got := c.Boot(); got != 2*time.Hour {
			t.Errorf("boot time = %v", got)
		}
		if got := c.Wall().Sub(wall); got != time.Hour {
			t.Errorf("the date went on by %v", got)
		}
		if got := time.Since(mono); got != 0 {
			t.Errorf("the runtime's clock went on by %v", got)
		}
		if got := f.True(); !got.Equal(c.Wall()) {
			t.Errorf("true time is %v, the date %v", got, c.Wall())
		}
	})
}

func TestRebootIsAnotherBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(1)
		old := f.Clock()
		f.SetSynchronised(true)
		f.Suspend(time.Hour)
		time.Sleep(time.Minute)
		truth := f.True()
		f.SetWall(time.Unix(0, 0))
		f.NewBoot()
		c := f.Clock()
		if c.BootID == old.BootID || c.BootID == 0 {
			t.Errorf("boot ids %x and %x", old.BootID, c.BootID)
		}
		if c.Boot() != 0 || c.Synchronised() || c.Wall().Unix() != 0 {
			t.Errorf("after the reboot: up %v, synchronised %v, date %v", c.Boot(), c.Synchronised(), c.Wall())
		}
		if !f.True().Equal(truth) {
			t.Errorf("true time went from %v to %v", truth, f.True())
		}
	})
}

func TestEqualSeedsAreEqualMachines(t *testing.T) {
	a, b, other := New(7), New(7), New(8)
	if a.Clock().BootID != b.Clock().BootID || a.Rand() != b.Rand() {
		t.Error("the same seed gives different machines")
	}
	if a.Clock().BootID == other.Clock().BootID {
		t.Error("another seed gives the same machine")
	}
}
