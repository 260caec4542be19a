package outbox

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy says what a lane does when its budget is used up.
type Policy uint8

const (
	// EvictOldest gives up the oldest pending report, in flight or not, until the
	// newest fits. It happens when the newest is durable, never before.
	EvictOldest Policy = iota
	// RefuseNew answers ErrFull.
	RefuseNew
	// LatestOnly keeps the newest report of each Item.Key. Where that is not
	// enough to stay in the budget it evicts the oldest. It remembers a few dozen
	// bytes for each key that waits: keys must be few.
	LatestOnly
)

// Lane is one class of reports. Its index in Config.Lanes is its number on the disk.
type Lane struct {
	Name   string
	Budget int64 // bytes of stored bodies; 0 is no bound
	Policy Policy
	// TTL is given to items without one; 0 is for ever.
	TTL time.Duration
	// Priority: higher goes first. Lanes of one priority take turns.
	Priority int
	// Ordered has one report in flight, in the order of Submit.
	Ordered bool
	// Reserve has one slot of the window and one token of each bucket kept for it.
	Reserve bool
}

// Confirm says what counts as the platform's word for properties and events.
type Confirm uint8

const (
	// ByReply: the platform's reply with the report's id; posts travel with QoS 0.
	ByReply Confirm = iota
	// ByPuback: the broker's PUBACK; posts travel with QoS 1.
	ByPuback
)

// Config is what a Core goes by. The zero value of a field gives its default.
type Config struct {
	Lanes   []Lane
	Confirm Confirm
	// RatePerQoS bounds posts a second by QoS, retries included; 0 is no bound.
	// A burst of at most Burst comes on top in any one second: see RateUnder.
	RatePerQoS [2]float64
	// WindowBytes is what may be unanswered to begin with (default 8 KiB); it
	// moves between WindowMin (1 KiB) and WindowMax (256 KiB).
	WindowBytes, WindowMin, WindowMax int64
	// WindowMessages is how many may be unanswered at most (default 64).
	WindowMessages int
	// ReplyFirst is how long the first reply may take while no round trip is known
	// (default 6 s), ReplyMin and ReplyMax bound the wait afterwards (2 s, 60 s).
	ReplyFirst, ReplyMin, ReplyMax time.Duration
	// DeadAfter is how long a suspected link is waited for at least (default 15 s).
	DeadAfter time.Duration
	// Quiet is how long nothing is sent after a quiet connect (default 10 s).
	Quiet time.Duration
	// ClockWait is how long reports without a true time are held once the link has
	// been up (default 30 s; negative: not at all).
	ClockWait time.Duration
	// MaxPayload is the largest Params that is taken (default 256 KiB − 1 KiB for the envelope).
	MaxPayload int
	// Rand gives 64 random bits, for jitter.
	Rand func() uint64
	// Recent outlives the Core where the process restarts its owner; nil: a new one.
	Recent *Recent
}

// Burst is how many posts may go at once above the rate: one for everybody, one
// kept for a Reserve lane.
const Burst = 2

// RateUnder is the rate whose posts stay below a quota per second (of 3 or more)
// by one, in any one second: the burst comes off, and half a post, since posts are
// whole. The one is for what else the session sends. A quota of 0 is none, and so
// is the rate.
func RateUnder(quota float64) float64 {
	return max(quota-Burst-0.5, quota/4)
}

// Bounds of what the core keeps in memory for each lane, in reports and bytes.
const (
	maxHeld      = 256
	maxHeldBytes = 64 << 10
	loadCount    = 64
	loadBytes    = 64 << 10
)

func (cfg *Config) setDefaults() {
	def(&cfg.WindowBytes, 8<<10)
	def(&cfg.WindowMin, 1<<10)
	def(&cfg.WindowMax, 256<<10)
	def(&cfg.WindowMessages, 64)
	def(&cfg.ReplyFirst, 6*time.Second)
	def(&cfg.ReplyMin, 2*time.Second)
	def(&cfg.ReplyMax, 60*time.Second)
	def(&cfg.DeadAfter, 15*time.Second)
	def(&cfg.Quiet, 10*time.Second)
	def(&cfg.ClockWait, 30*time.Second)
	def(&cfg.MaxPayload, 255<<10)
	if cfg.Rand == nil {
		cfg.Rand = rand.Uint64
	}
	if cfg.Recent == nil {
		cfg.Recent = new(Recent)
	}
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// TooLargeError: a report can never be taken. Make it smaller than Limit bytes.
type TooLargeError struct {
	Size, Limit int64
	// What names the limit: "payload" or "lane budget".
	What string
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("outbox: the report has %d bytes, the %s allows %d", e.Size, e.What, e.Limit)
}

// LaneError: there is no such lane. Declare it in the configuration.
type LaneError struct{ Lane int }

func (e *LaneError) Error() string { return fmt.Sprintf("outbox: no lane %d is configured", e.Lane) }
