package oracle

// Call is one line of W. A call has a line before it starts and one after it
// returned; one without the second line is of unknown outcome. The same key may
// be called again after a refusal or an unknown outcome, with the same body. A
// life of the device's process has a line where it begins and one where it ends.
type Call struct {
	At   int64  `json:"at"`   // true time of this line, ms
	Step Step   `json:"step"` // before or after the call; or of a process
	Key  string `json:"key,omitempty"`
	Lane string `json:"lane,omitempty"` // the lane it goes into
	N    int    `json:"n,omitempty"`    // running number within the lane, from 1
	Hash string `json:"hash,omitempty"` // of the body, as the driver made it
	TTL  int64  `json:"ttl,omitempty"`  // time to live, ms; 0 is for ever
	// Made is the true time of what the report says, ms; its age counts from there.
	Made int64 `json:"made,omitempty"`
	// Value names what the report is a value of: in a lane that keeps the latest
	// only, a newer one of the same name replaces it.
	Value string `json:"value,omitempty"`
	// Deadline is how long the caller was ready to wait, ms; 0 is not known.
	Deadline int64  `json:"deadline,omitempty"`
	Seq      uint64 `json:"seq,omitempty"`   // the sequence number that the caller was told; 0 if none
	Error    string `json:"error,omitempty"` // what a refused or unknown call was told
	// Panicked says that a call was answered because an actor had panicked.
	Panicked bool `json:"panicked,omitempty"`
	// Outcome is set on the line of StepReturn only.
	Outcome Outcome `json:"outcome,omitempty"`
}

// Step says what a line of W is.
type Step string

const (
	StepStart  Step = "start"  // a call is about to be made
	StepReturn Step = "return" // it has returned

	StepOpen     Step = "open"      // a process has opened the device
	StepClose    Step = "close"     // Close has returned
	StepKill     Step = "kill"      // the process died; the page cache lived
	StepPowerCut Step = "power cut" // and so did the machine
)

// died says that a process ended without a word.
func (s Step) died() bool { return s == StepKill || s == StepPowerCut }

// Outcome is what the caller was told. Only what the driver heard as ok is ok.
type Outcome string

const (
	OK      Outcome = "ok"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown"
)

// Event is one line of E, taken where the platform would store.
type Event struct {
	At   int64     `json:"at"` // true time, ms
	What EventKind `json:"what"`
	Key  string    `json:"key,omitempty"` // of the content item; "" for what is not about one
	ID   string    `json:"id,omitempty"`  // the Alink id of the message
	// Post numbers the messages that came, from 1: items of one post share it. 0:
	// each item had a message of its own.
	Post uint64 `json:"post,omitempty"`
	// Arrival numbers what was accepted, from 1 on, over all items.
	Arrival uint64 `json:"arrival,omitempty"`
	Hash    string `json:"hash,omitempty"` // of the body as it arrived
	Wire    int64  `json:"wire,omitempty"` // the time on the wire, ms; 0 is none
	Code    int    `json:"code,omitempty"` // 200, or that of a refusal, a reply, a CONNACK
	QoS     byte   `json:"qos,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`   // of the message's payload
	Session int64  `json:"session,omitempty"` // numbers the connections; 0 where refused or not known
	// In and Out are all bytes that a connection took from the device and gave it,
	// on the line of its end.
	In  int64 `json:"in,omitempty"`
	Out int64 `json:"out,omitempty"`
	// Heard says of a reply whether its bytes reached the device. Without it
	// nobody looked, and both are possible.
	Heard *bool `json:"heard,omitempty"`
}

// EventKind is what the platform did.
type EventKind string

const (
	Accepted        EventKind = "accepted"         // stored; Code 200
	Declined        EventKind = "refused"          // not stored; Code says why
	ReplySent       EventKind = "reply sent"       // Code is the reply's
	ReplySuppressed EventKind = "reply suppressed" // stored, but nobody was told
	PubackSent      EventKind = "puback sent"      // the broker's word for a QoS 1 publish
	QuotaDrop       EventKind = "quota drop"       // vanished over a quota
	Connected       EventKind = "connect"          // Code is the CONNACK's: 0 is yes
	Subscribed      EventKind = "subscribe"
	Disconnected    EventKind = "disconnect" // a connection is over
)

// Snapshot is one line of L: the ledger at one moment.
type Snapshot struct {
	At    int64             `json:"at"`
	Phase Phase             `json:"phase"`
	Total Counts            `json:"total"`
	Lanes map[string]Counts `json:"lanes"`
	// Reports are the states by query. Nil says that nobody asked; what is not
	// in a list that was asked for is not in the ledger.
	Reports []Report `json:"reports"`
}

// Phase is where in the run a snapshot stands.
type Phase string

