package alink

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
)

type packet struct {
	Dir, Cmd           string
	ClientID           string
	Username, Password string
	Topic              string
	Text               *string `json:"payload_text"`
	Subscriptions      []struct{ Topic string }
}

type meta struct {
	DeviceSecret string
	Gateway      struct{ DS string }
	SubDevice    struct{ SDS string }
}

func transcript(t *testing.T, name string) (packets []packet, m meta) {
	b, err := os.ReadFile("testdata/transcripts/" + name)
	if err != nil {
		t.Fatal(err)
	}
	file := struct {
		Meta    *meta
		Packets *[]packet
	}{&m, &packets}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return packets, m
}

// TestTranscripts reads every packet of the Node SDK's sessions and holds what was
// read, field by field, against encoding/json's reading of the same bytes.
func TestTranscripts(t *testing.T) {
	for _, name := range []string{"node-sdk-1.2.8-device.json", "node-sdk-1.2.8-gateway.json"} {
		packets, meta := transcript(t, name)
		requests, replies, filters := 0, 0, 0
		kinds := map[Kind]int{}
		for _, p := range packets {
			switch p.Cmd {
			case "connect":
				if err := VerifyPassword(p.ClientID, p.Username, p.Password, Secret(meta.DeviceSecret+meta.Gateway.DS)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			case "subscribe":
				for _, s := range p.Subscriptions {
					filters++
					if _, err := ParseTopic(strings.ReplaceAll(s.Topic, "+", "x")); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			case "publish":
				top, err := ParseTopic(p.Topic)
				if err != nil || top.String() != p.Topic || p.Text == nil {
					t.Errorf("%s: %s is %+v, %v", name, p.Topic, top, err)
					continue
				}
				kinds[top.Kind]++
				if up := p.Dir == "c>s"; up && top.Kind.Direction() == Down || !up && top.Kind.Direction() == Up {
					t.Errorf("%s: %s goes the wrong way", name, p.Topic)
				}
				var generic map[string]any
				if json.Unmarshal([]byte(*p.Text), &generic) != nil || generic["id"] == nil {
					continue // custom payloads and the shadow have no envelope
				}
				if _, isReply := generic["code"]; isReply {
					replies++
					checkReply(t, top, []byte(*p.Text), generic)
				} else {
					requests++
					checkRequest(t, top, []byte(*p.Text), generic)
				}
			}
		}
		t.Logf("%s: %d requests, %d replies, %d filters, %d kinds", name, requests, replies, filters, len(kinds))
		if requests < 8 || replies < 8 || filters < 16 || len(kinds) < 14 {
			t.Errorf("%s: only %d requests, %d replies, %d filters, %d kinds were found", name, requests, replies, filters, len(kinds))
		}
	}
}

func checkRequest(t *testing.T, top Topic, text []byte, generic map[string]any) {
	t.Helper()
	r, err := ParseRequest(text)
	if err != nil {
		t.Errorf("%s: %v", top, err)
		return
	}
	same(t, top, "id", r.ID.String(), generic["id"])
	same(t, top, "version", r.Version, generic["version"])
	same(t, top, "method", r.Method, generic["method"])
	same(t, top, "params", decoded(t, r.Params), generic["params"])
	if !r.WantsReply() {
		t.Errorf("%s wants no reply", top)
	}
	if want := top.Method(); want != "" && r.Method != want {
		t.Errorf("%s came with the method %q, ours is %q", top, r.Method, want)
	}
	again, err := ParseRequest(AppendRequest(nil, r))
	if err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("%s: %+v is written and read as %+v, %v", top, r, again, err)
	}
	switch top.Kind {
	case PropertyPost:
		checkValues(t, r.Params, generic["params"].(map[string]any))
	case EventPost:
		checkEvent(t, r.Params, generic["params"].(map[string]any))
	}
}

func checkValues(t *testing.T, params []byte, want map[string]any) {
	t.Helper()
	values, err := ParseProperties(params)
	if err != nil || len(values) != len(want) {
		t.Errorf("%s: %v, %v", params, values, err)
	}
	for _, v := range values {
		w := want[v.Name]
		if m, ok := w.(map[string]any); ok && m["time"] != nil {
			w = m["value"]
			same(t, Topic{}, v.Name+".time", float64(v.Time), m["time"])
		}
		same(t, Topic{}, v.Name, decoded(t, v.Value), w)
	}
}

func checkEvent(t *testing.T, params []byte, want map[string]any) {
	t.Helper()
	output, ms, err := ParseEvent(params)
	if err != nil || ms != 1524448722000 {
		t.Errorf("%s: time %d, %v", params, ms, err)
	}
	w := want["value"]
	if w == nil {
		w = map[string]any{}
	}
	same(t, Topic{}, "output", decoded(t, output), w)
}

func checkReply(t *testing.T, top Topic, text []byte, generic map[string]any) {
	t.Helper()
	r, err := ParseReply(text)
	if err != nil {
		t.Errorf("%s: %v", top, err)
		return
	}
	same(t, top, "id", r.ID.String(), generic["id"])
	same(t, top, "code", float64(r.Code), generic["code"])
	for name, got := range map[string]string{"message": r.Message, "method": r.Method, "version": r.Version} {
		if want, ok := generic[name]; ok {
			same(t, top, name, got, want)
		} else if got != "" {
			t.Errorf("%s: %s is %q out of nothing", top, name, got)
		}
	}
	same(t, top, "data", decoded(t, r.Data), generic["data"])
	again, err := ParseReply(AppendReply(nil, r))
	if err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("%s: %+v is written and read as %+v, %v", top, r, again, err)
	}
	if !bytes.Contains(AppendReply(nil, r), []byte(`"id":"`+r.ID.String()+`"`)) {
		t.Errorf("%s: the id is not echoed byte for byte", top)
	}
}

