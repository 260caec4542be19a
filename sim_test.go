package aliiot

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/transport"
)

var (
	simSeed = flag.Uint64("sim.seed", 0, "simulate this one seed, and print its plan")
	simFor  = flag.Duration("sim.for", 0, "simulate fresh seeds for so long, and a hundred days at least")
	simKeep = flag.String("sim.keep", "", "a folder for the recordings of seeds that fail; with it all go on")
)

// TestSimulation lives through days of a whole device: the real actors and the real
// journal over a link, a disk, a platform and a clock in memory, in virtual time.
// One seed decides what strikes, and when; the oracle judges each run.
func TestSimulation(t *testing.T) {
	if testing.Short() {
		t.Skip("days take minutes under emulation")
	}
	switch {
	case *simSeed != 0:
		p := planFor(*simSeed)
		t.Log("\n" + p.String())
		simulate(t, p)
	case *simFor != 0:
		simulateFresh(t, *simFor)
	default:
		seeds := uint64(4)
		if underRace { // ten times as slow, and CI takes fresh ones without it
			seeds = 1
		}
		for seed := range seeds {
			t.Run(fmt.Sprint(seed+1), func(t *testing.T) {
				t.Parallel()
				simulate(t, planFor(seed+1))
			})
		}
	}
}

// TestSimulationRepeats is O18: the same seed is the same run, to the last record. Left
// out are faults that strike the n-th call to the disk: of two calls at one instant
// either may be it.
func TestSimulationRepeats(t *testing.T) {
	if underRace || testing.Short() {
		t.Skip("the detector has seen such runs in TestSimulation")
	}
	for _, seed := range []uint64{5, 6} {
		p, again := planFor(seed), planFor(seed)
		if p.String() != again.String() {
			t.Errorf("seed %d: two plans differ:\n%v\n%v", seed, p, again)
		}
		p.acts = slices.DeleteFunc(p.acts, func(a act) bool { return a.counts })
		seen := map[string]bool{}
		for range 3 { // timers that coincide have no order: once in a hundred runs one differs
			hash := simulate(t, p)
			if seen[hash] {
				break
			}
			seen[hash] = true
		}
		if len(seen) == 3 {
			t.Errorf("seed %d: no two of three runs are the same", seed)
		}
	}
}

// simulateFresh takes seeds that nobody has seen, on every processor.
func simulateFresh(t *testing.T, d time.Duration) {
	const atLeast = 100 * 24 * time.Hour
	var lived, runs atomic.Int64
	first, began := rand.Uint64()>>16, time.Now()
	var workers sync.WaitGroup
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for time.Since(began) < d || lived.Load() < int64(atLeast) {
				p := planFor(first + next.Add(1))
				ok := t.Run(fmt.Sprint(p.seed), func(t *testing.T) { simulate(t, p) })
				lived.Add(int64(p.length))
				runs.Add(1)
				if !ok && *simKeep == "" {
					return
				}
			}
		})
	}
	workers.Wait()
	fmt.Printf("simulation: %d runs, %.0f device-days in %v\n", runs.Load(), time.Duration(lived.Load()).Hours()/24, time.Since(began).Round(time.Second))
}

// sim is one run.
type sim struct {
	*rig
	plan     plan
	bomb     *aimed
	declined sync.Map // key → code: reports that the platform refuses for good
	lastID   atomic.Value
	wanted   bool // the process should be up
	startAt  time.Time
	starts   int
}

// simulate returns what another run of the same plan must have in common with this one.
func simulate(t *testing.T, p plan) (hash string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			again := fmt.Sprintf("go test -run '^TestSimulation$' . -sim.seed=%d", p.seed)
			t.Log("again, with its plan: " + again)
			keep(t, p, again)
		}
	}()
	inBubble(t, func(r *rig) {
		s := &sim{rig: r, plan: p, bomb: &aimed{hit: r.witness.panicked}}
		s.lastID.Store("")
		r.blackBox, r.syncTakes, r.dice = disktest.New(), p.syncTakes, p.dice
		r.cfg.Middleware = []actor.ReceiverMiddleware{s.bomb.middleware}
		r.cfg.Lanes = DefaultLanes()
		r.cfg.Lanes[0].TTL, r.cfg.Lanes[0].Budget = p.ttl, p.budget
		connect := r.net.OnConnect
		r.net.OnConnect = func(c transport.Connect) byte { s.noteID(c); return connect(c) }
		s.start()
		s.liveInBubble()
		s.healInBubble()
		hash = s.judgeInBubble()
	})
	return hash
}

// keep leaves a failing seed where soak wants it.
func keep(t *testing.T, p plan, again string) {
	if *simKeep == "" {
		return
	}
	name := filepath.Join(*simKeep, fmt.Sprintf("seed-%d.txt", p.seed))
	if err := os.WriteFile(name, []byte(again+"\n\n"+p.String()), 0o600); err != nil {
		t.Error(err)
	}
	fmt.Println("simulation: a seed fails, kept in", name)
}

