package alink

import (
	"fmt"
	"log/slog"
)

// Secret is a device secret, a product secret or a password. No verb of fmt, no
// encoder and no log prints it; string(s) is the way to read it. Keep it in an
// exported field: fmt prints unexported ones without asking them.
type Secret string

const hidden = "[secret]"

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the secret from every verb, %x and %q included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the secret from encoders, encoding/json among them.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