func same(t *testing.T, top Topic, what string, got, want any) {
	t.Helper()
	if want == nil && got == "" {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %s is %#v, want %#v", top, what, got, want)
	}
}

func decoded(t *testing.T, raw json.RawMessage) (v any) {
	t.Helper()
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Errorf("%q: %v", raw, err)
	}
	return v
}

// TestTranscriptSignatures recomputes the signatures that the SDK made inside of
// payloads, of its sub-device and of its registration.
func TestTranscriptSignatures(t *testing.T) {
	packets, meta := transcript(t, "node-sdk-1.2.8-gateway.json")
	found := 0
	for _, p := range packets {
		top, _ := ParseTopic(p.Topic)
		if p.Dir != "c>s" || top.Kind != SubLogin && top.Kind != TopoAdd {
			continue
		}
		r, err := ParseRequest([]byte(*p.Text))
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			ProductKey, DeviceName, ClientID, SignMethod, Sign string
			Timestamp                                          json.Number
		}
		if err := json.Unmarshal(bytes.Trim(r.Params, "[]"), &s); err != nil {
			t.Fatal(err)
		}
		m, err := ParseSignMethod(s.SignMethod)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := Sign(m, Secret(meta.SubDevice.SDS), fields(s.ClientID, s.DeviceName, s.ProductKey, s.Timestamp.String()))
		if got != s.Sign {
			t.Errorf("%s is signed %s, ours is %s", top, s.Sign, got)
		}
		found++
	}
	if found != 2 {
		t.Errorf("found %d signatures", found)
	}

	b, err := os.ReadFile("testdata/transcripts/node-sdk-1.2.8-register-http.json")
	if err != nil {
		t.Fatal(err)
	}
	var reg struct {
		Meta struct {
			Inputs struct{ ProductSecret string }
		}
		Exchanges []struct {
			Request *struct {
				Raw string `json:"body_raw"`
			}
		}
	}
	if err := json.Unmarshal(b, &reg); err != nil {
		t.Fatal(err)
	}
	form, err := url.ParseQuery(reg.Exchanges[0].Request.Raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Sign(SignMethod(form.Get("signMethod")), Secret(reg.Meta.Inputs.ProductSecret), map[string]string{
		"deviceName": form.Get("deviceName"), "productKey": form.Get("productKey"), "random": form.Get("random")})
	if err != nil || got != form.Get("sign") {
		t.Errorf("registration is signed %s, ours is %s, %v", form.Get("sign"), got, err)
	}
}
