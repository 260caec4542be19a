package journal

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/aliiot/aliiot/internal/outbox"
)

// IdentityError says that a folder holds another device's journal. Use another
// folder, or the device that this one belongs to.
type IdentityError struct{ Want, Found string }

func (e *IdentityError) Error() string {
	return fmt.Sprintf("the journal belongs to %q, not to %q", e.Found, e.Want)
}

// FormatError says that a journal was written by a later version of this
// package. Run that version, or let it drain the journal first.
type FormatError struct{ File string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s is in a format that this version does not know", e.File)
}

// RuinError says that there are segments but that none of them has a header
// that can be believed. Nothing is changed; move the folder aside to begin anew.
type RuinError struct{ Files []string }

func (e *RuinError) Error() string {
	return fmt.Sprintf("no segment of the journal can be read: %v", e.Files)
}

var (
	errOrder  = errors.New("journal: numbers must rise")
	errLane   = errors.New("journal: no such lane")
	errTooBig = errors.New("journal: report too large")
	errNoJob  = errors.New("journal: the job ended without a result")
	errFenced = errors.New("journal: a failed sync is being fenced off")
)

// typed wraps a disk's error so that the Store's sentinels match it.
func typed(err error) error {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, e) {
			return diskError{outbox.ErrNoSpace, err}
		}
	}
	if errors.Is(err, syscall.EROFS) {
		return diskError{outbox.ErrReadOnly, err}
	}
	return err
}

// diskError is the disk's own words, and the sentinel that they amount to.
type diskError struct{ kind, err error }

func (e diskError) Error() string   { return e.err.Error() }
func (e diskError) Unwrap() []error { return []error{e.kind, e.err} }

func noSpace(err error) bool { return errors.Is(typed(err), outbox.ErrNoSpace) }
