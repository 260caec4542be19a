package aliiot

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/internal/clock/clocktest"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/transport"
)

// session is what one device sent in its session, and the replies that it got.
type session struct {
	protocol           string
	level              byte
	clean              bool
	keepalive          int
	will               bool
	clientID           string
	username, password string
	subscribes         [][]wireFilter
	posts              []wirePost
	replies            []wirePost
	goodbye            bool   // the last packet was a DISCONNECT
	secret             string // known to both sides, never sent
}

type wireFilter struct {
	Topic string
	QoS   byte
}

type wirePost struct {
	topic       string
	qos         byte
	retain, dup bool
	payload     []byte
}

func isPost(topic string) bool {
	t, err := alink.ParseTopic(topic)
	return err == nil && (t.Kind == alink.PropertyPost || t.Kind == alink.EventPost)
}

func isPostReply(topic string) bool {
	t, err := alink.ParseTopic(topic)
	return err == nil && (t.Kind == alink.PropertyPostReply || t.Kind == alink.EventPostReply)
}

// recordedSession is the one of Alibaba's Node SDK.
func recordedSession(t *testing.T) (s session) {
	t.Helper()
	b, err := os.ReadFile("alink/testdata/transcripts/node-sdk-1.2.8-device.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Meta    struct{ DeviceSecret string }
		Packets []struct {
			Dir, Cmd                     string
			ProtocolID                   string
			ProtocolVersion              byte
			Clean                        bool
			KeepAlive                    int
			ClientID, Username, Password string
			Will                         any
			Subscriptions                []wireFilter
			Topic                        string
			QoS                          byte
			Retain, Dup                  bool
			Text                         string `json:"payload_text"`
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	s.secret = file.Meta.DeviceSecret
	for _, p := range file.Packets {
		post := wirePost{p.Topic, p.QoS, p.Retain, p.Dup, []byte(p.Text)}
		switch {
		case p.Dir == "s>c" && isPostReply(p.Topic):
			s.replies = append(s.replies, post)
		case p.Dir == "s>c":
		case p.Cmd == "connect":
			s.protocol, s.level, s.clean, s.keepalive, s.will = p.ProtocolID, p.ProtocolVersion, p.Clean, p.KeepAlive, p.Will != nil
			s.clientID, s.username, s.password = p.ClientID, p.Username, p.Password
		case p.Cmd == "subscribe":
			s.subscribes = append(s.subscribes, p.Subscriptions)
		case p.Cmd == "publish" && isPost(p.Topic):
			s.posts = append(s.posts, post)
		case p.Cmd == "disconnect":
			s.goodbye = true
		case p.Cmd == "publish":
			s.goodbye = false
		}
	}
	return s
}

// wireTap keeps what goes over a connection, each way.
type wireTap struct {
	net.Conn
	mu       sync.Mutex
	up, down bytes.Buffer
}

func (w *wireTap) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up.Write(p[:n])
	return n, err
}

func (w *wireTap) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down.Write(p[:n])
	return n, err
}

// session reads what was sent with a library that is not ours.
func (w *wireTap) session(t *testing.T) (s session) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.up.Len() > 0 {
		pk, err := packets.ReadPacket(&w.up)
		if err != nil {
			t.Fatal(err)
		}
		s.goodbye = false
		switch p := pk.(type) {
		case *packets.ConnectPacket:
			s.protocol, s.level, s.clean, s.keepalive, s.will = p.ProtocolName, p.ProtocolVersion, p.CleanSession, int(p.Keepalive), p.WillFlag
			s.clientID, s.username, s.password = p.ClientIdentifier, p.Username, string(p.Password)
		case *packets.SubscribePacket:
			var all []wireFilter
			for i, topic := range p.Topics {
				all = append(all, wireFilter{topic, p.Qoss[i]})
			}
			s.subscribes = append(s.subscribes, all)
		case *packets.PublishPacket:
			if isPost(p.TopicName) {
				s.posts = append(s.posts, wirePost{p.TopicName, p.Qos, p.Retain, p.Dup, p.Payload})
			}
		case *packets.DisconnectPacket:
			s.goodbye = true
		}
	}
	for w.down.Len() > 0 {
		pk, err := packets.ReadPacket(&w.down)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := pk.(*packets.PublishPacket); ok && isPostReply(p.TopicName) {
			s.replies = append(s.replies, wirePost{p.TopicName, p.Qos, p.Retain, p.Dup, p.Payload})
		}
	}
	return s
}

