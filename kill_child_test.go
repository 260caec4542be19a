package aliiot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/journal"
)

// killChild holds a killOrder: this test binary, run again, lives by it as a device
// under load until it is killed. What it is about to do, and what it was told, it says
// through a pipe, line by line, so that nothing of that ends with its memory.
const killChild = "ALIIOT_TEST_KILL_CHILD"

// killOrder is what a child is told at its start.
type killOrder struct {
	Server, Dir string
	Life        int
	Seed        uint64
	Freeze      freezing
	Pause       time.Duration // at most, between two reports into a lane
	Limited     bool          // to what the platform allows
	Segment     int64         // 0: as in the product
}

// killLine is one line that the child says.
type killLine struct {
	Word     string           `json:"word,omitempty"`
	Call     *oracle.Call     `json:"call,omitempty"`
	Snapshot *oracle.Snapshot `json:"snapshot,omitempty"`
}

// The words of a child.
const (
	wordOpening = "opening" // it is about to open its folder
	wordOpen    = "open"
	wordFrozen  = "frozen" // it stands still in the call that it was told
	wordFailed  = "failed: "
)

// say writes one line by one write, which the pipe keeps whole.
func say(l killLine) {
	line, err := json.Marshal(l)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		os.Exit(1) // the parent is gone
	}
}

// Lanes of the child: one of each policy, one whose reports are soon worth nothing.
// The alarm lane is so small that it refuses.
const laneBrief = "brief"

func killLanes() []Lane {
	return []Lane{
		{Name: "default", Budget: 8 << 20, Policy: EvictOldest},
		{Name: "latest", Budget: 1 << 20, Policy: LatestOnly, Priority: 1},
		{Name: "alarm", Budget: 16 << 10, Policy: RefuseNew, Priority: 10, Ordered: true, Reserve: true},
		{Name: laneBrief, Budget: 64 << 10, Policy: EvictOldest, TTL: 300 * time.Millisecond},
	}
}

// killSegment is the smallest segment that the journal takes: it is full in less than
// a second of load.
const killSegment = journal.MinSegmentBytes

func (o killOrder) open(fp *freezePoint) (*Device, error) {
	c := folderConfig(o.Dir)
	c.Server, c.ClockWait = o.Server, -1
	if !o.Limited {
		c.Limits = &Limits{Payload: PlatformLimits().Payload}
	}
	c.Lanes = killLanes()
	s, err := openFolder(c)
	if err != nil {
		return nil, err
	}
	if fp != nil {
		s.fs = freezer{s.fs, fp}
	}
	s.clock, s.dialer, s.segment = clock.System(), c.dialer(), o.Segment
	return open(context.Background(), c, s)
}

func liveUnderLoad(text string) {
	var o killOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		say(killLine{Word: wordFailed + err.Error()})
		os.Exit(1)
	}
	fp := &freezePoint{freezing: o.Freeze}
	fp.armed.Store(o.Freeze.Opening)
	say(killLine{Word: wordOpening})
	dev, err := o.open(fp)
	if err != nil {
		say(killLine{Word: wordFailed + err.Error()})
		os.Exit(1)
	}
	fp.armed.Store(!o.Freeze.Opening)
	say(killLine{Word: wordOpen})
	dev.Connect()
	for i, lane := range []string{"default", "default", "latest", "alarm", laneBrief} {
		go o.report(dev, i, lane)
	}
	for {
		l, err := dev.Ledger(context.Background())
		if err != nil {
			say(killLine{Word: wordFailed + err.Error()})
		}
		s := killSnapshot(l, oracle.Running)
		say(killLine{Snapshot: &s})
		<-time.After(50 * time.Millisecond)
	}
}

// report reports for ever into one lane.
func (o killOrder) report(dev *Device, reporter int, lane string) {
	lot := rand.New(rand.NewPCG(o.Seed, uint64(reporter)))
	for n := 1; ; n++ {
		key := fmt.Sprintf("%s/%d-%d-%d", lane, o.Life, reporter, n)
		fill := fillOf(key)
		c := oracle.Call{Step: oracle.StepStart, Key: key, Lane: lane, N: n, Hash: hashOf(fill)}
		c.Made = time.Now().UnixMilli()
		c.At = c.Made
		if lane == laneBrief {
			c.TTL = killLanes()[3].TTL.Milliseconds()
		}
		say(killLine{Call: &c})
		body := map[string]any{"key": key, "fill": fill}
		var it Item = Properties(body)
		if lane == "alarm" {
			it = Event{ID: "alarm", Output: body}
		}
		r, err := dev.Report(context.Background(), it, InLane(lane), At(time.UnixMilli(c.Made)))
		c.Step, c.At, c.Seq, c.Outcome = oracle.StepReturn, time.Now().UnixMilli(), r.Seq(), oracle.OK
		if err != nil {
			c.Outcome, c.Error = oracle.Refused, err.Error()
			if isUnknown(err) {
				c.Outcome = oracle.Unknown
			}
		}
		say(killLine{Call: &c})
		<-time.After(time.Duration(lot.Int64N(int64(o.Pause))))
	}
}

