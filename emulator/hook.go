package emulator

import (
	"bytes"
	"errors"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

var errRefused = errors.New("emulator: connection refused")

// hook is where the broker asks. It consumes every publish: the broker routes
// nothing, keeps no session and takes none over, since its ways of doing so are
// not the platform's.
type hook struct {
	mqtt.HookBase
	e *Emulator
}

func (*hook) ID() string { return "alink" }

func (*hook) Provides(b byte) bool {
	return bytes.IndexByte([]byte{
		mqtt.OnPacketRead, mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnPacketEncode, mqtt.OnSessionEstablished,
		mqtt.OnDisconnect, mqtt.OnACLCheck, mqtt.OnSubscribed, mqtt.OnUnsubscribed, mqtt.OnPublish, mqtt.OnPublished,
	}, b) >= 0
}

// connOf is nil for the broker's own clients.
func connOf(cl *mqtt.Client) *conn {
	c, _ := cl.Net.Conn.(*conn)
	return c
}

func sessionOf(cl *mqtt.Client) *session {
	if c := connOf(cl); c != nil {
		return c.session
	}
	return nil
}

// OnPacketRead sees what the broker would judge in another way than the platform.
// Only ErrRejectPacket ends a connection here.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	switch pk.FixedHeader.Type {
	case packets.Connect:
		if pk.ProtocolVersion != 3 && pk.ProtocolVersion != 4 {
			h.e.refuse(cl, pk, connackProtocol, "protocol level")
			return pk, packets.ErrRejectPacket
		}
		pk.Connect.WillFlag, pk.Connect.WillRetain, pk.Connect.WillQos = false, false, 0 // the platform has no will
		pk.Connect.PasswordFlag = len(pk.Connect.Password) > 0
		pk.Connect.UsernameFlag = len(pk.Connect.Username) > 0
		pk.Connect.Clean = pk.Connect.Clean || pk.Connect.ClientIdentifier == "" // refused later, with the platform's code
	case packets.Publish:
		if pk.FixedHeader.Qos > 1 {
			h.e.protocolError(sessionOf(cl), "PUBLISH with QoS 2")
			return pk, packets.ErrRejectPacket
		}
	case packets.Puback:
		if s := sessionOf(cl); s != nil {
			h.e.acked(s, pk.PacketID)
		}
	}
	return pk, nil
}

func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	s, code, why := h.e.admit(cl, pk)
	if code != 0 {
		h.e.refuse(cl, pk, code, why)
		return errRefused
	}
	connOf(cl).session = s
	return nil
}

func (*hook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

func (*hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	if pk.FixedHeader.Type == packets.Connack && pk.ReasonCode == 0 {
		s := sessionOf(cl)
		pk.SessionPresent = s != nil && s.found
	}
	return pk
}

func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	h.e.established(sessionOf(cl))
}

func (h *hook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	if s := sessionOf(cl); s != nil {
		h.e.ended(s, err)
	}
}

// OnACLCheck says yes, since a no would cut the connection: rights are checked
// where a topic is subscribed or published.
func (*hook) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnSubscribed may change the codes: they have not been sent yet.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	if s := sessionOf(cl); s != nil {
		h.e.subscribe(s, pk.Filters, codes)
	}
}

func (h *hook) OnUnsubscribed(cl *mqtt.Client, pk packets.Packet) {
	if s := sessionOf(cl); s != nil {
		h.e.unsubscribe(s, pk.Filters)
	}
}

// OnPublish comes before the PUBACK, OnPublished after it.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	s := sessionOf(cl)
	if s == nil {
		return pk, packets.ErrRejectPacket
	}
	s.replies = nil
	if !h.e.published(s, pk) {
		return pk, packets.ErrRejectPacket
	}
	return pk, packets.CodeSuccessIgnore
}

func (h *hook) OnPublished(cl *mqtt.Client, _ packets.Packet) {
	s := sessionOf(cl)
	if s == nil {
		return
	}
	for _, reply := range s.replies {
		reply()
	}
	s.replies = nil
}
