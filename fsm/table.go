package fsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	looplab "github.com/looplab/fsm"
)

// Rule is one line of a table: Move leads from each state of From to To.
type Rule[S, M ~string] struct {
	Move M
	From []S
	To   S
}

// Table is a set of legal moves between states. It holds no current state and is
// safe for concurrent use.
type Table[S, M ~string] struct {
	name   string
	start  S
	rules  []Rule[S, M]
	states map[S]bool
	moves  map[M]bool

	// Setting the state, moving and reading it are three calls on one machine.
	mu sync.Mutex
	m  *looplab.FSM
}

// NewTable builds and checks a table: no two rules for one state and move, every
// state reachable from start and left by some rule unless it is final. The error
// is a *TableError that lists all that is wrong.
func NewTable[S, M ~string](name string, start S, finals []S, rules []Rule[S, M]) (*Table[S, M], error) {
	t := newTable(name, start, rules)
	if wrong := check(start, finals, rules, t.states); len(wrong) > 0 {
		return nil, &TableError{Table: name, Wrong: wrong}
	}
	return t, nil
}

func newTable[S, M ~string](name string, start S, rules []Rule[S, M]) *Table[S, M] {
	t := &Table[S, M]{name: name, start: start, rules: rules, states: map[S]bool{start: true}, moves: map[M]bool{}}
	for _, r := range rules {
		t.moves[r.Move] = true
		t.states[r.To] = true
		for _, s := range r.From {
			t.states[s] = true
		}
	}
	t.m = looplab.NewFSM(string(start), t.events(), nil)
	return t
}

func (t *Table[S, M]) events() looplab.Events {
	var events looplab.Events
	for _, r := range t.rules {
		from := make([]string, len(r.From))
		for i, s := range r.From {
			from[i] = string(s)
		}
		events = append(events, looplab.EventDesc{Name: string(r.Move), Src: from, Dst: string(r.To)})
	}
	return events
}

// Next is the state that move leads to. A move that the table does not allow
// gives *IllegalMoveError and the state unchanged; a state or move that it does
// not name gives *UnknownStateError or *UnknownMoveError, which are faults of the
// program or of a record that was read back.
func (t *Table[S, M]) Next(state S, move M) (S, error) {
	if err := t.Has(state); err != nil {
		return state, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.m.SetState(string(state))
	// A context that can end would wedge the machine for good.
	err := t.m.Event(context.Background(), string(move))
	if same := (looplab.NoTransitionError{}); errors.As(err, &same) {
		err = nil
	}
	if illegal := (looplab.InvalidEventError{}); errors.As(err, &illegal) {
		return state, &IllegalMoveError{Table: t.name, State: string(state), Move: string(move)}
	}
	if unknown := (looplab.UnknownEventError{}); errors.As(err, &unknown) {
		return state, &UnknownMoveError{Table: t.name, Move: string(move)}
	}
	if err != nil {
		return state, fmt.Errorf("fsm: %s: move %q from %q: %w", t.name, move, state, err)
	}
	return S(t.m.Current()), nil
}

// Has is nil for a state of the table, else *UnknownStateError. A state that was
// kept on a disk goes through it before it is used.
func (t *Table[S, M]) Has(state S) error {
	if !t.states[state] {
		return &UnknownStateError{Table: t.name, State: string(state)}
	}
	return nil
}

// States are the table's states in alphabetical order.
func (t *Table[S, M]) States() []S {
	var all []S
	for s := range t.states {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// Rules are the table's lines in the order they were written. They must not be
// changed.
func (t *Table[S, M]) Rules() []Rule[S, M] { return t.rules }

// Mermaid draws the table as a Mermaid state diagram, always the same text.
func (t *Table[S, M]) Mermaid() (string, error) {
	// The picture names the current state, so a fresh machine is drawn.
	fresh := looplab.NewFSM(string(t.start), t.events(), nil)
	text, err := looplab.VisualizeForMermaidWithGraphType(fresh, looplab.StateDiagram)
	if err != nil {
		return "", fmt.Errorf("fsm: draw %s: %w", t.name, err)
	}
	return text, nil
}
