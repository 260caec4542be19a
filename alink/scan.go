package alink

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
)

// members walks the members of one JSON object without decoding them. Over text
// that is not valid JSON it ends early; it never runs over the end.
type members struct {
	b []byte
	i int
}

// membersOf begins a walk and tells whether b looks like an object.
func membersOf(b []byte) (members, bool) {
	i := skipBlank(b, 0)
	if i == len(b) || b[i] != '{' {
		return members{}, false
	}
	return members{b: b, i: i + 1}, true
}

// next is the next member: its key with the quotes, and its value.
func (m *members) next() (key, value []byte, ok bool) {
	i := skipBlank(m.b, m.i)
	if i < len(m.b) && m.b[i] == ',' {
		i = skipBlank(m.b, i+1)
	}
	if i >= len(m.b) || m.b[i] != '"' {
		m.i = len(m.b)
		return nil, nil, false
	}
	end := skipString(m.b, i)
	key = m.b[i:end]
	i = skipBlank(m.b, end)
	if i >= len(m.b) || m.b[i] != ':' {
		m.i = len(m.b)
		return nil, nil, false
	}
	i = skipBlank(m.b, i+1)
	end = skipValue(m.b, i)
	m.i = end
	return key, m.b[i:end], end > i
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skipString is the end of the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// skipValue is the end of the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			i = skipString(b, i)
		case c == '{' || c == '[':
			depth++
			i++
			continue
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case depth == 0 && (c == ',' || isBlank(c)):
			return i
		case depth == 0:
			for i < len(b) && !isBlank(b[i]) && bytes.IndexByte([]byte(`,]}":`), b[i]) < 0 {
				i++
			}
			return i
		default:
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return len(b)
}

// appendCompact appends JSON without the blanks between its tokens.
func appendCompact(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		switch {
		case b[i] == '"':
			end := skipString(b, i)
			dst = append(dst, b[i:end]...)
			i = end
		case isBlank(b[i]):
			i++
		default:
			dst = append(dst, b[i])
			i++
		}
	}
	return dst
}

// textOf is the content of a JSON string, or the literal of a number; anything
// else is not ok.
func textOf(v []byte) (string, bool) {
	switch {
	case len(v) == 0:
		return "", false
	case string(v) == `"success"`: // in nearly every reply: no allocation for these
		return "success", true
	case string(v) == `"`+Version+`"`:
		return Version, true
	case isNumberStart(v[0]):
		return string(v), true
	case v[0] != '"':
		return "", false
	case bytes.IndexByte(v, '\\') < 0 && utf8.Valid(v):
		return string(v[1 : len(v)-1]), true
	}
	return unquote(v)
}

func isNumberStart(c byte) bool { return c == '-' || c >= '0' && c <= '9' }

// intOf reads a whole number, also when it is written as a string, as 1.0 or as
// 1e3: all of these have been seen where a number belongs.
func intOf(v []byte) (int64, bool) {
	if n, ok := digits(v); ok {
		return n, true
	}
	s, ok := textOf(v)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// digits reads a bare whole number of at most 18 digits.
func digits(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > 18 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
