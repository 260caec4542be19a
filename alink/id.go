package alink

import (
	"encoding/json"
	"strconv"
)

// ID is the id of a message as it came: a string or a number, kept byte for byte,
// since the Node SDK never sees a reply whose string id comes back as a number
// (N12, ran). IDs compare with ==; the zero ID is an absent or an empty one.
type ID struct {
	raw string // the JSON token
}

// NewID is the id n, a string of digits as the platform documents it (D20).
func NewID(n uint32) ID { return ID{raw: `"` + strconv.FormatUint(uint64(n), 10) + `"`} }

// ParseID reads an id from its JSON token. The error is an *EnvelopeError.
func ParseID(token []byte) (ID, error) {
	var id ID
	return id, id.UnmarshalJSON(token)
}

// IsZero tells whether there is no id.
func (id ID) IsZero() bool { return id.raw == "" }

// String is the id without its quotes.
func (id ID) String() string {
	s, _ := textOf([]byte(id.raw))
	return s
}

// IsNumber tells whether the id is a JSON number.
func (id ID) IsNumber() bool { return id.raw != "" && isNumberStart(id.raw[0]) }

// Uint32 is the id as a number, whichever way it is written, and whether it is
// one of at most [MaxID]. Clients match replies by it.
func (id ID) Uint32() (uint32, bool) {
	if !id.IsNumber() {
		n, err := strconv.ParseUint(id.String(), 10, 32)
		return uint32(n), err == nil
	}
	n, ok := intOf([]byte(id.raw))
	if !ok || n < 0 || n > MaxID {
		return 0, false
	}
	return uint32(n), true
}

// Append appends the JSON token; the zero ID is an empty string.
func (id ID) Append(dst []byte) []byte {
	if id.raw == "" {
		return append(dst, `""`...)
	}
	return append(dst, id.raw...)
}

// MarshalJSON is the token as it came.
func (id ID) MarshalJSON() ([]byte, error) { return id.Append(nil), nil }

// UnmarshalJSON takes a string, a number or null. The error is an *EnvelopeError.
func (id *ID) UnmarshalJSON(token []byte) error {
	switch {
	case string(token) == "null", string(token) == `""`:
		*id = ID{}
		return nil
	case len(token) == 0 || token[0] != '"' && !isNumberStart(token[0]) || !json.Valid(token):
		return &EnvelopeError{Member: "id", Reason: "is neither a string nor a number"}
	}
	*id = ID{raw: string(token)}
	return nil
}
