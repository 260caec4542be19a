package alink

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestMembersAndElements(t *testing.T) {
	var got []string
	ok := Members([]byte(" { \"a\" : [1, 2] ,\"\\u0062\":{\"x\":\"}\"}, \"\":null} "), func(name string, value []byte) {
		got = append(got, name, string(value))
	})
	want := []string{"a", "[1, 2]", "b", `{"x":"}"}`, "", "null"}
	if !ok || !slices.Equal(got, want) {
		t.Errorf("members %q, %v", got, ok)
	}
	got = nil
	ok = Elements([]byte(" [ 1 ,\"]\", [2,[]],{} ] "), func(value []byte) { got = append(got, string(value)) })
	if want = []string{"1", `"]"`, "[2,[]]", "{}"}; !ok || !slices.Equal(got, want) {
		t.Errorf("elements %q, %v", got, ok)
	}
}

// What is not one object or array of valid JSON is refused whole, before anything
// of it has been handed on.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[]`, `[1,"\u00e9\ud83d\ude00\ud83d",{}]`, `{"\/\b\f\n\r\t\"\\":[]}`, `"x`, "\"\xff\"", `{"a":1}x`, `[1`, `{"a"}`, "\"\x01\"", `"\u12g4"`, `"\ude00\ud83d\u0041"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []json.RawMessage
		isList := json.Unmarshal(b, &list) == nil && list != nil
		n := 0
		if ok := Elements(b, func(v []byte) {
			if n >= len(list) || string(list[n]) != string(v) {
				t.Errorf("element %d of %q is %q", n, b, v)
			}
			n++
		}); ok != isList || ok && n != len(list) {
			t.Errorf("%q: array %v with %d elements, encoding/json says %v with %d", b, ok, n, isList, len(list))
		}
		var object map[string]json.RawMessage
		isObject := json.Unmarshal(b, &object) == nil && object != nil
		last := map[string]string{}
		if ok := Members(b, func(name string, v []byte) { last[name] = string(v) }); ok != isObject || len(last) != len(object) {
			t.Errorf("%q: object %v with %d names, encoding/json says %v with %d", b, ok, len(last), isObject, len(object))
		}
		for name, v := range last {
			if string(object[name]) != v {
				t.Errorf("member %q of %q is %q", name, b, v)
			}
		}
		var text *string
		isText := json.Unmarshal(b, &text) == nil && text != nil && len(b) > 0 && b[0] == '"' && b[len(b)-1] == '"'
		if got, ok := Text(b); ok != isText || ok && got != *text {
			t.Errorf("text of %q is %q, %v", b, got, ok)
		}
	})
}
