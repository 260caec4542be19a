package aliiot

// What a hostile reader found of reports: their lanes, times and sizes.

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func TestALaneBecomesLatestOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		for _, p := range []string{"speed", "battery", "temperature"} {
			if _, err := r.dev.Report(context.Background(), Properties{p: 1}); err != nil {
				t.Fatal(err)
			}
		}
		r.close()
		lanes := DefaultLanes()
		lanes[0].Policy = LatestOnly
		r.cfg.Lanes = lanes
		r.online()
		r.drain(time.Minute)
		if l := r.ledger(); l.Confirmed != 3 {
			t.Errorf("three different keys waited: %+v", l.Counts)
		}
	})
}

func TestAStampThatLeftNeverChanges(t *testing.T) {
	for _, wait := range []time.Duration{0, 300 * time.Millisecond} {
		inBubble(t, func(r *rig) {
			r.clock.SetSynchronised(false)
			r.clock.SetWall(time.Unix(42, 0))
			r.cloud.set(func(post) []byte { return nil }) // the replies are lost
			r.open()
			r.reports(3)
			time.Sleep(time.Minute)
			r.dev.Connect()
			for {
				if n, _ := r.cloud.arrivals(); n > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(wait)
			r.powerCutInBubble(0, 1)
			r.clock.SetSynchronised(true)
			r.cloud.set(yes)
			r.online()
			r.drain(time.Hour)
			r.wantNothingLost()
			r.cloud.wantSteady(t)
		})
	}
}

func TestAtDoesNotAgeAReport(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.clock.SetSynchronised(false)
		r.clock.SetWall(time.Unix(42, 0))
		r.open()
		_, rec, err := r.report(At(time.Now().Add(-3*24*time.Hour)), TTL(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		_ = rec
		r.powerCutInBubble(0, 1)
		r.clock.SetWall(r.clock.True())
		r.clock.SetSynchronised(true)
		r.online()
		r.drain(time.Hour)
		if l := r.ledger(); l.Expired != 0 {
			t.Errorf("a minute old, to live for a day: %+v", l.Counts)
		}
	})
}

func TestLimitsOfThePayload(t *testing.T) {
	big := Properties{"text": strings.Repeat("x", 300<<10)}
	small := Properties{"text": "x"}
	for limit, want := range map[int]struct{ big, small bool }{0: {true, true}, 16384: {false, true}} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				l := PlatformLimits()
				l.Payload = limit
				r.cfg.Limits = &l
				r.open()
				_, err := r.dev.Report(context.Background(), small)
				if (err == nil) != want.small {
					t.Errorf("small: %v", err)
				}
				_, err = r.dev.Report(context.Background(), big)
				if (err == nil) != want.big {
					t.Errorf("300 KiB: %v", err)
				}
				_, err = r.dev.Report(context.Background(), Properties{"text": strings.Repeat("x", 200<<10)})
				if (err == nil) != want.big {
					t.Errorf("200 KiB: %v", err)
				}
			})
		})
	}
}

func TestANewLaneOnAFullDisk(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(5)
		r.close()
		r.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Times: disktest.Always})
		r.disk.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC, Times: disktest.Always})
		r.cfg.Lanes = append(DefaultLanes(), Lane{Name: "bulk", Budget: 1 << 20, Policy: EvictOldest})
		dev, err := r.tryOpen()
		if err != nil {
			t.Fatalf("opening needs space: %v", err)
		}
		_ = dev.Close()
	})
}

func TestCallersBehindASlowSync(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cloud.set(func(post) []byte { return nil })
		r.online()
		r.reports(1)
		time.Sleep(5 * time.Second)
		hang := make(chan struct{})
		r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Hang: hang})
		answers := make(chan error, 2000)
		one := func() {
			_, err := r.dev.Report(context.Background(), Properties{"text": strings.Repeat("x", 4170)})
			answers <- err
		}
		go one()
		time.Sleep(time.Second)
		for range 1000 {
			go one()
		}
		time.Sleep(time.Second)
		r.cloud.set(yes)
		r.net.CutAll(0) // the first report is sent again and confirmed meanwhile
		time.Sleep(time.Minute)
		close(hang)
		n := map[string]int{}
		for range 1001 {
			err := <-answers
			n[fmt.Sprint(err)]++
		}
		if n["<nil>"] < 900 || n["<nil>"]+n[ErrBacklog.Error()] != 1001 {
			t.Errorf("after the sync: %v", n)
		}
	})
}

func TestAnEventIsNoValueOfAProperty(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		for _, it := range []Item{Event{ID: "door", Output: map[string]any{"key": "e"}}, Properties{"door": 1}} {
			if _, err := r.dev.Report(context.Background(), it, InLane("latest")); err != nil {
				t.Fatal(err)
			}
		}
		r.dev.Connect()
		r.waitOnline()
		r.drain(time.Minute)
		if l := r.ledger(); l.Confirmed != 2 {
			t.Errorf("an event and a property of one name: %+v", l.Counts)
		}
	})
}
