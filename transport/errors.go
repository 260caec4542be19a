package transport

import "errors"

// ProtocolError says that the peer speaks MQTT wrongly, or more than it may: a
// packet above [Connect].MaxPacket, a SUBACK that fits no SUBSCRIBE, a QoS that
// was never granted. The session is over; trying again is right.
type ProtocolError struct{ What string }

func (e *ProtocolError) Error() string { return "transport: the broker broke MQTT: " + e.What }

// ConfigError says that a value can never work: trying again with it is useless.
type ConfigError struct{ What string }

func (e *ConfigError) Error() string { return "transport: " + e.What }

var (
	// ErrNoPingResponse: a PINGREQ stayed without its answer for too long.
	ErrNoPingResponse = errors.New("transport: no answer to a ping")
	// ErrDisconnected: the broker sent a DISCONNECT, which MQTT 3.1.1 does not
	// foresee and some brokers do all the same.
	ErrDisconnected = errors.New("transport: the broker said goodbye")
	// ErrAborted: Abort was called without a reason.
	ErrAborted = errors.New("transport: aborted")
)

// errClosed is the reason that Close gives to the wire; nobody sees it.
var errClosed = errors.New("transport: closed")
