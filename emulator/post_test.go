package emulator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// brief is an item without what varies.
type brief struct {
	Kind     emulator.ItemKind
	Name     string
	ID       string
	Params   string
	WireTime int64
	Lane     string
	N        uint64
	Code     alink.Code
}

func briefs(items []emulator.Item) []brief {
	var all []brief
	for _, i := range items {
		all = append(all, brief{i.Kind, i.Name, string(i.ID.Append(nil)), string(i.Params), i.WireTime, i.Lane, i.Number, i.Code})
	}
	return all
}

func TestPostsAreStoredAndAnswered(t *testing.T) {
	ahead := time.Now().Add(25 * time.Hour).UnixMilli()
	for name, x := range map[string]struct {
		kind    alink.Kind
		event   string
		payload string
		want    []brief
		code    alink.Code
	}{
		"bare properties": {kind: alink.PropertyPost, payload: `{"id":"7","version":"1.0","params":{"energy":100,"lane":"alarm","n":3}}`,
			want: []brief{{"property", "", `"7"`, `{"energy":100,"lane":"alarm","n":3}`, 0, "alarm", 3, 200}}},
		"wrapped properties": {kind: alink.PropertyPost, payload: `{"id":7,"params":{"a":{"value":1.0,"time":1524448722000},"b":{"value":2,"time":"1524448722001"},"lane":{"value":"l"},"n":{"value":9}}}`,
			want: []brief{{"property", "", `7`, `{"a":{"value":1.0,"time":1524448722000},"b":{"value":2,"time":"1524448722001"},"lane":{"value":"l"},"n":{"value":9}}`, 1524448722001, "l", 9, 200}}},
		"the Node SDK's id": {kind: alink.PropertyPost, payload: `{"id":"1|exp-topic|/sys/x","params":{}}`,
			want: []brief{{"property", "", `"1|exp-topic|/sys/x"`, `{}`, 0, "", 0, 200}}},
		"event": {kind: alink.EventPost, event: "sos", payload: `{"id":"8","params":{"value":{"who":"me","n":4,"lane":"alarm"},"time":1524448722000}}`,
			want: []brief{{"event", "sos", `"8"`, `{"who":"me","n":4,"lane":"alarm"}`, 1524448722000, "alarm", 4, 200}}},
		"flat event": {kind: alink.EventPost, event: "Error", payload: `{"id":"8","params":{"ErrorCode":0}}`,
			want: []brief{{"event", "Error", `"8"`, `{"ErrorCode":0}`, 0, "", 0, 200}}},
		"batch": {kind: alink.PropertyBatchPost, payload: `{"id":"9","params":{"properties":{"P":[{"value":"on","time":1},{"value":"off","time":2}]},"events":{"e":[{"value":{"n":1},"time":3}]}}}`,
			want: []brief{
				{"property", "P", `"9"`, `{"P":{"value":"on","time":1}}`, 1, "", 0, 200},
				{"property", "P", `"9"`, `{"P":{"value":"off","time":2}}`, 2, "", 0, 200},
				{"event", "e", `"9"`, `{"n":1}`, 3, "", 1, 200},
			}},
		"history": {kind: alink.PropertyHistoryPost, payload: `{"id":"9","params":[{"identity":{"productKey":"","deviceName":""},"properties":[{"P":{"value":1,"time":1}},{"P":{"value":2,"time":2}}],"events":[{"e":{"value":{"x":1},"time":3}}]}]}`,
			want: []brief{
				{"property", "", `"9"`, `{"P":{"value":1,"time":1}}`, 1, "", 0, 200},
				{"property", "", `"9"`, `{"P":{"value":2,"time":2}}`, 2, "", 0, 200},
				{"event", "e", `"9"`, `{"x":1}`, 3, "", 0, 200},
			}},
		"pack": {kind: alink.PropertyPackPost, payload: `{"id":"9","params":{"properties":{"P":{"value":1,"time":1}},"events":{"e":{"value":{"x":1},"time":3}},"subDevices":[{"identity":{"productKey":"a","deviceName":"b"},"properties":{"Q":2}}]}}`,
			want: []brief{
				{"property", "", `"9"`, `{"P":{"value":1,"time":1}}`, 1, "", 0, 200},
				{"event", "e", `"9"`, `{"x":1}`, 3, "", 0, 200},
				{"property", "", `"9"`, `{"Q":2}`, 0, "", 0, 200},
			}},
		"not JSON":          {kind: alink.PropertyPost, payload: `{"id":"9"`, code: alink.CodeNotJSON},
		"params of a kind":  {kind: alink.PropertyPost, payload: `{"id":"9","params":[1]}`, code: alink.CodeParameter},
		"from the future":   {kind: alink.PropertyPost, payload: fmt.Sprintf(`{"id":"9","params":{"a":1,"b":{"value":1,"time":%d}}}`, ahead), code: 6326},
		"event of tomorrow": {kind: alink.EventPost, event: "e", payload: fmt.Sprintf(`{"id":"9","params":{"value":{},"time":%d}}`, ahead), code: 6326},
		"201 properties":    {kind: alink.PropertyPost, payload: `{"id":"9","params":{` + manyProperties(201) + `}}`, code: alink.CodeProperties},
		"200 properties": {kind: alink.PropertyPost, payload: `{"id":"9","params":{` + manyProperties(200) + `}}`,
			want: []brief{{"property", "", `"9"`, `{` + manyProperties(200) + `}`, 0, "", 0, 200}}},
		"a batch with one bad value": {kind: alink.PropertyBatchPost, payload: fmt.Sprintf(`{"id":"9","params":{"properties":{"P":[{"value":1,"time":1},{"value":1,"time":%d}]}}}`, ahead), code: 6326},
	} {
		t.Run(name, func(t *testing.T) {
			e := emulator.Start(t, emulator.InMemory())
			c := connectAuto(t, e)
			if x.kind == alink.PropertyPackPost { // not among what is pushed
				c.subscribe(map[string]byte{c.topic(alink.PropertyPackPostReply, ""): 0})
			}
			c.publish(c.topic(x.kind, x.event), 0, x.payload)
			m := c.next()
			if want := strings.Replace(c.topic(x.kind, x.event), "/post", "/post_reply", 1); m.Topic() != want {
				t.Errorf("answered on %s", m.Topic())
			}
			r, err := alink.ParseReply(m.Payload())
			if err != nil {
				t.Fatal(err)
			}
			want := x.code
			if want == 0 {
				want = alink.CodeSuccess
			}
			if r.Code != want || r.Message == "" || r.Version != "1.0" || string(r.Data) != "{}" {
				t.Errorf("the reply: %s, want code %d", m.Payload(), want)
			}
			if len(x.want) > 0 && string(r.ID.Append(nil)) != x.want[0].ID {
				t.Errorf("the reply's id: %s", m.Payload())
			}
			got := e.Accepted(c.dev.Device)
			if diff := cmp.Diff(x.want, briefs(got)); diff != "" {
				t.Errorf("accepted:\n%s", diff)
			}
			for i, it := range got {
				if it.Hash != sha256.Sum256(it.Params) || it.Arrival != int64(i+1) || it.Device != c.dev.Device {
					t.Errorf("item %d: %+v", i, it)
				}
			}
			if refused := e.Refused(c.dev.Device); (len(refused) > 0) != (x.code != 0) {
				t.Errorf("refused: %+v", refused)
			}
		})
	}
}

