package emulator_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// Many devices at once, while somebody takes sessions over, kicks and asks.
func TestManyAtOnce(t *testing.T) {
	e := emulator.Start(t)
	const devices, posts = 20, 50
	var steady, unsteady sync.WaitGroup
	for range devices {
		c := connectAuto(t, e)
		steady.Go(func() {
			for i := range posts {
				c.paho.Publish(c.topic(alink.PropertyPost, ""), byte(i%2), false, alink.AppendPropertyPost(nil, uint32(i), []byte(`{"a":1}`), 0, alink.PostOptions{}))
			}
			for i := range posts {
				if r := awaitReply(c); r.ID != alink.NewID(uint32(i)) {
					t.Errorf("%s: reply %d is %v", c.dev, i, r.ID)
					return
				}
			}
		})
	}
	victim := e.NewDevice()
	for range 4 {
		unsteady.Go(func() {
			for range 15 {
				if c, err := try(t, e, victim, dial{keep: true}); err == nil {
					c.paho.Publish(c.topic(alink.PropertyPost, ""), 1, false, `{"id":"1","params":{}}`)
				}
				if err := e.Kick(victim.Device); err != nil {
					t.Error(err)
				}
				_ = e.Sessions()
			}
		})
	}
	steady.Wait()
	unsteady.Wait()
	if n := len(e.Accepted(alink.Device{})); n < devices*posts {
		t.Errorf("%d items, want %d at least", n, devices*posts)
	}
	c := connect(t, e, victim, dial{}) // all that leaves it whole
	c.publish(c.topic(alink.Custom, "x"), 1, "1")
}

// awaitReply is next for goroutines, which may not end a test.
func awaitReply(c *client) alink.Reply {
	select {
	case m := <-c.in:
		r, _ := alink.ParseReply(m.Payload())
		return r
	case <-time.After(patience):
		return alink.Reply{}
	}
}

// A day in a bubble costs what happens in it, not what the broker's clocks tick.
func TestADay(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		start := time.Now()
		for time.Since(start) < 24*time.Hour {
			c.post(1, `{"a":1}`)
			c.reply()
			time.Sleep(10 * time.Minute)
		}
		if n := len(e.Accepted(c.dev.Device)); n != 144 {
			t.Errorf("%d reports in a day", n)
		}
		if len(e.Connects(c.dev.Device)) != 1 {
			t.Error("the session did not last")
		}
	})
}

func TestStartReportsFailure(t *testing.T) {
	e := emulator.Start(t)
	f := &failing{}
	if got := emulator.Start(f, emulator.WithOptions(func(o *emulator.Options) { o.MQTT = e.MQTT()[len("mqtt://"):] })); got != nil || !f.failed {
		t.Error("a listener that cannot listen was not told")
	}
	if _, err := emulator.New(emulator.Options{MQTTS: "127.0.0.1:99999"}); err == nil {
		t.Error("port 99999 was opened")
	}
	f.failed = false
	if emulator.Start(f, emulator.WithDevice("bad key", "d", "s")); !f.failed {
		t.Error("a device with a bad key was added")
	}
	var bad *alink.NameError
	if err := e.AddDevice("", "d", "s"); !errors.As(err, &bad) {
		t.Errorf("%v", err)
	}
}

type failing struct{ failed bool }

func (*failing) Helper()                 {}
func (*failing) Cleanup(func())          {}
func (f *failing) Fatalf(string, ...any) { f.failed = true }
