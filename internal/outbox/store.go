package outbox

import (
	"errors"
	"time"
)

// MaxLanes is how many lane classes one store knows. A class is an index; its
// name, budget and policy belong to the configuration.
const MaxLanes = 16

// Entry is one report as a store keeps it.
type Entry struct {
	// Seq numbers the reports of one journal epoch, over all lanes, from 1 on.
	// It never goes back and is never used twice; gaps are allowed.
	Seq uint64
	// Ord numbers the reports of one lane, from 1 on, in the order of Seq.
	// Gaps are allowed and mean that the number was never accepted. A store
	// remembers what has ended as ranges of Ord, which merge within a lane
	// whatever the other lanes do.
	Ord uint64
	// Lane is the class, below MaxLanes.
	Lane uint8
	// Body is the encoded Item. The store does not look into it.
	Body []byte
}

// Settlement is the end of one report: a tombstone.
type Settlement struct {
	Seq, Ord uint64
	Lane     uint8
	Outcome  Outcome
	// Code is the platform's code for Rejected, else 0.
	Code int32
	// Sends is how often this process sent the report.
	Sends uint32
	// Bytes is len(Entry.Body), so that the store can count what waits in bytes
	// without reading the report again.
	Bytes int64
}

// Outcome says how a report ended. The numbers are on the disk: never renumber.
type Outcome uint8

const (
	Pending         Outcome = 0 // no end yet; never in a Settlement
	ConfirmedReply  Outcome = 1 // the platform's reply, code 200
	ConfirmedPuback Outcome = 2 // the broker's PUBACK, for what has no reply
	Rejected        Outcome = 3 // refused for good, with the platform's code
	Expired         Outcome = 4 // its time to live ran out
	EvictedBudget   Outcome = 5 // given up because the lane was full
	EvictedNewer    Outcome = 6 // a newer value of the same key came
	EvictedThinned  Outcome = 7 // thinned out by the lane's policy
	EvictedOperator Outcome = 8 // dropped by an operator
	Damaged         Outcome = 9 // the medium destroyed bytes that had been synced
	OutcomeCount            = 10
)

// Counts are the lifetime counters of one lane. Pending is derived from them:
// Accepted − ΣEnds.
type Counts struct {
	Accepted uint64
	Ends     [OutcomeCount]uint64 // Ends[Pending] is always 0
	// Late counts a yes that came after another end.
	Late uint64
	// PendingBytes is the sum of the body lengths of what is pending.
	PendingBytes int64
}

// Pending is what has been accepted and has no end.
//
//go:noinline
func (c Counts) Pending() uint64 {
	n := c.Accepted
	for _, e := range c.Ends {
		n -= e
	}
	return n
}

// State is what a store knows without reading the backlog: its size does not
// depend on how much waits.
type State struct {
	// Epoch identifies the numbering: (Epoch, Seq) is a report's identity. It
	// changes only when an operator jumps the sequence.
	Epoch uint64
	// Writer rises by one at every opening. Append refuses an older one.
	Writer uint64
	// NextSeq and NextOrd are the lowest numbers that were never used.
	NextSeq uint64
	NextOrd [MaxLanes]uint64
	Lanes   [MaxLanes]Counts
	// Lost is how many reports, in Lanes called damaged, this opening missed.
	Lost uint64
	// Quarantined reports are pending but set aside. Bounded by MaxQuarantined.
	Quarantined []Mark
	// Clocks are the boots whose true time is known, oldest first, at most
	// MaxClocks.
	Clocks []ClockPoint
}

// Bounds of what a State carries.
const (
	MaxQuarantined = 1024
	MaxClocks      = 16
)

// Mark names one report.
type Mark struct {
	Seq, Ord uint64
	Lane     uint8
	Bytes    int64
}

// ClockPoint says when a boot began in true time: wall = Offset + boot time.
type ClockPoint struct {
	Boot   uint64        // clock.Clock.BootID
	Offset time.Duration // since the Unix epoch
	Source string        // "ntp", "kernel", "gnss", …: who said so; at most 32 bytes
}

