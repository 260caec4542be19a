// Idle is the smallest device that stays: it connects, says when it is online or
// when nothing is pending any more, and waits until its input ends. The benchmark
// looks at its process from outside, so it links nothing that a device would not.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
)

func main() {
	if len(os.Args) != 7 {
		log.Fatal("usage: idle SERVER DIR PRODUCTKEY DEVICENAME SECRET online|drained")
	}
	none := aliiot.PlatformLimits()
	none.RateQoS0, none.RateQoS1 = 0, 0
	dev, err := aliiot.Open(context.Background(), aliiot.Config{
		Identity: aliiot.DeviceSecret{ProductKey: os.Args[3], DeviceName: os.Args[4], Secret: aliiot.Secret(os.Args[5])},
		Server:   os.Args[1], Dir: os.Args[2], AllowVolatile: true, Limits: &none, ClockWait: -1, DrainTimeout: -1,
		Lanes: []aliiot.Lane{{Name: actors.DefaultLane, Budget: 64 << 30, Policy: aliiot.EvictOldest}},
	})
	if err != nil {
		log.Fatal(err)
	}
	dev.Connect()
	if err := dev.WaitOnline(context.Background()); err != nil {
		log.Fatal(err)
	}
	if os.Args[6] == "drained" {
		reply := make(chan actors.Drained, 1)
		dev.Tree().Send("outbox", actors.AskDrained{Reply: reply})
		<-reply
	}
	fmt.Printf("%q\n", os.Args[6])
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends it
	if err := dev.Close(); err != nil {
		log.Fatal(err)
	}
}
