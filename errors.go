package aliiot

import (
	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/internal/outbox"
)

// What went wrong inside, and was contained.
var (
	// ErrNotKept: a fault inside kept the report from being stored. Reporting it again
	// is right: it cannot be there twice.
	ErrNotKept = actors.ErrNotKept
	// ErrHung: Close waited in vain for an actor of the application's that does not
	// return from a message. All else has ended as it should; its goroutine is left
	// behind.
	ErrHung = actors.ErrHung
)

// ValueError says which value cannot be reported, and why. Nothing was stored, and
// the same value fails again.
type ValueError = actors.ValueError

// TooLargeError says that a report is larger than a post's payload or its lane's
// budget can ever be, in bytes. Nothing was stored; report less at once.
type TooLargeError = outbox.TooLargeError

// UnknownLaneError names a lane that Config.Lanes does not declare. Nothing was
// stored.
type UnknownLaneError = actors.UnknownLaneError

// PanicError is a panic of an actor that was asked something: its name, the type of
// the message, the panic's value and its stack. The actor is restarted; ask again.
type PanicError = actors.PanicError

// IdentityError says that the folder holds another device's journal. Give each
// device a folder of its own.
type IdentityError = journal.IdentityError

// FormatError says that the journal was written by a later version. Run that
// version, or let it drain the journal first. Nothing was changed.
type FormatError = journal.FormatError

// RuinError says that there is a journal of which nothing can be believed. Nothing
// was changed; move the folder aside to begin anew, and keep it.
type RuinError = journal.RuinError
