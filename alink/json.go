package alink

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What encoding/json's decoder is not wanted for in a device: its reflection is
// 80 KB of the binary, and nothing that a device itself reads is more than one
// object or one array.

// Members calls f with each member of the JSON object b, in its order: the name,
// and the value as it is written. It tells whether b is one object; f is called
// for none of the members of anything else. The value is a part of b.
func Members(b []byte, f func(name string, value []byte)) bool {
	m, ok := membersOf(b)
	if !ok || !json.Valid(b) {
		return false
	}
	for {
		key, value, ok := m.next()
		if !ok {
			return true
		}
		name, _ := unquote(key)
		f(name, value)
	}
}

// Elements calls f with each element of the JSON array b, as it is written. It
// tells whether b is one array; f is called for nothing of anything else. The
// element is a part of b.
func Elements(b []byte, f func(value []byte)) bool {
	i := skipBlank(b, 0)
	if i == len(b) || b[i] != '[' || !json.Valid(b) {
		return false
	}
	for i = skipBlank(b, i+1); b[i] != ']'; {
		end := skipValue(b, i)
		f(b[i:end])
		if i = skipBlank(b, end); b[i] == ',' {
			i = skipBlank(b, i+1)
		}
	}
	return true
}

// Text is the content of a JSON string. Like encoding/json it puts U+FFFD where a
// byte is no UTF-8 and where half a surrogate pair stands.
func Text(value []byte) (string, bool) { return unquote(value) }

func unquote(v []byte) (string, bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return "", false
	}
	v = v[1 : len(v)-1]
	b := make([]byte, 0, len(v))
	for len(v) > 0 {
		switch c := v[0]; {
		case c < ' ' || c == '"':
			return "", false
		case c == '\\':
			r, n := escaped(v)
			if n == 0 {
				return "", false
			}
			b, v = utf8.AppendRune(b, r), v[n:]
		default:
			r, n := utf8.DecodeRune(v)
			b, v = utf8.AppendRune(b, r), v[n:]
		}
	}
	return string(b), true
}

// escaped is the rune of the escape that v begins with, and its length; a length
// of 0 means that it is none of JSON's.
func escaped(v []byte) (rune, int) {
	if len(v) < 2 {
		return 0, 0
	}
	if at := strings.IndexByte(`"\/bfnrt`, v[1]); at >= 0 {
		return rune("\"\\/\b\f\n\r\t"[at]), 2
	}
	r, ok := unit(v)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		low, _ := unit(v[6:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
		r = utf8.RuneError
	}
	return r, 6
}

// unit is the \uXXXX that v begins with.
func unit(v []byte) (rune, bool) {
	if len(v) < 6 || v[0] != '\\' || v[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(v[2:6]), 16, 16)
	return rune(n), err == nil
}
