package outbox

import "time"

// Ready is the work that an input made. The actor takes it with Core.Ready after
// each message, performs it field by field in the order below, and asks again
// until it is Empty. Its slices are good until the next call of Core.Ready.
type Ready struct {
	// Append goes to Store.Append in one call; Core.Appended gets its error before
	// any other input. Then start a Store.Sync.
	Append []Entry
	// SaveClock goes to Store.SaveClock before anything in Send leaves: a stamp
	// made with a clock that is not journalled could come out otherwise next time.
	SaveClock []ClockPoint
	// Quarantine goes to Store.Quarantine before Send, so that what kills the link
	// is set aside before it can be sent again.
	Quarantine []Aside
	// Settle goes to Store.Settle, at any time: losing it means sending once more.
	Settle []Settlement
	// Late lists lanes for Store.CountLate, one entry a yes.
	Late []uint8
	// Load: each goes to Store.Load, and its answer to Core.Loaded.
	Load []LoadRequest

	// Accept lists reports that are durable: their callers get their yes now,
	// not before. Refuse and Unknown are the other two answers.
	Accept  []uint64
	Refuse  []Refusal
	Unknown []uint64

	// Send is to be published in this order, after SaveClock and Quarantine.
	Send []Send
	// Ended tells who holds a receipt, and the audit log; after Settle.
	Ended []Ended
	// Probe asks the connection to find out whether the link lives.
	Probe Probe
	// Login says that the platform asked for a new login.
	Login   bool
	Notices []Notice
	// WakeAt is when Core.Tick wants to be called, in Now.At; 0: no need.
	WakeAt time.Duration
}

// Empty says that there is nothing to perform (WakeAt aside).
func (r *Ready) Empty() bool {
	return len(r.Append) == 0 && len(r.SaveClock) == 0 && len(r.Quarantine) == 0 && len(r.Settle) == 0 &&
		len(r.Late) == 0 && len(r.Load) == 0 && len(r.Accept) == 0 && len(r.Refuse) == 0 && len(r.Unknown) == 0 &&
		len(r.Send) == 0 && len(r.Ended) == 0 && r.Probe == ProbeNone && !r.Login && len(r.Notices) == 0
}

func (r *Ready) reset() {
	clear(r.Append) // let go of the bodies and the items
	clear(r.Send)
	*r = Ready{
		Append: r.Append[:0], SaveClock: r.SaveClock[:0], Quarantine: r.Quarantine[:0], Settle: r.Settle[:0],
		Late: r.Late[:0], Load: r.Load[:0], Accept: r.Accept[:0], Refuse: r.Refuse[:0], Unknown: r.Unknown[:0],
		Send: r.Send[:0], Ended: r.Ended[:0], Notices: r.Notices[:0],
	}
}

// Send is one report to publish now.
type Send struct {
	Seq, Ord uint64
	Lane     uint8
	// Token is what Published must bring back.
	Token uint64
	// ID is the id of the envelope: the same at every attempt, and never above
	// 2^31 − 1, since the session's own talk has the other half.
	ID   uint32
	QoS  byte
	Item Item
	// Time is the true time of the report in milliseconds since the Unix epoch,
	// where HasTime; the same at every attempt. Marked says that it should have
	// had one and goes without: tell the audit log.
	Time            int64
	HasTime, Marked bool
	// Attempt counts from 1 on in this process.
	Attempt uint32
}

// LoadRequest is Store.Load's arguments.
type LoadRequest struct {
	Lane     uint8
	After    uint64
	N        int
	MaxBytes int
}

// Aside is Store.Quarantine's arguments.
type Aside struct {
	Mark
	On bool
}

// Refusal is a report that was not accepted, and why.
type Refusal struct {
	Seq uint64
	Err error
}

// Ended is the end of a report with what the audit log wants besides.
type Ended struct {
	Settlement
	Made Stamp         // zero where the report was not in memory
	At   time.Duration // Now.At of the end
}

// Probe says what is known of a link that does not answer.
type Probe uint8

const (
	ProbeNone Probe = iota
	// ProbeAsk: an answer is overdue and nothing sent since was answered. Ask the
	// platform something (Core.ProbeAnswered takes the answer); nothing more is
	// sent until then.
	ProbeAsk
	// ProbeDead: no answer at all. Abort the session.
	ProbeDead
)

// Notice is something that the application may want to hear.
type Notice struct {
	Kind NoticeKind
	Seq  uint64
	Lane uint8
	Code int32
}

// NoticeKind names a Notice.
type NoticeKind string

const (
	NoticeQuarantined NoticeKind = "quarantined"    // Seq was set aside
	NoticeReleased    NoticeKind = "released"       // Seq is in the queue again
	NoticeUnknown     NoticeKind = "unknown-reply"  // a reply to nothing; Code is its code
	NoticeThrottled   NoticeKind = "throttled"      // the platform asks for less
	NoticeSuspect     NoticeKind = "poison-suspect" // Seq was in flight at three deaths of the link
	NoticeSilence     NoticeKind = "silence"        // the link is suspected
)
