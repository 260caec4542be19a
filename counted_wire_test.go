package aliiot

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/faultproxy"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// wired is a whole device, its real transport included, at the emulator in memory,
// with a proxy between that counts what passes.
type wired struct {
	*rig
	cloud *emulator.Emulator
	proxy *faultproxy.Proxy
}

func inBubbleOnAWire(t *testing.T, change func(c *Config), f func(w *wired)) {
	t.Helper()
	inBubble(t, func(r *rig) {
		e, err := emulator.New(emulator.Options{Memory: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.AddDevice(testPK, testDN, testSecret); err != nil {
			t.Fatal(err)
		}
		proxy := faultproxy.InMemory(transporttest.ConnPair, func(ctx context.Context) (net.Conn, error) { return e.DialContext(ctx, "", "") })
		r.cfg.Audit = false
		change(&r.cfg)
		dialer := transport.NewPaho(transport.PahoOptions{DialContext: proxy.Dial})
		if r.dev, err = open(context.Background(), r.cfg, seams{fs: r.disk.FS(), clock: r.clock.Clock(), dialer: dialer}); err != nil {
			t.Fatal(err)
		}
		f(&wired{r, e, proxy})
		r.close()
		proxy.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Types of MQTT packets (MQTT 3.1.1, 2.2.1).
const (
	publishType = 3
	pubackType  = 4
	pingreqType = 12
)

// six are the scalars of a tracker's report.
var six = Properties{"Speed": 42.5, "Battery": 87, "Satellites": 11, "Course": 271.5, "Odometer": 183422.5, "Ignition": 1}

// confirm reports and waits for the platform's word.
func (w *wired) confirm(it Item) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receipt, err := w.dev.Report(ctx, it)
	if err != nil {
		w.t.Fatal(err)
	}
	if end, err := receipt.Wait(ctx); err != nil || end.Outcome != Confirmed {
		w.t.Fatal(end, err)
	}
}

// A live report is the minimal packets, byte for byte: the id, the version, the wish
// for a reply, and each value with its time (targets W5).
func TestCountedBytesOfALiveReport(t *testing.T) {
	for _, confirm := range []Confirm{ConfirmReply, ConfirmPuback} {
		t.Run(string(confirm), func(t *testing.T) {
			inBubbleOnAWire(t, func(c *Config) { c.Confirm = confirm }, func(w *wired) {
				w.dev.Connect()
				w.waitOnline()
				time.Sleep(time.Second)
				before := w.proxy.Stats()
				now := time.Now().UnixMilli()
				w.confirm(six)
				time.Sleep(time.Second) // the rest of what belongs to it
				after := w.proxy.Stats()
				var params []string
				for _, v := range []string{`"Battery":{"value":87`, `"Course":{"value":271.5`, `"Ignition":{"value":1`, `"Odometer":{"value":183422.5`, `"Satellites":{"value":11`, `"Speed":{"value":42.5`} {
					params = append(params, fmt.Sprintf(`%s,"time":%d}`, v, now))
				}
				ack, down := 1, [16]uint64{publishType: 1}
				if confirm == ConfirmPuback { // its reply would be of no use
					ack, down = 0, [16]uint64{pubackType: 1}
				}
				payload := fmt.Sprintf(`{"id":"1","version":"1.0","sys":{"ack":%d},"params":{%s}}`, ack, strings.Join(params, ","))
				packet := 1 + 2 + 2 + len("/sys/"+testPK+"/"+testDN+"/thing/event/property/post") + len(payload)
				if confirm == ConfirmPuback {
					packet += 2 // its packet id
				}
				if got := after.Up.Bytes - before.Up.Bytes; got != uint64(packet) {
					t.Errorf("%d bytes up, want %d: %s", got, packet, payload)
				}
				if got := less(after.Up.Packets, before.Up.Packets); got != [16]uint64{publishType: 1} {
					t.Errorf("packets up by type: %v, want one PUBLISH", got)
				}
				if got := less(after.Down.Packets, before.Down.Packets); got != down {
					t.Errorf("packets down by type: %v, want %v", got, down)
				}
				t.Logf("%d bytes up, %d down", after.Up.Bytes-before.Up.Bytes, after.Down.Bytes-before.Down.Bytes)
			})
		})
	}
}

func less(a, b [16]uint64) (d [16]uint64) {
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

// From the dial to the first confirmed report there are CONNECT, SUBSCRIBE and the
// post: five round trips with the handshakes of TCP and TLS 1.3, which are not in
// memory (targets W9).
func TestCountedRoundTrips(t *testing.T) {
	inBubbleOnAWire(t, func(*Config) {}, func(w *wired) {
		const trip = 200 * time.Millisecond
		half := func() time.Duration { return trip / 2 }
		if err := w.proxy.Inject(faultproxy.Latency(half, half)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		w.dev.Connect()
		w.confirm(six)
		took := time.Since(start)
		t.Logf("%v: %.2f round trips", took, float64(took)/float64(trip))
		if took > 3*trip {
			t.Errorf("%v from the dial to the first confirmed report, %.1f round trips; want 3", took, float64(took)/float64(trip))
		}
	})
}

// While reports and replies flow there is no keepalive, and one in each interval
// while nothing does (targets W10).
func TestCountedKeepalives(t *testing.T) {
	inBubbleOnAWire(t, func(*Config) {}, func(w *wired) {
		w.dev.Connect()
		w.waitOnline()
		for range 360 {
			w.confirm(six)
			time.Sleep(10 * time.Second)
		}
		if n := w.proxy.Stats().Up.Packets[pingreqType]; n != 0 {
			t.Errorf("%d pings in an hour with a report every 10 s, want none", n)
		}
		time.Sleep(time.Hour)
		if n := w.proxy.Stats().Up.Packets[pingreqType]; n > 12 || n < 11 {
			t.Errorf("%d pings in a quiet hour, want one every 5 min", n)
		}
	})
}
