package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/transport"
)

// The messages of the tree. Commands are imperatives, facts are past
// participles. They are values; what is said of a link carries its session's
// number, what is asked for carries what makes it safe to ask again.

// Append asks the outbox to keep a report. Make it with NewAppend, which checks
// and encodes. The answer is one Appended, on Reply where that is set (it must
// have room for one), else to the sender. Lost with the outbox's restart, it
// may or may not have been kept: an actor that appends watches the outbox and
// keeps a deadline.
type Append struct {
	Content Content
	Lane    string        // "" is the default lane
	TTL     time.Duration // 0: the lane's
	At      time.Time     // of the value; zero: Made
	Made    time.Duration // since the boot, Tree.Boot; 0: when the outbox takes it
	Reply   chan<- Appended

	sender *actor.PID // whom to answer where Reply is nil
}

// Appended answers Append: after the sync that covers the report, or with the
// reason why it was not kept.
type Appended struct {
	Ref  Ref
	Lane string
	// Err is nil when the report is on stable storage. ErrFull, ErrNoSpace,
	// ErrReadOnly, ErrOutcomeUnknown, *ValueError, *UnknownLaneError, *PanicError.
	Err error
}

func (m Append) fail(err error) {
	if m.Reply != nil {
		answer(m.Reply, Appended{Err: fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)})
	}
}

// Ref names one report of a journal.
type Ref struct {
	seq, ord uint64
	class    uint8
}

// Seq is the report's number: what the tools take.
func (r Ref) Seq() uint64 { return r.seq }

// AskEnd asks what became of one report; the answer comes when it has ended.
type AskEnd struct {
	Ref   Ref
	Reply chan<- Settled // room for one
	// Gone, where it is set, is closed when nobody waits any more.
	Gone <-chan struct{}
}

// Settled says how a report ended.
type Settled struct {
	Seq  uint64
	Lane string
	End  End
	// Err is ErrForgotten where the report has ended so long ago that only the
	// audit log may still know how.
	Err error
}

// End is how a report ended, and the platform's code where it was rejected.
type End struct {
	Outcome Outcome
	Code    int
}

// AskLedger asks the outbox for the ledger.
type AskLedger struct{ Reply chan<- Ledger }

// Publish asks the connection to send a message that no journal keeps.
type Publish struct {
	Session uint64 // 0: whichever is online
	Topic   string
	Payload []byte
	QoS     byte

	token uint64 // of a report of the outbox's: its fate comes back as Published
}

// Published is the fate of a report that was published in this session.
type Published struct {
	Session, Token uint64
	Level          transport.Level
	Err            error
}

// Subscribe asks the connection to tell Who about Online and Offline from now
// on, beginning with what holds now. Safe to repeat.
type Subscribe struct{ Who *actor.PID }

// Online says that a session is ready: subscribed, and free to publish.
type Online struct {
	Session uint64
	// Quiet says that nothing should be published yet, to tell a report that
	// breaks the link from another client that takes the session. A second Online
	// of the same session lifts it.
	Quiet bool
}

// Offline says that there is no session. Retry is when the next attempt is due,
// 0 where none is planned.
type Offline struct {
	Session uint64
	Reason  string
	// ByPeer says that the other side closed the connection.
	ByPeer bool
	Retry  time.Duration
}

// LinkHint is what the application's modem code knows of the link: Up after an
// attach or a change of address, down when the modem has lost the network.
type LinkHint struct{ Up bool }

// Connect and Disconnect say whether the device wants to be online.
type (
	Connect    struct{}
	Disconnect struct{ Done chan<- struct{} }
)

// Probe asks the connection for a sign of life, Silent says that the platform
// owes answers for longer than a living link would.
type (
	Probe  struct{ Session uint64 }
	Silent struct{ Session uint64 }
	// Heard says that the platform gave a sign of life which is no reply to a post.
	Heard struct{ Session uint64 }
	// LoginAgain: the platform says that this session's login is void.
	LoginAgain struct{ Session uint64 }
)

// Inbound is a message that is not a reply to a report.
type Inbound struct {
	Session uint64
	Topic   string
	Payload []byte
}

// Replied is the platform's answer to a post.
type Replied struct {
	Session uint64
	ID      uint32
	Code    int
	Text    string
}

// ClockLearned says what time it is, by a source that the caller trusts.
type ClockLearned struct {
	Now    time.Time
	Source string
	// Taken is when Now was right, as time since boot; 0 is now.
	Taken time.Duration
}

// Escalated says that an actor failed more often than its budget allows: it is
// parked for a while, or the whole tree has been restarted.
type Escalated struct {
	Actor  string
	Reason string
	Count  int
	Parked time.Duration // 0: the tree was restarted
}
