package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The stored form of an Item. It is on the disk of devices in the field: a
// field keeps its place and meaning for ever, a change takes a new version.
//
//	version  1 byte, 1
//	kind     1 byte, Kind; 0x80 on top: the wall time was given by the caller
//	fields   1 byte, which of the optional fields follow, in this order:
//	         0x01 device  string
//	         0x02 name    string
//	         0x04 key     string
//	         0x08 callID  string
//	         0x10 code    zigzag varint
//	         0x20 ttl     uvarint, whole milliseconds
//	         0x40 wall    zigzag varint, milliseconds since the Unix epoch
//	         0x80 the wall clock was trusted (no bytes)
//	boot     8 bytes, little endian (random bits: a varint would be longer)
//	at       zigzag varint, whole milliseconds since the boot began
//	params   all the rest
//
// A string is a uvarint of its length and its bytes. Durations are kept in whole
// milliseconds, which is what a wire time can say; a TTL below one is one.
const itemVersion = 1

// wallGiven is the bit of the kind's byte that says so.
const wallGiven = 0x80

const (
	hasDevice = 1 << iota
	hasName
	hasKey
	hasCallID
	hasCode
	hasTTL
	hasWall
	isTrusted
)

// ErrItem: the bytes are not an Item. They passed the store's checksum, so a
// fault of the program wrote them: the report is set aside, never guessed at.
var ErrItem = errors.New("outbox: malformed item")

// ItemVersionError: a newer program wrote the Item. Run that version again, or
// leave the report where it is.
type ItemVersionError struct{ Version byte }

func (e *ItemVersionError) Error() string {
	return fmt.Sprintf("outbox: the stored item has format version %d, this program knows %d", e.Version, itemVersion)
}

// AppendBinary appends the stored form to b. The error is always nil; it is
// there for encoding.BinaryAppender.
func (it Item) AppendBinary(b []byte) ([]byte, error) {
	var fields byte
	set := func(on bool, bit byte) {
		if on {
			fields |= bit
		}
	}
	set(it.Device != "", hasDevice)
	set(it.Name != "", hasName)
	set(it.Key != "", hasKey)
	set(it.CallID != "", hasCallID)
	set(it.Code != 0, hasCode)
	set(it.TTL > 0, hasTTL)
	set(it.Made.Wall != 0, hasWall)
	set(it.Made.Trusted, isTrusted)

	kind := byte(it.Kind)
	if it.Made.Given {
		kind |= wallGiven
	}
	b = append(b, itemVersion, kind, fields)
	for _, s := range [...]string{it.Device, it.Name, it.Key, it.CallID} {
		if s != "" {
			b = appendUint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	if fields&hasCode != 0 {
		b = appendInt(b, int64(it.Code))
	}
	if fields&hasTTL != 0 {
		b = appendUint(b, uint64(max(it.TTL.Milliseconds(), 1)))
	}
	if fields&hasWall != 0 {
		b = appendInt(b, it.Made.Wall)
	}
	b = binary.LittleEndian.AppendUint64(b, it.Made.Boot)
	b = appendInt(b, it.Made.At.Milliseconds())
	return append(b, it.Params...), nil
}

// sizeHint is at least the size of the stored form, for one allocation.
func (it *Item) sizeHint() int {
	return len(it.Device) + len(it.Name) + len(it.Key) + len(it.CallID) + len(it.Params) + 64
}

// DecodeItem reads the stored form. Params is a part of b, so b must not change
// afterwards. Errors: *ItemVersionError, ErrItem.
func DecodeItem(b []byte) (Item, error) {
	if len(b) == 0 {
		return Item{}, fmt.Errorf("%w: empty", ErrItem)
	}
	if b[0] != itemVersion {
		return Item{}, &ItemVersionError{Version: b[0]}
	}
	if len(b) < 3 {
		return Item{}, fmt.Errorf("%w: cut short", ErrItem)
	}
	it := Item{Kind: Kind(b[1] &^ wallGiven), Made: Stamp{Given: b[1]&wallGiven != 0}}
	fields := b[2]
	r := itemReader{b: b[3:]}
	for _, f := range [...]struct {
		bit byte
		to  *string
	}{{hasDevice, &it.Device}, {hasName, &it.Name}, {hasKey, &it.Key}, {hasCallID, &it.CallID}} {
		if fields&f.bit != 0 {
			*f.to = r.text()
		}
	}
	if fields&hasCode != 0 {
		code := r.varint()
		it.Code = int32(code)
		r.bad = r.bad || int64(it.Code) != code
	}
	if fields&hasTTL != 0 {
		it.TTL = r.millis(int64(min(r.uvarint(), 1<<62)))
	}
	if fields&hasWall != 0 {
		it.Made.Wall = r.varint()
	}
	it.Made.Trusted = fields&isTrusted != 0
	it.Made.Boot = r.fixed64()
	it.Made.At = r.millis(r.varint())
	if r.bad {
		return Item{}, fmt.Errorf("%w: cut short or out of range", ErrItem)
	}
	if len(r.b) > 0 {
		it.Params = r.b
	}
	return it, nil
}

// itemReader reads fields off the front; after the first bad one it stays bad.
type itemReader struct {
	b   []byte
	bad bool
}

func (r *itemReader) take(n int) {
	if n <= 0 || r.bad {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

func (r *itemReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *itemReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

func (r *itemReader) fixed64() uint64 {
	if len(r.b) < 8 {
		r.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

// text checks the length against what is there before anything is allocated.
func (r *itemReader) text() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *itemReader) millis(ms int64) time.Duration {
	d := time.Duration(ms) * time.Millisecond
	if d.Milliseconds() != ms {
		r.bad = true
	}
	return d
}

// appendUint is binary.AppendUvarint, not copied into each place that calls it: a
// device's binary has no room to spare.
//
//go:noinline
func appendUint(b []byte, x uint64) []byte { return binary.AppendUvarint(b, x) }

//go:noinline
func appendInt(b []byte, x int64) []byte { return binary.AppendVarint(b, x) }
