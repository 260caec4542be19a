package aliiot

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/internal/backoff"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/clock/clocktest"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// used is what a process holds.
type used struct {
	goroutines, timers int
	objects, bytes     int64
}

// use counts what is held now, by the heap's profile of every object made since the
// test began. A timer that neither fires nor is stopped is kept by the runtime, which
// tells nobody how many it has; but it is an object, and the profile knows by which
// call each was made. The disk in memory is left out: it is what a device has on its
// flash.
func use(t *testing.T) used {
	t.Helper()
	for range 3 { // the profile is of the last collection but one; what it frees may free more
		runtime.GC()
	}
	u := used{goroutines: runtime.NumGoroutine()}
	var records []runtime.MemProfileRecord
	for n, ok := runtime.MemProfile(nil, false); !ok; {
		records = make([]runtime.MemProfileRecord, n+50)
		if n, ok = runtime.MemProfile(records, false); ok {
			records = records[:n]
		}
	}
	for _, r := range records {
		timer, onDisk := false, false
		frames := runtime.CallersFrames(r.Stack())
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			timer = timer || f.Function == "time.NewTimer" || f.Function == "time.AfterFunc" || f.Function == "time.NewTicker"
			onDisk = onDisk || strings.Contains(f.Function, "/disktest.")
		}
		if onDisk {
			continue
		}
		u.objects += r.InUseObjects()
		u.bytes += r.InUseBytes()
		if timer {
			u.timers += int(r.InUseObjects())
		}
	}
	return u
}

// TestFault_epoch_leak connects and is cut over and over, in every way that
// the link in memory has: what a session had, goes with it.
func TestFault_epoch_leak(t *testing.T) {
	warm, cycles := 200, 500
	switch {
	case long():
		cycles = 10_000
	case testing.Short(): // an emulated processor
		warm, cycles = 60, 60
	}
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = rate }()
	synctest.Test(t, func(t *testing.T) { // not the rig, which remembers all that happens
		time.Sleep(time.Until(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
		fake, net, connects := clocktest.New(7), transporttest.New(), 0
		fake.SetSynchronised(true)
		defer time.Sleep(2 * time.Second) // a dead letter's goroutine lives for one
		defer net.Close()
		net.OnConnect = func(transport.Connect) byte { connects++; return 0 }
		net.OnPublish = func(c *transporttest.Client, m transport.Message) bool {
			topic, err := alink.ParseTopic(m.Topic)
			req, rerr := alink.ParseRequest(m.Payload)
			if to, ok := topic.Reply(); err == nil && rerr == nil && ok {
				c.Push(to.String(), alink.AppendReply(nil, alink.Reply{ID: req.ID, Code: alink.CodeSuccess, Data: []byte("{}")}), 0)
			}
			return true
		}
		cfg := Config{
			Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: testSecret},
			Server:   "mqtt://platform.test:1883", Dir: "memory", DrainTimeout: -1, Limits: &Limits{Payload: PlatformLimits().Payload},
		}
		dev, err := open(context.Background(), cfg, seams{fs: disktest.New().FS(), clock: fake.Clock(), dialer: net.Dialer()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := dev.Close(); err != nil {
				t.Error(err)
			}
		}()
		online := func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if err := dev.WaitOnline(ctx); err != nil {
				t.Fatal(err)
			}
		}
		dev.Connect()
		online()
		cycle := func(i int) {
			time.Sleep(61 * time.Second) // a session that lasts is no sign of a twin
			session := dev.Status().Link.Session
			switch i % 5 {
			case 0:
				net.CutAll(transporttest.FIN)
			case 1:
				net.CutAll(transporttest.RST)
			case 2: // while a report is on its way
				net.Inject(transporttest.CutAfterPublish(transporttest.RST, 1))
				mustKeep(t, dev)
			case 3: // found by silence
				net.Inject(transporttest.HalfOpen(transporttest.Both))
				mustKeep(t, dev)
			case 4: // an attempt that fails comes between
				net.Inject(transporttest.DialRefused())
				net.CutAll(transporttest.RST)
				time.Sleep(5 * time.Second)
			}
			for link := dev.Status().Link; link.State == actors.StateOnline && link.Session == session; link = dev.Status().Link {
				time.Sleep(100 * time.Millisecond)
			}
			net.Heal()
			online()
		}
		for i := range warm { // what is kept for later, up to a bound, is there then
			cycle(i)
		}
		time.Sleep(61 * time.Second)
		before, first := use(t), connects
		for i := range cycles {
			cycle(i)
		}
		time.Sleep(61 * time.Second)
		after := use(t)
		t.Logf("%d connects; before %+v, after %+v", connects-first, before, after)
		if connects-first < cycles {
			t.Errorf("%d connects in %d cycles", connects-first, cycles)
		}
		after.wantNoMoreThan(t, before, cycles)
	})
}

