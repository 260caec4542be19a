package aliiot

// What a hostile reader found in the way of reports to their ends, each kept from
// coming back.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// A yes to other messages, such as an OTA push, is none to a post.
func TestRegressionOnly200ConfirmsAPost(t *testing.T) {
	for _, code := range []alink.Code{0, 201, alink.CodeOTA, 78126, 12345, -1, 100005} {
		inBubble(t, func(r *rig) {
			r.cloud.set(func(p post) []byte { return reply(p, code) })
			r.online()
			r.reports(1)
			time.Sleep(10 * time.Minute)
			if c := r.ledger().Counts; c.Rejected != 1 {
				t.Errorf("after the code %d: %+v", code, c)
			}
		})
	}
}

// Reports that the platform asks to retry for ever do not stand in the way of others,
// and have their own end when it changes its mind.
func TestRegressionRetryForEver(t *testing.T) {
	for _, n := range []int{260, 600} {
		inBubble(t, func(r *rig) {
			r.cloud.set(func(p post) []byte {
				if strings.HasPrefix(p.key, "bad") {
					return reply(p, alink.CodeServer)
				}
				return yes(p)
			})
			r.online()
			for i := range n {
				key := fmt.Sprintf("bad%d", i)
				if _, err := r.reportItem(key, Properties{"key": key}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
			r.reports(1000)
			time.Sleep(2 * time.Minute)
			if c := r.ledger().Counts; c.Confirmed < 1000 || c.Unreadable != 0 {
				t.Errorf("beside %d reports that are to be retried: %+v", n, c)
			}
			before, _ := r.cloud.arrivals()
			time.Sleep(time.Hour)
			if after, _ := r.cloud.arrivals(); after-before > n*60/2 || after-before < n*60/12 {
				t.Errorf("%d reports were retried %d times within an hour", n, after-before)
			}
			r.cloud.set(yes)
			r.drain(30 * time.Minute)
			r.wantNothingLost()
		})
	}
}

// Without a limit of the platform's a report that is larger than what may wait for the
// disk is taken, and one that the journal has no frame for is refused as too large.
func TestRegressionLargerThanTheQueue(t *testing.T) {
	inBubble(t, func(r *rig) {
		l := PlatformLimits()
		l.Payload = 0
		r.cfg.Limits = &l
		r.cfg.Lanes = []Lane{{Name: "default", Budget: 1 << 30, Policy: EvictOldest}}
		r.open()
		var tooLarge *TooLargeError
		for size, fits := range map[int]bool{5 << 20: true, 64 << 20: false} {
			_, err := r.dev.Report(context.Background(), Properties{"text": strings.Repeat("x", size)})
			if fits && err != nil || !fits && !errors.As(err, &tooLarge) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	})
}

// What cannot be read uses up no budget: no policy could give it up for what is new.
func TestRegressionUnreadableUsesNoBudget(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cfg.Lanes = []Lane{{Name: "default", Budget: 200 << 10, Policy: EvictOldest}}
		dev := r.open()
		text := strings.Repeat("x", 1000)
		for range 300 {
			if _, err := dev.Report(context.Background(), Properties{"text": text, "key": "old"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		r.close()
		r.disk.Fault(disktest.Fault{Kind: disktest.Read, Op: "journal.load", Name: "*.seg", Off: 16 << 10, Len: 300 << 10, Err: syscall.EIO, Times: disktest.Always})
		r.online()
		time.Sleep(10 * time.Minute)
		was := r.ledger()
		if was.Unreadable < 100 || was.Pending != was.Unreadable {
			t.Fatalf("the fault hides too little: %+v", was.Counts)
		}
		_ = r.dev.Disconnect(context.Background())
		for range 50 {
			if _, err := r.dev.Report(context.Background(), Properties{"text": text, "key": "new"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if l := r.ledger(); l.Evicted != was.Evicted || l.Unreadable != was.Unreadable {
			t.Errorf("after 50 new reports: %+v", l.Counts)
		}
		r.disk.Heal()
		r.dev.Connect()
		r.drain(time.Hour)
	})
}