// fillOf is what a report of that key carries: 40 bytes to 1 KB.
func fillOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return strings.Repeat(hex.EncodeToString(sum[:20]), 1+int(sum[31])%25)
}

func hashOf(fill string) string {
	sum := sha256.Sum256([]byte(fill))
	return hex.EncodeToString(sum[:8])
}

func killSnapshot(l Ledger, phase oracle.Phase) oracle.Snapshot {
	counts := func(c Counts) oracle.Counts {
		o := countsOf(c)
		o.ConfirmedBy = map[string]int64{"reply": int64(c.ConfirmedBy.Reply), "puback": int64(c.ConfirmedBy.Puback)}
		o.EvictedBy = map[string]int64{"budget": int64(c.EvictedBy.Budget), "newer": int64(c.EvictedBy.Newer),
			"thinned": int64(c.EvictedBy.Thinned), "operator": int64(c.EvictedBy.Operator)}
		return o
	}
	s := oracle.Snapshot{At: time.Now().UnixMilli(), Phase: phase, Total: counts(l.Counts), Lanes: map[string]oracle.Counts{}}
	for name, c := range l.Lanes {
		s.Lanes[name] = counts(c)
	}
	return s
}

// freezing says in which call to the disk a process stands still, so that it can be
// killed in exactly that state.
type freezing struct {
	Opening bool      // count from the start; else from when the folder is open
	Ops     []disk.Op // only calls with these; none: all
	Call    int       // the how many-th; 0 never
	After   bool      // the call has been made, and nobody has heard of it
}

type freezePoint struct {
	freezing
	armed atomic.Bool
	seen  atomic.Int64
}

// enter is called before a call to the disk, what it returns after it.
func (p *freezePoint) enter(op disk.Op) func() {
	if !p.armed.Load() || p.Call == 0 || len(p.Ops) > 0 && !slices.Contains(p.Ops, op) || p.seen.Add(1) != int64(p.Call) {
		return func() {}
	}
	freeze := func() {
		say(killLine{Word: wordFrozen})
		select {}
	}
	if !p.After {
		freeze()
	}
	return freeze
}

// freezer is a disk with a freezePoint in all its calls.
type freezer struct {
	disk.FS
	at *freezePoint
}

func (f freezer) file(file disk.File, err error) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	return frozenFile{file, f.at}, nil
}

func (f freezer) Create(op disk.Op, name string) (disk.File, error) {
	defer f.at.enter(op)()
	return f.file(f.FS.Create(op, name))
}

func (f freezer) Open(op disk.Op, name string) (disk.File, error) {
	defer f.at.enter(op)()
	return f.file(f.FS.Open(op, name))
}

func (f freezer) OpenRead(op disk.Op, name string) (disk.File, error) {
	defer f.at.enter(op)()
	return f.file(f.FS.OpenRead(op, name))
}

func (f freezer) Rename(op disk.Op, from, to string) error {
	defer f.at.enter(op)()
	return f.FS.Rename(op, from, to)
}

func (f freezer) Remove(op disk.Op, name string) error {
	defer f.at.enter(op)()
	return f.FS.Remove(op, name)
}

func (f freezer) List(op disk.Op) ([]disk.Entry, error) {
	defer f.at.enter(op)()
	return f.FS.List(op)
}

func (f freezer) SyncDir(op disk.Op) error {
	defer f.at.enter(op)()
	return f.FS.SyncDir(op)
}

type frozenFile struct {
	disk.File
	at *freezePoint
}

func (f frozenFile) ReadAt(op disk.Op, p []byte, off int64) (int, error) {
	defer f.at.enter(op)()
	return f.File.ReadAt(op, p, off)
}

func (f frozenFile) WriteAt(op disk.Op, p []byte, off int64) (int, error) {
	defer f.at.enter(op)()
	return f.File.WriteAt(op, p, off)
}

func (f frozenFile) Truncate(op disk.Op, size int64) error {
	defer f.at.enter(op)()
	return f.File.Truncate(op, size)
}

func (f frozenFile) Sync(op disk.Op) error {
	defer f.at.enter(op)()
	return f.File.Sync(op)
}
