package alink

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"
)

type topicLine struct{ kind, dir, auto, topic, reply string }

// topicLines is the catalogue as the documentation lists it.
func topicLines(t testing.TB) (lines []topicLine) {
	f, err := os.Open("testdata/topics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		w := strings.Fields(sc.Text())
		if len(w) == 5 && w[0] != "#" {
			lines = append(lines, topicLine{w[0], w[1], w[2], w[3], w[4]})
		}
	}
	return lines
}

func TestCatalogue(t *testing.T) {
	seen := map[Kind]bool{}
	for _, l := range topicLines(t) {
		top, err := ParseTopic(l.topic)
		if err != nil {
			t.Errorf("%s: %v", l.topic, err)
			continue
		}
		k := top.Kind
		seen[k] = true
		if k.String() != l.kind || k.Direction().String() != l.dir {
			t.Errorf("%s is %v %v, want %s %s", l.topic, k, k.Direction(), l.kind, l.dir)
		}
		if k.AutoPush() != (l.auto != "-") || k.Unasked() != (l.auto == "always") {
			t.Errorf("%s: AutoPush %v, Unasked %v, want %s", l.topic, k.AutoPush(), k.Unasked(), l.auto)
		}
		if got := top.String(); got != l.topic {
			t.Errorf("%s is built as %s", l.topic, got)
		}
		if err := top.Validate(); err != nil {
			t.Errorf("%s: %v", l.topic, err)
		}
		reply, ok := top.Reply()
		if !ok && l.reply != "-" || ok && reply.String() != l.reply {
			t.Errorf("%s is answered on %q (%v), want %s", l.topic, reply, ok, l.reply)
		}
		if req, ok := reply.Kind.Request(); ok && req != k {
			t.Errorf("%v is said to answer %v, not %v", reply.Kind, req, k)
		}
		if strings.Contains(k.Pattern(), "{dn}") && top.Device != (Device{"pk", "dn"}) {
			t.Errorf("%s is of device %v", l.topic, top.Device)
		}
	}
	for _, k := range Kinds() {
		if !seen[k] {
			t.Errorf("%v is in no line of topics.txt", k)
		}
	}
}

func TestParseTopicParts(t *testing.T) {
	d := Device{"pk", "dn"}
	for s, want := range map[string]Topic{
		"/sys/pk/dn/thing/service/property/set":       {Kind: PropertySet, Device: d},
		"/sys/pk/dn/thing/service/property/set_reply": {Kind: PropertySetReply, Device: d},
		"/sys/pk/dn/thing/service/property":           {Kind: Service, Device: d, Name: "property"},
		"/sys/pk/dn/thing/service/b:go":               {Kind: Service, Device: d, Name: "b:go"},
		"/sys/pk/dn/thing/service/b:go_reply":         {Kind: ServiceReply, Device: d, Name: "b:go"},
		"/sys/pk/dn/thing/event/property/post":        {Kind: PropertyPost, Device: d},
		"/sys/pk/dn/thing/event/sos/post_reply":       {Kind: EventPostReply, Device: d, Name: "sos"},
		"/sys/pk/dn/rrpc/request/18446744073709551615": {Kind: RRPCRequest, Device: d,
			MessageID: "18446744073709551615"},
		"/ext/rrpc/9/sys/pk/dn/thing/service/x": {Kind: ExtRRPC, Device: d, MessageID: "9",
			Name: "/sys/pk/dn/thing/service/x"},
		"/ext/rrpc/9/ext/rrpc/8/ext/rrpc/7/x": {Kind: ExtRRPC, MessageID: "9", Name: "/ext/rrpc/8/ext/rrpc/7/x"},
		"/ext/rrpc/9/hello":                   {Kind: ExtRRPC, MessageID: "9", Name: "/hello"},
		"/broadcast/pk/a/b":                   {Kind: ProductBroadcast, Device: Device{ProductKey: "pk"}, Name: "a/b"},
		"/pk/dn/user/a/b/c":                   {Kind: Custom, Device: d, Name: "a/b/c"},
		"/ext/rrpc/9//hello":                  {Kind: ExtRRPC, MessageID: "9", Name: "//hello"},
		"/pk/dn//error":                       {Kind: CustomLegacy, Device: d, Name: "/error"},
		"/pk/dn/update/error":                 {Kind: CustomLegacy, Device: d, Name: "update/error"},
	} {
		got, err := ParseTopic(s)
		if err != nil || got != want {
			t.Errorf("ParseTopic(%s) = %+v, %v; want %+v", s, got, err, want)
		}
	}
}