// liveInBubble performs the plan beside the work of a tracker: a position every ten seconds,
// speed and battery every minute, an event every ten minutes on the average.
func (s *sim) liveInBubble() {
	rnd, began := rand.New(rand.NewPCG(s.plan.seed, 9)), time.Now()
	var acts, ends []act
	acts = s.plan.acts
	for tick := 0; ; tick++ {
		due := time.Duration(tick) * 10 * time.Second
		for {
			at := due // what comes first: an act, the end of one, the next tick
			if len(acts) > 0 {
				at = min(at, acts[0].at)
			}
			if len(ends) > 0 {
				at = min(at, ends[0].at)
			}
			time.Sleep(at - time.Since(began))
			s.restartWhenDue()
			switch {
			case len(ends) > 0 && ends[0].at <= at:
				ends[0].finish(s)
				ends = ends[1:]
				continue
			case len(acts) > 0 && acts[0].at <= at:
				a := acts[0]
				acts = acts[1:]
				a.since = s.ms()
				a.begin(s)
				if a.end == nil {
					s.strike(a.name(), a.since)
				} else {
					a.at += a.lasts
					ends = append(ends, a)
					slices.SortStableFunc(ends, func(a, b act) int { return int(a.at - b.at) })
				}
				continue
			}
			break
		}
		if due >= s.plan.length {
			break
		}
		s.work(tick, rnd.IntN(60) == 0)
	}
	for _, a := range ends {
		a.finish(s)
	}
}

func (s *sim) work(tick int, event bool) {
	if s.dev == nil {
		return
	}
	_, _, _ = s.report()
	if tick%6 == 0 {
		_, _, _ = s.report(InLane("latest"))
	}
	if event {
		s.mustEvent()
	}
	if tick%360 == 0 {
		s.glance()
	}
}

// glance takes a snapshot where the device has one to give.
func (s *sim) glance() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if l, err := s.dev.Ledger(ctx); err == nil {
		s.note(l, oracle.Running)
	}
}

// start opens the device, now or as soon as the disk lets it.
func (s *sim) start() {
	s.wanted, s.startAt = true, time.Now()
	s.restartWhenDue()
}

func (s *sim) restartWhenDue() {
	if !s.wanted || s.dev != nil || time.Now().Before(s.startAt) {
		return
	}
	s.startAt = time.Now().Add(5 * time.Second)
	dev, err := s.tryOpen()
	if err != nil {
		s.t.Logf("opening: %v", err)
		return
	}
	s.starts++
	s.dev = dev
	dev.Connect()
	s.glance()
}

func (s *sim) kill() {
	if s.disk.Kill(); s.dev != nil {
		s.dead()
	}
}

// dead ends a process that the disk does not know any more.
func (s *sim) dead() {
	if s.wanted = false; s.dev != nil {
		s.abandon()
	}
}

// stop ends the process as it should be ended. A failing disk may complain.
func (s *sim) stop() {
	if s.wanted = false; s.dev != nil {
		_ = s.dev.Close()
		s.lived(oracle.Call{At: s.ms(), Step: oracle.StepClose})
		s.dev = nil
	}
}

func (s *sim) healInBubble() {
	s.net.Heal()
	s.disk.Heal()
	s.cloud.set(yes)
	s.cloud.silence(false)
	s.bomb.aim("", 0)
	s.clock.SetWall(s.clock.True())
	s.clock.SetSynchronised(true)
	for n := 0; s.dev == nil; n++ {
		if n > 10 {
			s.t.Fatal("nothing is wrong any more, and the device does not open")
		}
		s.start()
		time.Sleep(10 * time.Second)
	}
	s.dev.Connect()
}

// judgeInBubble drains, rests, closes, opens again, and asks the oracle.
func (s *sim) judgeInBubble() (hash string) {
	s.waitOnline()
	s.snapshot(oracle.Healed)
	s.drain(2 * time.Hour)
	l := s.ledger()
	total, keys := s.cloud.arrivals()
	s.t.Logf("%v with %d faults, %d starts of the process, %d sessions; the platform has %d reports in %d posts; the ledger: %+v",
		s.plan.length, len(s.plan.acts), s.starts, s.cloud.sessions, keys, total, l.Counts)
	s.snapshot(oracle.Drained)
	time.Sleep(10 * time.Minute) // a journal tries a disk that has failed often every few minutes
	s.used(oracle.Drained)
	s.close()
	s.open()
	s.snapshot(oracle.Reopened)
	s.cloud.wantSteady(s.t)
	rec := s.recording("latest", "default")
	rec.Scenario.Name, rec.Scenario.Seed, rec.Scenario.Faults = "simulation", s.plan.seed, s.plan.faults()
	rec.Scenario.Bounds = oracle.Bounds{
		Online:  (6 * time.Minute).Milliseconds(), // the backoff's cap, and an attempt
		Silence: (2 * time.Minute).Milliseconds(),
		Alarm:   (5 * time.Second).Milliseconds(),
		Rate:    20,
	}
	for _, v := range rec.Check() {
		s.t.Error(v)
	}
	return rec.Hash()
}

// aimed is a bomb that can be aimed while the device lives.
type aimed struct {
	mu   sync.Mutex
	at   string
	left int
	hit  func() // called at each panic
}

func (a *aimed) aim(actor string, times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.left = actor, times
}

func (a *aimed) middleware(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		switch env.Message.(type) {
		case *actor.Restarting, *actor.Stopping, *actor.Stopped: // a life ends as it should: what it holds is let go
		default:
			if a.strikes(filepath.Base(ctx.Self().Id)) {
				panic(errInjected)
			}
		}
		next(ctx, env)
	}
}

var errInjected = errors.New("injected")

func (a *aimed) strikes(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 || a.at != name {
		return false
	}
	a.left--
	a.hit()
	return true
}

func (s *sim) ctx() context.Context { return context.Background() }

func (c *cloud) silence(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = on
}

// sent records a reply that goes out later than its post came.
func (c *cloud) sent(p post, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, oracle.Event{At: c.now().UnixMilli(), What: oracle.ReplySent, Key: p.key, ID: p.id.String(), Code: code})
}
