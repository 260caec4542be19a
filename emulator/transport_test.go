package emulator_test

import (
	"context"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/transport"
)

// sink collects what our own transport brings.
type sink struct{ in chan transport.Message }

func (s sink) Message(m transport.Message)            { s.in <- m }
func (sink) Published(uint64, transport.Level, error) {}
func (sink) Lost(error)                               {}

// Our own transport, without a socket, in virtual time.
func TestTransportInABubble(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		cred, err := alink.DeviceCredentials(dev.Device, dev.Secret, alink.ConnectOptions{SecureMode: alink.SecurePlain})
		if err != nil {
			t.Fatal(err)
		}
		in := make(chan transport.Message, 10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s, err := transport.NewPaho(transport.PahoOptions{DialContext: e.DialContext}).Dial(ctx, transport.Connect{
			Server: "mqtt://anywhere:1883", ClientID: cred.ClientID, Username: cred.Username,
			Password: transport.Secret(cred.Password), KeepAlive: 300 * time.Second, CleanSession: true,
		}, sink{in})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var filters []transport.Filter
		for _, f := range alink.Filters(dev.Device) {
			filters = append(filters, transport.Filter{Topic: f, QoS: 0})
		}
		if err := s.Subscribe(ctx, filters); err != nil {
			t.Fatal(err)
		}
		topic := alink.Topic{Kind: alink.PropertyPost, Device: dev.Device}.String()
		for hour := range uint32(24) {
			if err := s.Publish(uint64(hour), topic, alink.AppendPropertyPost(nil, hour, []byte(`{"a":1}`), 0, alink.PostOptions{}), 0); err != nil {
				t.Fatal(err)
			}
			if r, err := alink.ParseReply((<-in).Payload); err != nil || r.ID != alink.NewID(hour) || r.Code != alink.CodeSuccess {
				t.Fatalf("hour %d: %+v, %v", hour, r, err)
			}
			time.Sleep(time.Hour)
		}
		if n := len(e.Connects(dev.Device)); n != 1 {
			t.Errorf("%d connects in a quiet day", n)
		}
	})
}
