package aliiot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/clock/clocktest"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// rig is a whole device in virtual time: the real actors and the real journal
// over a disk, a link and a platform in memory. It runs in a synctest bubble.
type rig struct {
	t     *testing.T
	disk  *disktest.Disk
	clock *clocktest.Fake
	net   *transporttest.Server
	cloud *cloud
	cfg   Config
	dev   *Device
	kept  map[string]Receipt // by key: what Report said yes to
	bad   map[string]error   // by key: what it said no to, or unknown
	next  int

	dialer    transport.Dialer // nil: the link in memory
	syncTakes time.Duration
	dice      func() uint64  // nil: the clock's
	blackBox  *disktest.Disk // of the audit log; nil: it shares the disk
	alone     bool           // the test has the process for itself: goroutines can be counted
	rec       recorded
	harm      []string // faults that destroy what was synced
	excused   []string // checks that the end of this test cannot hold, by what it does
	witness   *witness
}

const (
	testPK     = "a1B2c3D4e5F"
	testDN     = "device01"
	testSecret = "0123456789abcdef0123456789abcdef"
)

// inBubble runs a test in a bubble with a rig whose clock is right and trusted.
func inBubble(t *testing.T, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
		c := newCloud()
		r := &rig{t: t, disk: disktest.New(), clock: clocktest.New(7), net: transporttest.New(), cloud: c,
			kept: map[string]Receipt{}, bad: map[string]error{}}
		r.clock.SetSynchronised(true)
		time.Sleep(10 * time.Second) // booting took its time
		c.now = r.clock.True
		r.net.OnPublish = c.publish
		r.net.OnConnect = c.connect
		r.net.OnConnack = func(n int, code byte) {
			c.note(oracle.Event{What: oracle.Connected, Session: int64(n), Code: int(code)})
		}
		r.net.OnEnd = func(cl *transporttest.Client, _ error) {
			c.note(oracle.Event{What: oracle.Disconnected, Session: int64(cl.Number())})
		}
		r.cfg = Config{
			Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: testSecret},
			Server:   "mqtt://platform.test:1883", Dir: "memory", Audit: true, DrainTimeout: -1,
		}
		r.witness = &witness{r: r}
		r.cfg.Logger = r.witness.logger()
		defer time.Sleep(2 * time.Second) // a dead letter's goroutine lives for one
		defer r.net.Close()
		defer func() {
			r.judgeEnd()
			if r.dev != nil {
				r.close()
			}
		}()
		f(r)
	})
}

func (r *rig) open() *Device {
	r.t.Helper()
	dev, err := r.tryOpen()
	if err != nil {
		r.t.Fatalf("opening: %v", err)
	}
	r.dev = dev
	return dev
}

func (r *rig) tryOpen() (*Device, error) {
	c := r.cfg
	if err := c.check(); err != nil {
		return nil, err
	}
	fs := r.withBlackBox(r.disk.FS())
	if r.syncTakes > 0 {
		fs = slowDisk{fs, r.syncTakes}
	}
	dialer := r.dialer
	if dialer == nil {
		dialer = r.net.Dialer()
	}
	if r.witness != nil {
		c.Middleware = append(slices.Clone(c.Middleware), r.witness.watch)
	}
	if r.rec.resources == nil {
		r.used(oracle.Before)
	}
	at := r.ms()
	r.noteBoot()
	dev, err := open(context.Background(), c, seams{fs: fs, clock: r.theClock(), dialer: dialer})
	if err == nil {
		r.lived(oracle.Call{At: at, Step: oracle.StepOpen})
	}
	return dev, err
}

// theClock is the machine's, with the rig's own dice where it has some.
func (r *rig) theClock() clock.Clock {
	c := r.clock.Clock()
	if r.dice != nil {
		c.Rand = r.dice
	}
	return c
}

func (r *rig) online() *Device {
	r.t.Helper()
	dev := r.open()
	dev.Connect()
	r.waitOnline()
	return dev
}

func (r *rig) waitOnline() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
	defer cancel()
	if err := r.dev.WaitOnline(ctx); err != nil {
		r.t.Fatalf("not online: %v (%+v)", err, r.dev.Status().Link)
	}
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.dev.Close(); err != nil {
		r.t.Errorf("closing: %v", err)
	}
	r.lived(oracle.Call{At: r.ms(), Step: oracle.StepClose})
	r.dev = nil
}

// kill ends the process as SIGKILL does: the page cache lives.
func (r *rig) kill() {
	r.disk.Kill()
	r.abandon()
}

