package aliiot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/sdnotify"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// managed is a service manager that notes what it is told, and when.
type managed struct {
	mu   sync.Mutex
	said []said
	deaf bool
}

type said struct {
	at    time.Time
	lines []string
}

func (m *managed) Send(lines ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deaf {
		return errors.New("nobody listens")
	}
	m.said = append(m.said, said{time.Now(), lines})
	return nil
}

// times are when a line was said.
func (m *managed) times(line string) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []time.Time
	for _, s := range m.said {
		if slices.Contains(s.lines, line) {
			out = append(out, s.at)
		}
	}
	return out
}

// longest is the longest time between two feedings since then, until now.
func (m *managed) longest(since time.Time) time.Duration {
	var longest time.Duration
	last := since
	for _, at := range append(m.times(sdnotify.Watchdog), time.Now()) {
		if at.Before(since) {
			continue
		}
		longest, last = max(longest, at.Sub(last)), at
	}
	return longest
}

func (m *managed) lastStatus() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range slices.Backward(m.said) {
		for _, l := range s.lines {
			if text, ok := strings.CutPrefix(l, "STATUS="); ok {
				return text
			}
		}
	}
	return ""
}

// patience is the manager's patience in these tests.
const patience = time.Minute

// served opens the device under a manager.
func (r *rig) served() *managed {
	r.t.Helper()
	m := &managed{}
	dev, err := open(context.Background(), r.cfg, seams{fs: r.disk.FS(), clock: r.clock.Clock(), dialer: r.net.Dialer(),
		manager: m, watchdog: patience})
	if err != nil {
		r.t.Fatalf("opening: %v", err)
	}
	r.dev = dev
	dev.Connect()
	return m
}

func TestWatchdogIsFed(t *testing.T) {
	inBubble(t, func(r *rig) {
		m := r.served()
		begun := time.Now()
		if first := m.said[0].lines; first[0] != sdnotify.Ready || !slices.Contains(first, sdnotify.Watchdog) {
			t.Errorf("the first word: %q", first)
		}
		r.waitOnline()
		r.reports(20)
		time.Sleep(10 * time.Minute)
		if got := m.lastStatus(); got != "online, 0 reports pending" {
			t.Errorf("the status: %q", got)
		}
		r.net.Inject(transporttest.DialRefused())
		r.net.CutAll(transporttest.RST)
		r.reports(3)
		time.Sleep(time.Hour) // a dead link is nobody's death
		if got := m.lastStatus(); !strings.Contains(got, "waiting, 3 reports pending; the link: ") {
			t.Errorf("the status: %q", got)
		}
		r.net.Heal()
		r.waitOnline()
		if gap := m.longest(begun); gap > patience/2 {
			t.Errorf("not fed for %v", gap)
		}
		before := len(m.said)
		r.close()
		if m.said[before].lines[0] != sdnotify.Stopping {
			t.Errorf("at Close: %q", m.said[before].lines)
		}
		if n := len(m.times(sdnotify.Ready)) + len(m.times(sdnotify.Stopping)); n != 2 {
			t.Errorf("%d times ready or stopping", n)
		}
	})
}

// stuck keeps an actor in one message until it is let go.
type stuck struct {
	actor string
	in    chan struct{} // closed when it is in there
	free  chan struct{}
	once  sync.Once
}

func (s *stuck) middleware(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		if strings.HasSuffix(ctx.Self().Id, s.actor) && (kind[actors.AskLedger](env.Message) || kind[actors.LinkHint](env.Message)) {
			s.once.Do(func() {
				close(s.in)
				<-s.free
			})
		}
		next(ctx, env)
	}
}

// wantHungerInBubble holds that the watchdog, fed until since, starves in time and not early,
// and that it is fed again after cure.
func (r *rig) wantHungerInBubble(m *managed, since time.Time, status string, cure func()) {
	r.t.Helper()
	time.Sleep(time.Hour)
	fed := m.times(sdnotify.Watchdog)
	last := fed[len(fed)-1].Sub(since)
	if last < 0 || last > patience/2 {
		r.t.Errorf("last fed %v after, want within half of %v", last, patience)
	}
	if got := m.lastStatus(); !strings.HasPrefix(got, status) {
		r.t.Errorf("the status: %q", got)
	}
	cure()
	time.Sleep(patience)
	if gap := m.longest(time.Now().Add(-patience / 2)); gap > patience/2 {
		r.t.Errorf("after that not fed for %v", gap)
	}
}

func TestWatchdogStarvesWithAWedgedActor(t *testing.T) {
	for _, name := range []string{"outbox", "connection"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				s := &stuck{actor: name, in: make(chan struct{}), free: make(chan struct{})}
				b := &bomb{actor: name, on: anything}
				r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware, s.middleware}
				m := r.served()
				r.waitOnline()
				b.left.Store(1) // a restart that is over vouches for nobody
				time.Sleep(10 * time.Minute)
				if b.hits.Load() != 1 {
					t.Error("nothing panicked")
				}
				go func() { _ = r.tryLedger() }()
				r.dev.LinkHint(true)
				<-s.in
				r.wantHungerInBubble(m, time.Now(), name+" shows no life since ", func() { close(s.free) })
			})
		})
	}
}

