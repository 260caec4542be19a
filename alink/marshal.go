package alink

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValueError is a value that the wire cannot carry. The caller must give another
// one; trying again does not help.
type ValueError struct {
	// Path is where the value is: "GeoLocation.Altitude", "history[3]", "" for the
	// whole.
	Path   string
	Reason string
	// Err is what a json.Marshaler or an encoding.TextMarshaler returned, if it did.
	Err error
}

func (e *ValueError) Error() string {
	s := "alink: value " + e.Reason
	if e.Path != "" {
		s = "alink: value at " + e.Path + " " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ValueError) Unwrap() error { return e.Err }

// Marshal is encoding/json's Marshal for the platform's values, which differs so:
//
//   - a float keeps a decimal, 10.0 and 1.0e+21, since the platform takes a float
//     or a double without one for an int (DN 89301); an int stays an int, and a
//     float32 keeps its own digits,
//   - what a json.Marshaler writes goes out byte for byte, a TextMarshaler's text
//     as a JSON string,
//   - nothing is escaped for HTML,
//   - text that is not UTF-8 is refused, and so are NaN, infinities, cycles and
//     what JSON has no form for, anywhere inside; the error is a *ValueError that
//     names the place.
//
// Tags, omitempty, omitzero, string, embedded fields, map keys and their order are
// as in encoding/json.
func Marshal(v any) ([]byte, error) {
	e := encoder{}
	if err := e.value(reflect.ValueOf(v), false); err != nil {
		return nil, err
	}
	return e.b, nil
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonNumber    = reflect.TypeFor[json.Number]()
)

// cycleDepth is how deep a value must be before pointers are remembered: no cycle
// is shorter than it is deep, and most values never get there.
const cycleDepth = 64

type encoder struct {
	b     []byte
	depth int
	seen  map[any]struct{}
}

// value appends v; quoted is the tag option "string".
func (e *encoder) value(v reflect.Value, quoted bool) error {
	if !v.IsValid() {
		e.b = append(e.b, "null"...)
		return nil
	}
	if done, err := e.marshaler(v); done {
		return err
	}
	if isFloat := v.CanFloat(); quoted && (isFloat || v.CanInt() || v.CanUint() || v.Kind() == reflect.Bool) {
		e.b = append(e.b, '"')
		err := e.scalar(v)
		e.b = append(e.b, '"')
		return err
	}
	switch v.Kind() {
	case reflect.String:
		return e.text(v, quoted)
	case reflect.Interface:
		return e.enter(nil, func() error { return e.value(v.Elem(), false) })
	case reflect.Pointer:
		if v.IsNil() {
			e.b = append(e.b, "null"...)
			return nil
		}
		return e.enter(v.Interface, func() error { return e.value(v.Elem(), quoted) })
	case reflect.Struct:
		return e.structure(v)
	case reflect.Map:
		return e.mapping(v)
	case reflect.Slice:
		return e.slice(v)
	case reflect.Array:
		return e.array(v)
	}
	return e.scalar(v)
}

func (e *encoder) scalar(v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Bool:
		e.b = strconv.AppendBool(e.b, v.Bool())
	case v.CanInt():
		e.b = strconv.AppendInt(e.b, v.Int(), 10)
	case v.CanUint():
		e.b = strconv.AppendUint(e.b, v.Uint(), 10)
	case v.CanFloat():
		return e.float(v.Float(), v.Type().Bits())
	default:
		return &ValueError{Reason: "has the type " + v.Type().String() + ", for which JSON has no form"}
	}
	return nil
}

// float writes f as encoding/json does, and a decimal after what has none.
func (e *encoder) float(f float64, bits int) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return &ValueError{Reason: "is " + strconv.FormatFloat(f, 'g', -1, 64)}
	}
	start := len(e.b)
	if !exponential(f, bits) {
		e.b = strconv.AppendFloat(e.b, f, 'f', -1, bits)
		if !slices.Contains(e.b[start:], '.') {
			e.b = append(e.b, ".0"...)
		}
		return nil
	}
	e.b = strconv.AppendFloat(e.b, f, 'e', -1, bits)
	if n := len(e.b); e.b[n-4] == 'e' && e.b[n-3] == '-' && e.b[n-2] == '0' {
		e.b = append(e.b[:n-2], e.b[n-1]) // e-09 is written e-9
	}
	if at := slices.Index(e.b[start:], 'e'); !slices.Contains(e.b[start:], '.') {
		e.b = slices.Insert(e.b, start+at, '.', '0')
	}
	return nil
}

