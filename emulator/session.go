package emulator

import (
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aliiot/aliiot/alink"
)

// maxQueued is how many QoS 1 messages wait for a device that is offline or does
// not acknowledge.
const maxQueued = 10_000

// session is one connection of a device, from its CONNECT on. The emulator's lock
// guards it.
type session struct {
	n     int64
	dev   *device
	cl    *mqtt.Client
	conn  *conn
	clean bool
	auto  bool // _ss=1: the platform pushes without a SUBSCRIBE
	found bool // a kept session was found: CONNACK says so

	subs    map[string]subscription
	packet  uint16
	unacked []message // sent with QoS 1, no PUBACK yet, in order
	waiting []message // QoS 1 behind the window

	replies []func() // of the publish that is being handled, for after its PUBACK

	over   bool
	reason string // why the emulator ended it, "" if it did not
	entry  int    // its place in the record
}

// kept is the state of a session with CleanSession=false while nobody is online.
type kept struct {
	subs  map[string]subscription
	auto  bool
	queue []message
}

type subscription struct {
	qos  byte
	from time.Time // the platform may take ten seconds to heed one
}

// message is one PUBLISH to a device.
type message struct {
	topic   string
	payload []byte
	qos     byte
	packet  uint16
	again   bool
}

// end cuts a session. The caller holds the lock.
func (e *Emulator) end(s *session, reason string) {
	if s.over {
		return
	}
	s.over, s.reason = true, reason
	if s.dev.session == s {
		s.keep()
		s.dev.session = nil
	}
	s.conn.cut()
	e.record.ended(s, reason)
	e.signal()
}

// keep puts aside what outlives a session.
func (s *session) keep() {
	if s.clean {
		s.dev.kept = nil
		return
	}
	s.dev.kept = &kept{subs: s.subs, auto: s.auto, queue: append(s.unacked, s.waiting...)}
	for i := range s.unacked {
		s.dev.kept.queue[i].again = true
	}
	s.unacked, s.waiting = nil, nil
}

// qosOf is the QoS that a topic reaches somebody with; false when it does not.
func qosOf(subs map[string]subscription, auto bool, kind alink.Kind, topic string) (byte, bool) {
	now, qos, ok := time.Now(), byte(0), false
	for filter, sub := range subs {
		if !now.Before(sub.from) && matches(filter, topic) {
			qos, ok = max(qos, sub.qos), true
		}
	}
	if !ok && (auto && kind.AutoPush() || kind.Unasked()) {
		qos, ok = 1, true
	}
	if kind.QoS0Only() {
		qos = 0
	}
	return qos, ok
}

// push sends a message to a device, once, if it subscribed the topic or has it
// pushed; or keeps it for a session that comes back. It tells what became of it.
func (e *Emulator) push(dev *device, kind alink.Kind, topic string, payload []byte) (sent bool, why string) {
	e.mu.Lock()
	s := dev.session
	if s == nil {
		defer e.mu.Unlock()
		if dev.kept == nil {
			return false, "offline"
		}
		qos, ok := qosOf(dev.kept.subs, dev.kept.auto, kind, topic)
		switch {
		case !ok:
			return false, "not subscribed"
		case qos == 0:
			return false, "offline"
		case len(dev.kept.queue) >= maxQueued:
			return false, "queue full"
		}
		dev.kept.queue = append(dev.kept.queue, message{topic: topic, payload: payload, qos: 1})
		return true, "queued"
	}
	qos, ok := qosOf(s.subs, s.auto, kind, topic)
	m := message{topic: topic, payload: payload, qos: qos}
	switch {
	case !ok:
		e.mu.Unlock()
		return false, "not subscribed"
	case qos == 0:
	case len(s.unacked) >= alink.MaxUnacked:
		defer e.mu.Unlock()
		if len(s.waiting) >= maxQueued {
			return false, "queue full"
		}
		s.waiting = append(s.waiting, m)
		return true, "behind the window"
	default:
		m = s.number(m)
	}
	e.mu.Unlock()
	s.write(m)
	return true, ""
}

// number gives a message its packet id and puts it into the window.
func (s *session) number(m message) message {
	for taken := true; taken; {
		s.packet++
		taken = s.packet == 0
		for _, u := range s.unacked {
			taken = taken || u.packet == s.packet
		}
	}
	m.packet = s.packet
	s.unacked = append(s.unacked, m)
	return m
}

// write needs no lock: the connection takes it at once.
func (s *session) write(m message) {
	_ = s.cl.WritePacket(packets.Packet{ // a connection that has ended is noticed by its reader
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: m.qos, Dup: m.again},
		TopicName:   m.topic, Payload: m.payload, PacketID: m.packet,
	})
}

// acked clears a message that the device acknowledged, and lets the next one go.
func (e *Emulator) acked(s *session, packet uint16) {
	e.mu.Lock()
	var next []message
	for i, m := range s.unacked {
		if m.packet != packet {
			continue
		}
		s.unacked = append(s.unacked[:i], s.unacked[i+1:]...)
		if len(s.waiting) > 0 {
			next = append(next, s.number(s.waiting[0]))
			s.waiting = s.waiting[1:]
		}
		break
	}
	e.mu.Unlock()
	for _, m := range next {
		s.write(m)
	}
}

// established makes the session the device's own, after its CONNACK, and sends
// what was kept for it, in the order in which it came.
func (e *Emulator) established(s *session) {
	e.mu.Lock()
	dev := s.dev
	if dev.standing != enabled { // since its CONNECT
		e.end(s, "disabled or deleted")
	}
	if s.over || e.closed {
		e.mu.Unlock()
		return
	}
	if old := dev.session; old != nil { // two came at the same instant
		e.end(old, "displaced")
	}
	dev.session = s
	var first []message
	if k := dev.kept; k != nil && !s.clean {
		s.subs = k.subs
		for _, m := range k.queue {
			if len(s.unacked) < alink.MaxUnacked {
				first = append(first, s.number(m))
			} else {
				s.waiting = append(s.waiting, m)
			}
		}
	}
	dev.kept = nil
	held := dev.held
	dev.held = nil
	e.signal()
	e.mu.Unlock()
	for _, m := range first {
		s.write(m)
	}
	for _, reply := range held {
		reply()
	}
}

// ended is the end of a connection, whoever ended it.
func (e *Emulator) ended(s *session, cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !s.over {
		s.over = true
		if s.dev.session == s {
			s.keep()
			s.dev.session = nil
		}
	}
	reason := s.reason
	switch {
	case reason != "":
	case cause == nil:
		reason = "disconnected"
	default:
		reason = cause.Error()
	}
	e.record.ended(s, reason)
	e.record.closed(s)
	e.log.Info("offline", "device", s.dev.id.String(), "session", s.n, "reason", reason)
	e.signal()
}
