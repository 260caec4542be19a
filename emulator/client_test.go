package emulator_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// client is a raw device: paho with nothing of ours around it.
type client struct {
	t    *testing.T
	e    *emulator.Emulator
	dev  emulator.DeviceSecret
	paho paho.Client
	in   chan paho.Message
	lost chan error
}

type dial struct {
	server string
	o      alink.ConnectOptions
	keep   bool // CleanSession=false
	change func(*paho.ClientOptions)
}

// try makes one attempt; the error is paho's.
func try(t *testing.T, e *emulator.Emulator, dev emulator.DeviceSecret, d dial) (*client, error) {
	t.Helper()
	if d.o.SecureMode == 0 {
		d.o.SecureMode = alink.SecurePlain
	}
	cred, err := alink.DeviceCredentials(dev.Device, dev.Secret, d.o)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, e: e, dev: dev, in: make(chan paho.Message, 10_000), lost: make(chan error, 1)}
	o := paho.NewClientOptions().SetClientID(cred.ClientID).SetUsername(cred.Username).SetPassword(string(cred.Password)).
		SetProtocolVersion(4).SetAutoReconnect(false).SetKeepAlive(60 * time.Second).SetCleanSession(!d.keep).
		SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { c.in <- m }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { c.lost <- err })
	switch {
	case d.server != "":
		o.AddBroker(d.server)
	case e.MQTT() != "":
		o.AddBroker(e.MQTT())
	default:
		o.AddBroker("mqtt://memory:1883").SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
			return e.DialContext(context.Background(), "", "")
		})
	}
	if d.change != nil {
		d.change(o)
	}
	c.paho = paho.NewClient(o)
	tok := c.paho.Connect()
	<-tok.Done()
	if tok.Error() != nil {
		return c, tok.Error()
	}
	t.Cleanup(c.close)
	return c, nil
}

func connect(t *testing.T, e *emulator.Emulator, dev emulator.DeviceSecret, d dial) *client {
	t.Helper()
	c, err := try(t, e, dev, d)
	if err != nil {
		t.Fatalf("connecting %s: %v", dev.Device, err)
	}
	if err := e.WaitOnline(within(t), dev.Device); err != nil {
		t.Fatal(err)
	}
	return c
}

// connectAuto is a device in the manner of the C SDK: it never subscribes.
func connectAuto(t *testing.T, e *emulator.Emulator) *client {
	t.Helper()
	return connect(t, e, e.NewDevice(), dial{o: alink.ConnectOptions{AutoSubscribe: true}})
}

func (c *client) close() { c.paho.Disconnect(100) }

func (c *client) publish(topic string, qos byte, payload string) {
	c.t.Helper()
	tok := c.paho.Publish(topic, qos, false, payload)
	if !tok.WaitTimeout(patience) {
		c.t.Fatalf("publishing on %s: no end", topic)
	}
	if err := tok.Error(); err != nil {
		c.t.Fatalf("publishing on %s: %v", topic, err)
	}
}

func (c *client) topic(k alink.Kind, name string) string {
	return alink.Topic{Kind: k, Device: c.dev.Device, Name: name}.String()
}

func (c *client) post(id int, params string) {
	c.t.Helper()
	c.publish(c.topic(alink.PropertyPost, ""), 0, fmt.Sprintf(`{"id":"%d","version":"1.0","params":%s}`, id, params))
}

// next is the next message that comes in.
func (c *client) next() paho.Message {
	c.t.Helper()
	select {
	case m := <-c.in:
		return m
	case err := <-c.lost:
		c.t.Fatalf("lost instead of a message: %v", err)
	case <-time.After(patience):
		c.t.Fatal("no message")
	}
	return nil
}

func (c *client) reply() alink.Reply {
	c.t.Helper()
	m := c.next()
	r, err := alink.ParseReply(m.Payload())
	if err != nil {
		c.t.Fatalf("%s: %v: %s", m.Topic(), err, m.Payload())
	}
	return r
}

// quiet fails if something came before the answer to an NTP request, which goes
// the same way.
func (c *client) quiet() {
	c.t.Helper()
	c.publish(c.topic(alink.NTPRequest, ""), 0, `{"deviceSendTime":"7"}`)
	if m := c.next(); m.Topic() != c.topic(alink.NTPResponse, "") {
		c.t.Errorf("unexpected message on %s: %s", m.Topic(), m.Payload())
	}
}

func (c *client) waitLost() error {
	c.t.Helper()
	select {
	case err := <-c.lost:
		return err
	case <-time.After(patience):
		c.t.Fatal("not lost")
		return nil
	}
}

func (c *client) subscribe(filters map[string]byte) map[string]byte {
	c.t.Helper()
	tok := c.paho.SubscribeMultiple(filters, nil)
	if !tok.WaitTimeout(patience) || tok.Error() != nil {
		c.t.Fatalf("subscribing: %v", tok.Error())
	}
	return tok.(*paho.SubscribeToken).Result()
}
