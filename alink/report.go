package alink

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Value is one value of a report.
type Value struct {
	Name  string
	Value json.RawMessage // a part of what was parsed
	Time  int64           // milliseconds since 1970; 0 where the report has none
}

// ParseProperties reads the params of a property post. A value is wrapped where it
// is an object with "value" and nothing but "value" and "time", and bare otherwise
// (inferred: time and value are reserved identifiers); time may be a number or a
// string (QuecPython). The error is an *EnvelopeError.
func ParseProperties(params []byte) ([]Value, error) {
	m, err := objectOf("params", params)
	if err != nil {
		return nil, err
	}
	var all []Value
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		name, _ := textOf(key)
		v := Value{Name: name, Value: json.RawMessage(value)}
		if inner, ms, found, wrapped := unwrap(value); wrapped && found {
			v.Value, v.Time = inner, ms
		}
		all = append(all, v)
	}
	return all, nil
}

// ParseEvent reads the params of an event post: the output parameters and the
// time, 0 where there is none. They may stand in "value" (D20) or directly in
// params (T-C, T-ND). The error is an *EnvelopeError.
func ParseEvent(params []byte) (output json.RawMessage, timeMs int64, err error) {
	if _, err := objectOf("params", params); err != nil {
		return nil, 0, err
	}
	inner, ms, found, wrapped := unwrap(params)
	switch {
	case wrapped && found:
		return inner, ms, nil
	case wrapped && ms != 0:
		return json.RawMessage("{}"), ms, nil
	}
	return json.RawMessage(params), 0, nil
}

// unwrap takes {"value":…,"time":…} apart; wrapped is false where v has other members.
func unwrap(v []byte) (inner json.RawMessage, timeMs int64, found, wrapped bool) {
	m, ok := membersOf(v)
	if !ok {
		return nil, 0, false, false
	}
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		switch string(key) {
		case `"value"`:
			inner, found = json.RawMessage(value), true
		case `"time"`:
			timeMs, _ = intOf(value)
		default:
			return nil, 0, false, false
		}
	}
	return inner, timeMs, found, true
}

// CheckProperties tells whether params can be posted: a JSON object in UTF-8 of 1
// to [MaxProperties] values, each under an identifier of its own. Errors:
// *EnvelopeError for the form, *NameError for an identifier.
func CheckProperties(params []byte) error {
	m, err := objectOf("params", params)
	if err != nil {
		return err
	}
	var names []string
	for key, _, ok := m.next(); ok; key, _, ok = m.next() {
		name, _ := textOf(key)
		names = append(names, name)
	}
	slices.Sort(names)
	return CheckIdentifiers(names)
}

// CheckIdentifiers tells whether the sorted names can be those of one post's
// properties: 1 to [MaxProperties], each valid and there once. Errors: *NameError
// and *EnvelopeError.
func CheckIdentifiers(sorted []string) error {
	for i, name := range sorted {
		if err := ValidIdentifier(name); err != nil {
			return err
		}
		if i > 0 && name == sorted[i-1] {
			return &NameError{What: "identifier", Name: name, Reason: "comes twice"}
		}
	}
	switch n := len(sorted); {
	case n == 0:
		return &EnvelopeError{Member: "params", Reason: "has no property"}
	case n > MaxProperties:
		return &EnvelopeError{Member: "params", Reason: fmt.Sprintf("has %d properties, more than %d", n, MaxProperties)}
	}
	return nil
}

// CheckEvent tells whether an event can be posted: a valid name (see [ValidEvent])
// and a JSON object in UTF-8. Errors: *NameError and *EnvelopeError.
func CheckEvent(name string, output []byte) error {
	if err := ValidEvent(name); err != nil {
		return err
	}
	_, err := objectOf("value", output)
	return err
}

func objectOf(name string, b []byte) (members, error) {
	m, ok := membersOf(b)
	switch {
	case !ok || !json.Valid(b):
		return m, &EnvelopeError{Member: name, Reason: "is not a JSON object"}
	case !utf8.Valid(b):
		return m, &EnvelopeError{Member: name, Reason: "is not UTF-8"}
	}
	return m, nil
}
