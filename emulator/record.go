package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// ItemKind is what an item of the record is.
type ItemKind string

const (
	KindProperty ItemKind = "property"
	KindEvent    ItemKind = "event"
	KindInform   ItemKind = "inform"
	KindProgress ItemKind = "progress"
	KindCustom   ItemKind = "custom"
	KindRaw      ItemKind = "raw"
	KindAnswer   ItemKind = "answer" // to a call of the platform's
)

// Item is one report that arrived: accepted where Code is 200, refused otherwise.
// A report that was sent twice is there twice.
type Item struct {
	At        time.Time // true time
	Arrival   int64     // from 1 on for each device, accepted items only
	Device    alink.Device
	Session   int64
	Kind      ItemKind
	Name      string // the event, the custom topic's suffix, one property of a batch
	ID        alink.ID
	MessageID string // of the call that an answer answers
	Topic     string
	QoS       byte
	Code      alink.Code
	// Params is a property post's params and an event's output parameters as they
	// came; of other kinds the whole payload. Hash is their SHA-256.
	Params   json.RawMessage
	Hash     [sha256.Size]byte
	WireTime int64 // the report's own time in milliseconds, of several values the newest; 0 where it has none
	// Lane and Number are the report's marks "lane" and "n", where it carries them.
	Lane   string
	Number uint64
}

// Time is the report's own time, zero where it carries none.
func (i Item) Time() time.Time { return timeOf(i.WireTime) }

func hashOf(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// Reply is an answer that was sent, or was not.
type Reply struct {
	At     time.Time
	Device alink.Device
	Topic  string
	ID     alink.ID
	Code   alink.Code
	Sent   bool
	Reason string // why it was not sent, or where it waits
}

// Drop is a message that vanished without a word to the device.
type Drop struct {
	At     time.Time
	Device alink.Device
	Topic  string
	QoS    byte
	Reason string // the name of the fault
}

// Trouble is a line of the platform's log: what it did not take, and why.
type Trouble struct {
	At     time.Time
	Device alink.Device
	Code   alink.Code // 0 where the platform has none
	Topic  string
	Text   string
}

// Connect is one CONNECT and what became of it.
type Connect struct {
	At           time.Time
	Device       alink.Device
	Session      int64 // 0 where it was refused
	ClientID     string
	Code         byte   // CONNACK
	Reason       string // of a refusal
	KeepAlive    time.Duration
	CleanSession bool
	Present      bool // a kept session was found
	Listener     string
	TLS          bool
	Remote       string
	Ended        time.Time // zero while it lives
	EndReason    string
	// BytesIn and BytesOut are MQTT's, within TLS.
	BytesIn, BytesOut int64

	conn *conn
}

// Subscribe is one filter of a SUBSCRIBE.
type Subscribe struct {
	At      time.Time
	Device  alink.Device
	Session int64
	Filter  string
	QoS     byte
	Code    byte // SUBACK
	Reason  string
}

// Stats are counters that no limit of the record stops.
type Stats struct {
	Connects, Refused     int64
	Publishes             int64 // messages from devices
	Accepted, Rejected    int64 // items
	Replies, NoReplies    int64 // sent, and not sent for any reason
	Dropped, Troubles     int64
	Unrecorded            int64 // entries that did not fit into the record
	JournalErrors         int64
	BytesIn, BytesOut     int64 // of connections that have ended
	Sessions, Subscribers int64 // sessions there were, filters granted
}

// record is the emulator's memory of what happened. The emulator's lock guards it.
type record struct {
	forget  bool
	limit   int
	journal io.Writer

	items      []Item
	replies    []Reply
	drops      []Drop
	troubles   []Trouble
	connects   []Connect
	subscribes []Subscribe
	stats      Stats
}

// add appends within the limit; -1 says that it did not.
func add[T any](r *record, list *[]T, entry T) int {
	if r.forget {
		return -1
	}
	if len(*list) >= r.limit {
		r.stats.Unrecorded++
		return -1
	}
	*list = append(*list, entry)
	return len(*list) - 1
}

func (r *record) item(it Item, log *slog.Logger) {
	if it.Code == alink.CodeSuccess {
		r.stats.Accepted++
	} else {
		r.stats.Rejected++
	}
	add(r, &r.items, it)
	if r.journal == nil {
		return
	}
	if err := writeLine(r.journal, it); err != nil {
		if r.stats.JournalErrors++; r.stats.JournalErrors == 1 {
			log.Error("the journal cannot be written", "err", err)
		}
	}
}

func (r *record) reply(x Reply) {
	if x.Sent {
		r.stats.Replies++
	} else {
		r.stats.NoReplies++
	}
	add(r, &r.replies, x)
}

func (r *record) drop(x Drop) {
	r.stats.Dropped++
	add(r, &r.drops, x)
}

func (r *record) trouble(x Trouble) {
	r.stats.Troubles++
	add(r, &r.troubles, x)
}

func (r *record) connect(x Connect) int {
	r.stats.Connects++
	if x.Code != 0 {
		r.stats.Refused++
	} else {
		r.stats.Sessions++
	}
	return add(r, &r.connects, x)
}

func (r *record) subscribe(x Subscribe) {
	if x.Code != subRefused {
		r.stats.Subscribers++
	}
	add(r, &r.subscribes, x)
}

// ended notes why a session is over; the first reason counts.
func (r *record) ended(s *session, reason string) {
	if s.entry < 0 || !r.connects[s.entry].Ended.IsZero() {
		return
	}
	r.connects[s.entry].Ended, r.connects[s.entry].EndReason = time.Now(), reason
}

// closed notes what a connection has moved, when nothing more can come.
func (r *record) closed(s *session) {
	in, out := s.conn.in.Load(), s.conn.out.Load()
	r.stats.BytesIn += in
	r.stats.BytesOut += out
	if s.entry >= 0 {
		c := &r.connects[s.entry]
		c.BytesIn, c.BytesOut, c.conn = in, out, nil
	}
}

// Line is one line of [Options.Journal]: an item that was accepted (code 200) or
// refused. Lane and n are the report's own marks.
type Line struct {
	Time   time.Time `json:"time"`   // true time of arrival
	Device string    `json:"device"` // productKey/deviceName
	Kind   ItemKind  `json:"kind"`
	Name   string    `json:"name,omitempty"`
	ID     alink.ID  `json:"id"`
	Lane   string    `json:"lane,omitempty"`
	N      uint64    `json:"n,omitempty"`
	Made   int64     `json:"made,omitempty"` // the report's own time, in milliseconds
	Hash   string    `json:"hash"`           // SHA-256 of its parameters
	Code   int       `json:"code"`
}

// LineOf is the line that an item gets in the journal.
func LineOf(it Item) Line {
	return Line{
		Time: it.At.UTC(), Device: it.Device.String(), Kind: it.Kind, Name: it.Name, ID: it.ID, Lane: it.Lane, N: it.Number,
		Made: it.WireTime, Hash: hex.EncodeToString(it.Hash[:]), Code: int(it.Code),
	}
}

// writeLine writes a line with one call, so that whoever kills the process leaves
// whole lines.
func writeLine(w io.Writer, it Item) error {
	b, err := json.Marshal(LineOf(it))
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