func TestParseTopicRefuses(t *testing.T) {
	for _, s := range []string{
		"", "/", "//", "sys/pk/dn/thing/reset", "/sys", "/sys/pk/dn", "/sys/pk/dn/", "/sys/pk/dn/thing",
		"/sys/pk/dn/thing/unheard/of", "/sys/pk//thing/reset", "/sys//dn/thing/reset",
		"/sys/pk/dn/thing/reset/", "/sys/pk/dn/thing/event//post", "/sys/pk/dn/thing/service/_reply/x",
		"/sys/pk/user/x", "/ext/pk/user/x", "/ota/dn/user/x",
		"/sys/+/dn/thing/reset", "/sys/pk/dn/thing/event/+/post", "/pk/dn/user/#", "/pk/dn/user/a\x00b",
		"/pk/dn/user/\xff", "/pk/dn/user", "/pk/dn/user/", "/pk/dn/", "/ext/rrpc/9", "/ext/rrpc/9/", "/ext/rrpc//x",
	} {
		if got, err := ParseTopic(s); err == nil {
			t.Errorf("ParseTopic(%q) = %+v", s, got)
		} else if te := new(TopicError); !errors.As(err, &te) || te.Topic != s {
			t.Errorf("ParseTopic(%q): %v", s, err)
		}
	}
}

func TestTopicValidate(t *testing.T) {
	d := Device{"pk", "dn"}
	for _, top := range []Topic{
		{},
		{Kind: Kind(255)},
		{Kind: PropertyPost},
		{Kind: EventPost, Device: d},
		{Kind: EventPost, Device: d, Name: "property"},            // a property post
		{Kind: Service, Device: d, Name: "go_reply"},              // an answer
		{Kind: Service, Device: d, Name: "a/b"},                   // two segments
		{Kind: PropertyPost, Device: d, Name: "x"},                // a name that goes nowhere
		{Kind: Custom, Device: d, Name: "a/+"},                    // a wildcard
		{Kind: Custom, Device: d, Name: "1/2/3/4/5"},              // eight slashes
		{Kind: Custom, Device: d, Name: strings.Repeat("x", 120)}, // 132 bytes
		{Kind: CustomLegacy, Device: d, Name: "user/x"},
		{Kind: Custom, Device: Device{"sys", "dn"}, Name: "x"},
	} {
		if err := top.Validate(); err == nil {
			t.Errorf("%+v is valid as %q", top, top)
		}
	}
	ok := Topic{Kind: Custom, Device: d, Name: "1/2/3/4"}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
}

func TestTopicMethod(t *testing.T) {
	for s, want := range map[string]string{
		"/sys/pk/dn/thing/event/property/post":        "thing.event.property.post",
		"/sys/pk/dn/thing/event/property/post_reply":  "thing.event.property.post",
		"/sys/pk/dn/thing/event/b:alarm/post_reply":   "thing.event.b:alarm.post",
		"/sys/pk/dn/thing/service/SetWeight":          "thing.service.SetWeight",
		"/sys/pk/dn/thing/service/SetWeight_reply":    "thing.service.SetWeight",
		"/sys/pk/dn/thing/service/property/set_reply": "thing.service.property.set",
		"/sys/pk/dn/thing/ota/firmware/get":           "thing.ota.firmware.get",
		"/ext/session/pk/dn/combine/login":            "",
		"/pk/dn/user/thing/x":                         "",
		"/sys/pk/dn/rrpc/request/1":                   "",
	} {
		top, err := ParseTopic(s)
		if err != nil || top.Method() != want {
			t.Errorf("%s has the method %q, %v; want %q", s, top.Method(), err, want)
		}
	}
}

