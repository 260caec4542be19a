package alink

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

type Num int
type lower int

type tagged struct {
	X string `json:"Both"`
}
type tagged2 struct {
	Y string `json:"Both"`
}
type left struct{ base }
type right struct{ base }
type pair struct {
	left
	right
}
type recursive struct {
	*recursive
	X int
}
type viaPointer struct{ *base }
type inner1 struct{ Stringer }
type Stringer interface{ String() string }

// TestMarshalEmbedding: which of several fields of one name is written is Go's and
// encoding/json's to say.
func TestMarshalEmbedding(t *testing.T) {
	b := base{ID: 1, Name: "n", Both: "base"}
	for _, v := range []any{
		struct {
			base
			Both string
		}{b, "shallow"}, // the shallower hides
		struct {
			base
			rival
		}{b, rival{Both: "rival"}}, // two of one depth cancel each other
		struct {
			base
			tagged
		}{b, tagged{"tagged"}}, // the tagged one wins
		struct {
			tagged
			*tagged2
		}{tagged{"1"}, &tagged2{"2"}}, // but not over another tagged one
		struct {
			base
			tagged
			*tagged2
		}{b, tagged{"1"}, &tagged2{"2"}},
		struct {
			viaPointer
			tagged
		}{viaPointer{&b}, tagged{"shallow"}},
		pair{left{b}, right{b}}, // the same struct twice at one depth
		struct {
			pair
			Both string
		}{pair{left{b}, right{b}}, "shallow"},
		recursive{&recursive{nil, 2}, 3},
		viaPointer{}, viaPointer{&b}, &viaPointer{&b},
		struct {
			Num
			lower
		}{5, 6}, // an embedded int is a field like another, if it is exported
		struct {
			*Num
			Stringer `json:",omitempty"`
		}{},
		inner1{},
		struct {
			base `json:"as_a_field"`
		}{b},
		struct {
			base `json:"-"`
			X    int `json:",omitempty"`
		}{b, 0},
		struct {
			C int `json:"C,omitempty,string"`
			D int `json:"é,unknown"`
		}{3, 4},
	} {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		got, err := Marshal(v)
		if err != nil || string(got)+"\n" != want.String() {
			t.Errorf("%T\n got %s, %v\nwant %s", v, got, err, want.String())
		}
	}
}

// TestLimits is the documentation's page of limits, by hand.
func TestLimits(t *testing.T) {
	got := fmt.Sprintln(MaxPayload, MaxTopic, MaxCustomSlashes, MaxSubscriptions, MaxFiltersPerSubscribe, RateQoS0, RateQoS1,
		RateDown, MaxBandwidth, ConnectsPerMinute, MaxUnacked, MinKeepAlive, MaxKeepAlive, AnswerTimeout, MaxFuture,
		MaxProperties, MaxDesired, MaxTags, MaxPackEvents, MaxPackDevices, MaxIdentifier, MaxDeviceName, MaxClientIDPrefix,
		uint32(MaxID), MaxText)
	want := "262144 128 7 100 8 30 10 50 1048576 5 100 30s 20m0s 8s 24h0m0s 200 200 200 20 20 50 32 64 4294967295 10240"
	if strings.TrimSpace(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
}
