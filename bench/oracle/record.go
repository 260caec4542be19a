package oracle

// Call is one line of W. A call has a line before it starts and one after it
// returned; one without the second line is of unknown outcome. The same key may
// be called again after a refusal or an unknown outcome, with the same body.
type Call struct {
	At    int64  `json:"at"`    // true time of this line, ms
	Step  Step   `json:"step"`  // before or after the call
	Key   string `json:"key"`   // names the report, e.g. "alarm/7"
	Lane  string `json:"lane"`  // the lane it goes into
	N     int    `json:"n"`     // running number within the lane, from 1
	Hash  string `json:"hash"`  // of the body, as the driver made it
	TTL   int64  `json:"ttl"`   // time to live, ms; 0 is for ever
	Made  int64  `json:"made"`  // true time at which the report was made, ms
	Seq   uint64 `json:"seq"`   // the sequence number that the caller was told; 0 if none
	Error string `json:"error"` // what a refused or unknown call was told
	// Outcome is set on the line of StepReturn only.
	Outcome Outcome `json:"outcome"`
}

// Step tells the two lines of a call apart.
type Step string

const (
	StepStart  Step = "start"
	StepReturn Step = "return"
)

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
	Key  string    `json:"key"` // of the content item; "" for what is not about one
	ID   string    `json:"id"`  // the Alink id of the message
	// Arrival numbers what was accepted, from 1 on, over all items.
	Arrival uint64 `json:"arrival"`
	Hash    string `json:"hash"` // of the body as it arrived
	Wire    int64  `json:"wire"` // the time on the wire, ms; 0 is none
	Code    int    `json:"code"` // 200, or the code of a refusal or a reply
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
	Connected       EventKind = "connect"
	Subscribed      EventKind = "subscribe"
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
	Running  Phase = "run"
	Drained  Phase = "rest"     // all faults are off, and nothing moves any more
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
	Lane     string `json:"lane"`
	State    State  `json:"state"`
	Level    Level  `json:"level"` // of a confirmed one
	Code     int    `json:"code"`  // of a rejected one
	Attempts int    `json:"attempts"`
	// Ended is when it ended, ms; 0 if that is not known.
	Ended int64 `json:"ended"`
}

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

// Resources is one line of R.
type Resources struct {
	At          int64 `json:"at"`
	Phase       Phase `json:"phase"`
	Goroutines  int   `json:"goroutines"`
	Descriptors int   `json:"descriptors"`
	Heap        int64 `json:"heap"`     // in use, bytes
	Resident    int64 `json:"resident"` // bytes
	Bytes       int64 `json:"bytes"`    // in the folder
	Files       int   `json:"files"`    // in the folder
}

// Scenario is what the judge has to know about the run.
type Scenario struct {
	Name string `json:"name"`
	// Faults are the names of the schedule, as in the catalogue.
	Faults []string `json:"faults"`
	// Destroyed are the keys of acknowledged, pending reports whose synced bytes
	// the injector destroyed: exactly these may be called damaged.
	Destroyed []string `json:"destroyed"`
	// Unprotected are keys outside the promise: a flip in the last group before
	// its watermark was out.
	Unprotected []string `json:"unprotected"`
	// NoReplies says that the product answers no post, so that a PUBACK is all
	// that can be had.
	NoReplies bool `json:"no_replies"`
	// MayEvict are the lanes in which eviction can strike.
	MayEvict []string `json:"may_evict"`
	// LateBefore is what the ledger called late before the run began.
	LateBefore int64 `json:"late_before"`
}
