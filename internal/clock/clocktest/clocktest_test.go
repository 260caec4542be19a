package clocktest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/internal/clock/clocktest"
)

func TestSuspendIsSeenByTheBootClockAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := clocktest.New(1)
		c := f.Clock()
		boot, wall, mono := c.Boot(), c.Wall(), time.Now()
		f.Suspend(time.Hour)
		time.Sleep(time.Second)
		if d := c.Boot() - boot; d != time.Hour+time.Second {
			t.Errorf("boot time ran %v", d)
		}
		if d := c.Wall().Sub(wall); d != time.Hour+time.Second {
			t.Errorf("the wall clock ran %v", d)
		}
		if d := time.Since(mono); d != time.Second {
			t.Errorf("the runtime's clock ran %v", d)
		}
	})
}

func TestNewBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := clocktest.New(1)
		f.SetWall(time.Unix(0, 0))
		before := f.Clock()
		f.NewBoot()
		after := f.Clock()
		if before.BootID == after.BootID || after.Boot() != 0 || after.Wall().Year() != 1970 {
			t.Errorf("id %x → %x, boot time %v, wall %v", before.BootID, after.BootID, after.Boot(), after.Wall())
		}
	})
}
