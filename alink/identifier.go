package alink

import (
	"fmt"
	"strings"
)

// NameError is a name that the platform would not take. The caller must choose
// another one; trying again does not help.
type NameError struct {
	What   string // what it names: "identifier", "device name", "user name", …
	Name   string
	Reason string
}

func (e *NameError) Error() string { return fmt.Sprintf("alink: %s %q %s", e.What, e.Name, e.Reason) }

// ValidIdentifier tells whether s can name a property, an event or a service:
// at most [MaxIdentifier] letters, digits and underscores, none of the reserved
// words set, get, post, time and value (D20, thing model). An identifier of a
// custom module has the module's own in front, "block:identifier" (C41, DN).
// The error is a *NameError.
func ValidIdentifier(s string) error {
	block, id, ok := strings.Cut(s, ":")
	if !ok {
		return validPart("identifier", s, s)
	}
	if err := validPart("module", block, s); err != nil {
		return err
	}
	return validPart("identifier", id, s)
}

// ValidEvent is [ValidIdentifier] for events, where "property" is taken too: its
// topic is that of the property post.
func ValidEvent(s string) error {
	if s == "property" {
		return &NameError{What: "event", Name: s, Reason: "is the topic of property posts"}
	}
	return ValidIdentifier(s)
}

func validPart(what, part, whole string) error {
	switch {
	case part == "":
		return &NameError{What: what, Name: whole, Reason: "is empty"}
	case len(part) > MaxIdentifier:
		return &NameError{What: what, Name: whole, Reason: fmt.Sprintf("is longer than %d characters", MaxIdentifier)}
	case !allBytes(part, isIdentifierByte):
		return &NameError{What: what, Name: whole, Reason: "must be letters, digits and underscores"}
	}
	switch part {
	case "set", "get", "post", "time", "value":
		return &NameError{What: what, Name: whole, Reason: "is reserved"}
	}
	return nil
}

func isIdentifierByte(c byte) bool { return isAlnum(c) || c == '_' }
