package fsm

import "time"

// ConnAction is work for the owner of the connection. The actions of one step are
// performed in their order; none of them waits for a later one.
type ConnAction interface{ connAction() }

// SaveAttempt: keep the record. It comes right before the Dial that it counts and
// must be on the disk when that Dial begins, so that a new process honours it. If
// it cannot be kept, dial all the same and say so in the log.
type SaveAttempt struct{ Record ConnRecord }

// Dial: start one attempt with a new transport client. Deadline is the time for
// all of it, from name resolution to CONNACK. Endpoint counts from 0 through the
// servers that the configuration names. Answer with Dialled or DialFailed.
type Dial struct {
	Attempt  uint64
	Endpoint int
	Deadline time.Duration
	// Quiet announces a session that publishes nothing for Policy.QuietFor.
	Quiet bool
}

// Subscribe: subscribe whatever the configuration asks for within Deadline and
// answer with Subscribed or SubscribeFailed. Where nothing is to be subscribed,
// answer Subscribed at once.
type Subscribe struct {
	Session  uint64
	Deadline time.Duration
}

// Timer is the purpose of a timer.
type Timer string

const (
	TimerDial      Timer = "dial"      // the attempt hangs beyond its own deadline
	TimerSubscribe Timer = "subscribe" // the SUBACK does not come
	TimerRetry     Timer = "retry"     // the next attempt is due
	TimerStable    Timer = "stable"    // the session has lasted
	TimerQuiet     Timer = "quiet"     // the quiet time is over
	TimerProbe     Timer = "probe"     // the probe got no answer
	TimerHint      Timer = "hint"      // a hint came too soon after a probe
)

// ArmTimer: send TimerFired with the same Timer and Attempt when After is over. A
// timer of that purpose which still runs is replaced.
type ArmTimer struct {
	Timer   Timer
	After   time.Duration
	Attempt uint64
}

// CancelTimer: stop the timer of that purpose.
type CancelTimer struct{ Timer Timer }

// AnnounceOnline: tell all who subscribed that the session may be used. If it is
// quiet, nothing may be published yet; a second AnnounceOnline with Quiet false
// lifts that.
type AnnounceOnline struct {
	Session uint64
	Quiet   bool
}

// AnnounceOffline: tell all who subscribed that the session is over. RetryAt is
// the boot time of the next attempt, 0 after Disconnect.
type AnnounceOffline struct {
	Session uint64
	Reason  OfflineReason
	ByPeer  bool
	Detail  string
	RetryAt time.Duration
}

// OfflineReason says why a session ended.
type OfflineReason string

const (
	OfflineLost         OfflineReason = "lost"
	OfflineSilent       OfflineReason = "silent"
	OfflineDisplaced    OfflineReason = "displaced"
	OfflineLoginAgain   OfflineReason = "login_again"
	OfflineDisconnected OfflineReason = "disconnected"
)

// Probe: ask the platform something that it answers, and answer Heard when it
// does. Until then send nothing else. Bound is for information: the machine arms
// the timer itself.
type Probe struct {
	Session uint64
	Bound   time.Duration
}

// Abort: end the attempt's dial, or cut its session without a word.
type Abort struct{ Attempt uint64 }

// CloseSession: say DISCONNECT and end the session.
type CloseSession struct{ Session uint64 }

// Tell: tell the application.
type Tell struct {
	Notice ConnNotice
	// Code is the CONNACK code of NoticeRefused.
	Code   byte
	Detail string
	// RetryAt is the boot time of the next attempt where one is planned.
	RetryAt time.Duration
	// Since is the boot time since which there is no platform, Attempts how often
	// it was tried since then (NoticeUnreachable).
	Since    time.Duration
	Attempts int
}

// ConnNotice is what an application should know about its connection.
type ConnNotice string

const (
	// NoticeRefused: the credentials or the product were refused.
	NoticeRefused ConnNotice = "refused"
	// NoticeDisplaced: another client seems to use this identity.
	NoticeDisplaced ConnNotice = "displaced"
	// NoticeDisplacedOver: a session lasted again.
	NoticeDisplacedOver ConnNotice = "displaced_over"
	// NoticeNotServer: something else answers in the platform's place, such as a
	// captive portal or an expired plan.
	NoticeNotServer ConnNotice = "not_server"
	// NoticeBadCertificate: the server's certificate does not hold.
	NoticeBadCertificate ConnNotice = "bad_certificate"
	// NoticeSubscribeRefused: some filters were refused; Detail names them.
	NoticeSubscribeRefused ConnNotice = "subscribe_refused"
	// NoticeUnreachable: no platform for a long time. Told again each time as much
	// has passed, early enough to pull a modem's reset line.
	NoticeUnreachable ConnNotice = "unreachable"
)

func (SaveAttempt) connAction()     {}
func (Dial) connAction()            {}
func (Subscribe) connAction()       {}
func (ArmTimer) connAction()        {}
func (CancelTimer) connAction()     {}
func (AnnounceOnline) connAction()  {}
func (AnnounceOffline) connAction() {}
func (Probe) connAction()           {}
func (Abort) connAction()           {}
func (CloseSession) connAction()    {}
func (Tell) connAction()            {}