const (
	Before   Phase = "before" // the first Open; of R only
	Running  Phase = "run"
	Healed   Phase = "heal"     // all faults are off
	Drained  Phase = "rest"     // and nothing moves any more
	Closed   Phase = "closed"   // after Close
	Reopened Phase = "reopened" // after opening again
)

func (p Phase) atRest() bool { return p == Drained || p == Closed || p == Reopened }

// Counts are the counters of one lane, or of all. They are signed so that a
// counter that fell below zero shows as what it is.
type Counts struct {
	Accepted  int64 `json:"accepted"`
	Confirmed int64 `json:"confirmed"`
	Rejected  int64 `json:"rejected"`
	Expired   int64 `json:"expired"`
	Evicted   int64 `json:"evicted"`
	Damaged   int64 `json:"damaged"`
	Pending   int64 `json:"pending"`
	// Quarantined and Unreadable are part of Pending.
	Quarantined int64 `json:"quarantined"`
	Unreadable  int64 `json:"unreadable"`
	// Late is a yes that came after another end. It is no part of the identity.
	Late        int64            `json:"late"`
	ConfirmedBy map[string]int64 `json:"confirmed_by,omitempty"` // reply, puback
	EvictedBy   map[string]int64 `json:"evicted_by,omitempty"`   // budget, newer, thinned, operator
}

// Report is the state of one report in the ledger.
type Report struct {
	Seq      uint64 `json:"seq"`
	Key      string `json:"key"`
	Lane     string `json:"lane,omitempty"`
	State    State  `json:"state"`
	Level    Level  `json:"level,omitempty"`    // of a confirmed one
	Reason   Reason `json:"reason,omitempty"`   // of an evicted one; "" is not known
	Code     int    `json:"code,omitempty"`     // of a rejected one
	Attempts int    `json:"attempts,omitempty"` // of the process that saw its end
	// Bytes is what it takes of its lane's budget; 0 is not known.
	Bytes int64 `json:"bytes,omitempty"`
	// Marked says that it went without a time that a source vouches for.
	Marked bool `json:"marked,omitempty"`
	// Ended is when it ended, ms; 0 if that is not known.
	Ended int64 `json:"ended,omitempty"`
}

// Reason is why a report was evicted.
type Reason string

const (
	ForBudget  Reason = "budget"
	ForNewer   Reason = "newer"
	Thinned    Reason = "thinned"
	ByOperator Reason = "operator"
)

// State is pending, in one of three ways, or one of the five ends.
type State string

const (
	Pending     State = "pending"
	Quarantined State = "quarantined"
	Unreadable  State = "unreadable"
	Confirmed   State = "confirmed"
	Rejected    State = "rejected"
	Expired     State = "expired"
	Evicted     State = "evicted"
	Damaged     State = "damaged"
)

// known says that a state is one of the names: nothing vanishes without one.
func (s State) known() bool {
	switch s {
	case Pending, Quarantined, Unreadable, Confirmed, Rejected, Expired, Evicted, Damaged:
		return true
	}
	return false
}

// waiting says that there is no end yet.
func (s State) waiting() bool { return s == Pending || s == Quarantined || s == Unreadable }

// Level is whose word a confirmation stands on.
type Level string

const (
	ByReply  Level = "reply"
	ByPuback Level = "puback"
)

// Resources is one line of R. What nobody measured is 0.
type Resources struct {
	At          int64 `json:"at"`
	Phase       Phase `json:"phase"`
	Goroutines  int   `json:"goroutines,omitempty"`
	Descriptors int   `json:"descriptors,omitempty"`
	Heap        int64 `json:"heap,omitempty"`     // in use, bytes
	Resident    int64 `json:"resident,omitempty"` // bytes
	Bytes       int64 `json:"bytes,omitempty"`    // in the folder
	Files       int   `json:"files,omitempty"`    // in the folder
	Temp        int   `json:"temp,omitempty"`     // temporary files among them
	// Journal is the bytes of the journal's segments, ballast and spares. Live
	// counts the segments that hold something.
	Journal int64 `json:"journal,omitempty"`
	Live    int   `json:"live,omitempty"`
}

// Held is one line of T: a state machine of the device came into a state.
type Held struct {
	At      int64  `json:"at"`
	Machine string `json:"machine"` // "connection", "ota"; "" is the connection
	State   string `json:"state"`
}

// Said is one piece of S: what the process let out, or left in its folder.
type Said struct {
	At    int64  `json:"at"`
	Where Where  `json:"where"`
	Name  string `json:"name,omitempty"` // of the file
	Text  []byte `json:"text"`
}

// Where something was said.
type Where string

const (
	InLog         Where = "log"
	InTrace       Where = "trace"
	InPanic       Where = "panic"
	InFolder      Where = "folder"
	InPage        Where = "page"         // the report page
	InSecretStore Where = "secret store" // the one place where a secret may be
)
