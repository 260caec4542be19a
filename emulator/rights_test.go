package emulator_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

func TestRightsOfFilters(t *testing.T) {
	e := emulator.Start(t)
	dev := e.NewDevice()
	c := connect(t, e, dev, dial{})
	for filter, granted := range map[string]bool{
		"/sys/{pk}/{dn}/thing/event/+/post_reply":    true,
		"/sys/{pk}/{dn}/#":                           true,
		"/sys/{pk}/{dn}/thing/event/property/post":   true, // QuecPython subscribes its own uplink
		"/ext/rrpc/+/sys/{pk}/{dn}/thing/service/+":  true,
		"/ext/rrpc/+/my/own":                         true,
		"/ext/ntp/{pk}/{dn}/response":                true,
		"/shadow/get/{pk}/{dn}":                      true,
		"/ota/device/upgrade/{pk}/{dn}":              true,
		"/broadcast/{pk}/news":                       true,
		"/{pk}/{dn}/user/get":                        true,
		"#":                                          false,
		"/#":                                         false,
		"/sys/#":                                     false,
		"/sys/{pk}/+/thing/service/property/set":     false,
		"/sys/+/{dn}/thing/service/property/set":     false,
		"/sys/{pk}/other/thing/service/property/set": false,
		"/sys/other/{dn}/thing/service/property/set": false,
		"/ext/rrpc/+/sys/{pk}/other/thing/service/+": false,
		"/ext/ntp/{pk}/other/response":               false,
		"/shadow/get/{pk}/other":                     false,
		"/ota/device/upgrade/{pk}/other":             false,
		"/broadcast/other/news":                      false,
		"/{pk}/other/user/get":                       false,
		"/+/{dn}/user/get":                           false,
		"$SYS/#":                                     false,
		"sys/{pk}/{dn}/thing/service/property/set":   false,
		"/sys/{pk}/{dn}/thing/#/service":             false, // no filter at all
	} {
		filter = strings.NewReplacer("{pk}", dev.ProductKey, "{dn}", dev.DeviceName).Replace(filter)
		want := byte(1)
		if !granted {
			want = 0x80
		}
		var got byte
		if strings.Contains(filter, "/#/") {
			continue // paho does not even send it
		}
		if got = c.subscribe(map[string]byte{filter: 2})[filter]; got != want { // QoS 2 becomes 1
			t.Errorf("%s: SUBACK %#x, want %#x", filter, got, want)
		}
	}
	for _, x := range e.Troubles(dev.Device) {
		if x.Code != alink.CodeTopicRight {
			t.Errorf("logged: %+v", x)
		}
	}
	if len(e.Troubles(dev.Device)) == 0 {
		t.Error("nothing was logged")
	}
}

func TestHowManyFilters(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		c := connect(t, e, dev, dial{})
		many := func(from, n int) map[string]byte {
			m := map[string]byte{}
			for i := range n {
				m[c.topic(alink.Custom, fmt.Sprint(from+i))] = 0
			}
			return m
		}
		count := func(m map[string]byte) (granted int) {
			for _, code := range m {
				if code != 0x80 {
					granted++
				}
			}
			return granted
		}
		if n := count(c.subscribe(many(1000, 9))); n != 0 {
			t.Errorf("%d of nine filters in one SUBSCRIBE were granted", n)
		}
		for i := range 12 {
			if n := count(c.subscribe(many(8*i, 8))); n != 8 {
				t.Fatalf("%d of eight were granted, with %d there", n, 8*i)
			}
		}
		if n := count(c.subscribe(many(96, 8))); n != 4 {
			t.Errorf("%d were granted above 96, want 4", n)
		}
		if n := count(c.subscribe(many(0, 8))); n != 8 {
			t.Errorf("%d known filters were granted again, want 8", n)
		}
		tok := c.paho.Unsubscribe(c.topic(alink.Custom, "0"))
		tok.Wait()
		if n := count(c.subscribe(many(200, 1))); n != 1 {
			t.Error("there is no room after an UNSUBSCRIBE")
		}
		if s := e.Sessions(); len(s) != 1 || len(s[0].Subscriptions) != 100 {
			t.Errorf("sessions: %+v", s)
		}
	})
}

