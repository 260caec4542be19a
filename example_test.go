package aliiot_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/emulator"
)

// device is a device of an emulated platform, in a folder that is removed at the
// end.
func device() (dev *aliiot.Device, end func()) {
	cloud, err := emulator.New(emulator.Options{MQTT: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	id := cloud.NewDevice()
	dir, err := os.MkdirTemp("", "aliiot-example-")
	if err != nil {
		log.Fatal(err)
	}
	dev, err = aliiot.Open(context.Background(), aliiot.Config{
		Identity:      aliiot.DeviceSecret{ProductKey: id.Device.ProductKey, DeviceName: id.Device.DeviceName, Secret: id.Secret},
		Server:        cloud.MQTT(),
		Dir:           dir,
		AllowVolatile: true, // the temporary folder may be in memory
	})
	if err != nil {
		log.Fatal(err)
	}
	return dev, func() {
		if err := dev.Close(); err != nil {
			log.Fatal(err)
		}
		_ = cloud.Close()
		_ = os.RemoveAll(dir)
	}
}

func ExampleDevice_Report() {
	dev, end := device()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	dev.Connect() // returns at once and keeps trying
	receipt, err := dev.Report(ctx, aliiot.Properties{"energy": 87, "temperature": 21.0})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("on the disk") // whatever happens now, it is not lost

	result, err := receipt.Wait(ctx)
	fmt.Println(result.Outcome, err)
	// Output:
	// on the disk
	// confirmed <nil>
}

func ExampleDevice_Report_alarm() {
	dev, end := device()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	dev.Connect()
	receipt, err := dev.Report(ctx,
		aliiot.Event{ID: "sos_alarm", Output: map[string]any{"reason": "button"}},
		aliiot.Alarm, aliiot.TTL(24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	result, _ := receipt.Wait(ctx)
	fmt.Println(receipt.Lane(), result.Outcome)
	// Output: alarm confirmed
}

func ExampleDevice_Ledger() {
	dev, end := device()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	for range 3 { // no link yet: reports are kept
		if _, err := dev.Report(ctx, aliiot.Properties{"energy": 87}); err != nil {
			log.Fatal(err)
		}
	}
	ledger, err := dev.Ledger(ctx)
	fmt.Println(ledger.Accepted, "accepted,", ledger.Pending, "pending,", "balances:", ledger.Balances(), err)
	// Output: 3 accepted, 3 pending, balances: true <nil>
}

// counter is an actor of the application's: it reports what it is told.
type counter struct{ dev *aliiot.Device }

func (c *counter) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case int:
		report, err := actors.NewAppend(aliiot.Properties{"count": m})
		if err == nil {
			ctx.Request(c.dev.Tree().PID("outbox"), report) // answered by actors.Appended
		}
	case actors.Appended:
		fmt.Println("kept:", m.Err == nil)
	}
}

func ExampleDevice_Spawn() {
	dev, end := device()
	defer end()
	pid, err := dev.Spawn(context.Background(), "counter", func() actor.Actor { return &counter{dev} })
	if err != nil {
		log.Fatal(err)
	}
	root := dev.Tree().System().Root
	root.Send(pid, 42)
	for { // an application would do something else meanwhile
		if l, err := dev.Ledger(context.Background()); err != nil || l.Accepted == 1 {
			break
		}
	}
	_ = root.PoisonFuture(pid).Wait() // after what is queued
	// Output: kept: true
}
