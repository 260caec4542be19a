package disk

import (
	"errors"
	"io/fs"
	"strings"
)

// Error says which call on which file went wrong, and for which job. Unwrap
// gives the cause, so errors.Is finds fs.ErrNotExist, syscall.ENOSPC and so on.
type Error struct {
	Op   Op     // the caller's job
	Call string // "create", "open", "read", "write", "truncate", "size", "sync", "rename", "remove", "list", "syncdir"
	Name string // relative to the folder; "." is the folder
	Err  error
}

func (e *Error) Error() string {
	return string(e.Op) + ": " + e.Call + " " + e.Name + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CheckName returns fs.ErrInvalid for what cannot be the name of a file in the
// folder: an empty name, a path, or a dot.
func CheckName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return fs.ErrInvalid
	}
	return nil
}

// Join is errors.Join, called and not copied into each place that joins: 20 KB of a
// device's binary.
//
//go:noinline
func Join(errs ...error) error { return errors.Join(errs...) }
