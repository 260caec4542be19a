package alink

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAppendPropertyPost(t *testing.T) {
	for _, c := range []struct {
		id     uint32
		params string
		ms     int64
		o      PostOptions
		want   string
	}{
		{1, `{"Power":"on","WF":23.6}`, 1524448722000, PostOptions{Ack: true},
			`{"id":"1","version":"1.0","sys":{"ack":1},"params":{"Power":{"value":"on","time":1524448722000},"WF":{"value":23.6,"time":1524448722000}}}`},
		{4294967295, `{"a":{"b":[1,{"c":"} , :"}]},"m:x":null}`, 7, PostOptions{},
			`{"id":"4294967295","version":"1.0","params":{"a":{"value":{"b":[1,{"c":"} , :"}]},"time":7},"m:x":{"value":null,"time":7}}}`},
		{2, `{"a":1}`, 0, PostOptions{}, `{"id":"2","version":"1.0","params":{"a":1}}`},
		{2, " { \"a\" : 1 , \"b\" : [ 2 ] } ", 9, PostOptions{Silent: true, Ack: true},
			`{"id":"2","version":"1.0","sys":{"ack":0},"params":{"a":{"value":1,"time":9},"b":{"value":[2],"time":9}}}`},
		{2, " { \"a\" : \"x y\" } ", 0, PostOptions{}, `{"id":"2","version":"1.0","params":{"a":"x y"}}`},
		{3, `{}`, 5, PostOptions{}, `{"id":"3","version":"1.0","params":{}}`},
	} {
		got := string(AppendPropertyPost([]byte("x"), c.id, []byte(c.params), c.ms, c.o))
		if got != "x"+c.want {
			t.Errorf("%s\n got %s\nwant %s", c.params, got[1:], c.want)
		}
	}
}

func TestAppendEventPost(t *testing.T) {
	for _, c := range []struct {
		output string
		ms     int64
		o      PostOptions
		want   string
	}{
		{`{"errorCode":"error"}`, 1524448722000, PostOptions{Ack: true},
			`{"id":"9","version":"1.0","sys":{"ack":1},"params":{"value":{"errorCode":"error"},"time":1524448722000}}`},
		{`{ "a" : 1 }`, 0, PostOptions{}, `{"id":"9","version":"1.0","params":{"value":{"a":1}}}`},
		{``, 0, PostOptions{}, `{"id":"9","version":"1.0","params":{"value":{}}}`},
	} {
		if got := string(AppendEventPost(nil, 9, []byte(c.output), c.ms, c.o)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.output, got, c.want)
		}
	}
}

// TestBytesOfAPost holds the envelope to its minimum: what a post costs beside its
// values is money on a cellular line.
func TestBytesOfAPost(t *testing.T) {
	params := []byte(`{"a":1}`)
	bare := AppendPropertyPost(nil, 1<<31-1, params, 0, PostOptions{})
	if got, want := len(bare)-len(params), len(`{"id":"2147483647","version":"1.0","params":}`); got != want {
		t.Errorf("the envelope has %d bytes, want %d", got, want)
	}
	asked := AppendPropertyPost(nil, 1<<31-1, params, 0, PostOptions{Ack: true})
	if got := len(asked) - len(bare); got != len(`,"sys":{"ack":1}`) {
		t.Errorf("asking for the reply costs %d bytes", got)
	}
}

func TestParseProperties(t *testing.T) {
	got, err := ParseProperties([]byte(`{"a":{"value":1,"time":5},"b":{"value":2,"time":"6"},"c":{"value":3},"d":{"x":1},
		"e":{"value":1,"x":2},"f":7,"g":{"time":8},"h":{},"i":{"value":{"value":1}},"j":[{"value":1}],"k\u006b":null}`))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, v := range got {
		fmt.Fprintf(&b, "%s=%s@%d ", v.Name, v.Value, v.Time)
	}
	want := `a=1@5 b=2@6 c=3@0 d={"x":1}@0 e={"value":1,"x":2}@0 f=7@0 g={"time":8}@0 h={}@0 i={"value":1}@0 j=[{"value":1}]@0 kk=null@0 `
	if b.String() != want {
		t.Errorf("got  %s\nwant %s", b.String(), want)
	}
	for _, s := range []string{``, `[]`, `"{}"`, `{"a":}`, "{\"a\":\"\xff\"}"} {
		if v, err := ParseProperties([]byte(s)); err == nil {
			t.Errorf("%s: %v", s, v)
		}
	}
}

func TestParseEvent(t *testing.T) {
	for _, c := range []struct {
		params, output string
		ms             int64
	}{
		{`{"value":{"a":1},"time":5}`, `{"a":1}`, 5},
		{`{"value":{"a":1},"time":"5"}`, `{"a":1}`, 5},
		{`{"value":{"a":1}}`, `{"a":1}`, 0},
		{`{"ErrorCode": 0}`, `{"ErrorCode": 0}`, 0},
		{`{"time":"5"}`, `{}`, 5},
		{`{}`, `{}`, 0},
	} {
		output, ms, err := ParseEvent([]byte(c.params))
		if err != nil || string(output) != c.output || ms != c.ms {
			t.Errorf("%s: %s at %d, %v", c.params, output, ms, err)
		}
	}
	if _, _, err := ParseEvent([]byte(`[1]`)); err == nil {
		t.Error("an array is an event")
	}
}

