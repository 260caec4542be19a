package alink

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func yes(b bool) *bool { return &b }

func TestParseRequest(t *testing.T) {
	for text, want := range map[string]Request{
		`{"id":"123","version":"1.0","sys":{"ack":1},"params":{"a":1},"method":"thing.event.property.post"}`: {
			ID: NewID(123), Version: "1.0", Ack: yes(true), Params: json.RawMessage(`{"a":1}`), Method: "thing.event.property.post"},
		`{"id":2, "params":{"version":"1.0.0"}}`:             {ID: ID{"2"}, Params: json.RawMessage(`{"version":"1.0.0"}`)}, // T-C
		`{"id":"1","params":[{"k":"v"}]}`:                    {ID: NewID(1), Params: json.RawMessage(`[{"k":"v"}]`)},
		`{"id":"1","params":"{}"}`:                           {ID: NewID(1), Params: json.RawMessage(`"{}"`)}, // T-C, topo/get
		" {\n \"id\" : \"1\" ,\t\"sys\" : { \"ack\" : 0 } }": {ID: NewID(1), Ack: yes(false)},
		`{"id":"1","sys":{}}`:                                {ID: NewID(1)},
		`{"id":"1","sys":null,"method":null,"version":1.0}`:  {ID: NewID(1), Version: "1.0"},
		`{"id":"1","sys":{"ack":"0","x":1}}`:                 {ID: NewID(1), Ack: yes(false)},
		`{"ID":"1","Params":{}}`:                             {},                                                    // names are matched with their case
		`{"params":{"id":"2"},"id":"1"}`:                     {ID: NewID(1), Params: json.RawMessage(`{"id":"2"}`)}, // depth counts
		`{"id":"1","id":"2"}`:                                {ID: NewID(2)},
		`{"x":"\"}{","id":"1"}`:                              {ID: NewID(1)},
		`{"id":null}`:                                        {},
		`{}`:                                                 {},
		`{"id":"1","method":"a\u0062c"}`:                     {ID: NewID(1), Method: "abc"},
	} {
		got, err := ParseRequest([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
		if got.WantsReply() != (want.Ack == nil || *want.Ack) {
			t.Errorf("%s: WantsReply is %v", text, got.WantsReply())
		}
	}
	for _, text := range []string{
		``, `x`, `[]`, `"id"`, `null`, `{`, `{"id":"1"`, `{"id":"1"} x`, `{"id":{}}`, `{"id":[1]}`, `{"id":true}`,
		`{"id":"1","method":{}}`, `{"id":"1","version":[]}`, `{"id":"1","sys":1}`, `{"id":"1","sys":{"ack":{}}}`,
		"{\"id\":\"1\",\"params\":\"\xff\"}", `{"id":01}`,
	} {
		var ee *EnvelopeError
		if got, err := ParseRequest([]byte(text)); !errors.As(err, &ee) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestParseReply(t *testing.T) {
	for text, want := range map[string]Reply{
		`{"id":"123","code":200,"data":{},"message":"success","method":"m","version":"1.0"}`: {
			ID: NewID(123), Code: 200, Data: json.RawMessage(`{}`), Message: "success", Method: "m", Version: "1.0"},
		`{"id":"1","code":200,"data":{}}`:                   {ID: NewID(1), Code: 200, Data: json.RawMessage(`{}`)},
		`{"code":"1000","id":1695281536874,"data":{"x":1}}`: {ID: ID{"1695281536874"}, Code: 1000, Data: json.RawMessage(`{"x":1}`)}, // LIVE
		`{"id":"1","code":"200","data":[1]}`:                {ID: NewID(1), Code: 200, Data: json.RawMessage(`[1]`)},
		`{"id":"1","code":6813}`:                            {ID: NewID(1), Code: 6813},
		`{"id":"1","code":200.0}`:                           {ID: NewID(1), Code: 200},
		`{"id":"1","code":2e2,"message":null}`:              {ID: NewID(1), Code: 200},
		`{"code":200}`:                                      {Code: 200},
		`{"data":{"code":500,"id":"9"},"code":200,"id":"1"}`: {ID: NewID(1), Code: 200,
			Data: json.RawMessage(`{"code":500,"id":"9"}`)},
		"{\"id\":\"1\",\"code\":200,\"message\":\"\xff\"}": {ID: NewID(1), Code: 200, Message: "\uFFFD"},
	} {
		got, err := ParseReply([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		``, `{}`, `{"id":"1"}`, `{"id":"1","code":null}`, `{"id":"1","code":"ok"}`, `{"id":"1","code":200.5}`,
		`{"id":"1","code":99999999999}`, `{"id":"1","code":{}}`, `{"id":true,"code":200}`, `[200]`,
		`{"method":"reply","payload":{"status":"success","version":1},"timestamp":1}`, // the shadow's is no Alink reply
	} {
		var ee *EnvelopeError
		if got, err := ParseReply([]byte(text)); !errors.As(err, &ee) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestAppendReply(t *testing.T) {
	for _, c := range []struct {
		r    Reply
		want string
	}{
		{Reply{ID: NewID(7), Code: 200}, `{"id":"7","code":200,"data":{}}`},
		{Reply{ID: ID{"7"}, Code: 460, Message: "params error", Data: json.RawMessage("{ \"a b\" : [ 1 , \"x : y\" ]\n}"),
			Method: "thing.x", Version: "1.0"},
			`{"id":7,"code":460,"message":"params error","method":"thing.x","version":"1.0","data":{"a b":[1,"x : y"]}}`},
		{Reply{Code: -1}, `{"id":"","code":-1,"data":{}}`},
		{Reply{ID: NewID(1), Code: 500, Message: "code"}, `{"id":"1","code":500,"message":"code.","data":{}}`},
		{Reply{ID: NewID(1), Code: 500, Message: "a \"b\" {c}\\\n\x01"}, `{"id":"1","code":500,"message":"a 'b' (c)/  ","data":{}}`},
	} {
		got := AppendReply([]byte("x"), c.r)
		if string(got) != "x"+c.want {
			t.Errorf("%+v is %s, want %s", c.r, got, c.want)
		}
	}
}

// cRead is how the C SDK finds a value (C41, ran): the first "key": at any depth,
// a string up to the next quote, an object up to the brace that closes it, braces
// in strings counted.
func cRead(text, key string) (string, bool) {
	at := strings.Index(text, `"`+key+`"`)
	if at < 0 || at+len(key)+2 >= len(text) || text[at+len(key)+2] != ':' {
		return "", false
	}
	v := text[at+len(key)+3:]
	switch v[0] {
	case '"':
		s, _, ok := strings.Cut(v[1:], `"`)
		return s, ok
	case '{':
		depth := 0
		for i, c := range v {
			if c == '{' {
				depth++
			} else if c == '}' {
				if depth--; depth == 0 {
					return v[:i+1], true
				}
			}
		}
		return "", false
	}
	return v[:strings.IndexAny(v, ",}")], true
}

func TestTheCSDKCanRead(t *testing.T) {
	for _, message := range []string{"success", "code", "id", "data", "version", `said "no"`, `tail \`, "a { b", "}", "\u2028"} {
		r := Reply{ID: NewID(42), Code: 460, Message: message, Method: "thing.x", Version: "1.0",
			Data: json.RawMessage(`{ "id" : "inner", "code" : 1, "message" : "inner" }`)}
		text := string(AppendReply(nil, r))
		for key, want := range map[string]string{"id": "42", "code": "460", "data": `{"id":"inner","code":1,"message":"inner"}`} {
			if got, ok := cRead(text, key); !ok || got != want {
				t.Errorf("the C SDK reads %s as %q (%v) in %s", key, got, ok, text)
			}
		}
		if got, ok := cRead(text, "message"); !ok || got == "" || got == "inner" {
			t.Errorf("the C SDK reads message as %q (%v) in %s", got, ok, text)
		}
	}
	q := string(AppendRequest(nil, Request{ID: NewID(42), Version: "1.0.0", Method: "thing.service.x",
		Params: json.RawMessage(`{ "id":"inner", "method": "inner" }`)}))
	if id, _ := cRead(q, "id"); id != "42" {
		t.Errorf("the C SDK reads id as %q in %s", id, q)
	}
	if m, _ := cRead(q, "method"); m != "thing.service.x" {
		t.Errorf("the C SDK reads method as %q in %s", m, q)
	}
}

func TestAppendRequest(t *testing.T) {
	got := string(AppendRequest(nil, Request{ID: NewID(5), Version: "1.0", Ack: yes(false), Method: "thing.x", Params: json.RawMessage(`[1, 2]`)}))
	if want := `{"id":"5","version":"1.0","sys":{"ack":0},"method":"thing.x","params":[1,2]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	got = string(AppendRequest(nil, Request{ID: NewID(5)}))
	if want := `{"id":"5","params":{}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestID(t *testing.T) {
	for token, want := range map[string]struct {
		text string
		n    uint32
		ok   bool
	}{
		`"123"`:                      {"123", 123, true},
		`123`:                        {"123", 123, true},
		`"0"`:                        {"0", 0, true},
		`"007"`:                      {"007", 7, true},
		`"4294967295"`:               {"4294967295", 4294967295, true},
		`4294967295`:                 {"4294967295", 4294967295, true},
		`4294967296`:                 {"4294967296", 0, false},
		`"4294967296"`:               {"4294967296", 0, false},
		`1695281536874`:              {"1695281536874", 0, false},
		`99999999999999999999999999`: {"99999999999999999999999999", 0, false},
		`1.0`:                        {"1.0", 1, true},
		`1e3`:                        {"1e3", 1000, true},
		`1.5`:                        {"1.5", 0, false},
		`-1`:                         {"-1", 0, false},
		`"1|exp-topic|/sys/pk/dn/thing/event/property/post_reply"`: {"1|exp-topic|/sys/pk/dn/thing/event/property/post_reply", 0, false},
		`"a\u0031\n"`: {"a1\n", 0, false},
		`"1e3"`:       {"1e3", 0, false},
	} {
		id, err := ParseID([]byte(token))
		if err != nil || id.String() != want.text || string(id.Append(nil)) != token {
			t.Errorf("%s is %q, written %s, %v", token, id, id.Append(nil), err)
		}
		if n, ok := id.Uint32(); ok != want.ok || ok && n != want.n {
			t.Errorf("%s as a number is %d, %v", token, n, ok)
		}
		if id.IsNumber() != (token[0] != '"') || id.IsZero() {
			t.Errorf("%s: IsNumber %v, IsZero %v", token, id.IsNumber(), id.IsZero())
		}
		j, err := json.Marshal(struct{ ID ID }{id})
		var back struct{ ID ID }
		if err != nil || json.Unmarshal(j, &back) != nil || back.ID != id {
			t.Errorf("%s goes through JSON as %s, %v, %v", token, j, back, err)
		}
	}
	for _, token := range []string{``, `{}`, `[]`, `true`, `abc`, `"open`, `1 2`, `"a""b"`} {
		if id, err := ParseID([]byte(token)); err == nil {
			t.Errorf("%s is the id %q", token, id)
		}
	}
	for _, token := range []string{`null`, `""`} {
		if id, err := ParseID([]byte(token)); err != nil || !id.IsZero() || string(id.Append(nil)) != `""` {
			t.Errorf("%s is %v, %v", token, id, err)
		}
	}
	if NewID(7) == (ID{"7"}) || NewID(7).String() != "7" {
		t.Error("a string id equals a number")
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"id":"123","version":"1.0","sys":{"ack":1},"params":{"a":[1,{"b":"\"}"}]},"method":"thing.x"}`))
	f.Add([]byte(`{"id":2, "params":{"version":"1.0.0"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRequest(b)
		if err != nil {
			return
		}
		once := AppendRequest(nil, r)
		again, err := ParseRequest(once)
		if err != nil || again.ID != r.ID || again.WantsReply() != r.WantsReply() {
			t.Fatalf("%q is written %q and read %+v, %v", b, once, again, err)
		}
		if twice := AppendRequest(nil, again); string(twice) != string(once) {
			t.Fatalf("%q is written %q, then %q", b, once, twice)
		}
		if values, err := ParseProperties(r.Params); err == nil {
			for _, v := range values {
				if !json.Valid(v.Value) {
					t.Fatalf("%q has the value %q", b, v.Value)
				}
			}
		}
		_, _, _ = ParseEvent(r.Params)
		_ = CheckProperties(r.Params)
		if !json.Valid(AppendPropertyPost(nil, 1, r.Params, 5, PostOptions{})) {
			t.Fatalf("%q makes no post", r.Params)
		}
	})
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte(`{"id":"123","code":200,"data":{},"message":"success","method":"m","version":"1.0"}`))
	f.Add([]byte(`{"code":"1000","id":1695281536874,"data":{"x":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ParseNTPResponse(b)
		_, _ = ParseNTPRequest(b)
		r, err := ParseReply(b)
		if err != nil {
			return
		}
		once := AppendReply(nil, r)
		again, err := ParseReply(once)
		if err != nil || again.ID != r.ID || again.Code != r.Code {
			t.Fatalf("%q is written %q and read %+v, %v", b, once, again, err)
		}
		if twice := AppendReply(nil, again); string(twice) != string(once) {
			t.Fatalf("%q is written %q, then %q", b, once, twice)
		}
	})
}

// FuzzAppend gives the builders what is no JSON at all: they may write nonsense,
// but neither panic nor hang.
func FuzzAppend(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":"d"}}`))
	f.Add([]byte(`{"a":"\`))
	f.Add([]byte(`{"a":1 "b"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		AppendPropertyPost(nil, 1, b, 1, PostOptions{})
		AppendEventPost(nil, 1, b, 1, PostOptions{})
		AppendReply(nil, Reply{Data: b, Message: string(b)})
		_ = CheckEvent("x", b)
	})
}
