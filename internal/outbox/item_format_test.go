package outbox

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func anyItem(t *rapid.T) Item {
	ms := rapid.Int64Range(0, 1<<43)
	it := Item{
		Device: rapid.StringN(0, 4, 40).Draw(t, "device"),
		Kind:   Kind(rapid.IntRange(1, 6).Draw(t, "kind")),
		Name:   rapid.StringN(0, 4, 40).Draw(t, "name"),
		Key:    rapid.StringN(0, 4, 40).Draw(t, "key"),
		CallID: rapid.StringN(0, 4, 40).Draw(t, "callID"),
		Code:   rapid.Int32().Draw(t, "code"),
		Made: Stamp{
			Boot:    rapid.Uint64().Draw(t, "boot"),
			At:      time.Duration(ms.Draw(t, "at")) * time.Millisecond,
			Wall:    rapid.Int64().Draw(t, "wall"),
			Trusted: rapid.Bool().Draw(t, "trusted"),
		},
		TTL: time.Duration(ms.Draw(t, "ttl")) * time.Millisecond,
	}
	if p := rapid.SliceOf(rapid.Byte()).Draw(t, "params"); len(p) > 0 {
		it.Params = p
	}
	return it
}

func TestItemComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := anyItem(t)
		b, err := it.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeItem(b)
		if err != nil {
			t.Fatalf("DecodeItem(%x): %v", b, err)
		}
		if d := cmp.Diff(it, got); d != "" {
			t.Fatalf("decoded differs (-want +got):\n%s", d)
		}
		// Cut anywhere before params, it is refused and never guessed at.
		head := len(b) - len(it.Params)
		cut := rapid.IntRange(0, head-1).Draw(t, "cut")
		if got, err := DecodeItem(b[:cut]); err == nil {
			t.Fatalf("the first %d of %d header bytes decoded to %+v", cut, head, got)
		}
	})
}

// The bytes are on the disks of devices: this vector never changes.
func TestItemFormatIsFrozen(t *testing.T) {
	it := Item{
		Device: "pk/sub", Kind: KindEvent, Name: "sos", Key: "k", CallID: "7", Code: -3,
		Params: []byte(`{"a":1}`), TTL: time.Hour,
		Made: Stamp{Boot: 0x1122334455667788, At: 1500 * time.Millisecond, Wall: 1_700_000_000_000, Trusted: true},
	}
	want := []byte("\x01\x02\xff\x06pk/sub\x03sos\x01k\x017\x05\x80\xdd\xdb\x01\x80\xa0\xab\xfe\xf9b" +
		"\x88\x77\x66\x55\x44\x33\x22\x11\xb8\x17" + `{"a":1}`)
	got, _ := it.AppendBinary(nil)
	if !bytes.Equal(got, want) {
		t.Fatalf("encoded\n got %q\nwant %q", got, want)
	}
	back, err := DecodeItem(want)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(it, back); d != "" {
		t.Fatal(d)
	}
}

func TestItemDurationsRoundToMilliseconds(t *testing.T) {
	b, _ := Item{Kind: KindProperty, TTL: time.Microsecond, Made: Stamp{At: 2*time.Millisecond + 999*time.Microsecond}}.AppendBinary(nil)
	it, err := DecodeItem(b)
	if err != nil {
		t.Fatal(err)
	}
	if it.TTL != time.Millisecond || it.Made.At != 2*time.Millisecond {
		t.Fatalf("ttl %v at %v: want 1ms (a short life is not for ever) and 2ms", it.TTL, it.Made.At)
	}
}

func TestItemErrors(t *testing.T) {
	var v *ItemVersionError
	if _, err := DecodeItem([]byte{9, 1, 0}); !errors.As(err, &v) || v.Version != 9 {
		t.Fatalf("newer version: %v", err)
	}
	for _, b := range [][]byte{nil, {1}, {1, 1, 0, 0}, {1, 1, hasDevice, 0xff, 0xff, 0xff, 0xff, 0x0f}} {
		if _, err := DecodeItem(b); !errors.Is(err, ErrItem) {
			t.Fatalf("DecodeItem(%x) = %v, want ErrItem", b, err)
		}
	}
}

// A report of the tracker's size carries at most 32 bytes that are not its own.
func TestItemIsSmall(t *testing.T) {
	it := Item{Kind: KindProperty, Params: make([]byte, 102), TTL: 24 * time.Hour,
		Made: Stamp{Boot: 1 << 63, At: 30 * 24 * time.Hour, Wall: 1_800_000_000_000, Trusted: true}}
	b, _ := it.AppendBinary(nil)
	if over := len(b) - 102; over > 32 {
		t.Fatalf("%d bytes of overhead, want at most 32", over)
	}
}

func FuzzDecodeItem(f *testing.F) {
	b, _ := Item{Device: "d", Kind: 1, Name: "n", Key: "k", CallID: "c", Code: 1, TTL: 1, Made: Stamp{Boot: 1, At: 1, Wall: 1}, Params: []byte("{}")}.AppendBinary(nil)
	f.Add(b)
	f.Add([]byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := DecodeItem(b)
		if err != nil {
			return
		}
		again, _ := it.AppendBinary(nil)
		back, err := DecodeItem(again)
		if err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		if it.TTL == 0 {
			it.TTL = back.TTL // a stored TTL of 0 ms means none
		}
		if d := cmp.Diff(it, back); d != "" {
			t.Fatal(d)
		}
	})
}
