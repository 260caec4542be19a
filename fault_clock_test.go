package aliiot

import (
	"strconv"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// wantTimes checks the time that every report came with: within slack of when it
// was made, or none at all.
func (r *rig) wantTimes(made map[string]time.Time, slack time.Duration, timed bool) {
	r.t.Helper()
	for key, at := range made {
		text := r.cloud.timeOfKey(key)
		if (text != "") != timed {
			r.t.Errorf("%s came with the time %q", key, text)
			continue
		}
		if !timed {
			continue
		}
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			r.t.Errorf("%s came with the time %q", key, text)
			continue
		}
		if off := time.UnixMilli(ms).Sub(at).Abs(); off > slack {
			r.t.Errorf("%s is off by %v", key, off)
		}
	}
}

func (c *cloud) timeOfKey(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times[key]
}

func TestFault_boot_no_clock(t *testing.T) {
	for name, wall := range map[string]time.Time{
		"1970": time.Unix(42, 0), "build date": builtLongAgo(), "40 days stale": time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.clock.SetSynchronised(false)
				r.clock.SetWall(wall)
				r.open()
				made := map[string]time.Time{}
				for range 10 { // an hour before the link
					key, _, err := r.report()
					if err != nil {
						t.Fatal(err)
					}
					made[key] = time.Now()
					time.Sleep(6 * time.Minute)
				}
				r.dev.Connect() // the platform's own NTP answers
				r.waitOnline()
				r.wantWhole(time.Hour)
				r.wantTimes(made, time.Second, true)
			})
		})
	}
}

func builtLongAgo() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestSetTimeIsASource(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.clock.SetSynchronised(false)
		r.clock.SetWall(time.Unix(0, 0))
		r.open()
		made := map[string]time.Time{}
		for range 5 {
			key, _, _ := r.report()
			made[key] = time.Now()
			time.Sleep(time.Minute)
		}
		r.dev.SetTime(time.Unix(0, 0), "gnss") // a receiver without a fix is not believed
		r.dev.SetTime(time.Now().Add(-7168*24*time.Hour), "gnss")
		r.dev.SetTime(time.Now(), "gnss")
		r.cloud.noNTP()
		r.dev.Connect()
		r.waitOnline()
		r.wantWhole(time.Hour)
		r.wantTimes(made, time.Second, true)
	})
}

func TestNoStampLeavesBeforeItsClockIsOnTheDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.clock.SetSynchronised(false)
		r.clock.SetWall(time.Unix(0, 0))
		r.cloud.noNTP()
		r.cfg.ClockWait = time.Hour
		r.online()
		r.reports(3)
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Hang: hang})
		r.dev.SetTime(time.Now(), "gnss")
		time.Sleep(time.Minute)
		if total, _ := r.cloud.arrivals(); total != 0 {
			t.Errorf("%d reports were stamped by a clock that a power cut would forget", total)
		}
		close(hang)
		r.wantWhole(time.Minute)
	})
}

func TestClockWaitEnds(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.clock.SetSynchronised(false)
		r.clock.SetWall(time.Unix(0, 0))
		r.cloud.noNTP()
		r.cfg.ClockWait = time.Minute
		r.open()
		made := map[string]time.Time{}
		for range 5 {
			key, _, _ := r.report()
			made[key] = time.Time{}
		}
		r.dev.Connect()
		r.waitOnline()
		time.Sleep(50 * time.Second)
		if total, _ := r.cloud.arrivals(); total != 0 {
			t.Errorf("%d reports left before the clock or the end of the wait", total)
		}
		r.wantWhole(time.Hour)
		r.wantTimes(made, 0, false)
	})
}

func TestAReportOfAnEarlierBootKeepsItsTime(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		key, _, err := r.report()
		if err != nil {
			t.Fatal(err)
		}
		made := map[string]time.Time{key: time.Now()}
		fix := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
		key, _, err = r.report(At(fix))
		if err != nil {
			t.Fatal(err)
		}
		made[key] = fix
		time.Sleep(time.Hour)
		r.powerCutInBubble(0, 1)
		r.clock.SetWall(time.Unix(0, 0)) // and the battery was empty
		r.online()
		r.wantWhole(time.Hour)
		r.wantTimes(made, time.Second, true)
	})
}

func TestFault_clock_jump(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(5, TTL(time.Hour))
		r.clock.SetWall(time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC))
		r.reports(5, TTL(time.Hour))
		r.clock.SetWall(time.Date(2006, 1, 1, 0, 0, 0, 0, time.UTC))
		r.reports(5, TTL(time.Hour))
		time.Sleep(30 * time.Minute)
		if l := r.ledger(); l.Expired != 0 {
			t.Errorf("a jump expired reports: %+v", l.Counts)
		}
		made := map[string]time.Time{}
		for key := range r.kept {
			made[key] = time.Now().Add(-30 * time.Minute)
		}
		r.dev.Connect()
		r.wantWhole(time.Minute)
		r.wantTimes(made, 2*time.Second, true)
	})
}

func TestFault_suspend_resume(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(1)
		r.drain(time.Minute)
		r.clock.Suspend(50 * time.Minute)
		time.Sleep(6 * time.Minute)
		r.reports(1)
		r.wantWhole(time.Minute)
	})
}

func TestTTLExpires(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(10, TTL(time.Minute))
		_, kept, _ := r.report(TTL(time.Hour))
		time.Sleep(2 * time.Minute)
		l := r.ledger()
		if l.Expired != 10 || l.Pending != 1 {
			t.Errorf("the ledger: %+v", l.Counts)
		}
		r.dev.Connect()
		r.drain(time.Minute)
		if total, _ := r.cloud.arrivals(); total != 1 {
			t.Errorf("%d arrivals, want the one that lives", total)
		}
		if end, err := kept.Wait(t0()); err != nil || end.Outcome != Confirmed {
			t.Errorf("%+v %v", end, err)
		}
	})
}