func TestPostsReadBack(t *testing.T) {
	post := AppendPropertyPost(nil, 12, []byte(`{"a":{"x":1},"b":2.0}`), 34, PostOptions{Ack: true})
	r, err := ParseRequest(post)
	if id, ok := r.ID.Uint32(); err != nil || !ok || id != 12 || r.Ack == nil || !*r.Ack {
		t.Fatalf("%+v, %v", r, err)
	}
	values, err := ParseProperties(r.Params)
	if err != nil || len(values) != 2 || string(values[0].Value) != `{"x":1}` || values[1].Time != 34 {
		t.Errorf("%+v, %v", values, err)
	}
	r, err = ParseRequest(AppendEventPost(nil, 12, []byte(`{"a":1}`), 34, PostOptions{Silent: true}))
	if err != nil || r.WantsReply() {
		t.Fatalf("%+v, %v", r, err)
	}
	if output, ms, err := ParseEvent(r.Params); err != nil || string(output) != `{"a":1}` || ms != 34 {
		t.Errorf("%s at %d, %v", output, ms, err)
	}
}

func TestChecks(t *testing.T) {
	many := map[string]int{}
	for i := range MaxProperties + 1 {
		many[fmt.Sprintf("p%d", i)] = i
	}
	tooMany, _ := json.Marshal(many)
	delete(many, "p0")
	enough, _ := json.Marshal(many)
	var ne *NameError
	var ee *EnvelopeError
	for _, s := range []string{`{"a":1}`, `{"GeoLocation":{"value":1}}`, `{"block:a":1}`, string(enough)} {
		if err := CheckProperties([]byte(s)); err != nil {
			t.Errorf("%.40s: %v", s, err)
		}
	}
	for _, s := range []string{`{"time":1}`, `{"a-b":1}`, `{"":1}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`} {
		if err := CheckProperties([]byte(s)); !errors.As(err, &ne) {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{``, `{}`, `[1]`, `{"a":1`, "{\"a\":\"\xff\"}", string(tooMany)} {
		if err := CheckProperties([]byte(s)); !errors.As(err, &ee) {
			t.Errorf("%.40s: %v", s, err)
		}
	}
	if err := CheckEvent("sos_alarm", []byte(`{}`)); err != nil {
		t.Error(err)
	}
	if err := CheckEvent("property", []byte(`{}`)); !errors.As(err, &ne) {
		t.Error(err)
	}
	if err := CheckEvent("sos", []byte(`1`)); !errors.As(err, &ee) {
		t.Error(err)
	}
}

func TestValidIdentifier(t *testing.T) {
	for _, s := range []string{"a", "A_9", "9", "values", "block:a", strings.Repeat("x", 50), strings.Repeat("x", 50) + ":" + strings.Repeat("y", 50)} {
		if err := ValidIdentifier(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", "set", "get", "post", "time", "value", "a b", "ä", "a-b", "a:", ":a", "a:b:c", "a:time", strings.Repeat("x", 51), "a/b", "+"} {
		var ne *NameError
		if err := ValidIdentifier(s); !errors.As(err, &ne) || ne.Name != s {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestDevice(t *testing.T) {
	for _, s := range []string{"device01&a1B2c3D4e5F", "a-b_c@d.e:f&pk"} {
		d, err := ParseUsername(s)
		if err != nil || d.Username() != s {
			t.Errorf("%s is %v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "dn", "&pk", "dn&", "d/n&pk", "dn&p&k", "dn&p.k", "d|n&pk"} {
		if d, err := ParseUsername(s); err == nil {
			t.Errorf("%s is %v", s, d)
		}
	}
	if d := (Device{"pk", "dn"}); d.String() != "pk/dn" || d.IsZero() {
		t.Error(d.String())
	}
}

func TestNTP(t *testing.T) {
	n, err := ParseNTPResponse([]byte(`{"deviceSendTime":"100","serverRecvTime":"1010","serverSendTime":"1015"}`))
	if err != nil || n.Now(125) != 1025 { // D20's example
		t.Errorf("%+v says %d, %v", n, n.Now(125), err)
	}
	for _, request := range []string{`{"deviceSendTime":"100"}`, `{"deviceSendTime":100}`} {
		sent, err := ParseNTPRequest([]byte(request))
		if err != nil {
			t.Fatal(err)
		}
		answer := AppendNTPResponse(nil, sent, 1010, 1015)
		if n, err := ParseNTPResponse(answer); err != nil || n != (NTP{100, 1010, 1015}) {
			t.Errorf("%s: %+v, %v", answer, n, err)
		}
		if strings.Contains(string(answer), `"1010"`) != strings.Contains(request, `"100"`) {
			t.Errorf("%s is answered by %s", request, answer)
		}
	}
	if got := string(AppendNTPRequest(nil, 100)); got != `{"deviceSendTime":"100"}` {
		t.Error(got)
	}
	for _, s := range []string{``, `{}`, `{"deviceSendTime":"100","serverRecvTime":"1010"}`,
		`{"deviceSendTime":"100","deviceSendTime":"100","serverRecvTime":"1010"}`,
		`{"deviceSendTime":"x","serverRecvTime":"1010","serverSendTime":"1015"}`,
		`{"deviceSendTime":"100","serverRecvTime":"9223372036854775807","serverSendTime":"9223372036854775807"}`} {
		if n, err := ParseNTPResponse([]byte(s)); err == nil {
			t.Errorf("%s is %+v", s, n)
		}
	}
	if _, err := ParseNTPRequest([]byte(`{}`)); err == nil {
		t.Error("a request without a time passes")
	}
}