func manyProperties(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"p%d":%d`, i, i)
	}
	return b.String()[1:]
}

// The C SDK takes the first key of a name at any depth.
func TestReplyIsReadableByTheCSDK(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	c.post(5, `{"a":1}`)
	want := `{"id":"5","code":200,"message":"success","method":"thing.event.property.post","version":"1.0","data":{}}`
	if m := c.next(); string(m.Payload()) != want {
		t.Errorf("got  %s\nwant %s", m.Payload(), want)
	}
}

func TestWhoGetsAReply(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())

	auto := connectAuto(t, e)
	auto.post(1, `{}`)
	if m := auto.next(); m.Qos() != 1 {
		t.Errorf("pushed with QoS %d, want 1", m.Qos())
	}

	for qos := byte(0); qos < 2; qos++ {
		dev := e.NewDevice()
		c := connect(t, e, dev, dial{})
		c.post(1, `{}`) // strictly dropped: nobody subscribed
		c.subscribe(map[string]byte{c.topic(alink.EventPostReply, "+"): qos, c.topic(alink.PropertyPostReply, ""): 0})
		c.post(2, `{}`)
		m := c.next()
		if r, _ := alink.ParseReply(m.Payload()); r.ID != alink.NewID(2) || m.Qos() != qos { // the higher of two that match
			t.Errorf("got %s with QoS %d", m.Payload(), m.Qos())
		}
		c.subscribe(map[string]byte{c.topic(alink.NTPResponse, ""): 1})
		c.quiet() // one reply, though two filters fit
		replies := e.Replies(dev.Device)
		if len(replies) != 2 || replies[0].Sent || replies[0].Reason != "not subscribed" || !replies[1].Sent {
			t.Errorf("recorded: %+v", replies)
		}
	}

	both := connectAuto(t, e)
	both.subscribe(map[string]byte{both.topic(alink.PropertyPostReply, ""): 0})
	both.post(1, `{}`)
	if m := both.next(); m.Qos() != 0 {
		t.Errorf("the subscription's QoS 0 counts, got %d", m.Qos())
	}
	both.quiet()

	silent := connectAuto(t, e)
	silent.publish(silent.topic(alink.PropertyPost, ""), 0, `{"id":"1","sys":{"ack":0},"params":{}}`)
	silent.quiet()
	e.SetReplies(silent.dev.ProductKey, false)
	silent.post(2, `{}`)
	silent.quiet()
	e.SetReplies(silent.dev.ProductKey, true)
	silent.post(3, `{}`)
	if r := silent.reply(); r.ID != alink.NewID(3) {
		t.Errorf("%+v", r)
	}
	var reasons []string
	for _, r := range e.Replies(silent.dev.Device) {
		reasons = append(reasons, r.Reason)
	}
	if diff := cmp.Diff([]string{"sys.ack 0", "replies switched off", ""}, reasons); diff != "" {
		t.Error(diff)
	}
	if n := len(e.Accepted(silent.dev.Device)); n != 3 {
		t.Errorf("%d items stored", n)
	}
}

func TestWhatHasNoReply(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	c.publish(c.topic(alink.OTAInform, ""), 1, `{"id":2,"params":{"version":"1.2"}}`)
	c.publish(c.topic(alink.OTAProgress, ""), 1, `{"id":"3","params":{"step":"10","desc":""}}`)
	c.publish(c.topic(alink.Custom, "a/b"), 1, "any bytes \x00")
	c.publish(c.topic(alink.ModelUpRaw, ""), 1, "\x01\x02")
	c.publish(c.topic(alink.ServiceReply, "locate"), 1, `{"id":"77","code":200,"data":{}}`)
	c.quiet()
	want := []brief{
		{"inform", "", `2`, `{"id":2,"params":{"version":"1.2"}}`, 0, "", 0, 200},
		{"progress", "", `"3"`, `{"id":"3","params":{"step":"10","desc":""}}`, 0, "", 0, 200},
		{"custom", "a/b", `""`, "any bytes \x00", 0, "", 0, 200},
		{"raw", "", `""`, "\x01\x02", 0, "", 0, 200},
		{"answer", "locate", `"77"`, `{"id":"77","code":200,"data":{}}`, 0, "", 0, 200},
	}
	if diff := cmp.Diff(want, briefs(e.Accepted(c.dev.Device))); diff != "" {
		t.Error(diff)
	}
}

func TestNTP(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		for _, sent := range []string{`"100"`, `100`} {
			c.publish(c.topic(alink.NTPRequest, ""), 0, `{"deviceSendTime":`+sent+`}`)
			m := c.next()
			now := fmt.Sprint(time.Now().UnixMilli())
			if sent[0] == '"' {
				now = `"` + now + `"`
			}
			want := `{"deviceSendTime":` + sent + `,"serverRecvTime":` + now + `,"serverSendTime":` + now + `}`
			if string(m.Payload()) != want || m.Qos() != 0 || m.Topic() != c.topic(alink.NTPResponse, "") {
				t.Errorf("got %s on %s\nwant %s", m.Payload(), m.Topic(), want)
			}
		}
	})
}

func TestJournalLines(t *testing.T) {
	var out bytes.Buffer
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		c.publish(c.topic(alink.EventPost, "sos"), 0, `{"id":"5","params":{"value":{"lane":"alarm","n":2},"time":7}}`)
		c.reply()
		c.publish(c.topic(alink.PropertyPost, ""), 0, `{"id":"6","params":[]}`)
		c.reply()
		dec := json.NewDecoder(&out)
		for i, want := range []map[string]any{
			{"kind": "event", "name": "sos", "id": "5", "lane": "alarm", "n": 2.0, "made": 7.0, "code": 200.0},
			{"kind": "property", "id": "6", "code": 460.0},
		} {
			var got map[string]any
			if err := dec.Decode(&got); err != nil {
				t.Fatal(err)
			}
			want["time"], want["device"] = time.Now().UTC().Format(time.RFC3339Nano), c.dev.String()
			if len(fmt.Sprint(got["hash"])) != 64 {
				t.Errorf("line %d: hash %v", i, got["hash"])
			}
			delete(got, "hash")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line %d:\n%s", i, diff)
			}
		}
	}, emulator.WithOptions(func(o *emulator.Options) { o.Journal = &out }))
}

func TestRecordIsBounded(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory(), emulator.WithOptions(func(o *emulator.Options) { o.RecordLimit = 3 }))
	c := connectAuto(t, e)
	for i := range 5 {
		c.post(i, `{}`)
		c.reply()
	}
	if _, err := e.WaitAccepted(within(t), c.dev.Device, 5); err != nil {
		t.Fatal(err) // it counts, though the record is full
	}
	if s := e.Stats(); len(e.Accepted(c.dev.Device)) != 3 || s.Accepted != 5 || s.Unrecorded < 2 {
		t.Errorf("%d items in the record, %+v", len(e.Accepted(c.dev.Device)), s)
	}
	f := emulator.Start(t, emulator.InMemory(), emulator.WithOptions(func(o *emulator.Options) { o.Forget = true }))
	d := connectAuto(t, f)
	d.post(1, `{}`)
	d.reply()
	if s := f.Stats(); len(f.Accepted(d.dev.Device))+len(f.Connects(d.dev.Device)) != 0 || s.Accepted != 1 || s.Unrecorded != 0 {
		t.Errorf("it did not forget: %+v", s)
	}
}

func TestConnectsTellBytes(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	c := connectAuto(t, e)
	c.post(1, `{"a":"`+strings.Repeat("x", 1000)+`"}`)
	c.reply()
	live := e.Connects(c.dev.Device)
	c.close()
	if err := e.WaitFor(within(t), func() bool { return !e.Connects(c.dev.Device)[0].Ended.IsZero() }); err != nil {
		t.Fatal(err)
	}
	done := e.Connects(c.dev.Device)
	if len(live) != 1 || live[0].BytesIn < 1000 || done[0].BytesIn < live[0].BytesIn || done[0].BytesOut < 100 || done[0].EndReason != "disconnected" {
		t.Errorf("live %+v\ndone %+v", live, done)
	}
}
