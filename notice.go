package aliiot

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aliiot/aliiot/actors"
)

// Notice tells the application something that it may want to act on.
type Notice struct {
	// Time is the system's clock when it was told; it may be wrong, as that may be.
	Time time.Time
	// Kind is what it is about.
	Kind NoticeKind
	// Text says it in one line, in English, without secrets. It is for people: it may
	// change.
	Text string
	// Message is the message of package actors that it came from: actors.Online,
	// actors.Offline, actors.Escalated or actors.Told.
	Message any
}

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notices, of the link, then of the device itself.
const (
	// NoticeOnline: a session is ready.
	NoticeOnline NoticeKind = "online"
	// NoticeOffline: there is none any more. The device connects again by itself.
	NoticeOffline NoticeKind = "offline"
	// NoticeDialFailed: the server cannot be reached, and why. Told once for each phase
	// (name, TCP, TLS, MQTT) until a session is ready; the device keeps trying.
	NoticeDialFailed NoticeKind = "dial_failed"
	// NoticeUnreachable: there has been no platform for 10 minutes; told again each time
	// as much has passed. The device keeps trying; a modem may want a reset.
	NoticeUnreachable NoticeKind = "unreachable"
	// NoticeNotServer: something answers that is no MQTT broker, such as a captive
	// portal or a wrong port.
	NoticeNotServer NoticeKind = "not_server"
	// NoticeBadCertificate: the server's certificate does not hold. Look at
	// Config.RootCAs and at the clock.
	NoticeBadCertificate NoticeKind = "bad_certificate"
	// NoticeRefused: the platform refuses the credentials, or the device is disabled in
	// the console. The device tries again, ever more seldom.
	NoticeRefused NoticeKind = "refused"
	// NoticeSubscribeRefused: the broker refused some filters. Reports go on; what would
	// come by these topics does not.
	NoticeSubscribeRefused NoticeKind = "subscribe_refused"
	// NoticeDisplaced: another client seems to take this device's session, again and
	// again: two devices have one identity.
	NoticeDisplaced NoticeKind = "displaced"
	// NoticeDisplacedOver: a session has lasted again.
	NoticeDisplacedOver NoticeKind = "displaced_over"

	// NoticeDegraded: the disk takes no reports, and why; or it takes them again.
	NoticeDegraded NoticeKind = "degraded"
	// NoticeDamaged: the medium destroyed a report that it had synced. Replace it.
	NoticeDamaged NoticeKind = "damaged"
	// NoticeQuarantined: a report that breaks the link, or the outbox, was set aside.
	// `aliiot quarantine` releases or drops it.
	NoticeQuarantined NoticeKind = "quarantined"
	// NoticeEscalated: an actor fails too often. It is parked for a while, or the whole
	// tree was restarted.
	NoticeEscalated NoticeKind = "escalated"
	// NoticeResumed: the machine was suspended, and for how long.
	NoticeResumed NoticeKind = "resumed"
)

const noticeRoom = 64

// notices is a bounded channel that counts what it has no room for.
type notices struct {
	c       chan Notice
	dropped atomic.Uint64
}

func newNotices() *notices { return &notices{c: make(chan Notice, noticeRoom)} }

func (n *notices) put(kind NoticeKind, text string, m any) {
	select {
	case n.c <- Notice{time.Now(), kind, text, m}:
	default:
		n.dropped.Add(1)
	}
}

// translate is called from the actors: it must not block.
func (n *notices) translate(m any) {
	switch m := m.(type) {
	case actors.Online:
		n.put(NoticeOnline, "online", m)
	case actors.Offline:
		n.put(NoticeOffline, "offline: "+m.Reason, m)
	case actors.Escalated:
		what := "the tree was restarted"
		if m.Parked > 0 {
			what = "parked for " + m.Parked.String()
		}
		n.put(NoticeEscalated, fmt.Sprintf("%s failed %d times: %s (%s)", m.Actor, m.Count, what, m.Reason), m)
	case actors.Told:
		n.put(NoticeKind(m.Kind), m.Text, m)
	}
}

// Notices is what the device has to tell, oldest first. The channel has room for
// 64 and is never closed; what finds no room is counted by NoticesDropped.
func (d *Device) Notices() <-chan Notice { return d.notices.c }

// NoticesDropped is how many notices found no room.
func (d *Device) NoticesDropped() uint64 { return d.notices.dropped.Load() }