func TestWatchdogStarvesWithAHungDisk(t *testing.T) {
	for name, call := range map[string]struct {
		kind   disktest.Kind
		status string
	}{
		"in the actor": {disktest.Write, "outbox shows no life since "},
		"beside of it": {disktest.Sync, "a call to the disk does not return since "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				m := r.served()
				r.waitOnline()
				time.Sleep(10 * time.Minute)
				free := make(chan struct{})
				r.disk.Fault(disktest.Fault{Kind: call.kind, Name: "*.seg", Hang: free})
				go func() { _, _ = r.dev.Report(context.Background(), Properties{"key": "hung"}) }()
				r.wantHungerInBubble(m, time.Now(), call.status, func() { close(free) })
			})
		})
	}
}

// A disk that stalls for as long as the watchdog waits is no reason to die.
func TestWatchdogSurvivesAStall(t *testing.T) {
	for _, kind := range []disktest.Kind{disktest.Write, disktest.Sync} {
		inBubble(t, func(r *rig) {
			m := r.served()
			r.waitOnline()
			begun := time.Now()
			for i := range 40 { // in all positions between two looks
				time.Sleep(10*time.Minute + time.Duration(i)*time.Second)
				free := make(chan struct{})
				r.disk.Fault(disktest.Fault{Kind: kind, Name: "*.seg", Hang: free})
				go func() { _, _ = r.dev.Report(context.Background(), Properties{"key": fmt.Sprint(i)}) }()
				time.Sleep(patience - time.Second)
				close(free)
			}
			time.Sleep(time.Minute)
			if gap := m.longest(begun); gap >= patience {
				t.Errorf("a stall of %v: not fed for %v", patience-time.Second, gap)
			}
		})
	}
}

// Restarts are the supervisor's, not the manager's, as long as they lead somewhere.
func TestWatchdogAndRestarts(t *testing.T) {
	for _, name := range []string{"outbox", "connection"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				b := &bomb{actor: name, on: anything}
				r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
				r.cfg.Restart = actors.RestartPolicy{Budget: 1, Min: 2 * time.Minute} // for longer than the watchdog waits
				m := r.served()
				r.waitOnline()
				begun := time.Now()
				for range 10 {
					b.left.Store(3) // the actor alone, its Restarting (which Guard swallows), then the tree
					time.Sleep(30 * time.Minute)
				}
				if n := r.dev.Status().TreeRestarts; n < 10 {
					t.Errorf("the tree was restarted %d times", n)
				}
				if gap := m.longest(begun); gap > patience/2 {
					t.Errorf("not fed for %v", gap)
				}
				b.left.Store(1 << 40) // and now it never comes back
				time.Sleep(2 * time.Hour)
				fed := m.times(sdnotify.Watchdog)
				if gap := time.Since(fed[len(fed)-1]); gap < time.Hour {
					t.Errorf("fed %v ago although it never came back", gap)
				}
				b.left.Store(0)
			})
		})
	}
}

// What an actor said of the disk before it failed holds no longer than that.
func TestWatchdogForgetsAnOldStall(t *testing.T) {
	inBubble(t, func(r *rig) {
		b := &bomb{actor: "outbox", on: kind[actors.AskLedger]}
		r.cfg.Middleware = []actor.ReceiverMiddleware{b.middleware}
		r.cfg.Restart = actors.RestartPolicy{Min: 2 * time.Minute}
		m := r.served()
		r.waitOnline()
		begun := time.Now()
		for i := range 20 {
			time.Sleep(20*time.Minute + time.Duration(i)*time.Second)
			free := make(chan struct{})
			r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Hang: free})
			go func() { _, _ = r.dev.Report(context.Background(), Properties{"key": fmt.Sprint(i)}) }()
			time.Sleep(15 * time.Second)
			b.left.Store(1)
			go func() { _ = r.tryLedger() }()
			time.Sleep(time.Second)
			close(free)
		}
		time.Sleep(20 * time.Minute)
		if gap := m.longest(begun); gap > patience/2 || b.hits.Load() != 20 {
			t.Errorf("not fed for %v, %d panics", gap, b.hits.Load())
		}
	})
}

func TestADeafManagerIsToldAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		m := r.served()
		r.waitOnline()
		m.mu.Lock()
		m.deaf = true
		m.mu.Unlock()
		r.net.Inject(transporttest.DialRefused())
		r.net.CutAll(transporttest.RST)
		time.Sleep(10 * time.Minute)
		m.mu.Lock()
		m.deaf = false
		m.mu.Unlock()
		time.Sleep(time.Minute)
		if got := m.lastStatus(); !strings.HasPrefix(got, "waiting") {
			t.Errorf("the status: %q", got)
		}
		r.net.Heal()
		r.waitOnline()
	})
}

// TestSystemd speaks to a socket, as to a real manager.
func TestSystemd(t *testing.T) {
	dir, err := os.MkdirTemp("", "sd") // the name of a socket has room for 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "200000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	c := folderConfig(t.TempDir())
	c.Systemd = true
	dev, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	heard := func() []string {
		buf := make([]byte, 1<<10)
		n, _, err := socket.ReadFromUnix(buf)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(buf[:n]), "\n")
	}
	want := []string{sdnotify.Ready, sdnotify.Watchdog, sdnotify.Status("stopped, 0 reports pending")}
	if got := heard(); !slices.Equal(got, want) {
		t.Errorf("at first: %q", got)
	}
	for fed := 0; fed < 3; {
		if slices.Contains(heard(), sdnotify.Watchdog) {
			fed++
		}
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	for !slices.Contains(heard(), sdnotify.Stopping) {
	}
	t.Setenv("NOTIFY_SOCKET", "nonsense") // is no reason not to start
	if dev, err = Open(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
}