// ourSession is that of a whole device of ours, over MQTT as it is written to a
// socket, which reports what the SDK reported.
func ourSession(t *testing.T, recorded session) (s session) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
		platform := emulator.Start(t, emulator.InMemory(), emulator.WithDevice(testPK, testDN, recorded.secret))
		var taps []*wireTap
		dialer := transport.NewPaho(transport.PahoOptions{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := platform.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			taps = append(taps, &wireTap{Conn: c})
			return taps[len(taps)-1], nil
		}})
		clock := clocktest.New(7)
		clock.SetSynchronised(true)
		cfg := Config{
			Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: Secret(recorded.secret)},
			Server:   "mqtt://platform.test:1883", Dir: "memory",
		}
		if err := cfg.check(); err != nil {
			t.Fatal(err)
		}
		dev, err := open(t.Context(), cfg, seams{fs: disktest.New().FS(), clock: clock.Clock(), dialer: dialer})
		if err != nil {
			t.Fatal(err)
		}
		defer time.Sleep(2 * time.Second) // a dead letter's goroutine lives for one
		dev.Connect()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, post := range recorded.posts {
			item, opts := sameReport(t, post)
			receipt, err := dev.Report(ctx, item, opts...)
			if err != nil {
				t.Fatal(err)
			}
			if end, err := receipt.Wait(ctx); err != nil || end.Outcome != Confirmed {
				t.Errorf("%s: %+v, %v", post.topic, end, err)
			}
		}
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
		if err := platform.WaitOffline(ctx, alink.Device{ProductKey: testPK, DeviceName: testDN}); err != nil {
			t.Error(err)
		}
		if len(taps) != 1 {
			t.Fatalf("%d connections", len(taps))
		}
		s = taps[0].session(t)
	})
	s.secret = recorded.secret
	return s
}

// sameReport is the report of ours that says what a recorded post said.
func sameReport(t *testing.T, post wirePost) (Item, []Option) {
	t.Helper()
	topic, _ := alink.ParseTopic(post.topic)
	req, err := alink.ParseRequest(post.payload)
	if err != nil {
		t.Fatal(err)
	}
	if topic.Kind == alink.EventPost {
		output, ms, err := alink.ParseEvent(req.Params)
		if err != nil {
			t.Fatal(err)
		}
		return Event{ID: topic.Name, Output: decode(t, output)}, []Option{At(time.UnixMilli(ms))}
	}
	values, err := alink.ParseProperties(req.Params)
	if err != nil {
		t.Fatal(err)
	}
	props, opts := Properties{}, []Option(nil)
	for _, v := range values {
		props[v.Name] = decode(t, v.Value)
		if v.Time != 0 {
			opts = []Option{At(time.UnixMilli(v.Time))}
		}
	}
	return props, opts
}

