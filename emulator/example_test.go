package emulator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// An application's test starts a platform, gives its device an identity, and asks
// the platform what arrived.
func ExampleStart() {
	t := new(exampleT) // a *testing.T in a test
	defer t.end()

	cloud := emulator.Start(t)
	dev := cloud.NewDevice()

	// The application: here a bare MQTT client.
	cred, err := alink.DeviceCredentials(dev.Device, dev.Secret, alink.ConnectOptions{SecureMode: alink.SecurePlain, AutoSubscribe: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	app := paho.NewClient(paho.NewClientOptions().AddBroker(cloud.MQTT()).SetProtocolVersion(4).SetAutoReconnect(false).
		SetClientID(cred.ClientID).SetUsername(cred.Username).SetPassword(string(cred.Password)))
	app.Connect().Wait()
	defer app.Disconnect(100)
	post := alink.Topic{Kind: alink.PropertyPost, Device: dev.Device}
	app.Publish(post.String(), 0, false, alink.AppendPropertyPost(nil, 1, []byte(`{"energy":87}`), 0, alink.PostOptions{}))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	items, err := cloud.WaitAccepted(ctx, dev.Device, 1)
	if err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Printf("%s %s: %s\n", items[0].Kind, items[0].ID, items[0].Params)
	// Output: property 1: {"energy":87}
}

// From now on every third answer is lost, and one report in question is refused.
func ExampleEmulator_Inject() {
	t := new(exampleT)
	defer t.end()
	cloud := emulator.Start(t, emulator.InMemory())

	lost := cloud.Inject(emulator.LoseReplies().Rate(0.33))
	cloud.Inject(emulator.Code(6306).On(emulator.Match{Contains: `"energy":-1`}))
	// … the application runs …
	fmt.Println("replies lost:", lost.Hits())
	cloud.Heal()
	// Output: replies lost: 0
}

// exampleT stands in for the *testing.T that an example has not.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }
func (*exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (t *exampleT) end() {
	for _, f := range t.cleanups {
		f()
	}
}

var _ emulator.TB = (*testing.T)(nil)