// What a filter means beyond the plain cases.
func TestFiltersWithWildcards(t *testing.T) {
	for filter, fits := range map[string]bool{
		"post_reply/#": true, "post_reply/+": false, "+": true, "#": true, "post": false, "post_reply/x": false, "+/+": false,
	} {
		e := emulator.Start(t, emulator.InMemory())
		c := connect(t, e, e.NewDevice(), dial{})
		base := strings.TrimSuffix(c.topic(alink.PropertyPostReply, ""), "post_reply")
		c.subscribe(map[string]byte{base + filter: 0, c.topic(alink.NTPResponse, ""): 0})
		c.post(1, `{}`)
		if fits {
			c.reply()
		}
		c.quiet()
	}
}

func TestRightsOfPublishes(t *testing.T) {
	e := emulator.Start(t)
	c := connectAuto(t, e)
	other := e.NewDevice()
	body := `{"id":"1","params":{"a":1}}`
	for _, x := range []struct {
		topic string
		code  alink.Code
		text  string
	}{
		{alink.Topic{Kind: alink.PropertyPost, Device: other.Device}.String(), alink.CodeTopicRight, "publish"},
		{c.topic(alink.PropertySet, ""), alink.CodeTopicRight, "publish"},
		{"/some/where/else", alink.CodeTopicRight, "publish"},
		{"/sys/" + c.dev.ProductKey + "/" + c.dev.DeviceName + "/thing/nonsense/post/x", alink.CodeMethod, "no topic of the platform's"},
		{c.topic(alink.Custom, strings.Repeat("x", 128)), alink.CodeTopic, "topic above 128 bytes"},
		{c.topic(alink.ConfigGet, ""), 0, "not emulated"},
	} {
		before := len(e.Troubles(c.dev.Device))
		c.publish(x.topic, 1, body) // QoS 1: the PUBACK comes, the connection stays
		all := e.Troubles(c.dev.Device)
		if len(all) != before+1 || all[before].Code != x.code || all[before].Text != x.text || all[before].Topic != x.topic {
			t.Errorf("%s: logged %+v, want %d %q", x.topic, all[before:], x.code, x.text)
		}
	}
	c.quiet()
	if got := e.Accepted(alink.Device{}); len(got) != 0 {
		t.Errorf("accepted: %+v", got)
	}
}

func TestPayloadAboveTheLimit(t *testing.T) {
	e := emulator.Start(t)
	c := connectAuto(t, e)
	c.publish(c.topic(alink.Custom, "big"), 0, strings.Repeat("x", alink.MaxPayload))
	if _, err := e.WaitAccepted(within(t), c.dev.Device, 1); err != nil {
		t.Error(err)
	}
	c.publish(c.topic(alink.Custom, "big"), 0, strings.Repeat("x", alink.MaxPayload+1))
	c.quiet()
	if got := e.Troubles(c.dev.Device); len(got) != 1 {
		t.Errorf("logged: %+v", got)
	}
	c.publish(c.topic(alink.Custom, "big"), 0, strings.Repeat("x", 600<<10))
	_ = c.waitLost()
	if n := e.Stats().Accepted; n != 1 {
		t.Errorf("%d items", n)
	}
}

func TestQoS2EndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		c := rawConnect(t, e, dev, 60)
		pk := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		pk.TopicName, pk.Qos, pk.MessageID = alink.Topic{Kind: alink.Custom, Device: dev.Device, Name: "x"}.String(), 2, 1
		start := time.Now()
		if err := pk.Write(c); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 || time.Since(start) > 0 {
			t.Errorf("% x, %v after %v; want EOF at once", rest, err, time.Since(start))
		}
		if err := e.WaitOffline(t.Context(), dev.Device); err != nil {
			t.Fatal(err)
		}
		if s := e.Stats(); s.Accepted != 0 {
			t.Error("it was accepted")
		}
	})
}
