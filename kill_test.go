package aliiot

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/disk"
)

var killSeed = flag.Uint64("kill.seed", 0, "kill by this seed")

// long says that what takes minutes is asked for.
func long() bool { return os.Getenv("ALIIOT_LONG") == "1" }

var killed = alink.Device{ProductKey: testPK, DeviceName: testDN}

// killRun is one folder that many processes live on, one after the other, and what
// the parent knows of them.
type killRun struct {
	t     *testing.T
	lot   *rand.Rand
	dir   string
	cloud *emulator.Emulator

	mu        sync.Mutex // over what follows
	calls     []oracle.Call
	snapshots []oracle.Snapshot
	words     map[string]bool // of the present life
	oks       int             // of the present life
	moved     chan struct{}   // has one when something was heard

	ends  map[uint64]audit.Record // by seq, from the audit log: the last of each
	again map[[2]int64]bool       // ends (seq and time) of what had been confirmed before
	kinds map[string]int          // how the lives ended
}

func newKillRun(t *testing.T, seed uint64, options ...emulator.Option) *killRun {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("durability is promised on Linux alone")
	}
	return &killRun{t: t, dir: t.TempDir(), lot: rand.New(rand.NewPCG(seed, 0x6b696c6c)), ends: map[uint64]audit.Record{}, again: map[[2]int64]bool{}, kinds: map[string]int{},
		cloud: emulator.Start(t, append(options, emulator.WithDevice(testPK, testDN, testSecret),
			emulator.WithOptions(func(o *emulator.Options) { o.Seed = seed }))...)}
}

// death is how a life is to end.
type death struct {
	kind  string
	order killOrder
	word  string        // wait for this word
	oks   int           // and for so many yeses
	after time.Duration // and then for this long
	// patience is how long all that is waited for: a call that was to be frozen may not
	// come.
	patience time.Duration
}

// draw draws an instant: of the start of the process, of a call of its opening, of a
// change of segments, of its work, and of what it has just been told.
func (k *killRun) draw() death {
	d := death{patience: time.Second, order: killOrder{Segment: killSegment, Pause: 15 * time.Millisecond}}
	upTo := func(d time.Duration) time.Duration { return time.Duration(k.lot.Int64N(int64(d))) }
	freeze := func(opening bool, calls int, ops ...disk.Op) {
		d.word, d.after = wordFrozen, upTo(10*time.Millisecond)
		d.order.Freeze = freezing{Opening: opening, Ops: ops, Call: 1 + k.lot.IntN(calls), After: k.lot.IntN(2) == 0}
	}
	switch n := k.lot.IntN(100); {
	case n < 10:
		d.kind, d.after = "start", upTo(80*time.Millisecond)
	case n < 35:
		d.kind = "opening"
		freeze(true, 24)
	case n < 60:
		d.kind = "segment change"
		freeze(false, 12, "journal.create", "journal.fill", "journal.free")
	case n < 70:
		d.kind = "call to the disk"
		freeze(false, 400)
	case n < 85:
		d.kind, d.word, d.after = "load", wordOpen, upTo(900*time.Millisecond)
	default:
		d.kind, d.word, d.oks = "yes", wordOpen, 1+k.lot.IntN(100)
	}
	return d
}

// live starts a process, waits for its instant, and kills it.
func (k *killRun) live(n int, d death) {
	k.t.Helper()
	o := d.order
	o.Server, o.Dir, o.Life, o.Seed = k.cloud.MQTT(), k.dir, n, k.lot.Uint64()
	text, err := json.Marshal(o)
	if err != nil {
		k.t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killChild+"="+string(text))
	child.Stderr = k.t.Output()
	out, err := child.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	k.mu.Lock()
	k.words, k.oks, k.moved = map[string]bool{}, 0, make(chan struct{}, 1)
	k.calls = append(k.calls, oracle.Call{At: time.Now().UnixMilli(), Step: oracle.StepOpen})
	k.mu.Unlock()
	if err := child.Start(); err != nil {
		k.t.Fatal(err)
	}
	ended := make(chan struct{})
	go k.listen(bufio.NewReader(out), ended)
	if !k.await(d, ended) {
		d.kind += ", never reached"
	}
	k.kinds[d.kind]++
	_ = child.Process.Kill()
	<-ended // all that it had said has been heard
	_ = child.Wait()
	if how := child.ProcessState.String(); how != "signal: killed" {
		k.t.Errorf("life %d ended by itself: %s", n, how)
	}
	k.mu.Lock()
	k.calls = append(k.calls, oracle.Call{At: time.Now().UnixMilli(), Step: oracle.StepKill})
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	if err := k.cloud.WaitOffline(ctx, killed); err != nil { // what was in its sockets has arrived
		k.t.Fatal(err)
	}
}

