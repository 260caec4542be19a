package actors

import (
	"sync/atomic"
	"time"
)

// counters are the tree's figures. They outlive its restarts.
type counters struct {
	accepted       atomic.Uint64 // reports that got their yes in this process
	sends          atomic.Uint64 // posts handed to the connection, retries included
	connects       atomic.Uint64 // sessions that came online
	restarts       atomic.Uint64
	treeRestarts   atomic.Uint64
	droppedInbound atomic.Uint64
	droppedReplies atomic.Uint64
	unknownReplies atomic.Uint64
	bytesInbound   atomic.Uint64
	syncTime       atomic.Int64 // of the last sync, ns
	clockKnown     atomic.Bool
	clockOffset    atomic.Int64 // true time = this + time since boot, ns
	link           atomic.Pointer[LinkStatus]
}

// Figures are what a tree has counted in this process.
type Figures struct {
	Accepted, Sends, Connects, Restarts, TreeRestarts uint64
	// DroppedInbound counts messages that found dispatch full or parked, or that
	// nobody handles; DroppedReplies replies that could not be read, UnknownReplies
	// those to an id that no report waits under.
	DroppedInbound, DroppedReplies, UnknownReplies uint64
	// LastSync is how long the last sync of the journal took.
	LastSync time.Duration
}

// Figures are what the tree has counted since the process started.
func (t *Tree) Figures() Figures {
	return Figures{
		Accepted: t.accepted.Load(), Sends: t.sends.Load(), Connects: t.connects.Load(),
		Restarts: t.restarts.Load(), TreeRestarts: t.treeRestarts.Load(),
		DroppedInbound: t.droppedInbound.Load(), DroppedReplies: t.droppedReplies.Load(),
		UnknownReplies: t.unknownReplies.Load(),
		LastSync:       time.Duration(t.syncTime.Load()),
	}
}

// LinkState is where the connection is: the states of fsm.Connection.
type LinkState string

// StateOnline is the state in which posts go out.
const StateOnline LinkState = "online"

// LinkStatus is a moment of the connection's life.
type LinkStatus struct {
	State LinkState
	// Since is when it came into this state, as time since boot.
	Since time.Duration
	// Session numbers the attempts of this process; Attempts counts those since
	// the last stable session.
	Session  uint64
	Attempts int
	// Phase is how far the last failed attempt came, Err why it failed or why the
	// last session ended, Retry when the next attempt is due (0: none is planned).
	Phase string
	Err   error
	Retry time.Duration
}

// Link is what the connection is doing now.
func (t *Tree) Link() LinkStatus {
	if l := t.link.Load(); l != nil {
		return *l
	}
	return LinkStatus{State: "stopped"}
}

// Restarts counts the failures of single actors, TreeRestarts the restarts of
// the whole tree, since the process started.
func (t *Tree) Restarts() uint64     { return t.restarts.Load() }
func (t *Tree) TreeRestarts() uint64 { return t.treeRestarts.Load() }

// Closed says whether Stop has been called.
func (t *Tree) Closed() bool { return t.closed.Load() }

// BootTime is the tree's clock: time since boot, suspend included.
func (t *Tree) BootTime() time.Duration { return t.opts.Clock.Boot() }

// DiskError is why the journal takes no reports, nil while it does.
func (t *Tree) DiskError() error {
	if err := t.keeper.degraded.Load(); err != nil {
		return *err
	}
	return nil
}

// Told is a notice for the application.
type Told struct{ Kind, Text string }

// Kinds of Told.
const (
	ToldRefused     = "refused"
	ToldDialFailed  = "dial_failed"
	ToldDisplaced   = "displaced"
	ToldQuarantined = "quarantined"
	ToldDamaged     = "damaged"
	ToldDegraded    = "degraded"
	ToldResumed     = "resumed"
)