func TestConfirms(t *testing.T) {
	want := map[Kind]Confirmation{
		PropertyPost: ByReply, EventPost: ByReply, PropertyBatchPost: ByReply, PropertyHistoryPost: ByReply,
		PropertyPackPost: ByReply, NTPRequest: ByReply, ShadowUpdate: ByReply, OTARequest: ByReply, SubLogin: ByReply,
		OTAInform: ByPuback, OTAProgress: ByPuback, ServiceReply: ByPuback, PropertySetReply: ByPuback,
		RRPCResponse: ByPuback, Custom: ByPuback, ModelDownRawReply: ByPuback,
		PropertySet: NotConfirmed, Service: NotConfirmed, PropertyPostReply: NotConfirmed, OTAUpgrade: NotConfirmed,
		ExtRRPC: NotConfirmed, // QoS 0, and no reply to the reply
		0:       NotConfirmed, 255: NotConfirmed,
	}
	for k, c := range want {
		if got := k.Confirms(); got != c {
			t.Errorf("%v is confirmed by %v, want %v", k, got, c)
		}
	}
	for _, k := range Kinds() {
		if k.Direction() == Down && k.Confirms() != NotConfirmed {
			t.Errorf("%v comes down and is confirmed by %v", k, k.Confirms())
		}
	}
}

func TestQoS0Only(t *testing.T) {
	n := 0
	for _, k := range Kinds() {
		if k.QoS0Only() {
			n++
		}
	}
	if !NTPRequest.QoS0Only() || !SubBatchLogoutReply.QoS0Only() || PropertyPost.QoS0Only() || n != 11 {
		t.Errorf("%d kinds are QoS 0 only", n)
	}
}

// matches is MQTT's rule for filters.
func matches(filter, topic string) bool {
	f, s := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, part := range f {
		if i == len(s) || part != "+" && part != s[i] {
			return false
		}
	}
	return len(f) == len(s)
}

func TestFilters(t *testing.T) {
	d := Device{"pk", "dn"}
	all := Filters(d)
	if len(all) > MaxFiltersPerSubscribe {
		t.Errorf("%d filters do not fit one SUBSCRIBE", len(all))
	}
	all = append(all, ExtRRPCFilters(d)...)
	wanted := map[Kind]bool{
		PropertyPostReply: true, EventPostReply: true, PropertyBatchPostReply: true, PropertyHistoryPostReply: true,
		PropertyPackPostReply: true, PropertySet: true, PropertyGet: true, Service: true, RRPCRequest: true,
		NTPResponse: true, ExtRRPC: true,
	}
	for _, l := range topicLines(t) {
		top, _ := ParseTopic(l.topic)
		if !wanted[top.Kind] || l.topic == "/ext/rrpc/7/my/own/topic" {
			continue
		}
		hit := false
		for _, f := range all {
			hit = hit || matches(f, l.topic)
		}
		if !hit {
			t.Errorf("no filter takes %s", l.topic)
		}
	}
	for _, f := range all {
		if strings.Contains(f, "#") || !strings.Contains(f, "/pk/dn/") {
			t.Errorf("%s would take what is not the device's", f)
		}
	}
}

func FuzzParseTopic(f *testing.F) {
	for _, l := range topicLines(f) {
		f.Add(l.topic)
	}
	f.Fuzz(func(t *testing.T, s string) {
		top, err := ParseTopic(s)
		if err != nil {
			return
		}
		if got := top.String(); got != s {
			t.Fatalf("%q is built as %q", s, got)
		}
		again, err := ParseTopic(top.String())
		if err != nil || again != top {
			t.Fatalf("%q is %+v, then %+v", s, top, again)
		}
		if r, ok := top.Reply(); ok {
			if back, err := ParseTopic(r.String()); err != nil || back != r {
				t.Fatalf("the reply to %q, %q, is %+v, %v", s, r, back, err)
			}
		}
	})
}