// Store keeps entries durably. It is a machine that returns work: its methods
// write to the page cache at most, never wait for the medium, and must be
// called by one owner at a time (the outbox actor). What waits for the medium
// is a [Job], which any goroutine may run and whose result comes back through
// Done. The handle belongs to the process and outlives a restart of its owner;
// a new owner asks Running first.
//
// A store never loses count: State().Lanes is exact at every moment for what
// has been appended and settled so far, durable or not.
type Store interface {
	// State is a copy of what the store knows.
	State() State
	// Append writes entries, in order, all or nothing. They count as accepted in
	// State from here on, and are durable when a Result covers their Seq; if a
	// Result refuses them they are counted out again. Seq and the Ord of each
	// lane must be above every one used before.
	//
	// Errors: ErrNoSpace, ErrBacklog (too much is unsynced), ErrReadOnly,
	// ErrStaleWriter, ErrClosed, or an *os.PathError-like disk error. After any
	// error nothing of the call is kept, now or after a restart.
	Append(writer uint64, entries []Entry) error
	// Settle records ends. It never fails for want of space: what cannot be
	// written yet is held (bounded by what is in flight) and written later. An
	// end is durable with the next sync; losing it means sending once more.
	// Settling what is not pending changes nothing and returns false in its place.
	Settle(ends []Settlement) []bool
	// CountLate adds a yes that came after another end.
	CountLate(lane uint8)
	// Quarantine sets a pending report aside or (on=false) releases it.
	// ErrFull when MaxQuarantined are set aside already.
	Quarantine(m Mark, on bool) error
	// SaveClock records what a source said about a boot; the first one for a
	// boot stays. It is durable with the next sync.
	SaveClock(p ClockPoint) error
	// Load returns pending entries of a lane with Ord > after, in order of Ord,
	// at most n and (beyond the first) at most maxBytes of bodies. Quarantined
	// ones are left out. end says that nothing pending follows. The bodies belong
	// to the caller. A report whose bytes are found damaged is settled as Damaged
	// by the store itself and reported in Lost; one that cannot be read for now
	// (EIO) stays pending, is skipped, and is counted in Unreadable.
	Load(lane uint8, after uint64, n int, maxBytes int) (Loaded, error)
	// Has says whether a report is pending, from memory.
	Has(lane uint8, ord uint64) bool
	// Unreadable is how many pending reports could not be read when last tried.
	Unreadable() uint64

	// Sync returns the job that makes everything written so far durable, or nil
	// when there is nothing to do or such a job is under way.
	Sync() *Job
	// Dirty says whether anything waits for a sync: entries, and settles alone.
	Dirty() (entries, settles bool)
	// Upkeep returns a job that frees settled segments, copies stragglers forward
	// and prepares spare space, or nil. It never delays a Sync.
	Upkeep() *Job
	// Running are the jobs that have been handed out and not been Done. A new
	// owner waits for each (Job.Ended) and calls Done.
	Running() []*Job
	// Done takes a job that has ended and returns what follows from it. Calling
	// it again for the same job returns an empty Result.
	Done(*Job) Result
	// Close settles what is held, syncs, and releases everything. It may block
	// on the medium. The handle is of no use afterwards.
	Close() error
}

// Loaded is what Load found.
type Loaded struct {
	Entries []Entry
	End     bool
	Lost    []Settlement
}

// Result is what follows from a job.
type Result struct {
	// Durable: every entry with Seq ≤ Durable that was not refused is on the
	// medium. 0 says nothing.
	Durable uint64
	// Refused entries are not on the medium and never will rise from it.
	Refused []Entry
	// Unknown entries may or may not be there after a restart; the store does
	// not count them any more.
	Unknown []Entry
	// Err says why something was refused or unknown, or why the store is
	// degraded now (nil: it is well).
	Err error
	// Next is a job that must be run before the fate of the remaining entries
	// is known.
	Next *Job
}

// Job is work that waits for the medium. Run it once, in any goroutine.
type Job struct {
	run   func()
	ended chan struct{}
	// Owner is for the store that made the job.
	Owner any
}

// NewJob makes a job that performs run.
func NewJob(owner any, run func()) *Job {
	return &Job{run: run, ended: make(chan struct{}), Owner: owner}
}

// Run performs the work and then ends the job, also when the work panics: the
// store takes a job that ended without a result as a failed one.
func (j *Job) Run() {
	defer close(j.ended)
	j.run()
}

// Ended is closed when Run has returned.
func (j *Job) Ended() <-chan struct{} { return j.ended }

// Errors of a Store. They say what the caller can do.
var (
	// ErrNoSpace: the disk is full. Try again later; no restart is needed.
	ErrNoSpace = errors.New("no space left on the disk")
	// ErrBacklog: too much waits for a slow medium. Try again after the next sync.
	ErrBacklog = errors.New("too much waits for the disk to sync")
	// ErrReadOnly: the file system takes no writes. What is stored is delivered.
	ErrReadOnly = errors.New("the file system is read-only")
	// ErrStaleWriter: another opening owns the store. Open it again.
	ErrStaleWriter = errors.New("the store has been opened by a later writer")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("the store is closed")
	// ErrFull: a lane that refuses new reports has no room.
	ErrFull = errors.New("the lane is full")
)
