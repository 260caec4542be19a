package oracle

// Scenario is what the judge has to know about the run. A bound, limit or ceiling
// of 0 is not known, and what needs it is not judged.
type Scenario struct {
	Name string `json:"name"`
	Seed uint64 `json:"seed,omitempty"`
	// Faults are the names of the schedule, as in the catalogue.
	Faults []string `json:"faults,omitempty"`
	// Strikes are the same with their times, where these are known. What asks for
	// calm (O12) judges only where the strikes are complete.
	Strikes []Strike `json:"strikes,omitempty"`
	// Destroyed are the keys of acknowledged, pending reports whose synced bytes
	// the injector destroyed: exactly these may be called damaged.
	Destroyed []string `json:"destroyed,omitempty"`
	// Unprotected are keys outside the promise: a flip in the last group before
	// its watermark was out.
	Unprotected []string `json:"unprotected,omitempty"`
	// NoReplies says that the product answers no post, so that a PUBACK is all
	// that can be had.
	NoReplies bool `json:"no_replies,omitempty"`
	// MayEvict are the lanes in which eviction can strike.
	MayEvict []string `json:"may_evict,omitempty"`
	// LateBefore is what the ledger called late before the run began.
	LateBefore int64 `json:"late_before,omitempty"`
	// Lanes are what the lanes are configured to.
	Lanes map[string]Lane `json:"lanes,omitempty"`
	// Uncounted are the times that no running clock of the device can have seen:
	// the machine was off, and the clock untrusted before or after.
	Uncounted []Span `json:"uncounted,omitempty"`
	// Unclocked are the times in which the device's clock was not trusted; they do not
	// overlap.
	Unclocked []Unclocked `json:"unclocked,omitempty"`
	Bounds    Bounds      `json:"bounds,omitzero"`
	Limits    Limits      `json:"limits,omitzero"`
	Ceilings  Ceilings    `json:"ceilings,omitzero"`
	// Secrets are what may not be seen anywhere (O17).
	Secrets []string `json:"secrets,omitempty"`
	// Hash is that of an earlier run of the same seed ([Recording.Hash]).
	Hash string `json:"hash,omitempty"`
}

// Span is a time from and to, ms, both included.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Strike is one fault of the schedule.
type Strike struct {
	Name string `json:"name"` // of the catalogue
	Span
	// Silent says that nothing which the device sends is answered meanwhile, and
	// that the link does not tell.
	Silent bool `json:"silent,omitempty"`
	// Delays says that messages may be held and come in bunches, or late.
	Delays bool `json:"delays,omitempty"`
}

// Lane is how a lane is configured.
type Lane struct {
	Policy  Policy `json:"policy"`
	Budget  int64  `json:"budget,omitempty"` // bytes
	Ordered bool   `json:"ordered,omitempty"`
	Thins   bool   `json:"thins,omitempty"` // has asked for being thinned
	Alarm   bool   `json:"alarm,omitempty"` // goes before all others
}

// Policy is what a full lane does.
type Policy string

const (
	EvictOldest Policy = "evict oldest"
	RefuseNew   Policy = "refuse new"
	LatestOnly  Policy = "latest only"
)

// Unclocked is a time in which the device did not trust its clock. Where it
// learned the time within the same boot, its stamps are corrected; else they lie
// within the span, or are left out, and are marked.
type Unclocked struct {
	Span
	Learned bool `json:"learned,omitempty"`
}

// Bounds are what must happen within a time, ms.
type Bounds struct {
	Silence int64 `json:"silence,omitempty"` // a silent link is given up
	Online  int64 `json:"online,omitempty"`  // healed, and online again: the backoff's cap and one attempt
	Alarm   int64 `json:"alarm,omitempty"`   // accepted while online and calm, and confirmed
	Call    int64 `json:"call,omitempty"`    // a call is answered, where it names no deadline
	Panic   int64 `json:"panic,omitempty"`   // the callers of an actor that panicked have their error; 0 is 100
	// Rate is what drains, reports a second: at rest no later than 60 s and twice the
	// backlog ÷ Rate after the heal.
	Rate float64 `json:"rate,omitempty"`
	// Settle is how long an end may be without a sync; 0 is 1 s.
	Settle int64 `json:"settle,omitempty"`
	// States are the times for which a state may be held: "connecting", or
	// "ota/verifying" for another machine's.
	States map[string]int64 `json:"states,omitempty"`
}

// Limits are the manners that the platform asks for. -1 is none.
type Limits struct {
	Connects int `json:"connects,omitempty"` // in any 60 s; 0 is 5
	QoS0     int `json:"qos0,omitempty"`     // posts in any second; 0 is 30
	QoS1     int `json:"qos1,omitempty"`     // 0 is 10
	// Window is how many posts may be in flight, WindowBytes their bytes.
	Window      int   `json:"window,omitempty"`
	WindowBytes int64 `json:"window_bytes,omitempty"`
	// Unsynced is how many ends may be without a sync.
	Unsynced int `json:"unsynced,omitempty"`
	// TimeOuts is how many posts the schedule can make come again besides those
	// whose reply was not sent: held back longer than a reply is waited for.
	TimeOuts int `json:"time_outs,omitempty"`
	// BytesPerReport is the ceiling for all bytes both ways, for each report that
	// the platform has.
	BytesPerReport int64 `json:"bytes_per_report,omitempty"`
}

// Ceilings bound what is used, bytes.
type Ceilings struct {
	Budget   int64 `json:"budget,omitempty"`   // of the journal
	Segment  int64 `json:"segment,omitempty"`  // of one segment
	Resident int64 `json:"resident,omitempty"` // of the process
}
