package fsm

import (
	"fmt"
	"strings"
)

// IllegalMoveError says that a table has no such move from that state. Nothing
// has moved.
type IllegalMoveError struct{ Table, State, Move string }

func (e *IllegalMoveError) Error() string {
	return fmt.Sprintf("fsm: %s: no move %q from %q", e.Table, e.Move, e.State)
}

// UnknownMoveError says that a table has no such move at all.
type UnknownMoveError struct{ Table, Move string }

func (e *UnknownMoveError) Error() string {
	return fmt.Sprintf("fsm: %s: there is no move %q", e.Table, e.Move)
}

// UnknownStateError says that a table has no such state: a record of another
// version, or a damaged one. Start from the table's first state instead.
type UnknownStateError struct{ Table, State string }

func (e *UnknownStateError) Error() string {
	return fmt.Sprintf("fsm: %s: there is no state %q", e.Table, e.State)
}

// TableError lists what is wrong with a table.
type TableError struct {
	Table string
	Wrong []string
}

func (e *TableError) Error() string {
	return fmt.Sprintf("fsm: the table %s is wrong: %s", e.Table, strings.Join(e.Wrong, "; "))
}

// PolicyError names the field of a policy that cannot be.
type PolicyError struct {
	Field string
	Why   string
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("fsm: policy: %s %s", e.Field, e.Why)
}
