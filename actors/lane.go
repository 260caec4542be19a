package actors

import (
	"fmt"
	"time"
)

// Policy says what a lane does when a report finds its budget used up.
type Policy string

const (
	// EvictOldest gives up the oldest pending reports of the lane.
	EvictOldest Policy = "evict-oldest"
	// RefuseNew answers the new report with ErrFull and keeps what it has.
	RefuseNew Policy = "refuse-new"
	// LatestOnly keeps one pending report per key: a newer value replaces the
	// older one at once, whether the budget is used up or not.
	LatestOnly Policy = "latest-only"
	// Retired is a lane of an earlier configuration: it is drained and takes
	// nothing new. Not for a configuration.
	Retired Policy = "retired"
)

// Lane is a class of reports with a budget and a policy of its own. A journal
// holds at most 16 lanes, those of earlier configurations included.
type Lane struct {
	// Name is what reports ask for, 1 to 64 bytes. It outlives a configuration.
	Name string `json:"name"`
	// Budget bounds what waits in the lane, in bytes of stored reports.
	Budget int64 `json:"budget"`
	// Policy says what gives way when Budget is used up.
	Policy Policy `json:"policy"`
	// TTL is how long a report is worth sending; 0 is for ever.
	TTL time.Duration `json:"ttl"`
	// Priority: higher ones are sent first.
	Priority int `json:"priority"`
	// Ordered keeps one message in flight, so that reports arrive in the order
	// in which they were made, at the price of one round trip each.
	Ordered bool `json:"ordered"`
	// Reserve keeps one slot of the window and one token of the rate for the
	// lane, so that it never waits for more than one window of bytes.
	Reserve bool `json:"reserve"`
}

// Names of the lanes that exist without any configuration.
const (
	DefaultLane = "default"
	LatestLane  = "latest"
	AlarmLane   = "alarm"
)

// DefaultLanes are the lanes of a device that declares none: default (32 MiB,
// evict the oldest), latest (1 MiB, latest only), alarm (1 MiB, refuse new,
// ordered, first).
func DefaultLanes() []Lane {
	return []Lane{
		{Name: DefaultLane, Budget: 32 << 20, Policy: EvictOldest},
		{Name: LatestLane, Budget: 1 << 20, Policy: LatestOnly, Priority: 1},
		{Name: AlarmLane, Budget: 1 << 20, Policy: RefuseNew, Priority: 10, Ordered: true, Reserve: true},
	}
}

// UnknownLaneError names a lane that the configuration does not declare.
type UnknownLaneError struct{ Lane string }

func (e *UnknownLaneError) Error() string {
	return fmt.Sprintf("aliiot: there is no lane %q in Config.Lanes", e.Lane)
}
