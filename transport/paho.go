package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// PahoOptions are the dialer's; the zero value is good.
type PahoOptions struct {
	// Logger hears what has no other way out (a panic of a sink). Default: silent.
	Logger *slog.Logger
	// DialContext opens the connection under MQTT and TLS. Default: TCP without
	// keepalive, with a send buffer of 32 KiB.
	DialContext DialFunc
	// Resolve turns the server's name into addresses. Default: the system's
	// resolver; with a DialContext alone, that gets the name.
	Resolve Resolve
	// PingTimeout is how long a PINGREQ may stay unanswered (default 10 s).
	PingTimeout time.Duration
}

// NewPaho makes a Dialer on paho.mqtt.golang. Each attempt is a new client with
// a connection, deadlines and goroutines of its own, all gone when it ends.
//
// For mqtts a missing configuration means the system's roots, TLS 1.2 or newer
// and a small first flight; of one that is given, unset fields are filled so,
// and tls.Config.Time is asked for the time, which matters on a device that
// wakes up in 1970.
func NewPaho(o PahoOptions) Dialer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.PingTimeout <= 0 {
		o.PingTimeout = 10 * time.Second
	}
	return &pahoDialer{opener: newOpener(o.DialContext, o.Resolve), log: o.Logger, pingWait: o.PingTimeout}
}

type pahoDialer struct {
	opener   *opener
	log      *slog.Logger
	pingWait time.Duration
}

func (d *pahoDialer) Dial(ctx context.Context, c Connect, sink Sink) (Session, error) {
	t, err := parseServer(c.Server)
	if err != nil {
		return nil, err
	}
	if c, err = c.withDefaults(); err != nil {
		return nil, err
	}
	o, err := d.opener.open(ctx, t, c)
	if err != nil {
		return nil, err
	}
	s := newSession(c, sink, d.log)
	s.w = newWire(o.conn, o.raw, c, d.pingWait, s)
	cl := newPahoClient(c, s)
	s.client = cl

	stop := context.AfterFunc(ctx, func() { s.w.abort(context.Cause(ctx)) })
	tok := cl.mqtt.Connect()
	<-tok.Done() // the wire ends it, at the latest when ctx does
	late := !stop()
	if tok.Error() != nil {
		s.w.cut(tok.Error())
		err := s.w.why()
		d.opener.judged(t, o.address, errors.As(err, new(*RefusedError)))
		return nil, &PhaseError{Phase: PhaseConnect, Err: err}
	}
	d.opener.judged(t, o.address, true)
	if late {
		s.mu.Lock()
		s.quiet = true
		s.mu.Unlock()
	}
	s.start()
	if late {
		<-s.ended
		return nil, &PhaseError{Phase: PhaseConnect, Err: s.w.why()}
	}
	return s, nil
}

// pahoClient is one paho client, used for one connection.
type pahoClient struct{ mqtt mqtt.Client }

// never is for paho's own timeouts: the wire has better ones. paho's would end
// things behind the session's back.
const never = 1000 * time.Hour

func newPahoClient(c Connect, s *session) *pahoClient {
	o := mqtt.NewClientOptions()
	o.AddBroker("tcp://wire.invalid:1883") // never dialled, but paho wants one
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return s.w, nil })
	o.SetProtocolVersion(4) // else a refused CONNECT is tried again as MQTT 3.1
	o.SetClientID(c.ClientID)
	o.SetUsername(c.Username)
	o.SetPassword(string(c.Password))
	o.SetKeepAlive(c.KeepAlive)
	o.SetCleanSession(c.CleanSession)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetConnectTimeout(never)
	o.SetWriteTimeout(never)
	o.SetPingTimeout(never)
	o.SetOrderMatters(true)
	o.SetStore(noStore{})
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		s.message(Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Duplicate: m.Duplicate()})
	})
	o.SetConnectionLostHandler(func(mqtt.Client, error) { close(s.libDone) })
	return &pahoClient{mqtt: mqtt.NewClient(o)}
}

func (p *pahoClient) publish(topic string, payload []byte, qos byte) error {
	tok := p.mqtt.Publish(topic, qos, false, payload)
	select {
	case <-tok.Done():
		return tok.Error()
	default:
		return nil
	}
}

func (p *pahoClient) subscribe(asked map[string]byte) subscribing {
	return pahoSubscribing{p.mqtt.SubscribeMultiple(asked, nil)}
}

type pahoSubscribing struct{ mqtt.Token }

// codes reads paho's result, which is complete once the token is done.
func (p pahoSubscribing) codes() (map[string]byte, error) {
	if err := p.Error(); err != nil {
		return nil, err
	}
	t, ok := p.Token.(*mqtt.SubscribeToken)
	if !ok {
		return nil, &ProtocolError{What: "no result of a SUBSCRIBE"}
	}
	return t.Result(), nil
}

// noStore: the journal is the only memory, and a client lives for one connection.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
