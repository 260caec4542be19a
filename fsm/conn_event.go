package fsm

import "time"

// ConnEvent is something that happened to the connection. An attempt has a
// number, and the session that it makes has the same one; an event that carries
// the number of an earlier attempt moves nothing.
type ConnEvent interface{ connEvent() }

// Connect is the application's wish to be online. Said again it changes nothing;
// who has news that make an attempt worth while says LinkHint or LoginAgain.
type Connect struct{}

// Disconnect is the application's wish to be offline.
type Disconnect struct{}

// Dialled says that an attempt ended with CONNACK 0. If nobody waits for it any
// more, the answer is a CloseSession.
type Dialled struct{ Attempt uint64 }

// DialFailed says that an attempt ended without a session.
type DialFailed struct {
	Attempt uint64
	Class   FailClass
	// Code is the CONNACK code of ClassRefused.
	Code byte
	// Detail is for people: the phase and the error.
	Detail string
}

// FailClass says whose fault a failure seems to be.
type FailClass string

const (
	// ClassLink: no answer, a broken link, a deadline.
	ClassLink FailClass = "link"
	// ClassRefused: a CONNACK other than 0, or a SUBACK with 0x80.
	ClassRefused FailClass = "refused"
	// ClassNotServer: what answered is no MQTT broker, such as a captive portal.
	// That is a fact about the link, never about the credentials.
	ClassNotServer FailClass = "not_server"
	// ClassTLS: the certificate does not hold.
	ClassTLS FailClass = "tls"
)

// Subscribed says that the session's subscriptions are confirmed.
type Subscribed struct{ Session uint64 }

// SubscribeFailed says that they are not. With ClassRefused the broker keeps the
// session and refused some filters, which Detail names: the session is used
// without them and the application is told. If the session itself ended, say Lost
// instead: how it ended is a sign of a takeover or none.
type SubscribeFailed struct {
	Session uint64
	Class   FailClass
	Detail  string
}

// Lost says that a session ended by itself. ByPeer means FIN or RST, not a
// time-out.
type Lost struct {
	Session uint64
	ByPeer  bool
	Detail  string
}

// TimerFired says that a timer armed by ArmTimer ran out. One that came early or
// belongs to an earlier attempt does no harm.
type TimerFired struct {
	Timer   Timer
	Attempt uint64
}

// LinkHint is what the modem's code knows: the link came up, changed or went.
type LinkHint struct{ Up bool }

// Suspect says that the platform owes an answer for longer than usual. Bound is
// how long the probe may take; 0 means the policy's ProbeDeadline.
type Suspect struct {
	Session uint64
	Bound   time.Duration
}

// Silence says that the reply clock has given the session up.
type Silence struct{ Session uint64 }

// Heard says that the platform answered: it ends a probe.
type Heard struct{ Session uint64 }

// LoginAgain says that the credentials changed, or that the platform asked for a
// new login.
type LoginAgain struct{}

// Resumed says that the machine slept: boot time ran and the timers did not.
type Resumed struct{}

func (Connect) connEvent()         {}
func (Disconnect) connEvent()      {}
func (Dialled) connEvent()         {}
func (DialFailed) connEvent()      {}
func (Subscribed) connEvent()      {}
func (SubscribeFailed) connEvent() {}
func (Lost) connEvent()            {}
func (TimerFired) connEvent()      {}
func (LinkHint) connEvent()        {}
func (Suspect) connEvent()         {}
func (Silence) connEvent()         {}
func (Heard) connEvent()           {}
func (LoginAgain) connEvent()      {}
func (Resumed) connEvent()         {}
