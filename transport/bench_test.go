package transport_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// BenchmarkPublish is the cost of a message from Publish to its fate, over a
// connection in memory: with QoS 1 its PUBACK, with a window of 64.
func BenchmarkPublish(b *testing.B) {
	for qos := range byte(2) {
		b.Run(fmt.Sprint("qos=", qos), func(b *testing.B) {
			s := transporttest.NewServer(b)
			d := transport.NewPaho(transport.PahoOptions{DialContext: s.DialContext})
			sink := window{free: make(chan struct{}, 64)}
			session, err := d.Dial(context.Background(), plain(), sink)
			if err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, 250)
			b.ReportAllocs()
			for b.Loop() {
				sink.free <- struct{}{}
				if err := session.Publish(1, "/sys/pk/dn/thing/event/property/post", payload, qos); err != nil {
					b.Fatal(err)
				}
			}
			for range cap(sink.free) { // until all is answered
				sink.free <- struct{}{}
			}
			session.Close()
		})
	}
}

// window lets so many publishes be under way.
type window struct{ free chan struct{} }

func (w window) Message(transport.Message)                {}
func (w window) Published(uint64, transport.Level, error) { <-w.free }
func (w window) Lost(error)                               {}
