package aliiot

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// hops counts the messages that our actors get, the system's own aside.
type hops struct{ n atomic.Int64 }

func (h *hops) middleware(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
		if _, system := e.Message.(actor.SystemMessage); !system {
			h.n.Add(1)
		}
		next(ctx, e)
	}
}

func (h *hops) since(before int64, reports int) float64 {
	return float64(h.n.Load()-before) / float64(reports)
}

// A report of one caller is two messages, the report and the end of its sync; of
// many callers, one and a share. From its post to its end there are at most four
// (targets I4).
func TestCountedHops(t *testing.T) {
	inBubble(t, func(r *rig) {
		h := new(hops)
		r.cfg.Middleware = []actor.ReceiverMiddleware{h.middleware}
		r.cfg.Audit = false
		none := PlatformLimits() // keeping to a quota wakes the outbox by a timer for each post
		none.RateQoS0, none.RateQoS1 = 0, 0
		r.cfg.Limits = &none
		r.syncTakes = 5 * time.Millisecond
		r.open()
		time.Sleep(time.Second)
		before := h.n.Load()
		r.reports(200)
		if got := h.since(before, 200); got > 2.01 {
			t.Errorf("one caller: %.3f messages a report, want 2", got)
		}
		before = h.n.Load()
		r.reportAtOnce(64, 50)
		if got := h.since(before, 64*50); got > 1.1 {
			t.Errorf("64 callers: %.3f messages a report, want 1.1 at most", got)
		}
		waiting := int(r.ledger().Pending)
		before = h.n.Load()
		r.dev.Connect()
		r.waitOnline()
		r.drain(time.Hour)
		if got := h.since(before, waiting); got > 4 {
			t.Errorf("%d reports drained by %.3f messages each, want 4 at most", waiting, got)
		} else {
			t.Logf("%d reports drained by %.3f messages each", waiting, got)
		}
	})
}

// reportAtOnce has callers report n times each.
func (r *rig) reportAtOnce(callers, n int) {
	r.t.Helper()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range n {
				if _, err := r.dev.Report(context.Background(), six); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// The ends of a backlog that drains ride on a report's sync, or wait for their own:
// at most one a second (targets D5).
func TestCountedSettlesAlone(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cfg.Audit = false
		r.open()
		r.reports(1000)
		r.dev.Connect()
		r.waitOnline()
		r.disk.ResetStats()
		start := time.Now()
		r.drain(time.Hour)
		seconds := int(time.Since(start)/time.Second) + 1
		if n := int(r.disk.Stats().FileSyncs); n > seconds+1 {
			t.Errorf("%d syncs in %d s of draining, want one a second at most", n, seconds)
		} else {
			t.Logf("%d syncs in %d s of draining", n, seconds)
		}
	})
}

// An idle device that is online is woken by what is its own at most six times a
// minute, to see that the machine was asleep (targets F3).
func TestCountedWakeups(t *testing.T) {
	inBubble(t, func(r *rig) {
		h := new(hops)
		r.cfg.Middleware = []actor.ReceiverMiddleware{h.middleware}
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		time.Sleep(time.Minute)
		before := h.n.Load()
		time.Sleep(time.Hour)
		if got := h.since(before, 60); got > 6 {
			t.Errorf("an idle device is woken %.2f times a minute, want 6 at most", got)
		}
	})
}

// allocationsNow is what a report costs beyond the caller's own encoding, where three
// are wanted (targets D11): the names and the envelope of its message, the channel of
// its answer.
const allocationsNow = 8

