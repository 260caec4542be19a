package emulator

import (
	"strconv"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aliiot/aliiot/alink"
)

// The platform's CONNACK codes (DN 148610; causes from D20 and C41).
const (
	connackProtocol    byte = 1
	connackClientID    byte = 2
	connackUnavailable byte = 3
	connackCredentials byte = 4
	connackNotAllowed  byte = 5
)

// admit checks a CONNECT in the platform's order. It returns the session, or the
// code to refuse with and the reason for the record.
func (e *Emulator) admit(cl *mqtt.Client, pk packets.Packet) (s *session, code byte, why string) {
	c := pk.Connect
	_, params, err := alink.ParseClientID(c.ClientIdentifier)
	if err != nil {
		return nil, connackClientID, "client id"
	}
	switch params["securemode"] {
	case "2", "3", "-1", "-2", "8": // whether it fits the transport is not held against a device
	default:
		return nil, connackClientID, "securemode"
	}
	if alive := time.Duration(c.Keepalive) * time.Second; alive < alink.MinKeepAlive || alive > alink.MaxKeepAlive {
		return nil, connackClientID, "keepalive"
	}
	id, err := alink.ParseUsername(string(c.Username))
	if err != nil {
		return nil, connackCredentials, "user name"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	dev := e.devices[id]
	switch {
	case dev == nil:
		return nil, connackCredentials, "unknown device"
	case alink.VerifyPassword(c.ClientIdentifier, string(c.Username), string(c.Password), dev.Secret) != nil:
		return nil, connackCredentials, "signature"
	case dev.standing != enabled:
		return nil, connackNotAllowed, "disabled or deleted"
	case e.o.LimitConnects && !dev.mayConnect(time.Now()):
		return nil, connackUnavailable, "more than five connects a minute"
	}
	if f := e.hit(ConnackRefused, Message{Device: id}); f != nil {
		return nil, f.connack, ConnackRefused
	}
	if e.closed {
		return nil, connackUnavailable, "closing"
	}
	e.sessions++
	s = &session{
		n: e.sessions, dev: dev, cl: cl, conn: connOf(cl), clean: c.Clean, auto: params["_ss"] == "1",
		subs: map[string]subscription{},
	}
	e.takeOver(dev)
	s.found = !s.clean && dev.kept != nil
	// Who it is decides the triple, not the client id: to the broker each session
	// is a client of its own, and one that leaves nothing behind.
	cl.ID = id.String() + "#" + strconv.FormatInt(s.n, 10)
	cl.Properties.Clean = true
	s.entry = e.record.connect(e.connectEntry(cl, pk, id, s, 0, ""))
	if f := e.hit(Displaced, Message{Device: id}); f != nil {
		e.after(f.every, func() { e.displaceBy(s) })
	}
	e.log.Info("online", "device", id.String(), "session", s.n, "remote", cl.Net.Remote)
	e.signal()
	return s, 0, ""
}

// takeOver cuts the device's older session: without a word, and as a rule before
// the new one's CONNACK.
func (e *Emulator) takeOver(dev *device) {
	old := dev.session
	if old == nil {
		return
	}
	if f := e.hit(OwnGhost, Message{Device: dev.id}); f != nil {
		old.keep()
		dev.session = nil
		e.after(f.delay, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.end(old, "displaced")
		})
		return
	}
	e.end(old, "displaced")
}

// displaceBy plays the twin: another client that takes the identity of s.
func (e *Emulator) displaceBy(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end(s, "displaced")
}

// mayConnect keeps the times of a device's connects and tells whether one more is
// within the platform's limit.
func (d *device) mayConnect(now time.Time) bool {
	recent := d.connects[:0]
	for _, at := range d.connects {
		if now.Sub(at) < time.Minute {
			recent = append(recent, at)
		}
	}
	d.connects = recent
	if len(recent) >= alink.ConnectsPerMinute {
		return false
	}
	d.connects = append(recent, now)
	return true
}

// refuse sends the CONNACK that says no. The broker then closes the connection.
func (e *Emulator) refuse(cl *mqtt.Client, pk packets.Packet, code byte, why string) {
	id, _ := alink.ParseUsername(string(pk.Connect.Username))
	e.mu.Lock()
	e.record.connect(e.connectEntry(cl, pk, id, nil, code, why))
	e.signal()
	e.mu.Unlock()
	e.log.Info("refused", "device", id.String(), "connack", int(code), "reason", why, "remote", cl.Net.Remote)
	// The broker's codes of MQTT 5 are not for us: what is below 128 goes out as it is.
	_ = e.broker.SendConnack(cl, packets.Code{Code: code}, false, nil)
}

func (e *Emulator) connectEntry(cl *mqtt.Client, pk packets.Packet, id alink.Device, s *session, code byte, why string) Connect {
	c := Connect{
		At: time.Now(), Device: id, ClientID: pk.Connect.ClientIdentifier, Code: code, Reason: why,
		KeepAlive: time.Duration(pk.Connect.Keepalive) * time.Second, CleanSession: pk.Connect.Clean,
		Remote: cl.Net.Remote, conn: connOf(cl),
	}
	if c.conn != nil {
		c.Listener, c.TLS = c.conn.listener, c.conn.secure
	}
	if s != nil {
		c.Session, c.Present = s.n, s.found
	}
	return c
}

// protocolError notes why a connection is about to end.
func (e *Emulator) protocolError(s *session, why string) {
	if s == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.reason == "" {
		s.reason = why
	}
}
