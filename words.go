package aliiot

import "github.com/aliiot/aliiot/actors"

// Item is anything that can be reported: Properties, Event, and types of an
// application's own, whose Content method checks and encodes them.
type Item = actors.Item

// Properties reports values of the thing model by their identifiers. A value may be
// anything that JSON carries: numbers, strings, booleans, time.Time, structs, maps,
// slices. Floats keep a decimal on the wire, as the platform wants. In a lane that
// keeps only the latest value, reports of the same set of identifiers replace each
// other.
type Properties = actors.Properties

// Event reports an event of the thing model: its identifier, "module:identifier" in
// a module, and its output, a struct or a map (nil for none).
type Event = actors.Event

// Lane is a class of reports with a budget in bytes, a policy for when that is used
// up, a time to live and a priority. A journal holds at most 16 over its life, those
// of earlier configurations included.
type Lane = actors.Lane

// Policy is what a lane does when a report finds its budget used up.
type Policy = actors.Policy

// The policies of a lane.
const (
	// EvictOldest gives up the oldest pending reports of the lane.
	EvictOldest = actors.EvictOldest
	// RefuseNew answers the new report with ErrFull and keeps what it has.
	RefuseNew = actors.RefuseNew
	// LatestOnly keeps one pending report for each set of properties and each event:
	// a newer one replaces it at once, whether the budget is used up or not.
	LatestOnly = actors.LatestOnly
)

// DefaultLanes are the lanes of a Config that declares none: "default" (32 MiB, evicts
// the oldest), "latest" (1 MiB, latest only), "alarm" (1 MiB, refuses new ones,
// ordered, sent first).
func DefaultLanes() []Lane { return actors.DefaultLanes() }

// Ledger is the account of every report that a journal ever accepted: the sum, and
// each lane by its name. Balances says whether it adds up, as it always must.
type Ledger = actors.Ledger

// Counts is one account of a Ledger, in reports over the life of the journal:
// Accepted = Confirmed + Rejected + Expired + Evicted + Damaged + Pending.
type Counts = actors.Counts

// End is how one report ended, with the platform's code where it was rejected.
type End = actors.End

// Outcome is the name under which a report ends. A report that has none is pending.
type Outcome = actors.Outcome

// The five outcomes. They are final: a report has exactly one.
const (
	// Confirmed: the platform said yes (Config.Confirm says what counts as that).
	Confirmed = actors.Confirmed
	// Rejected: the platform refused it for good; End.Code is its code.
	Rejected = actors.Rejected
	// Expired: its time to live ran out before the platform said yes.
	Expired = actors.Expired
	// Evicted: its lane's policy gave it up, or an operator dropped it.
	Evicted = actors.Evicted
	// Damaged: the medium destroyed bytes that it had synced.
	Damaged = actors.Damaged
)

// Confirm says whose word makes a post confirmed.
type Confirm = actors.Confirm

// Whose word confirms.
const (
	// ConfirmReply: the platform's reply with code 200. The default.
	ConfirmReply = actors.ConfirmReply
	// ConfirmPuback: the broker's PUBACK, for products whose replies are switched off.
	// It is weaker: a post that the platform's quota drops has one too.
	ConfirmPuback = actors.ConfirmPuback
)

// Limits are what the platform allows one device: posts a second by QoS, bytes in a
// payload, connects a minute. A 0 means that there is no such limit.
type Limits = actors.Limits

// PlatformLimits is a copy of the platform's limits, to change for a broker of
// one's own. In it 0 means that there is no such limit.
func PlatformLimits() Limits { return actors.PlatformLimits() }
