package emulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

func TestRepliesThatAreLost(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		f := e.Inject(emulator.LoseReplies().Rate(0.5))
		for i := range 100 {
			c.post(i, `{}`)
		}
		if _, err := e.WaitAccepted(t.Context(), c.dev.Device, 100); err != nil {
			t.Fatal(err)
		}
		f.Stop()
		c.post(1000, `{}`)
		n := 0
		for c.reply().ID != alink.NewID(1000) {
			n++
		}
		if f.Hits() == 0 || f.Hits() == 100 || n != 100-f.Hits() {
			t.Errorf("%d of 100 replies came, the fault struck %d times", n, f.Hits())
		}
	})
}

// Which replies are lost depends on the seed alone.
func TestSeedRepeats(t *testing.T) {
	run := func(seed uint64) (lost string) {
		bubble(t, func(t *testing.T, e *emulator.Emulator) {
			c := connectAuto(t, e)
			e.Inject(emulator.LoseReplies().Rate(0.5))
			for i := range 40 {
				c.post(i, `{}`)
			}
			if _, err := e.WaitAccepted(t.Context(), c.dev.Device, 40); err != nil {
				t.Fatal(err)
			}
			c.publish(c.topic(alink.NTPRequest, ""), 0, `{"deviceSendTime":"1"}`)
			for c.next().Topic() != c.topic(alink.NTPResponse, "") {
			}
			for _, r := range e.Replies(c.dev.Device) {
				if r.Reason == emulator.ReplyLost {
					lost += r.ID.String() + " "
				}
			}
		}, emulator.WithOptions(func(o *emulator.Options) { o.Seed = seed }))
		return lost
	}
	if a, b := run(1), run(1); a != b || a == "" {
		t.Errorf("one seed, two runs:\n%s\n%s", a, b)
	}
	if a, b := run(1), run(2); a == b {
		t.Errorf("two seeds, one run: %s", a)
	}
}

func TestRepliesThatAreLate(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		e.Inject(emulator.LateReplies(15 * time.Second).Times(1))
		start := time.Now()
		c.post(1, `{}`)
		if c.reply(); time.Since(start) != 15*time.Second {
			t.Errorf("it came after %v", time.Since(start))
		}
		// The delay goes on over a new session.
		e.Inject(emulator.LateReplies(15 * time.Second).Times(1))
		c.post(2, `{}`)
		c.close()
		again := connect(t, e, c.dev, dial{o: alink.ConnectOptions{AutoSubscribe: true}})
		if r := again.reply(); r.ID != alink.NewID(2) {
			t.Errorf("%+v", r)
		}
		e.Inject(emulator.RepliesAfterReconnect())
		again.post(3, `{}`)
		again.quiet()
		e.Heal()
		third := connect(t, e, c.dev, dial{o: alink.ConnectOptions{AutoSubscribe: true}})
		if r := third.reply(); r.ID != alink.NewID(3) {
			t.Errorf("%+v", r)
		}
		third.post(4, `{}`)
		if r := third.reply(); r.ID != alink.NewID(4) {
			t.Errorf("not healed: %+v", r)
		}
	})
}

func TestRepliesThatComeTwice(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	e.Inject(emulator.RepeatReplies(3))
	c.post(1, `{}`)
	for range 3 {
		if r := c.reply(); r.ID != alink.NewID(1) {
			t.Errorf("%+v", r)
		}
	}
	c.quiet()
}

func TestRepliesOfAnotherId(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	f := e.Inject(emulator.StrangeReplies(alink.NewID(41)))
	c.post(1, `{}`)
	if a, b := c.reply(), c.reply(); a.ID != alink.NewID(1) || b.ID != alink.NewID(41) || b.Code != alink.CodeSuccess {
		t.Errorf("%+v %+v", a, b)
	}
	f.Stop()
	e.Inject(emulator.StrangeReplies(alink.ID{}))
	c.post(2, `{}`)
	c.reply()
	if n, ok := c.reply().ID.Uint32(); !ok || n < 2_000_000_000 || n >= 1<<31 {
		t.Errorf("the drawn id is %d", n)
	}
}

