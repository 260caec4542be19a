package alink

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Version is the version that envelopes carry (D20).
const Version = "1.0"

// EnvelopeError is a payload that is not the envelope it should be.
type EnvelopeError struct {
	Member string // "" for the whole
	Reason string
}

func (e *EnvelopeError) Error() string {
	if e.Member == "" {
		return "alink: envelope " + e.Reason
	}
	return fmt.Sprintf("alink: envelope: %s %s", e.Member, e.Reason)
}

// Request is what either side asks of the other (D20, Alink protocol).
type Request struct {
	ID      ID
	Version string
	// Ack is sys.ack: whether an answer is wanted; nil where nothing was said,
	// which means yes (DN 89301).
	Ack *bool
	// Params is an object, an array for tags, topology and history; in a parsed
	// request it is a part of the payload.
	Params json.RawMessage
	// Method may be missing (C SDK) or empty (Node SDK): the topic says it too.
	Method string
}

// WantsReply tells whether the request is to be answered.
func (r Request) WantsReply() bool { return r.Ack == nil || *r.Ack }

// ParseRequest reads a request. Unknown members are ignored, of one that comes
// twice the last counts, id may be missing, version and method too. The error is
// an *EnvelopeError: the payload is no JSON object in UTF-8 (the platform's code
// is then 6207), or a member has a type it cannot have (460).
func ParseRequest(b []byte) (Request, error) {
	var r Request
	if !utf8.Valid(b) {
		return r, &EnvelopeError{Reason: "is not UTF-8"}
	}
	m, err := envelope(b)
	if err != nil {
		return r, err
	}
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		switch string(key) {
		case `"id"`:
			err = r.ID.UnmarshalJSON(value)
		case `"version"`:
			r.Version, err = member("version", value)
		case `"method"`:
			r.Method, err = member("method", value)
		case `"params"`:
			r.Params = json.RawMessage(value)
		case `"sys"`:
			r.Ack, err = ack(value)
		}
		if err != nil {
			return Request{}, err
		}
	}
	return r, nil
}

// AppendRequest appends a request as JSON; an empty version or method is left out,
// absent params are {}. Params must be valid JSON. The C SDK's reader takes the
// first key of a name at any depth, so params come last (C41, ran).
func AppendRequest(dst []byte, r Request) []byte {
	dst = append(dst, `{"id":`...)
	dst = r.ID.Append(dst)
	dst = appendText(dst, `,"version":`, r.Version)
	if r.Ack != nil {
		dst = appendAck(dst, *r.Ack)
	}
	dst = appendText(dst, `,"method":`, r.Method)
	dst = append(dst, `,"params":`...)
	return append(appendBody(dst, r.Params), '}')
}

// Reply is the answer to a Request.
type Reply struct {
	ID   ID
	Code Code
	// Data is an object, an array for topology, registration and batch login; in a
	// parsed reply it is a part of the payload.
	Data json.RawMessage
	// Message, Method and Version are often missing in what devices answer.
	Message, Method, Version string
}

// ParseReply reads a reply, or an OTA push, which has the same form. The code may
// be a number or a string (D20: "1000" in a push, "200" after a batch login).
// Unknown members are ignored, the last of a repeated one counts, id may be
// missing. The error is an *EnvelopeError: no JSON object, no code, or a member of
// a type it cannot have.
func ParseReply(b []byte) (Reply, error) {
	m, err := envelope(b)
	if err != nil {
		return Reply{}, err
	}
	var r Reply
	coded := false
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		switch string(key) {
		case `"id"`:
			err = r.ID.UnmarshalJSON(value)
		case `"code"`:
			n, isInt := intOf(value)
			if !isInt || n < math.MinInt32 || n > math.MaxInt32 {
				return Reply{}, &EnvelopeError{Member: "code", Reason: "is not a number"}
			}
			r.Code, coded = Code(n), true
		case `"data"`:
			r.Data = json.RawMessage(value)
		case `"message"`:
			r.Message, err = member("message", value)
		case `"method"`:
			r.Method, err = member("method", value)
		case `"version"`:
			r.Version, err = member("version", value)
		}
		if err != nil {
			return Reply{}, err
		}
	}
	if !coded {
		return Reply{}, &EnvelopeError{Member: "code", Reason: "is missing"}
	}
	return r, nil
}

// AppendReply appends a reply as JSON that the C SDK can read, whose reader takes
// the first key of a name at any depth, allows no blank around a colon, ends a
// string at \" and counts braces inside strings (C41, ran): data comes last and
// without blanks, and in message, method and version quotes, backslashes and
// braces are replaced by characters that it survives. Absent data is {}, which
// must be valid JSON otherwise. An empty message, method or version is left out:
// a device's answer needs none (T-ND, T-C), the platform's needs a message (C41).
func AppendReply(dst []byte, r Reply) []byte {
	dst = append(dst, `{"id":`...)
	dst = r.ID.Append(dst)
	dst = append(dst, `,"code":`...)
	dst = strconv.AppendInt(dst, int64(r.Code), 10)
	dst = appendText(dst, `,"message":`, r.Message)
	dst = appendText(dst, `,"method":`, r.Method)
	dst = appendText(dst, `,"version":`, r.Version)
	dst = append(dst, `,"data":`...)
	return append(appendBody(dst, r.Data), '}')
}

func envelope(b []byte) (members, error) {
	if !json.Valid(b) {
		return members{}, &EnvelopeError{Reason: "is not JSON"}
	}
	m, ok := membersOf(b)
	if !ok {
		return members{}, &EnvelopeError{Reason: "is not an object"}
	}
	return m, nil
}

// member reads a text that some write as a number.
func member(name string, value []byte) (string, error) {
	if string(value) == "null" {
		return "", nil
	}
	s, ok := textOf(value)
	if !ok {
		return "", &EnvelopeError{Member: name, Reason: "is not a text"}
	}
	return s, nil
}

func ack(sys []byte) (*bool, error) {
	m, ok := membersOf(sys)
	if !ok {
		if string(sys) == "null" {
			return nil, nil
		}
		return nil, &EnvelopeError{Member: "sys", Reason: "is not an object"}
	}
	var ack *bool
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		if string(key) != `"ack"` {
			continue
		}
		n, ok := intOf(value)
		if !ok {
			return nil, &EnvelopeError{Member: "sys.ack", Reason: "is not a number"}
		}
		wanted := n != 0
		ack = &wanted
	}
	return ack, nil
}

func appendAck(dst []byte, wanted bool) []byte {
	if wanted {
		return append(dst, `,"sys":{"ack":1}`...)
	}
	return append(dst, `,"sys":{"ack":0}`...)
}

func appendBody(dst, body []byte) []byte {
	if len(body) == 0 {
		return append(dst, "{}"...)
	}
	return appendCompact(dst, body)
}

// appendText appends a member whose text is harmless for the C SDK's reader.
func appendText(dst []byte, key, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(append(dst, key...), '"')
	for _, r := range text { // what is not UTF-8 becomes U+FFFD
		switch r {
		case '"':
			r = '\''
		case '\\':
			r = '/'
		case '{', '[':
			r = '('
		case '}', ']':
			r = ')'
		case '\u2028', '\u2029':
			r = ' '
		}
		dst = utf8.AppendRune(dst, max(r, ' '))
	}
	switch text { // a value that equals a key hides that key
	case "id", "code", "message", "method", "version", "data", "params", "sys", "ack":
		dst = append(dst, '.')
	}
	return append(dst, '"')
}
