package emulator

import (
	"bytes"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// The names of the faults that can be injected. Those of the link live in a proxy.
const (
	ReplyLost       = "reply-lost"
	ReplyLate       = "reply-late"
	ReplyTwice      = "reply-twice"
	ReplyUnknownID  = "reply-unknown-id"
	ReplyWrongShape = "reply-wrong-shape"
	Code429         = "code-429"
	CodeFinal       = "code-final"
	PubackOnly      = "puback-only"
	SilentQuota     = "silent-quota"
	ConnackRefused  = "connack-refused"
	SubackBad       = "suback-bad"
	Displaced       = "displaced"
	OwnGhost        = "own-ghost"
	PoisonReport    = "poison-report"
)

// Shape is a form of reply that is not the usual one.
type Shape string

// The shapes of [WrongShape]. The first three and the last are readable with good
// will, NotJSON is not.
const (
	NumericID    Shape = "numeric-id"    // the id comes back as a JSON number
	TextCode     Shape = "text-code"     // the code is a string
	NoData       Shape = "no-data"       // data is missing
	NotJSON      Shape = "not-json"      // the payload is cut in two
	BeforePuback Shape = "before-puback" // a good reply that overtakes the PUBACK
)

var shapes = []Shape{NumericID, TextCode, NoData, NotJSON, BeforePuback}

// Message is what a fault is matched against: a PUBLISH of a device, or, for
// faults of the connection, only the device, and for a SUBSCRIBE the filter as
// the topic.
type Message struct {
	Device  alink.Device
	Kind    alink.Kind
	Topic   string
	Payload []byte
	QoS     byte
	// ID, Lane and Number are known for replies and codes only, once the post has
	// been read; Lane and Number are the marks "lane" and "n" of its first report.
	ID     alink.ID
	Lane   string
	Number uint64
}

// Match says what a fault concerns. Every field that is set must fit.
type Match struct {
	Device   alink.Device // without a name: all devices of the product
	Topic    string       // an MQTT filter
	Contains string       // a part of the payload
	Lane     string
	Where    func(Message) bool // called with the emulator's lock held: it must not call the emulator
}

func (m Match) fits(msg Message) bool {
	switch {
	case m.Device.ProductKey != "" && m.Device.ProductKey != msg.Device.ProductKey,
		m.Device.DeviceName != "" && m.Device.DeviceName != msg.Device.DeviceName,
		m.Topic != "" && !matches(m.Topic, msg.Topic),
		m.Contains != "" && !bytes.Contains(msg.Payload, []byte(m.Contains)),
		m.Lane != "" && m.Lane != msg.Lane:
		return false
	}
	return m.Where == nil || m.Where(msg)
}

// Fault is one thing that goes wrong. Without further words it concerns every
// device and lasts until it is stopped; [Fault.On], [Fault.Times] and [Fault.For]
// narrow it. Of two that have one name, the first that fits counts.
type Fault struct {
	// Name is that of the catalogue of faults.
	Name  string
	match Match
	times int
	last  time.Duration

	rate      float64
	delay     time.Duration
	reconnect bool
	copies    int
	id        alink.ID
	shape     Shape
	code      alink.Code
	connack   byte
	every     time.Duration
}

// On narrows a fault to what m fits.
func (f Fault) On(m Match) Fault { f.match = m; return f }

// Times ends a fault after it struck n times.
func (f Fault) Times(n int) Fault { f.times = n; return f }

// For ends a fault after d.
func (f Fault) For(d time.Duration) Fault { f.last = d; return f }

// Rate lets a fault strike with probability p, drawn by the emulator's seed.
func (f Fault) Rate(p float64) Fault { f.rate = p; return f }

// LoseReplies swallows replies: what was posted is stored.
func LoseReplies() Fault { return Fault{Name: ReplyLost} }

// LateReplies holds replies back for d; what comes back after a reconnect goes to
// the device's session of then.
func LateReplies(d time.Duration) Fault { return Fault{Name: ReplyLate, delay: d} }

// RepliesAfterReconnect holds replies back until the device's next session.
func RepliesAfterReconnect() Fault { return Fault{Name: ReplyLate, reconnect: true} }

// RepeatReplies sends each reply n times.
func RepeatReplies(n int) Fault { return Fault{Name: ReplyTwice, copies: n} }

// StrangeReplies sends, behind each reply, one with id; the zero ID draws ids that
// nobody uses.
func StrangeReplies(id alink.ID) Fault { return Fault{Name: ReplyUnknownID, id: id} }

// WrongShape sends replies in another shape; "" goes through all of them in turn.
func WrongShape(s Shape) Fault { return Fault{Name: ReplyWrongShape, shape: s} }

// Throttle answers posts with 429 and stores nothing.
func Throttle() Fault { return Fault{Name: Code429, code: alink.CodeThrottled} }

// Code answers posts with a code and stores nothing.
func Code(c alink.Code) Fault { return Fault{Name: CodeFinal, code: c} }

// DropPublishes drops messages but acknowledges them.
func DropPublishes() Fault { return Fault{Name: PubackOnly} }

// Quota drops what is above the platform's rates, as [Options.LimitPosts] does.
func Quota() Fault { return Fault{Name: SilentQuota} }

// Refuse answers every right CONNECT with a CONNACK code.
func Refuse(code byte) Fault { return Fault{Name: ConnackRefused, connack: code} }

// BadSubscribe refuses filters with 0x80. Match.Topic is compared as if the filter
// were a topic.
func BadSubscribe() Fault { return Fault{Name: SubackBad} }

// LateSubscribe grants filters and heeds them after d; the platform may take ten
// seconds (D20).
func LateSubscribe(d time.Duration) Fault { return Fault{Name: SubackBad, delay: d} }

// Twin plays another client with the device's identity, which connects d after
// each of the device's own connects and takes the session over.
func Twin(d time.Duration) Fault { return Fault{Name: Displaced, every: d} }

// Ghost closes a session that was taken over only d after the takeover.
func Ghost(d time.Duration) Fault { return Fault{Name: OwnGhost, delay: d} }

// Poison closes the connection when a message comes, and stores nothing. Without
// [Fault.On] no message passes.
func Poison() Fault { return Fault{Name: PoisonReport} }

// Injected is a fault at work.
type Injected struct {
	Fault
	e     *Emulator
	until time.Time
	hits  int
	over  bool
}

// Inject lets a fault begin.
func (e *Emulator) Inject(f Fault) *Injected {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := &Injected{Fault: f, e: e}
	if f.last > 0 {
		i.until = time.Now().Add(f.last)
	}
	e.faults = append(e.faults, i)
	return i
}

// Hits is how often the fault struck.
func (i *Injected) Hits() int {
	i.e.mu.Lock()
	defer i.e.mu.Unlock()
	return i.hits
}

// Stop ends the fault.
func (i *Injected) Stop() {
	i.e.mu.Lock()
	defer i.e.mu.Unlock()
	i.over = true
}

// Heal ends all faults and a [Emulator.Restart] that is under way. Replies that
// wait for a session go out at the next one.
func (e *Emulator) Heal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, i := range e.faults {
		i.over = true
	}
	e.faults = nil
	e.downUntil = time.Time{}
}

// hit is the fault of that name that strikes now, or nil. The caller holds the lock.
func (e *Emulator) hit(name string, m Message) *Injected {
	now := time.Now()
	live := e.faults[:0]
	var found *Injected
	for _, i := range e.faults {
		if i.over || !i.until.IsZero() && !now.Before(i.until) {
			continue
		}
		live = append(live, i)
		if found != nil || i.Name != name || !i.match.fits(m) {
			continue
		}
		if i.rate > 0 && e.lot.Float64() >= i.rate {
			continue
		}
		found = i
		i.hits++
		i.over = i.times > 0 && i.hits >= i.times
	}
	e.faults = live
	return found
}