func TestRepliesOfAnotherShape(t *testing.T) {
	for shape, want := range map[emulator.Shape]string{
		emulator.NumericID:    `{"id":5,"code":200,"message":"success","method":"thing.event.property.post","version":"1.0","data":{}}`,
		emulator.TextCode:     `{"id":"5","code":"200","message":"success","method":"thing.event.property.post","version":"1.0","data":{}}`,
		emulator.NoData:       `{"id":"5","code":200,"message":"success","method":"thing.event.property.post","version":"1.0"}`,
		emulator.NotJSON:      `{"id":"5","code":200,"message":"success","method":"t`,
		emulator.BeforePuback: `{"id":"5","code":200,"message":"success","method":"thing.event.property.post","version":"1.0","data":{}}`,
	} {
		e := emulator.Start(t, emulator.InMemory())
		c := connectAuto(t, e)
		e.Inject(emulator.WrongShape(shape))
		c.post(5, `{}`)
		m := c.next()
		if got := string(m.Payload()); got != want || json.Valid(m.Payload()) != (shape != emulator.NotJSON) {
			t.Errorf("%s: %s\nwant %s", shape, got, want)
		}
	}
}

func TestReplyAndItsPuback(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		topic := alink.Topic{Kind: alink.PropertyPost, Device: dev.Device}.String()
		for _, early := range []bool{false, true} {
			c := rawConnect(t, e, dev, 60)
			want := "40 32" // PUBACK, then PUBLISH with QoS 1
			if early {
				want = "32 40"
				e.Inject(emulator.WrongShape(emulator.BeforePuback))
			}
			if err := rawPublish(c, topic, 1, `{"id":"5","params":{}}`); err != nil {
				t.Fatal(err)
			}
			var got []string
			for range 2 {
				got = append(got, fmt.Sprintf("%x", rawPacket(t, c)))
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("packets %s, want %s", s, want)
			}
		}
	})
}

func TestCodes(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		e.Inject(emulator.Throttle().For(time.Minute))
		e.Inject(emulator.Code(6306).On(emulator.Match{Contains: `"k7"`}))
		codes := func(key string, want alink.Code) {
			t.Helper()
			c.post(1, `{"key":"`+key+`"}`)
			if r := c.reply(); r.Code != want || r.ID != alink.NewID(1) {
				t.Errorf("%s at %v: %+v, want %d", key, time.Now(), r, want)
			}
		}
		codes("k1", 429)
		time.Sleep(59 * time.Second)
		codes("k7", 429)
		time.Sleep(time.Second)
		codes("k1", 200)
		codes("k7", 6306)
		codes("k7", 6306)
		if got := e.Accepted(c.dev.Device); len(got) != 1 {
			t.Errorf("accepted: %+v", briefs(got))
		}
		if got := e.Refused(c.dev.Device); len(got) != 4 || got[0].Code != 429 || got[3].Code != 6306 || string(got[3].Params) != `{"key":"k7"}` {
			t.Errorf("refused: %+v", briefs(got))
		}
	})
}

func TestMatches(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	a, b := connectAuto(t, e), connectAuto(t, e)
	e.Inject(emulator.Code(460).On(emulator.Match{Device: a.dev.Device, Topic: "/sys/+/+/thing/event/property/post", Lane: "slow",
		Where: func(m emulator.Message) bool { return m.Number > 1 }}))
	for _, x := range []struct {
		c      *client
		params string
		want   alink.Code
	}{
		{a, `{"lane":"slow","n":2}`, 460},
		{a, `{"lane":"slow","n":1}`, 200},
		{a, `{"lane":"fast","n":2}`, 200},
		{b, `{"lane":"slow","n":2}`, 200},
	} {
		x.c.post(1, x.params)
		if r := x.c.reply(); r.Code != x.want {
			t.Errorf("%s: %d, want %d", x.params, r.Code, x.want)
		}
	}
	a.publish(a.topic(alink.EventPost, "e"), 0, `{"id":"1","params":{"value":{"lane":"slow","n":2}}}`)
	if r := a.reply(); r.Code != 200 {
		t.Errorf("an event: %d", r.Code)
	}
}

