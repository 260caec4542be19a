package aliiot

import (
	"context"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/transport"
)

func TestFault_wrong_secret(t *testing.T) {
	inBubble(t, func(r *rig) {
		var secret atomic.Value
		secret.Store(alink.Secret("another secret than the device's"))
		r.net.OnConnect = func(c transport.Connect) byte {
			if alink.VerifyPassword(c.ClientID, c.Username, string(c.Password), secret.Load().(alink.Secret)) != nil {
				return 4
			}
			return r.cloud.connect(c)
		}
		r.open()
		r.dev.Connect()
		r.reports(5)
		time.Sleep(12 * time.Hour)
		if s := r.dev.Status().Link; s.State != "refused" {
			t.Errorf("with a wrong secret the state is %+v", s)
		}
		if n := r.told(NoticeRefused); n != 1 {
			t.Errorf("the application was told %d times", n)
		}
		if n := r.net.Connects(); n < 12 || n > 60 {
			t.Errorf("%d attempts in half a day", n)
		}
		r.reports(5)
		secret.Store(alink.Secret(testSecret)) // somebody has seen to it
		time.Sleep(31 * time.Minute)
		if s := r.dev.Status().Link; s.State != "online" {
			t.Errorf("half an hour after it was corrected: %+v", s)
		}
		r.wantWhole(time.Minute)
	})
}

func TestFault_two_processes(t *testing.T) {
	c := folderConfig(t.TempDir())
	ctx := context.Background()
	first, err := Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		var locked *LockedError
		if _, err := Open(ctx, c); !errors.As(err, &locked) || runtime.GOOS == "linux" && locked.PID != os.Getpid() {
			t.Errorf("a second device in the folder: %v", err)
		}
		if _, err := first.Report(ctx, Properties{"a": 1}); err != nil {
			t.Errorf("the first one was hurt: %v", err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Open(ctx, c) // the lock's file is there, its holder is not
	if err != nil {
		t.Fatal(err)
	}
	if l, err := second.Ledger(ctx); err != nil || l.Accepted != 3 || l.Pending != 3 {
		t.Errorf("%+v, %v", l.Counts, err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFault_config_changed(t *testing.T) {
	t.Run("budget", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.open()
			r.reports(100)
			used := r.ledger().PendingBytes
			r.close()
			r.cfg.Lanes = []Lane{{Name: "default", Budget: used / 4, Policy: EvictOldest}}
			r.open()
			r.reports(1)
			l := r.ledger()
			if l.PendingBytes > used/4 || l.EvictedBy.Budget < 70 || l.Evicted != l.EvictedBy.Budget {
				t.Errorf("a quarter of the budget: %+v", l.Counts)
			}
			r.dev.Connect()
			r.waitOnline()
			r.drain(time.Hour)
			r.wantMissing(l.Evicted)
			if r.cloud.count("k1") > 0 || r.cloud.count("k100") == 0 {
				t.Error("not the oldest were given up")
			}
		})
	})
	t.Run("budget of a lane that refuses", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.open()
			for range 50 {
				if _, _, err := r.report(Alarm); err != nil {
					t.Fatal(err)
				}
			}
			used := r.ledger().PendingBytes
			r.close()
			lanes := DefaultLanes()
			lanes[2].Budget = used / 4
			r.cfg.Lanes = lanes
			r.open()
			if _, _, err := r.report(Alarm); !errors.Is(err, ErrFull) {
				t.Errorf("over the budget: %v", err)
			}
			r.dev.Connect()
			if l := r.wantWhole(time.Hour); l.Evicted > 0 {
				t.Errorf("alarms were given up: %+v", l.Counts)
			}
			if _, _, err := r.report(Alarm); err != nil {
				t.Errorf("once there is room: %v", err)
			}
			r.drain(time.Minute)
		})
	})
	t.Run("lane", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.cfg.Lanes = append(DefaultLanes(), Lane{Name: "history", Budget: 1 << 20, Policy: EvictOldest})
			r.open()
			r.reports(20, InLane("history"))
			r.close()
			r.cfg.Lanes = DefaultLanes()
			r.online()
			var unknown *UnknownLaneError
			if _, _, err := r.report(InLane("history")); !errors.As(err, &unknown) {
				t.Errorf("a lane that is gone: %v", err)
			}
			if l := r.wantWhole(time.Hour); l.Lanes["history"].Confirmed != 20 {
				t.Errorf("a lane that is gone was not drained: %+v", l.Lanes)
			}
		})
	})
	t.Run("newer format", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.open()
			r.reports(5)
			r.close()
			for name, data := range r.disk.Files() {
				if strings.HasSuffix(name, ".seg") && !strings.HasPrefix(name, "spare") {
					r.disk.Put(name, later(data))
				}
			}
			before := r.disk.Files()
			var form *journal.FormatError
			if _, err := r.tryOpen(); !errors.As(err, &form) {
				t.Errorf("a journal of a later version: %v", err)
			}
			if after := r.disk.Files(); !maps.EqualFunc(before, after, func(a, b []byte) bool { return string(a) == string(b) }) {
				t.Error("it was touched")
			}
		})
	})
	t.Run("a ruin", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			r.open()
			r.reports(5)
			r.close()
			for name, data := range r.disk.Files() {
				if strings.HasSuffix(name, ".seg") {
					if err := r.disk.Overwrite(name, 0, make([]byte, len(data)), disktest.Both); err != nil {
						t.Fatal(err)
					}
				}
			}
			var ruin *journal.RuinError
			if _, err := r.tryOpen(); !errors.As(err, &ruin) {
				t.Errorf("a journal of zeros: %v", err)
			}
		})
	})
}

// later is a segment as a version after this one would write it: FORMAT.md fixes
// for ever where the version and its check value are.
func later(segment []byte) []byte {
	segment[8]++
	sum := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), segment[:12])
	for i := range 4 {
		segment[12+i] = byte(sum >> (8 * i))
	}
	return segment
}
