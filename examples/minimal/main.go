// Minimal opens a device, reports one value, and waits for the platform's yes.
// Run `go run ./cmd/aliiot emulator` beside it, or set the three variables to a
// device of your own and ALIIOT_SERVER to your region's host.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aliiot/aliiot"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dev, err := aliiot.Open(ctx, aliiot.Config{
		Identity: aliiot.DeviceSecret{
			ProductKey: os.Getenv("ALIIOT_PRODUCT_KEY"),
			DeviceName: os.Getenv("ALIIOT_DEVICE_NAME"),
			Secret:     aliiot.Secret(os.Getenv("ALIIOT_DEVICE_SECRET")),
		},
		Server:        os.Getenv("ALIIOT_SERVER"),
		Dir:           "minimal-device",
		AllowVolatile: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for n := range dev.Notices() {
			fmt.Println(n.Text)
		}
	}()
	dev.Connect()
	r, err := dev.Report(ctx, aliiot.Properties{"energy": 87})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("report", r.Seq(), "is on the disk")
	end, err := r.Wait(ctx)
	if err != nil {
		log.Fatalf("%v (the link: %v)", err, dev.Status().Link.Err)
	}
	fmt.Println("the platform says:", end.Outcome)
	if err := dev.Close(); err != nil {
		log.Fatal(err)
	}
}