func TestPubackOnly(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	f := e.Inject(emulator.DropPublishes().On(emulator.Match{Topic: c.topic(alink.Custom, "x")}))
	c.publish(c.topic(alink.Custom, "x"), 1, "1") // the token ends: there was a PUBACK
	c.publish(c.topic(alink.Custom, "y"), 1, "1")
	c.quiet()
	if got := briefs(e.Accepted(c.dev.Device)); len(got) != 1 || got[0].Name != "y" {
		t.Errorf("accepted: %+v", got)
	}
	if got := e.Drops(c.dev.Device); len(got) != 1 || got[0].Reason != emulator.PubackOnly || f.Hits() != 1 {
		t.Errorf("drops: %+v", got)
	}
}

func TestQuotaDropsSilently(t *testing.T) {
	for qos, want := range []int{30, 10} {
		bubble(t, func(t *testing.T, e *emulator.Emulator) {
			c := connectAuto(t, e)
			for range 50 { // all at one instant; with QoS 1 each gets its PUBACK
				c.publish(c.topic(alink.Custom, "x"), byte(qos), "1")
			}
			if err := e.WaitFor(t.Context(), func() bool { return e.Stats().Publishes == 50 }); err != nil {
				t.Fatal(err)
			}
			if n := len(e.Accepted(c.dev.Device)); n != want || len(e.Drops(c.dev.Device)) != 50-want {
				t.Errorf("QoS %d: %d of 50 accepted, want %d", qos, n, want)
			}
			time.Sleep(time.Second)
			for range 50 {
				c.publish(c.topic(alink.Custom, "x"), byte(qos), "1")
				time.Sleep(time.Second / time.Duration(want))
			}
			if n := len(e.Accepted(c.dev.Device)); n != want+50 {
				t.Errorf("QoS %d: %d of 50 at the permitted rate were accepted", qos, n-want)
			}
		}, emulator.WithOptions(func(o *emulator.Options) { o.LimitPosts = true }))
	}
}

func TestRestart(t *testing.T) {
	for name, options := range map[string][]emulator.Option{"memory": {emulator.InMemory()}, "tcp": nil} {
		t.Run(name, func(t *testing.T) {
			e := emulator.Start(t, options...)
			c := connect(t, e, e.NewDevice(), dial{keep: true})
			c.subscribe(map[string]byte{c.topic(alink.PropertyPostReply, ""): 1})
			c.post(1, `{}`)
			c.reply()
			e.Restart(time.Hour)
			_ = c.waitLost()
			if _, err := try(t, e, c.dev, dial{}); err == nil {
				t.Fatal("somebody was let in")
			}
			if name == "memory" {
				if _, err := e.DialContext(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("dialling: %v", err)
				}
			}
			e.Heal()
			again := connect(t, e, c.dev, dial{keep: true})
			again.post(2, `{}`) // the subscription is forgotten
			again.subscribe(map[string]byte{c.topic(alink.NTPResponse, ""): 1})
			again.quiet()
			if all := e.Connects(c.dev.Device); all[0].EndReason != "restart" || all[len(all)-1].Present {
				t.Errorf("recorded: %+v", all)
			}
			if n := len(e.Accepted(c.dev.Device)); n != 2 {
				t.Errorf("%d items: what is stored stays", n)
			}
		})
	}
}

func TestTwin(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		f := e.Inject(emulator.Twin(2 * time.Second))
		for range 3 {
			c := connect(t, e, dev, dial{})
			start := time.Now()
			_ = c.waitLost()
			if d := time.Since(start); d != 2*time.Second {
				t.Errorf("cut after %v", d)
			}
		}
		f.Stop()
		c := connect(t, e, dev, dial{})
		time.Sleep(time.Minute)
		c.publish(c.topic(alink.Custom, "x"), 1, "alive")
		all := e.Connects(dev.Device)
		if len(all) != 4 || all[2].EndReason != "displaced" || all[2].Since() != 2*time.Second || all[3].Since() != time.Minute {
			t.Errorf("recorded: %+v", all)
		}
	})
}

