package aliiot

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// BenchmarkDrain is how fast a backlog goes up, as a ratio to a bare paho client
// that sends the same posts with a window of 64 and no journal, against the same
// emulator, before and after. QoS 0, confirmed by the reply.
func BenchmarkDrain(b *testing.B) {
	const reports, window = 9600, 64
	cloud := emulator.Start(b, emulator.WithOptions(func(o *emulator.Options) { o.Forget = true }))
	id := cloud.NewDevice()
	bare := func() float64 { return bareDrain(b, cloud, id, reports, window) }
	var ratios []float64
	var rate float64
	for round := range 3 {
		before := bare()
		rate = ourDrain(b, cloud, id, filepath.Join(b.TempDir(), fmt.Sprint(round)), reports)
		ratios = append(ratios, 2*rate/(before+bare()))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "of-bare-paho")
	b.ReportMetric(rate, "reports/s")
	b.ReportMetric(0, "ns/op")
}

func ourDrain(b *testing.B, cloud *emulator.Emulator, id emulator.DeviceSecret, dir string, reports int) float64 {
	ctx := context.Background()
	none := PlatformLimits()
	none.RateQoS0, none.RateQoS1, none.ConnectsPerMinute = 0, 0, 0
	dev, err := Open(ctx, Config{
		Identity: DeviceSecret{ProductKey: id.Device.ProductKey, DeviceName: id.Device.DeviceName, Secret: id.Secret},
		Server:   cloud.MQTT(), Dir: dir, AllowVolatile: true, Limits: &none, DrainTimeout: -1,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	done := make(chan error, 64)
	for range cap(done) {
		go func() {
			var err error
			for range reports / cap(done) {
				if _, e := dev.Report(ctx, Properties{"t": strings.Repeat("x", 216)}); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	dev.Connect()
	if err := dev.WaitOnline(ctx); err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if _, err := ask(ctx, dev, "outbox", func(reply chan<- actors.Drained) any { return actors.AskDrained{Reply: reply} }); err != nil {
		b.Fatal(err)
	}
	return float64(reports) / time.Since(start).Seconds()
}

func bareDrain(b *testing.B, cloud *emulator.Emulator, id emulator.DeviceSecret, reports, window int) float64 {
	cred, err := alink.DeviceCredentials(id.Device, id.Secret, alink.ConnectOptions{SecureMode: alink.SecurePlain})
	if err != nil {
		b.Fatal(err)
	}
	replies := make(chan struct{}, window)
	o := mqtt.NewClientOptions().AddBroker(strings.Replace(cloud.MQTT(), "mqtt://", "tcp://", 1)).SetProtocolVersion(4).
		SetClientID(cred.ClientID).SetUsername(cred.Username).SetPassword(string(cred.Password)).SetAutoReconnect(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if _, err := alink.ParseReply(m.Payload()); err == nil {
				replies <- struct{}{}
			}
		})
	c := mqtt.NewClient(o)
	wait := func(t mqtt.Token) {
		if t.Wait(); t.Error() != nil {
			b.Fatal(t.Error())
		}
	}
	wait(c.Connect())
	defer c.Disconnect(0)
	topic := alink.Topic{Kind: alink.PropertyPost, Device: id.Device}
	reply, _ := topic.Reply()
	wait(c.Subscribe(reply.String(), 0, nil))
	params := []byte(`{"t":"` + strings.Repeat("x", 216) + `"}`)
	start := time.Now()
	for n := range reports {
		if n >= window {
			<-replies
		}
		c.Publish(topic.String(), 0, false, alink.AppendPropertyPost(nil, uint32(n+1), params, time.Now().UnixMilli(), alink.PostOptions{Ack: true}))
	}
	for range window {
		<-replies
	}
	return float64(reports) / time.Since(start).Seconds()
}