// wantNoMoreThan holds that nothing is held that each of so many cycles left behind.
func (u used) wantNoMoreThan(t *testing.T, before used, cycles int) {
	t.Helper()
	if u.goroutines > before.goroutines || u.timers > before.timers+cycles/20+10 { // a stopped timer stays in its heap for a while
		t.Errorf("%d goroutines and %d timers, before there were %d and %d", u.goroutines, u.timers, before.goroutines, before.timers)
	}
	if more := u.objects - before.objects; more > int64(cycles)/10+100 {
		t.Errorf("%d objects more after %d connects", more, cycles)
	}
	if u.bytes > before.bytes+before.bytes/10+32<<10 { // a buffer of the journal's, and what the runtime keeps, come and go
		t.Errorf("a heap of %d bytes, before it was %d", u.bytes, before.bytes)
	}
}

func mustKeep(t *testing.T, dev *Device) {
	t.Helper()
	if _, err := dev.Report(context.Background(), Properties{"key": "k"}); err != nil {
		t.Fatal(err)
	}
}

// TestFault_epoch_leak_sockets connects over sockets, and is cut by the other side.
func TestFault_epoch_leak_sockets(t *testing.T) {
	const fds = "/proc/self/fd"
	if _, err := os.Stat(fds); err != nil {
		t.Skip("descriptors are counted in ", fds)
	}
	cycles := 50
	if long() {
		cycles = 500
	}
	cloud := emulator.Start(t, emulator.WithDevice(testPK, testDN, testSecret), emulator.WithOptions(func(o *emulator.Options) { o.Forget = true }))
	c := folderConfig(t.TempDir())
	c.Server, c.ClockWait, c.Limits = cloud.MQTT(), -1, &Limits{Payload: PlatformLimits().Payload}
	s, err := openFolder(c)
	if err != nil {
		t.Fatal(err)
	}
	s.clock, s.dialer, s.policy = clock.System(), c.dialer(), impatient()
	dev, err := open(context.Background(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	session := int64(0)
	online := func() {
		t.Helper()
		if session, err = cloud.WaitSession(ctx, killed, session); err != nil {
			t.Fatal(err)
		}
		if err := dev.WaitOnline(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cycle := func(i int) {
		if i%2 == 0 {
			mustKeep(t, dev)
		}
		if err := cloud.Kick(killed); err != nil {
			t.Fatal(err)
		}
		online()
	}
	count := func() [2]int {
		t.Helper()
		list, err := os.ReadDir(fds)
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{len(list), runtime.NumGoroutine()}
	}
	// calm waits until what the last cut has left to end has ended: until the counts
	// stand still, and for longer while they are above what is wanted.
	calm := func(most [2]int) [2]int {
		t.Helper()
		last, same := count(), 0
		for begun := time.Now(); time.Since(begun) < 20*time.Second && (same < 10 || last[0] > most[0] || last[1] > most[1]); <-time.After(20 * time.Millisecond) {
			now := count()
			if same++; now != last {
				last, same = now, 0
			}
		}
		return last
	}
	dev.Connect()
	online()
	for i := range 20 {
		cycle(i)
	}
	before := calm([2]int{1 << 20, 1 << 20})
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would close what we forget to
	for i := range cycles {
		cycle(i)
	}
	after := calm(before)
	t.Logf("%d connects: %d descriptors and %d goroutines, before %d and %d", cycles, after[0], after[1], before[0], before[1])
	if after[0] > before[0] || after[1] > before[1] {
		t.Errorf("%d descriptors and %d goroutines after %d connects, before %d and %d", after[0], after[1], cycles, before[0], before[1])
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
}

// impatient connects again at once, as often as it likes.
func impatient() fsm.ConnPolicy {
	p := fsm.DefaultConnPolicy()
	p.Backoff = backoff.Policy{Base: time.Millisecond, Cap: 10 * time.Millisecond}
	p.LostSpread, p.QuickDeath, p.StableAfter, p.ConnectsPerMinute = 0, time.Nanosecond, time.Nanosecond, 0
	return p
}
