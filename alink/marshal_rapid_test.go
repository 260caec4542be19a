package alink

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The shapes below are awkward on purpose: embedded structs that hide and cancel
// each other, pointers on the way, tags with every option.

type base struct {
	ID   int
	Name string `json:"name,omitempty"`
	Both string
}

type rival struct {
	Both string
	Deep *deep `json:",omitempty"`
}

type deep struct {
	Name string `json:"Name"`
	V    any
}

type hidden2 struct {
	Shown  int
	hidden int
	Both   string `json:"both"`
}

type Exported struct {
	E    *int `json:"e,omitempty"`
	Name string
}

type named map[string]any

type zeroish struct{ N int }

func (z *zeroish) IsZero() bool { return z == nil || z.N == 7 }

type awkward struct {
	base
	*rival
	hidden2
	*Exported `json:"exported"`
	named
	I8     int8        `json:",string"`
	U64    uint64      `json:"u64,string,omitempty"`
	B      bool        `json:",string"`
	S      string      `json:"s,string"`
	PS     *string     `json:"ps,string"`
	N      json.Number `json:"n,omitempty"`
	NS     json.Number `json:"ns,string"`
	Skip   int         `json:"-"`
	Dash   int         `json:"-,"`
	Bad    int         `json:"bad\"tag"`
	Odd    int         `json:"a.b/c d"`
	Bytes  []byte      `json:"bytes,omitempty"`
	Arr    [2]byte
	T      time.Time           `json:"t,omitzero"`
	PT     *time.Time          `json:"pt,omitempty"`
	Z      zeroish             `json:"z,omitzero"`
	PZ     *zeroish            `json:"pz,omitzero"`
	Any    any                 `json:",omitempty"`
	Map    map[string]*awkward `json:"map,omitempty"`
	Ints   map[int8]string     `json:"ints"`
	Addr   map[netip.Addr]bool `json:"addr,omitempty"`
	Raw    json.RawMessage     `json:"raw,omitempty"`
	PP     **int               `json:"pp,string"`
	Struct struct{}            `json:"st,omitempty"`
	Text   textual
	Ptr    byPointerInt
	Slice  []byPointerInt `json:",omitempty"`
	Func   *struct{ A, b int }
	i      int
}

type byPointerInt int

func (b *byPointerInt) MarshalJSON() ([]byte, error) { return []byte(`{"ptr":1}`), nil }

func str() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("<>&\"\\/\x00\b\x1f\x7f\u2028\u2029\uFFFD😀"))))
}

func maybe[T any](g *rapid.Generator[T]) *rapid.Generator[*T] { return rapid.Ptr(g, true) }

// anyValue is a tree of what an application puts into a map, with floats or without.
func anyValue(floats bool, depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		top := 8
		if depth == 0 {
			top = 6
		}
		switch n := rapid.IntRange(0, top).Draw(t, "kind"); {
		case n == 0:
			return nil
		case n == 1:
			return rapid.Bool().Draw(t, "bool")
		case n == 2:
			return rapid.Int64().Draw(t, "int")
		case n == 3:
			return str().Draw(t, "text")
		case n == 4 && floats:
			return rapid.Float64Range(-1e300, 1e300).Draw(t, "float")
		case n == 5 && floats:
			return rapid.Float32Range(-1e30, 1e30).Draw(t, "float32")
		case n <= 6:
			return rapid.Uint32().Draw(t, "uint")
		case n == 7:
			return rapid.SliceOfN(anyValue(floats, depth-1), 0, 4).Draw(t, "list")
		}
		return rapid.MapOfN(str(), anyValue(floats, depth-1), 0, 4).Draw(t, "map")
	})
}

