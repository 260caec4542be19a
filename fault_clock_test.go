package aliiot

import (
	"strconv"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/transport/transporttest"
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
	for name, alive := range map[string]bool{"link dead": false, "link alive": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.online()
				r.reports(1)
				r.drain(time.Minute)
				time.Sleep(7 * time.Minute)
				if !alive {
					r.net.Inject(transporttest.HalfOpen(transporttest.Both)) // the broker dropped it, and nobody could hear
				}
				asked, before := r.cloud.questions(), r.net.Connects()
				r.clock.Suspend(50 * time.Minute)
				time.Sleep(10*time.Second + time.Millisecond)
				if n := r.told(NoticeResumed); n != 1 {
					t.Errorf("ten seconds after waking the application was told %d times", n)
				}
				if alive {
					time.Sleep(20 * time.Second)
					if n := r.cloud.questions() - asked; n != 1 || r.net.Connects() > before {
						t.Errorf("%d probes, %d new sessions on a link that had lived on", n, r.net.Connects()-before)
					}
				} else {
					r.offlineWithin(20 * time.Second) // and no keepalive later
					r.net.Heal()
				}
				r.reports(3, TTL(time.Hour))
				r.waitOnline()
				r.wantWhole(time.Minute)
			})
		})
	}
	t.Run("sleeps most of a day", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.online()
			short := map[string]bool{}
			for range 24 {
				r.net.Inject(transporttest.HalfOpen(transporttest.Both))
				key, _, err := r.report(TTL(20 * time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				short[key] = true
				r.reports(2)
				r.clock.Suspend(50 * time.Minute)
				time.Sleep(time.Minute)
				r.net.Heal()
				time.Sleep(9 * time.Minute)
			}
			r.drain(time.Minute)
			if l := r.ledger(); l.Expired != 24 || l.Confirmed != 48 {
				t.Errorf("a TTL counts the sleep: %+v", l.Counts)
			}
			for key := range r.kept {
				if n := r.cloud.count(key); n > 0 == short[key] {
					t.Errorf("%s came %d times", key, n)
				}
			}
			if r.net.Connects() > 24*3 {
				t.Errorf("%d connects in a day", r.net.Connects())
			}
		})
	})
}

// TestFault_counter_wrap: where 32 bits of something end, nothing happens.
func TestFault_counter_wrap(t *testing.T) {
	for name, at := range map[string]time.Duration{
		"2^31 ms": 1 << 31 * time.Millisecond, "2^32 ms": 1 << 32 * time.Millisecond, "2^32 us": 1 << 32 * time.Microsecond,
		"2^31 cs": 1 << 31 * 10 * time.Millisecond, "2^32 of 100 Hz": 1 << 32 * 10 * time.Millisecond,
	} {
		t.Run("uptime of "+name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.clock.SetSynchronised(false)
				time.Sleep(at - r.clock.Boot() - time.Minute)
				r.clock.SetWall(time.Unix(0, 0))
				r.open()
				made := map[string]time.Time{}
				for range 12 { // a minute before and a minute after
					key, _, err := r.report(TTL(time.Hour))
					if err != nil {
						t.Fatal(err)
					}
					made[key] = time.Now()
					time.Sleep(10 * time.Second)
				}
				if r.clock.Boot() < at {
					t.Fatalf("up for %v", r.clock.Boot())
				}
				r.dev.Connect() // the platform's own NTP answers
				r.waitOnline()
				r.wantWhole(time.Minute)
				r.wantTimes(made, time.Second, true)
			})
		})
	}
	for name, at := range map[string]time.Time{
		"NTP's era":       time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC),
		"32 bits of time": time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		"a leap second":   time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				time.Sleep(time.Until(at.Add(-time.Minute)))
				r.online()
				made, leapt := map[string]time.Time{}, false
				for range 12 {
					key, _, err := r.report(TTL(time.Hour))
					if err != nil {
						t.Fatal(err)
					}
					made[key] = r.clock.Wall()
					time.Sleep(10 * time.Second)
					if name == "a leap second" && !leapt && !r.clock.Wall().Before(at) {
						r.clock.Jump(-time.Second)
						leapt = true
					}
				}
				if r.clock.Wall().Before(at) {
					t.Fatalf("it is %v", r.clock.Wall())
				}
				if l := r.wantWhole(time.Minute); l.Expired > 0 {
					t.Errorf("%+v", l.Counts)
				}
				r.wantTimes(made, 1100*time.Millisecond, true)
			})
		})
	}
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