func TestGhost(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		old := connect(t, e, dev, dial{})
		e.Inject(emulator.Ghost(3 * time.Second))
		start := time.Now()
		young, err := try(t, e, dev, dial{o: alink.ConnectOptions{AutoSubscribe: true}})
		if err != nil {
			t.Fatal(err)
		}
		_ = old.waitLost()
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the ghost left after %v", d)
		}
		young.post(1, `{}`)
		young.reply()
		if !e.Online(dev.Device) {
			t.Error("the ghost took the new session along")
		}
	})
}

func TestConnackRefusedForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		for code := byte(1); code <= 5; code++ {
			e.Inject(emulator.Refuse(code).For(time.Minute))
			if _, err := try(t, e, dev, dial{}); refusedWith(t, err) != code {
				t.Errorf("want CONNACK %d: %v", code, err)
			}
			time.Sleep(time.Minute)
			if c, err := try(t, e, dev, dial{}); err != nil {
				t.Errorf("after a minute: %v", err)
			} else {
				c.close()
			}
		}
	})
}

func TestBadSubacks(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connect(t, e, e.NewDevice(), dial{})
		posts, events := c.topic(alink.PropertyPostReply, ""), c.topic(alink.EventPostReply, "+")
		f := e.Inject(emulator.BadSubscribe().On(emulator.Match{Topic: posts}))
		got := c.subscribe(map[string]byte{posts: 1, events: 1})
		if got[posts] != 0x80 || got[events] != 1 {
			t.Errorf("SUBACK: %v", got)
		}
		f.Stop()
		e.Inject(emulator.LateSubscribe(10 * time.Second))
		ntp := c.topic(alink.NTPResponse, "")
		if got := c.subscribe(map[string]byte{ntp: 0}); got[ntp] != 0 {
			t.Errorf("SUBACK: %v", got)
		}
		ask := func(n int) {
			c.publish(c.topic(alink.NTPRequest, ""), 0, fmt.Sprintf(`{"deviceSendTime":"%d"}`, n))
		}
		ask(1) // not heeded yet
		time.Sleep(10 * time.Second)
		ask(2)
		if m := c.next(); !strings.Contains(string(m.Payload()), `"2"`) {
			t.Errorf("%s", m.Payload())
		}
		if s := e.Subscribes(c.dev.Device); len(s) != 3 || s[2].Code != 0 {
			t.Errorf("recorded: %+v", s)
		}
	})
}

func TestKick(t *testing.T) {
	e := emulator.Start(t)
	c := connectAuto(t, e)
	if err := e.Kick(c.dev.Device); err != nil {
		t.Fatal(err)
	}
	_ = c.waitLost()
	if err := e.WaitOffline(within(t), c.dev.Device); err != nil {
		t.Fatal(err)
	}
	if err := e.Kick(c.dev.Device); err != nil { // nobody is there
		t.Error(err)
	}
}

func TestPoison(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	e.Inject(emulator.Poison().On(emulator.Match{Contains: "k6"}))
	c.post(1, `{"key":"k5"}`)
	c.reply()
	c.paho.Publish(c.topic(alink.PropertyPost, ""), 1, false, `{"id":"2","params":{"key":"k6"}}`)
	_ = c.waitLost()
	if n := len(e.Accepted(c.dev.Device)); n != 1 {
		t.Errorf("%d items", n)
	}
	if err := e.WaitFor(within(t), func() bool { return e.Connects(c.dev.Device)[0].EndReason == emulator.PoisonReport }); err != nil {
		t.Errorf("recorded: %+v", e.Connects(c.dev.Device))
	}
}

func rawPublish(c net.Conn, topic string, id uint16, payload string) error {
	body := append([]byte{byte(len(topic) >> 8), byte(len(topic))}, topic...)
	body = append(body, byte(id>>8), byte(id))
	body = append(body, payload...)
	if len(body) > 127 {
		_, err := c.Write(append([]byte{0x32, byte(len(body)&0x7f | 0x80), byte(len(body) >> 7)}, body...))
		return err
	}
	_, err := c.Write(append([]byte{0x32, byte(len(body))}, body...))
	return err
}