func exponential(f float64, bits int) bool {
	abs := math.Abs(f)
	if bits == 32 {
		small := float32(abs)
		return small != 0 && (small < 1e-6 || small >= 1e21)
	}
	return abs != 0 && (abs < 1e-6 || abs >= 1e21)
}

func (e *encoder) text(v reflect.Value, quoted bool) error {
	if v.Type() == jsonNumber {
		return e.number(v.String(), quoted)
	}
	if !quoted {
		return e.str(v.String())
	}
	inner := encoder{}
	if err := inner.str(v.String()); err != nil {
		return err
	}
	return e.str(string(inner.b))
}

func (e *encoder) number(n string, quoted bool) error {
	if n == "" {
		n = "0"
	}
	if !isNumberStart(n[0]) || !json.Valid([]byte(n)) || strings.TrimSpace(n) != n {
		return &ValueError{Reason: fmt.Sprintf("is the json.Number %q, which is no number", n)}
	}
	if quoted {
		n = `"` + n + `"`
	}
	e.b = append(e.b, n...)
	return nil
}

const hexDigits = "0123456789abcdef"

func (e *encoder) str(s string) error {
	if !utf8.ValidString(s) {
		return &ValueError{Reason: "is a text that is not UTF-8"}
	}
	e.b = append(e.b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			e.b = append(e.b, '\\', byte(r))
		case r == '\b':
			e.b = append(e.b, `\b`...)
		case r == '\f':
			e.b = append(e.b, `\f`...)
		case r == '\n':
			e.b = append(e.b, `\n`...)
		case r == '\r':
			e.b = append(e.b, `\r`...)
		case r == '\t':
			e.b = append(e.b, `\t`...)
		case r < ' ':
			e.b = append(e.b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		case r == '\u2028' || r == '\u2029': // as encoding/json does, for JavaScript
			e.b = append(e.b, `\u202`...)
			e.b = append(e.b, hexDigits[r&15])
		default:
			e.b = utf8.AppendRune(e.b, r)
		}
	}
	e.b = append(e.b, '"')
	return nil
}

func (e *encoder) slice(v reflect.Value) error {
	if v.IsNil() {
		e.b = append(e.b, "null"...)
		return nil
	}
	elem := v.Type().Elem()
	if p := reflect.PointerTo(elem); elem.Kind() == reflect.Uint8 && !p.Implements(jsonMarshaler) && !p.Implements(textMarshaler) {
		e.b = append(e.b, '"')
		e.b = base64.StdEncoding.AppendEncode(e.b, v.Bytes())
		e.b = append(e.b, '"')
		return nil
	}
	type key struct {
		at  any
		len int
	}
	return e.enter(func() any { return key{v.UnsafePointer(), v.Len()} }, func() error { return e.array(v) })
}

func (e *encoder) array(v reflect.Value) error {
	e.b = append(e.b, '[')
	for i := range v.Len() {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.value(v.Index(i), false); err != nil {
			return under("["+strconv.Itoa(i)+"]", err)
		}
	}
	e.b = append(e.b, ']')
	return nil
}

// enter goes one level deeper; id names what is entered, so that a cycle is seen.
func (e *encoder) enter(id func() any, inside func() error) error {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth <= cycleDepth || id == nil {
		return inside()
	}
	if e.seen == nil {
		e.seen = make(map[any]struct{})
	}
	at := id()
	if _, ok := e.seen[at]; ok {
		return &ValueError{Reason: "contains itself"}
	}
	e.seen[at] = struct{}{}
	defer delete(e.seen, at)
	return inside()
}

// under puts a step in front of the error's path.
func under(step string, err error) error {
	var e *ValueError
	if !errors.As(err, &e) {
		return err
	}
	if e.Path != "" && e.Path[0] != '[' {
		step += "."
	}
	return &ValueError{Path: step + e.Path, Reason: e.Reason, Err: e.Err}
}