func drawAwkward(t *rapid.T, floats bool, depth int) *awkward {
	text, num := str(), rapid.Int()
	a := &awkward{
		base:    base{num.Draw(t, "ID"), text.Draw(t, "name"), text.Draw(t, "both")},
		hidden2: hidden2{num.Draw(t, "shown"), 1, text.Draw(t, "both")},
		named:   named{"x": 1},
		I8:      rapid.Int8().Draw(t, "i8"), U64: rapid.Uint64().Draw(t, "u64"), B: rapid.Bool().Draw(t, "b"),
		S: text.Draw(t, "s"), PS: maybe(text).Draw(t, "ps"),
		N:    json.Number(rapid.SampledFrom([]string{"", "0", "-1.5e3"}).Draw(t, "n")),
		NS:   json.Number(rapid.SampledFrom([]string{"", "12"}).Draw(t, "ns")),
		Dash: 1, Skip: 2, Odd: 3, i: 4, Bytes: rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes"),
		Z: zeroish{rapid.IntRange(6, 8).Draw(t, "z")}, Any: anyValue(floats, 2).Draw(t, "any"),
		Ints: rapid.MapOfN(rapid.Int8(), text, 0, 3).Draw(t, "ints"), Text: textual{"t" + text.Draw(t, "text")},
		Raw: json.RawMessage(rapid.SampledFrom([]string{"", `{"a":[1]}`, "null"}).Draw(t, "raw")),
	}
	if rapid.Bool().Draw(t, "more") {
		a.rival = &rival{text.Draw(t, "both"), &deep{text.Draw(t, "Name"), anyValue(floats, 1).Draw(t, "V")}}
		a.Exported = &Exported{maybe(num).Draw(t, "e"), text.Draw(t, "Name")}
		a.T = time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "t"), 5).UTC()
		a.PT, a.PZ, a.PP = &a.T, &zeroish{7}, p(p(5))
		a.Addr = map[netip.Addr]bool{netip.AddrFrom4([4]byte{1, 2, 3, 4}): true, {}: false}
		a.Slice, a.Func = []byPointerInt{1, 2}, &struct{ A, b int }{1, 2}
	}
	if depth > 0 && rapid.Bool().Draw(t, "children") {
		a.Map = map[string]*awkward{"child": drawAwkward(t, floats, depth-1), text.Draw(t, "key"): nil}
	}
	return a
}

func reference(t *rapid.T, v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestMarshalAsEncodingJSON: without floats there is no difference at all.
func TestMarshalAsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawAwkward(t, false, 2)
		var v any = a
		if rapid.Bool().Draw(t, "by value") {
			v = *a // nothing in it can be addressed
		}
		got, err := Marshal(v)
		if want := reference(t, v); err != nil || string(got) != want {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	})
}

// TestMarshalSameValue: with floats, both texts mean the same, and of each number
// it can be told what it was.
func TestMarshalSameValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := map[string]any{"tree": anyValue(true, 4).Draw(t, "tree"), "shape": drawAwkward(t, true, 1)}
		got, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var ours, theirs any
		if err := json.Unmarshal(got, &ours); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		if err := json.Unmarshal([]byte(reference(t, v)), &theirs); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("%s means something else than %s", got, reference(t, v))
		}
		checkNumbers(t, v["tree"], decodeNumbers(t, got).(map[string]any)["tree"])
	})
}

func decodeNumbers(t *rapid.T, text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// checkNumbers walks what went in beside what came out.
func checkNumbers(t *rapid.T, in, out any) {
	switch in := in.(type) {
	case []any:
		for i := range in {
			checkNumbers(t, in[i], out.([]any)[i])
		}
	case map[string]any:
		for k := range in {
			checkNumbers(t, in[k], out.(map[string]any)[k])
		}
	case float64, float32:
		if s := out.(json.Number).String(); !strings.Contains(s, ".") {
			t.Fatalf("the float %v is written %s", in, s)
		}
	case int64, uint32:
		if s := out.(json.Number).String(); strings.ContainsAny(s, ".e") {
			t.Fatalf("the int %v is written %s", in, s)
		}
	}
}