// With 64 callers.
func TestCountedAllocations(t *testing.T) {
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t}
	c := Config{Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: testSecret},
		Server: "mqtt://127.0.0.1:1", Dir: "here", DrainTimeout: -1}
	server := transporttest.New()
	defer server.Close()
	// The syncs take long enough for all callers to come again.
	r.dev, err = open(context.Background(), c, seams{fs: slowDisk{fs, 5 * time.Millisecond}, clock: clock.System(), dialer: server.Dialer()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.dev.Close(); err != nil {
			t.Error(err)
		}
	}()
	const callers, each = 64, 40
	r.reportAtOnce(callers, 5)
	encoding := testing.AllocsPerRun(100, func() { _, _ = actors.NewAppend(six) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.reportAtOnce(callers, each)
	runtime.ReadMemStats(&after)
	got := float64(after.Mallocs-before.Mallocs)/(callers*each) - encoding
	t.Logf("%.2f allocations a report beyond the %.0f of its encoding", got, encoding)
	if got > allocationsNow {
		t.Errorf("%.2f allocations a report beyond the %.0f of its encoding, want %d at most", got, encoding, allocationsNow)
	}
}

// heapNow is what one more device takes of the heap, where 120 KB are wanted (targets
// F4); 4 KB of it are the server's side. 48 KB are the ends that a device remembers.
const heapNow = 136 << 10

// Many simulated devices fit in one process: so many goroutines, and so much heap,
// has each one more (targets F4).
func TestCountedFleet(t *testing.T) {
	server := transporttest.New()
	defer server.Close()
	dialer := transport.NewPaho(transport.PahoOptions{DialContext: server.DialContext})
	system := actors.NewSystem(slog.New(slog.DiscardHandler))
	fleet := func(from, to int) []*Device {
		var all []*Device
		for i := from; i < to; i++ {
			c := Config{Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN + "-" + string(rune('a'+i)), Secret: testSecret},
				Server: "mqtt://platform.test:1883", Dir: "memory", DrainTimeout: -1, System: system}
			fs, err := disk.OS(t.TempDir()) // one in memory would be most of what it weighs
			if err != nil {
				t.Fatal(err)
			}
			dev, err := open(context.Background(), c, seams{fs: fs, clock: clock.System(), dialer: dialer})
			if err != nil {
				t.Fatal(err)
			}
			dev.Connect()
			if err := dev.WaitOnline(t.Context()); err != nil {
				t.Fatal(err)
			}
			all = append(all, dev)
		}
		return all
	}
	first := fleet(0, 2) // what is there once
	heap, goroutines := liveHeap(), devicesGoroutines()
	const more = 8
	second := fleet(2, 2+more)
	perHeap, perGoroutine := float64(liveHeap()-heap)/more, float64(devicesGoroutines()-goroutines)/more
	t.Logf("one more device: %.0f KB, %.1f goroutines", perHeap/1024, perGoroutine)
	if perHeap > heapNow {
		t.Errorf("one more device takes %.0f KB of heap, want %d at most", perHeap/1024, heapNow>>10)
	}
	if perGoroutine > 24 {
		t.Errorf("one more device has %.1f goroutines, want 24 at most", perGoroutine)
	}
	for _, dev := range append(first, second...) {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// devicesGoroutines counts all but those of the server in memory.
func devicesGoroutines() int {
	buf := make([]byte, 4<<20)
	n := 0
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(stack, "transporttest.(*Server)") && !strings.Contains(stack, "transporttest.(*Client)") {
			n++
		}
	}
	return n
}

// Nothing in a device ticks: a timer runs where something is due (targets F3).
func TestCountedTickers(t *testing.T) {
	for _, dir := range []string{".", "actors", "alink", "fsm", "transport", "internal/audit", "internal/backoff", "internal/clock", "internal/disk", "internal/folder", "internal/journal", "internal/outbox", "internal/sdnotify"} {
		names, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
		if err != nil || len(names) == 0 {
			t.Fatal(dir, names, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") || name == "systemd.go" { // there the service manager asks to hear from us
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"time.NewTicker(", "time.Tick("} {
				if strings.Contains(string(text), call) {
					t.Errorf("%s has a %s…)", name, call)
				}
			}
		}
	}
}
