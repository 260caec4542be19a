// Package transport moves topics and bytes between a device and an MQTT broker.
// It knows nothing of the platform's words. One implementation stands on paho
// ([NewPaho]); package transporttest has one in memory and the suite that both
// pass.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Dialer makes sessions.
type Dialer interface {
	// Dial makes one attempt, from name resolution to CONNACK, within ctx's
	// deadline, and leaves nothing behind when it fails or ctx ends. What comes
	// in goes to sink, possibly before Dial returns.
	//
	// Errors: *RefusedError for a CONNACK other than 0, *NotServerError when what
	// answers is not an MQTT broker (a captive portal), *tls.CertificateVerificationError
	// and x509 errors for a bad certificate, else a link error. PhaseOf tells how
	// far the attempt came.
	Dial(ctx context.Context, c Connect, sink Sink) (Session, error)
}

// Connect is what one attempt needs.
type Connect struct {
	// Server is scheme://host:port with scheme mqtt (plain) or mqtts (TLS).
	Server   string
	ClientID string
	Username string
	Password Secret
	// KeepAlive is the MQTT keepalive, in whole seconds. CleanSession as in MQTT.
	KeepAlive    time.Duration
	CleanSession bool
	// TLS is used for mqtts; nil means the system's roots.
	TLS *tls.Config
	// WriteTimeout bounds every single write to the socket (default 10 s); a large
	// packet is several, so it may take longer as long as it moves.
	WriteTimeout time.Duration
	// MaxPacket is the largest packet that may come in (default 512 KiB).
	MaxPacket int
	// Queue is how many publishes may wait for the writer (default 256).
	Queue int
}

// Secret is text that no formatting verb prints.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret.
func (Secret) GoString() string { return "[secret]" }

// Format hides the secret from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// MarshalText hides the secret from encoders and from log/slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Sink takes what a session has to say. Its methods are called from the
// session's goroutines, one at a time for Message, and must neither block nor
// panic: they hand on and return. Nothing is called after Lost.
type Sink interface {
	// Message is one PUBLISH that came in. The payload belongs to the sink.
	Message(m Message)
	// Published is the fate of one Publish: Written when the packet has left
	// (QoS 0), Acked when its PUBACK came (QoS 1), or an error: then the level is
	// Written when the packet left and only its PUBACK is missing, and 0 when it
	// did not leave whole. It comes once for each Publish that returned nil, before Lost.
	Published(token uint64, level Level, err error)
	// Lost is called once, when the session has ended for any reason but Close.
	Lost(err error)
}

// Message is one inbound PUBLISH.
type Message struct {
	Topic     string
	Payload   []byte
	QoS       byte
	Duplicate bool
}

// Level is how far a publish came.
type Level uint8

const (
	// Written: the bytes went to the socket. That is all it says.
	Written Level = iota + 1
	// Acked: the broker's PUBACK came.
	Acked
)

// Session is one connection. It is made by Dial and ends once: by Close, by the
// peer, or by an error. All methods are safe for concurrent use.
type Session interface {
	// Subscribe sends one SUBSCRIBE for all filters and waits for the SUBACK.
	// A filter that the broker refuses gives a *SubscribeError that names it.
	// When ctx ends first, the broker may still have subscribed us.
	Subscribe(ctx context.Context, filters []Filter) error
	// Publish hands a message to the session's writer and returns at once;
	// the fate comes to Sink.Published with the token. ErrQueueFull and ErrEnded
	// come back directly, and then Published is not called. The payload must not
	// change until then. QoS is 0 or 1.
	Publish(token uint64, topic string, payload []byte, qos byte) error
	// Ended is closed when the session is over and the sink has heard its last;
	// Err then says why (nil after Close).
	Ended() <-chan struct{}
	Err() error
	// Close lets what is queued leave, sends DISCONNECT and waits for the end, all
	// within half a second; it cuts what has not ended by then. A sink must not call it.
	Close()
	// Abort cuts the connection at once, without a word, as a watchdog must.
	Abort(reason error)
	// Stats are the session's counters.
	Stats() Stats
}

// Filter is one topic filter of a SUBSCRIBE.
type Filter struct {
	Topic string
	QoS   byte
}

// Stats count what a session moved, in bytes on the connection below TLS's own
// overhead (plain MQTT bytes), and when it last heard the peer.
type Stats struct {
	BytesIn, BytesOut   uint64
	PacketsIn           uint64
	SinceHeard          time.Duration
	SessionPresent      bool
	PublishesWritten    uint64
	PublishesBacklogged int
}

// RefusedError is a CONNACK with a code other than 0 (MQTT 3.1.1, 3.2.2.3).
type RefusedError struct{ Code byte }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("transport: the broker refused the connection: %s (CONNACK %d)", connackText(e.Code), e.Code)
}

func connackText(code byte) string {
	switch code {
	case 1:
		return "unacceptable protocol version"
	case 2:
		return "identifier rejected"
	case 3:
		return "server unavailable"
	case 4:
		return "bad user name or password"
	case 5:
		return "not authorised"
	}
	return "unknown reason"
}

// NotServerError says that what answered does not speak MQTT: a captive portal,
// a proxy, a wrong port. It is a fact about the link, never about the credentials.
type NotServerError struct{ Got []byte }

func (e *NotServerError) Error() string {
	return fmt.Sprintf("transport: not an MQTT broker (it began with %q)", e.Got)
}

// SubscribeError names the filters that the broker refused (SUBACK 0x80).
type SubscribeError struct{ Topics []string }

func (e *SubscribeError) Error() string {
	return fmt.Sprintf("transport: the broker refused to subscribe %q", e.Topics)
}

// Errors that come back from a session.
var (
	// ErrQueueFull: the writer is behind. Try again when something was Published.
	ErrQueueFull = errors.New("transport: the session's queue is full")
	// ErrEnded: the session is over.
	ErrEnded = errors.New("transport: the session has ended")
)

// Phase is how far an attempt came.
type Phase string

const (
	PhaseResolve Phase = "resolve"
	PhaseDial    Phase = "dial"
	PhaseTLS     Phase = "tls"
	PhaseConnect Phase = "connect"
)

// PhaseError says in which phase an attempt failed. It wraps the cause.
type PhaseError struct {
	Phase Phase
	Err   error
}

// Error names package and phase once: the cause may begin with either, as in
// "dial tcp 192.0.2.1:1883: connect: connection refused".
func (e *PhaseError) Error() string {
	cause := strings.TrimPrefix(e.Err.Error(), "transport: ")
	return fmt.Sprintf("transport: %s: %s", e.Phase, strings.TrimPrefix(cause, string(e.Phase)+" "))
}

func (e *PhaseError) Unwrap() error { return e.Err }

// PhaseOf is the phase that an error of Dial names, or "".
func PhaseOf(err error) Phase {
	var p *PhaseError
	if errors.As(err, &p) {
		return p.Phase
	}
	return ""
}
