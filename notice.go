package aliiot

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aliiot/aliiot/actors"
)

// Notice tells the application something that it may want to act on.
type Notice struct {
	Time time.Time
	Kind NoticeKind
	// Text says it in one line, without secrets.
	Text string
	// Message is the message of package actors that it came from.
	Message any
}

// NoticeKind is what a notice is about.
type NoticeKind string

const (
	NoticeOnline      NoticeKind = "online"      // a session is ready
	NoticeOffline     NoticeKind = "offline"     // there is none any more
	NoticeDialFailed  NoticeKind = "dial-failed" // the server cannot be reached, and why; told once for each phase
	NoticeRefused     NoticeKind = "refused"     // the platform refuses the credentials
	NoticeDisplaced   NoticeKind = "displaced"   // another client seems to take this device's session
	NoticeQuarantined NoticeKind = "quarantined" // a report that breaks the link was set aside
	NoticeDamaged     NoticeKind = "damaged"     // the medium destroyed synced reports
	NoticeEscalated   NoticeKind = "escalated"   // an actor fails too often
	NoticeDegraded    NoticeKind = "degraded"    // the disk takes no reports, or takes them again
	NoticeResumed     NoticeKind = "resumed"     // the machine was suspended

	NoticeNotServer        NoticeKind = "not_server"        // something else answers, such as a captive portal
	NoticeBadCertificate   NoticeKind = "bad_certificate"   // the server's certificate does not hold
	NoticeSubscribeRefused NoticeKind = "subscribe_refused" // the broker refused some filters
	NoticeUnreachable      NoticeKind = "unreachable"       // no platform for a long time; told again and again
	NoticeDisplacedOver    NoticeKind = "displaced_over"    // a session has lasted again
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