// abandon stops the actors of a process that is dead for the disk already.
func (r *rig) abandon() {
	r.lived(oracle.Call{At: r.ms(), Step: oracle.StepKill})
	_ = r.dev.Close() // its disk calls fail
	r.dev = nil
}

// report reports one keyed value and remembers what was said.
func (r *rig) report(opts ...Option) (string, Receipt, error) {
	r.t.Helper()
	r.next++
	key := fmt.Sprintf("k%d", r.next)
	it := Properties{"key": key, "GeoLocation": map[string]float64{"Longitude": 117, "Latitude": 31.8}}
	rec, err := r.reportItem(key, it, opts...)
	return key, rec, err
}

func (r *rig) reportItem(key string, it Item, opts ...Option) (Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.called(key, it, opts)
	rec, err := r.dev.Report(ctx, it, opts...)
	r.returned(key, rec.Seq(), err)
	if err != nil {
		r.bad[key] = err
	} else {
		r.kept[key] = rec
	}
	return rec, err
}

// meant is the lane, the time to live and the time that options ask for.
func (r *rig) meant(opts []Option) (lane string, ttl time.Duration, at time.Time) {
	a := actors.Append{Lane: actors.DefaultLane}
	for _, o := range opts {
		_ = o.apply(&a)
	}
	for _, l := range r.cfg.Lanes {
		if l.Name == a.Lane && a.TTL == 0 {
			a.TTL = l.TTL
		}
	}
	return a.Lane, a.TTL, a.At
}

// failTreeInBubble has the outbox, which b is aimed at, fail until the tree is restarted.
func (r *rig) failTreeInBubble(b *bomb) {
	b.left.Store(1000)
	for r.dev.Status().TreeRestarts == 0 {
		_, _, _ = r.report()
		time.Sleep(time.Second)
	}
	b.left.Store(0)
}

// powerCutInBubble ends everything at once. What was in flight to the medium may
// be there in part.
func (r *rig) powerCutInBubble(level disktest.Level, seed uint64) {
	r.t.Helper()
	r.disk.Crash(level, seed)
	r.lived(oracle.Call{At: r.ms(), Step: oracle.StepPowerCut})
	r.abandon()
	r.clock.NewBoot()
	time.Sleep(10 * time.Second) // booting takes its time
}

func (r *rig) reports(n int, opts ...Option) {
	r.t.Helper()
	for range n {
		if _, _, err := r.report(opts...); err != nil {
			r.t.Fatalf("reporting: %v", err)
		}
	}
}

func (r *rig) ledger() Ledger {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	l, err := r.dev.Ledger(ctx)
	if err != nil {
		r.t.Fatalf("the ledger: %v", err)
	}
	if !l.Balances() {
		r.t.Errorf("the ledger does not balance: %+v", l)
	}
	return l
}

// drain waits until nothing is pending.
func (r *rig) drain(within time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if _, err := ask(ctx, r.dev, "outbox", func(reply chan<- actors.Drained) any { return actors.AskDrained{Reply: reply} }); err != nil {
		r.t.Fatalf("not drained within %v: %+v\n%+v", within, r.ledger(), r.dev.Status())
	}
}

// wantNothingLost holds what was accepted against what the platform has.
func (r *rig) wantNothingLost() {
	r.t.Helper()
	for key := range r.kept {
		if r.cloud.count(key) == 0 {
			r.t.Errorf("%s was kept and never came", key)
		}
	}
	for key, err := range r.bad {
		if r.cloud.count(key) > 0 && !isUnknown(err) {
			r.t.Errorf("%s was refused (%v) and came", key, err)
		}
	}
}

// cloud is the platform: it stores posts and answers them by their id.
type cloud struct {
	mu       sync.Mutex
	got      map[string]int      // arrivals by key
	order    []string            // keys as they first came
	ids      map[string]string   // the first id by key
	times    map[string]string   // the time of the key's value as it came
	answer   func(p post) []byte // nil: silence
	asked    int                 // NTP requests
	sessions int
	now      func() time.Time // true time
	posts    uint64
	arrived  uint64
	events   []oracle.Event
	refuse   byte
	mute     bool    // answers no question for the time
	told     []int64 // when it answered such
}

// post is one report as it came.
type post struct {
	key   string
	id    alink.ID
	topic alink.Topic
	n     int          // the how many-th arrival of this key
	came  oracle.Event // what the record says of it besides
}

func newCloud() *cloud {
	return &cloud{got: map[string]int{}, ids: map[string]string{}, times: map[string]string{}, answer: yes, now: time.Now}
}

