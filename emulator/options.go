package emulator

import (
	"io"
	"log/slog"
	"net"
	"time"
)

// Options are the choices of an emulator. The zero value listens nowhere: see
// [Start] for one that does.
type Options struct {
	// MQTT is the address of the plain listener, such as "127.0.0.1:0" for any
	// free port; "" for none.
	MQTT string
	// MQTTS is the address of the TLS listener; "" for none. Its certificate comes
	// from a CA that is made at start: [Emulator.CA].
	MQTTS string
	// Memory makes [Emulator.DialContext] work.
	Memory bool
	// Listener is one of the caller's own, closed by [Emulator.Close].
	Listener net.Listener

	// Seed makes whatever is drawn by lot repeatable. 0 is a seed like any other.
	Seed uint64
	// ConnectTimeout is how long a connection may take to send its CONNECT
	// (default 10 s).
	ConnectTimeout time.Duration
	// LimitConnects refuses a device's sixth CONNECT within a minute, as the
	// platform does, with CONNACK 3. Off by default, for tests reconnect often.
	LimitConnects bool
	// LimitPosts drops what is above 30 messages a second with QoS 0 and 10 with
	// QoS 1 of a device, silently: a PUBACK is given all the same.
	LimitPosts bool

	// Journal gets a line of JSON for each item that was accepted or refused, at
	// once and before its reply: see [Line].
	Journal io.Writer
	// Forget switches the record in memory off.
	Forget bool
	// RecordLimit is how many entries each list of the record holds (default
	// 200,000); what does not fit is counted in [Stats.Unrecorded].
	RecordLimit int
	// Logger hears of connections and refusals (default: nobody). Secrets and
	// payloads are never logged.
	Logger *slog.Logger

	devices []DeviceSecret
}

// Option changes the options of [Start].
type Option func(*Options)

// WithDevice registers a device.
func WithDevice(productKey, deviceName, secret string) Option {
	return func(o *Options) { o.devices = append(o.devices, deviceSecret(productKey, deviceName, secret)) }
}

// WithTLS adds a TLS listener on a free port of loopback.
func WithTLS() Option { return func(o *Options) { o.MQTTS = "127.0.0.1:0" } }

// InMemory listens in memory only, so that no socket is needed: the way into a
// testing/synctest bubble.
func InMemory() Option {
	return func(o *Options) { o.MQTT, o.MQTTS, o.Memory = "", "", true }
}

// WithOptions changes any option.
func WithOptions(f func(*Options)) Option { return f }

// TB is what [Start] needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start starts an emulator on a free port of loopback and closes it at the end of
// the test.
func Start(t TB, options ...Option) *Emulator {
	t.Helper()
	o := Options{MQTT: "127.0.0.1:0"}
	for _, f := range options {
		f(&o)
	}
	e, err := New(o)
	if err != nil {
		t.Fatalf("starting the emulator: %v", err)
		return nil
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}
