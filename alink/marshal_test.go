package alink

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"
)

type geo struct {
	Longitude, Latitude float64
	Altitude            float32 `json:",omitempty"`
	System              int     `json:"CoordinateSystem"`
}

type verbatim string

func (v verbatim) MarshalJSON() ([]byte, error) { return []byte(v), nil }

type byPointer struct{ F float64 }

func (*byPointer) MarshalJSON() ([]byte, error) { return []byte(`"by pointer"`), nil }

type textual struct{ s string }

func (t textual) MarshalText() ([]byte, error) {
	if t.s == "bad" {
		return nil, errors.New("no text")
	}
	return []byte(t.s), nil
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errFailing }

var errFailing = errors.New("sensor is off")

type celsius float64

type loop struct {
	Name string
	Next *loop
}

func p[T any](v T) *T { return &v }

func TestMarshalFloats(t *testing.T) {
	type inner struct{ F float64 }
	type outer struct {
		inner
		*geo
		S float64  `json:"s,string"`
		P *float32 `json:",string"`
		Z float64  `json:",omitempty"`
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{10.0, `10.0`}, {0.0, `0.0`}, {math.Copysign(0, -1), `-0.0`}, {-3.0, `-3.0`}, {23.6, `23.6`},
		{1e20, `100000000000000000000.0`}, {1e21, `1.0e+21`}, {1.5e21, `1.5e+21`}, {1e-7, `1.0e-7`}, {1.25e-9, `1.25e-9`}, {1e-6, `0.000001`},
		{math.MaxFloat64, `1.7976931348623157e+308`}, {5e-324, `5.0e-324`}, {float64(1 << 53), `9007199254740992.0`},
		{float32(25.1), `25.1`}, {float32(10), `10.0`}, {float32(1e21), `1.0e+21`}, {float32(16777216), `16777216.0`},
		{celsius(20), `20.0`}, {p(20.0), `20.0`}, {p(p(float32(2))), `2.0`}, {any(p(any(1.0))), `1.0`},
		{10, `10`}, {int64(9007199254740993), `9007199254740993`}, {uint8(7), `7`}, {json.Number("10"), `10`}, {json.Number("1e3"), `1e3`},
		{[]float64{1, 2.5}, `[1.0,2.5]`}, {[2]float32{1, 2}, `[1.0,2.0]`}, {[]any{1, 1.0, "1"}, `[1,1.0,"1"]`},
		{map[string]float64{"b": 1, "a": 2}, `{"a":2.0,"b":1.0}`}, {map[int]any{2: 1.0, 10: 1}, `{"10":1,"2":1.0}`},
		{geo{100, 26.86, 0, 1}, `{"Longitude":100.0,"Latitude":26.86,"CoordinateSystem":1}`},
		{map[string]any{"g": &geo{1, 2, 3, 4}}, `{"g":{"Longitude":1.0,"Latitude":2.0,"Altitude":3.0,"CoordinateSystem":4}}`},
		{outer{inner{1}, &geo{2, 3, 0, 4}, 5, p(float32(6)), 0},
			`{"F":1.0,"Longitude":2.0,"Latitude":3.0,"CoordinateSystem":4,"s":"5.0","P":"6.0"}`},
		{outer{}, `{"F":0.0,"s":"0.0","P":null}`},
		{[]any{verbatim(`10`), verbatim(`{"a" : 10, "<" : 1}`)}, `[10,{"a" : 10, "<" : 1}]`},
		{json.RawMessage(`{"x": 1}`), `{"x": 1}`}, {struct{ R json.RawMessage }{}, `{"R":null}`},
		{[]textual{{"a<b"}}, `["a<b"]`}, {map[textual]float64{{"k"}: 1}, `{"k":1.0}`},
		{&byPointer{1}, `"by pointer"`}, {byPointer{1}, `{"F":1.0}`}, {[]byPointer{{1}}, `["by pointer"]`},
		{struct{ A byPointer }{byPointer{1}}, `{"A":{"F":1.0}}`}, {&struct{ A byPointer }{}, `{"A":"by pointer"}`},
		{map[string]byPointer{"k": {1}}, `{"k":{"F":1.0}}`},
		{"<a href=\"x\">&\u2028", `"<a href=\"x\">&\u2028"`}, {"\x00\b\f\n\r\t\x1f\x7f", `"\u0000\b\f\n\r\t\u001f` + "\x7f\""},
		{time.Unix(0, 0).UTC(), `"1970-01-01T00:00:00Z"`}, {time.Second, `1000000000`},
		{nil, `null`}, {(*geo)(nil), `null`}, {[]byte("hi"), `"aGk="`}, {[]byte(nil), `null`}, {big.NewInt(5), `5`},
		{big.NewFloat(10), `"10"`}, {netip.MustParseAddr("1.2.3.4"), `"1.2.3.4"`},
	} {
		got, err := Marshal(c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%T %v: %s, %v; want %s", c.v, c.v, got, err, c.want)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	ring := &loop{Name: "a"}
	ring.Next = &loop{Name: "b", Next: ring}
	self := map[string]any{}
	self["self"] = self
	list := []any{nil}
	list[0] = list
	nan := math.NaN()
	for _, c := range []struct {
		v            any
		path, reason string
	}{
		{nan, "", "is NaN"},
		{float32(math.Inf(1)), "", "is +Inf"},
		{map[string]any{"GeoLocation": geo{Latitude: nan}}, "GeoLocation.Latitude", "is NaN"},
		{map[string]any{"history": []any{1.0, map[string]any{"x": [][]float64{{1}, {2, math.Inf(-1)}}}}}, "history[1].x[1][1]", "is -Inf"},
		{struct {
			F *celsius `json:"f,string"`
		}{p(celsius(nan))}, "f", "is NaN"},
		{struct{ geo }{geo{Longitude: nan}}, "Longitude", "is NaN"},
		{map[string]any{"a": "\xff"}, "a", "not UTF-8"},
		{map[string]any{"\xff": 1}, `"\xff"`, "not UTF-8"},
		{struct {
			A string `json:",string"`
		}{"\xff"}, "A", "not UTF-8"},
		{map[string]any{"a": []any{verbatim("nope")}}, "a[0]", "no JSON"},
		{[]verbatim{"\"\xff\""}, "[0]", "not UTF-8"},
		{[]verbatim{""}, "[0]", "no JSON"},
		{map[string]any{"a": failing{}}, "a", "could not be marshalled"},
		{map[string]any{"a": textual{"bad"}}, "a", "could not be marshalled"},
		{[]textual{{"\xff"}}, "[0]", "not UTF-8"},
		{map[string]any{"a": map[textual]int{{"bad"}: 1}}, "a", "could not be marshalled"},
		{map[string]any{"f": func() {}}, "f", "no form"},
		{map[string]any{"c": make(chan int)}, "c", "no form"},
		{complex(1, 2), "", "no form"},
		{map[float64]int{1: 1}, "", "no form"},
		{json.Number("ten"), "", "no number"},
		{json.Number("1 "), "", "no number"},
		{ring, strings.Repeat("Next.", 67), "contains itself"},
		{self, "", "contains itself"},
		{list, "", "contains itself"},
	} {
		got, err := Marshal(c.v)
		var ve *ValueError
		if !errors.As(err, &ve) || !strings.Contains(ve.Error(), c.reason) {
			t.Errorf("%T: %s, %v; want %s", c.v, got, err, c.reason)
			continue
		}
		if c.reason != "contains itself" && ve.Path != c.path {
			t.Errorf("%v is at %q, want %q", err, ve.Path, c.path)
		}
		if c.path != "" && c.reason != "contains itself" && !strings.Contains(err.Error(), c.path) {
			t.Errorf("%v does not name %s", err, c.path)
		}
	}
	if _, err := Marshal(map[string]any{"a": failing{}}); !errors.Is(err, errFailing) {
		t.Errorf("%v hides its cause", err)
	}
}

// TestMarshalDeep has the same pointer often, and deep, without any cycle.
func TestMarshalDeep(t *testing.T) {
	shared := &loop{Name: "shared"}
	var v any = []*loop{shared, shared}
	for range 500 {
		v = []any{v, map[string]any{"a": shared}}
	}
	got, err := Marshal(v)
	want, _ := json.Marshal(v)
	if err != nil || string(got) != string(want) {
		t.Errorf("%d bytes, want %d, %v", len(got), len(want), err)
	}
}