func yes(p post) []byte { return reply(p, 200) }

func reply(p post, code alink.Code) []byte {
	return alink.AppendReply(nil, alink.Reply{ID: p.id, Code: code, Message: "text", Data: []byte("{}")})
}

func (c *cloud) connect(transport.Connect) byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions++
	return c.refuse
}

func (c *cloud) publish(client *transporttest.Client, m transport.Message) bool {
	topic, err := alink.ParseTopic(m.Topic)
	if err != nil {
		return true
	}
	if topic.Kind == alink.NTPRequest {
		c.mu.Lock()
		c.asked++
		mute := c.mute
		c.mu.Unlock()
		if mute {
			return true
		}
		sent, _ := alink.ParseNTPRequest(m.Payload)
		now := c.now().UnixMilli()
		c.mu.Lock()
		c.told = append(c.told, now)
		c.mu.Unlock()
		to, _ := topic.Reply()
		client.Push(to.String(), alink.AppendNTPResponse(nil, sent, now, now), 0)
		return true
	}
	req, err := alink.ParseRequest(m.Payload)
	if err != nil {
		return true
	}
	p := post{key: keyOf(req.Params), id: req.ID, topic: topic, came: oracle.Event{QoS: m.QoS, Bytes: int64(len(m.Payload)), Session: int64(client.Number())}}
	p.came.Hash, p.came.Wire = bodyOf(req.Params)
	c.mu.Lock()
	c.got[p.key]++
	p.n = c.got[p.key]
	if p.n == 1 {
		c.order = append(c.order, p.key)
		c.ids[p.key] = req.ID.String()
		c.times[p.key] = timeOf(req.Params)
	} else if c.ids[p.key] != req.ID.String() || c.times[p.key] != timeOf(req.Params) {
		c.ids[p.key] = "changed" // a repeated post must be the same
	}
	answer := c.answer
	c.mu.Unlock()
	payload := answer(p)
	c.stored(p, payload)
	if m.QoS == 1 {
		c.note(oracle.Event{What: oracle.PubackSent, Key: p.key, ID: p.id.String()})
	}
	if payload != nil {
		to, _ := topic.Reply()
		client.Push(to.String(), payload, 0)
	}
	return true
}

// stored records what became of a post: a platform that answers by a code other than
// 200 has not stored it. A reply to another id is no word on this one.
func (c *cloud) stored(p post, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, err := alink.ParseReply(payload)
	said := err == nil && answer.ID.String() == p.id.String()
	c.posts++
	ev := p.came
	ev.What, ev.At, ev.Key, ev.ID, ev.Post, ev.Code = oracle.Accepted, c.now().UnixMilli(), p.key, p.id.String(), c.posts, 200
	if said && answer.Code != 200 {
		ev.What, ev.Code = oracle.Declined, int(answer.Code)
	} else {
		c.arrived++
		ev.Arrival = c.arrived
	}
	what := oracle.Event{At: ev.At, What: oracle.ReplySuppressed, Key: p.key, ID: ev.ID}
	if said {
		what.What, what.Code = oracle.ReplySent, int(answer.Code)
	}
	c.events = append(c.events, ev, what)
}

// note records what is about no report.
func (c *cloud) note(ev oracle.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ev.At = c.now().UnixMilli()
	c.events = append(c.events, ev)
}

// questions counts how often the device has asked for the time.
func (c *cloud) questions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *cloud) noNTP() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = true
}

func (c *cloud) set(answer func(post) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *cloud) count(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got[key]
}

func (c *cloud) arrivals() (total, keys int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.got {
		total += n
	}
	return total, len(c.got)
}

// wantSteady checks that every repeated post had the same id and time.
func (c *cloud) wantSteady(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, id := range c.ids {
		if id == "changed" {
			t.Errorf("%s came again under another id or time", key)
		}
	}
}

func keyOf(params []byte) string {
	var p map[string]json.RawMessage
	_ = json.Unmarshal(params, &p)
	raw := p["key"]
	if raw == nil { // an event's output
		var e struct {
			Value map[string]string
		}
		_ = json.Unmarshal(params, &e)
		return e.Value["key"]
	}
	var wrapped struct{ Value string }
	if json.Unmarshal(raw, &wrapped) == nil && wrapped.Value != "" {
		return wrapped.Value
	}
	return strings.Trim(string(raw), `"`)
}

// timeOf is the time that came with a property post, "" where none did.
func timeOf(params []byte) string {
	var p map[string]struct{ Time json.Number }
	_ = json.Unmarshal(params, &p)
	return p["key"].Time.String()
}