// listen records what the child says, until it says no more.
func (k *killRun) listen(out *bufio.Reader, ended chan<- struct{}) {
	defer close(ended)
	for {
		line, err := out.ReadBytes('\n')
		if err != nil {
			return // what a death cut short was never said
		}
		var l killLine
		if err := json.Unmarshal(line, &l); err != nil {
			k.t.Errorf("the child said %q: %v", line, err)
			continue
		}
		k.mu.Lock()
		switch {
		case l.Call != nil:
			k.calls = append(k.calls, *l.Call)
			if l.Call.Outcome == oracle.OK {
				k.oks++
			}
		case l.Snapshot != nil:
			k.snapshots = append(k.snapshots, *l.Snapshot)
		case strings.HasPrefix(l.Word, wordFailed):
			k.t.Error("the child ", l.Word)
		default:
			k.words[l.Word] = true
		}
		k.mu.Unlock()
		select {
		case k.moved <- struct{}{}:
		default:
		}
	}
}

// await waits for the instant, and says whether it came.
func (k *killRun) await(d death, ended <-chan struct{}) bool {
	reached := func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return (d.word == "" || k.words[d.word]) && k.oks >= d.oks
	}
	opened := func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.words[wordOpen] }
	patience := time.NewTimer(time.Minute) // for a machine that is busy
	running := false
	for !reached() {
		if !running && opened() {
			running = true
			patience.Reset(d.patience)
		}
		select {
		case <-k.moved:
		case <-patience.C:
			if !running {
				k.t.Error("the child does not open its folder")
			}
			return false
		case <-ended:
			return reached()
		}
	}
	<-time.After(d.after)
	return true
}

// readAudit takes the ends so far: the log is bounded, and forgets.
func (k *killRun) readAudit() {
	k.t.Helper()
	fs, err := disk.OS(k.dir)
	if err == nil {
		err = audit.Each(fs, func(r audit.Record) {
			if before, ok := k.ends[r.Seq]; ok && r.At > before.At && before.Outcome == "confirmed" {
				k.again[[2]int64{int64(r.Seq), r.At}] = true
			}
			k.ends[r.Seq] = r
		})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// TestFault_kill_9_under_load kills real processes, on a real disk, at seeded
// instants, one after the other on one folder, under load over a link that loses and
// delays answers. The oracle judges all of it after the last.
func TestFault_kill_9_under_load(t *testing.T) {
	rounds, seed := 12, *killSeed
	if long() {
		rounds = 200
	}
	if seed == 0 {
		seed = rand.Uint64() >> 16
	}
	t.Logf("go test -run '^%s$' -kill.seed %d .", t.Name(), seed)
	k := newKillRun(t, seed)
	k.cloud.Inject(emulator.LoseReplies().Rate(0.02))
	k.cloud.Inject(emulator.LateReplies(40 * time.Millisecond).Rate(0.2))
	for n := range rounds {
		if k.lot.IntN(5) == 0 { // a life without the platform leaves a backlog to the next
			k.cloud.Inject(emulator.Refuse(3).For(300 * time.Millisecond))
		}
		k.live(n, k.draw())
		if n%10 == 9 {
			k.readAudit()
		}
		if t.Failed() {
			break
		}
	}
	k.cloud.Heal()
	k.finish()
	for _, v := range oracle.Check(k.calls, k.events(), k.snapshots, nil, k.scenario(seed)) {
		t.Error(v)
	}
	load := 1 // a dozen lives may all end early
	if long() {
		load = 15 * rounds
	}
	k.tell(rounds, load)
	// A yes is in the journal before the next one is looked at: a death takes one at
	// most, and mostly none.
	if n := len(k.again); n > rounds/2 {
		t.Errorf("%d confirmed reports fell back to pending in %d deaths", n, rounds)
	}
}

// finish opens the folder for the last time, drains it, closes it and looks again.
func (k *killRun) finish() {
	k.t.Helper()
	o := killOrder{Server: k.cloud.MQTT(), Dir: k.dir}
	open := func() *Device {
		k.t.Helper()
		k.calls = append(k.calls, oracle.Call{At: time.Now().UnixMilli(), Step: oracle.StepOpen})
		dev, err := o.open(nil)
		if err != nil {
			k.t.Fatal(err)
		}
		return dev
	}
	look := func(dev *Device, phase oracle.Phase) {
		k.t.Helper()
		l, err := dev.Ledger(k.t.Context())
		if err != nil {
			k.t.Fatal(err)
		}
		k.readAudit()
		s := killSnapshot(l, phase)
		s.Reports = k.reports()
		k.snapshots = append(k.snapshots, s)
	}
	closed := func(dev *Device) {
		k.t.Helper()
		if err := dev.Close(); err != nil {
			k.t.Fatal(err)
		}
		k.calls = append(k.calls, oracle.Call{At: time.Now().UnixMilli(), Step: oracle.StepClose})
	}
	dev := open()
	dev.Connect()
	ctx, cancel := context.WithTimeout(k.t.Context(), 2*time.Minute)
	defer cancel()
	l, err := drained(ctx, dev)
	if err != nil {
		k.t.Fatalf("not drained: %v, %+v, %+v", err, l.Counts, dev.Status())
	}
	for begun := time.Now(); k.segments() > 5; <-time.After(20 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			k.t.Errorf("%d segments and spares are left where nothing is pending", k.segments())
			break
		}
	}
	look(dev, oracle.Drained)
	closed(dev)
	dev = open()
	look(dev, oracle.Reopened)
	closed(dev)
}