func decode(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// fields is a session as names and values. "" and a missing field are the same.
func (s session) fields(t *testing.T) map[string]string {
	t.Helper()
	f := map[string]string{
		"connect protocol":  fmt.Sprint(s.protocol, " ", s.level),
		"connect clean":     strconv.FormatBool(s.clean),
		"connect keepalive": strconv.Itoa(s.keepalive),
		"connect will":      strconv.FormatBool(s.will),
		"connect username":  s.username,
		"goodbye":           strconv.FormatBool(s.goodbye),
	}
	part := strings.Split(s.clientID, "|")
	if len(part) != 3 || part[2] != "" {
		t.Fatalf("client id %q", s.clientID)
	}
	f["client id"] = part[0]
	param := map[string]string{}
	for _, p := range strings.Split(part[1], ",") {
		k, v, _ := strings.Cut(p, "=")
		param[k] = v
		f["client id "+k] = v
	}
	f["password"] = s.signed(param, part[0])
	f["filters in one SUBSCRIBE"] = strconv.Itoa(len(s.subscribes[0]))
	for _, all := range s.subscribes {
		for _, sub := range all {
			f["subscribe "+strings.ReplaceAll(sub.Topic, "/"+testPK+"/"+testDN, "")] = fmt.Sprint("QoS ", sub.QoS)
		}
	}
	f["posts"] = strconv.Itoa(len(s.posts))
	for i, p := range s.posts {
		p.fields(t, f, fmt.Sprintf("post %d ", i+1))
	}
	for i, p := range s.replies {
		p.fields(t, f, fmt.Sprintf("reply %d ", i+1))
	}
	return f
}

// signed says what the password is, and is computed from the documents, not by alink.
func (s session) signed(param map[string]string, cid string) string {
	dn, pk, _ := strings.Cut(s.username, "&")
	what, text := "clientId deviceName productKey", "clientId"+cid+"deviceName"+dn+"productKey"+pk
	if ts, ok := param["timestamp"]; ok {
		what, text = what+" timestamp", text+"timestamp"+ts
	}
	sum := map[string]func() hash.Hash{"hmacmd5": md5.New, "hmacsha1": sha1.New, "hmacsha256": sha256.New}[param["signmethod"]]
	if sum == nil {
		return "no method"
	}
	mac := hmac.New(sum, []byte(s.secret))
	mac.Write([]byte(text))
	if s.password != hex.EncodeToString(mac.Sum(nil)) {
		return "wrong"
	}
	return what + ", in lower-case hex"
}

// fields takes a post or a reply apart: a value of a property is the same whether it
// stands bare or beside its time.
func (p wirePost) fields(t *testing.T, f map[string]string, name string) {
	t.Helper()
	f[name+"topic"] = p.topic
	f[name+"qos"] = strconv.Itoa(int(p.qos))
	f[name+"retain"], f[name+"dup"] = strconv.FormatBool(p.retain), strconv.FormatBool(p.dup)
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(p.payload, &envelope); err != nil {
		t.Fatalf("%v: %s", err, p.payload)
	}
	for member, raw := range envelope {
		if member != "params" {
			f[name+member] = plainJSON(t, raw)
		}
	}
	var params map[string]json.RawMessage
	if envelope["params"] == nil {
		return
	}
	if err := json.Unmarshal(envelope["params"], &params); err != nil {
		t.Fatalf("%v: %s", err, envelope["params"])
	}
	for key, raw := range params {
		value := map[string]json.RawMessage{}
		if json.Unmarshal(raw, &value) == nil && value["value"] != nil {
			f[name+"time of "+key] = string(value["time"])
			raw = value["value"]
		}
		f[name+"param "+key] = plainJSON(t, raw)
	}
}

// plainJSON is JSON without a choice of order or blanks; numbers and strings stay apart.
func plainJSON(t *testing.T, raw []byte) string {
	t.Helper()
	b, err := json.Marshal(decode(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// deliberate is where we differ from Alibaba's SDK, and why. Each is a regular
// expression for the whole; a row that is not needed any more is an error.
var deliberate = []struct{ field, sdk, ours, why string }{
	{`connect clean`, `false`, `true`, "the journal is our memory: what a kept session would bring again is asked for, or sent, again"},
	{`connect keepalive`, `60`, `300`, "the documents recommend 300 and more; a ping each minute is money on a cellular link"},
	{`client id`, testPK + `&` + testDN, testPK + `\.` + testDN, "free text: ours is that of the C SDK; a & is the user name's separator"},
	{`client id signmethod`, `hmacsha1`, `hmacsha256`, "the strongest of the three that the platform knows"},
	{`client id timestamp`, `\d+`, ``, "optional, and a device may not know the time"},
	{`client id (lan|_v)`, `.*`, ``, "the name and version of Alibaba's own SDK, which we are not"},
	{`client id _ss`, ``, `1`, "the platform may push without a SUBSCRIBE, as to the C SDK; we subscribe all the same"},
	{`password`, `clientId deviceName productKey timestamp, .*`, `clientId deviceName productKey, .*`, "what is not announced is not signed"},
	{`filters in one SUBSCRIBE`, `1`, `7`, "one packet and one answer instead of sixteen; the platform takes eight at a time"},
	{`subscribe .*`, `QoS 1`, `QoS 0`, "an answer that is lost is asked for again by the report that it would have settled"},
	{`subscribe /sys/thing/event/property/post_reply`, `QoS 1`, ``, "event/+/post_reply means it too"},
	{`subscribe /sys/thing/service/report_location`, `QoS 0`, ``, "service/+ means all services"},
	{`subscribe /sys/thing/service/\+`, ``, `QoS 0`, "all services at once; the SDK subscribes the first that an application names"},
	{`subscribe /sys/thing/event/property/\+/post_reply`, ``, `QoS 0`, "the replies to batch, history and pack, which the SDK cannot send"},
	{`subscribe /sys/thing/service/property/get`, ``, `QoS 0`, "the SDK cannot be asked for its properties"},
	{`subscribe /ext/ntp/response`, ``, `QoS 0`, "the SDK never asks for the time"},
	{`subscribe (/sys/thing/(deviceinfo|config|topo|sub)/.*|/shadow/get|/ext/session/.*)`, `QoS 1`, ``,
		"tags, configuration, shadow and sub-devices: we subscribe what we can speak"},
	{`subscribe /user/get`, `QoS 0`, ``, "the recording application's own topic"},
	{`(post|reply) \d id`, `"\d+\|exp-topic\|/sys/.*/post_reply"`, `"\d{1,10}"`, "the documents ask for 32 bits in decimal digits, in a string"},
	{`post \d method`, `"thing\.event\..*\.post"`, ``, "the topic says it; the C SDK leaves it out as well, and each byte costs"},
	{`post \d sys`, ``, `{"ack":1}`, "the reply is the platform's word on a report: it is asked for in so many words"},
	{`post 1 time of \w+`, ``, `1795\d{9}`, "a report of ours says when it was made, for it may be sent late"},
	{`post 3 param value`, ``, `{}`, "value is what the documents have; without it the time would pass for an output parameter"},
	{`post 3 param time`, `"1524448722000"`, `1524448722000`, "the recording application chose a string; the documents have a number"},
}

// Where both speak, our device says what Alibaba's SDK was recorded to say, but for
// what the table calls deliberate.
func TestDeviceSpeaksLikeTheRecordedSDK(t *testing.T) {
	recorded := recordedSession(t)
	if len(recorded.posts) != 4 || len(recorded.replies) != 4 || len(recorded.subscribes) < 16 {
		t.Fatalf("the recording has %d posts, %d replies, %d SUBSCRIBEs", len(recorded.posts), len(recorded.replies), len(recorded.subscribes))
	}
	ours := ourSession(t, recorded).fields(t)
	sdk := recorded.fields(t)
	all := maps.Clone(sdk)
	maps.Copy(all, ours)
	whole := func(pattern, text string) bool { return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(text) }
	met, same := make([]bool, len(deliberate)), 0
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if sdk[field] == ours[field] {
			same++
			continue
		}
		row := slices.IndexFunc(deliberate, func(d struct{ field, sdk, ours, why string }) bool {
			return whole(d.field, field) && whole(d.sdk, sdk[field]) && whole(d.ours, ours[field])
		})
		if row < 0 {
			t.Errorf("%s: the SDK says %q, we say %q", field, sdk[field], ours[field])
			continue
		}
		met[row] = true
	}
	for i, d := range deliberate {
		if !met[i] {
			t.Errorf("the row %q %q %q is met nowhere", d.field, d.sdk, d.ours)
		}
	}
	t.Logf("%d fields, %d of them the same", len(all), same)
}

// The replies as they were recorded settle our reports: with the id of our post.
// With another's, whatever it looks like, they settle nothing, and the post is sent
// again.
func TestRecordedRepliesSettle(t *testing.T) {
	recorded := recordedSession(t)
	for i, said := range recorded.posts {
		reply := recorded.replies[i]
		inBubble(t, func(r *rig) {
			var ids []string
			r.cloud.set(func(p post) []byte {
				ids = append(ids, p.id.String())
				if to, _ := p.topic.Reply(); to.String() != reply.topic {
					r.t.Errorf("%s is answered on %s, not on %s", p.topic, to, reply.topic)
				}
				if len(ids) == 1 {
					return reply.payload
				}
				his, err := alink.ParseReply(reply.payload)
				if err != nil {
					r.t.Error(err)
				}
				return bytes.ReplaceAll(reply.payload, his.ID.Append(nil), p.id.Append(nil))
			})
			r.online()
			item, opts := sameReport(r.t, said)
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Hour)
			defer cancel()
			receipt, err := r.dev.Report(ctx, item, opts...)
			if err != nil {
				r.t.Fatal(err)
			}
			if end, err := receipt.Wait(ctx); err != nil || end.Outcome != Confirmed {
				r.t.Errorf("%s: %+v, %v", said.topic, end, err)
			}
			if l := r.ledger(); l.ConfirmedBy.Reply != 1 || len(ids) != 2 || ids[0] != ids[1] {
				r.t.Errorf("%s: sent as %q, %+v", said.topic, ids, l.Counts)
			}
		})
	}
}
