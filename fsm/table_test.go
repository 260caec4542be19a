package fsm

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

type (
	doorState string
	doorMove  string
)

var door = []Rule[doorState, doorMove]{
	{Move: "open", From: []doorState{"closed"}, To: "ajar"},
	{Move: "push", From: []doorState{"ajar"}, To: "ajar"},
	{Move: "close", From: []doorState{"ajar"}, To: "closed"},
	{Move: "burn", From: []doorState{"ajar", "closed"}, To: "ashes"},
}

func newDoor(t *testing.T) *Table[doorState, doorMove] {
	t.Helper()
	table, err := NewTable("door", "closed", []doorState{"ashes"}, door)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTableNext(t *testing.T) {
	table := newDoor(t)
	for _, c := range []struct {
		state doorState
		move  doorMove
		want  doorState
	}{
		{"closed", "open", "ajar"},
		{"ajar", "push", "ajar"},
		{"ajar", "close", "closed"},
		{"closed", "burn", "ashes"},
	} {
		if got, err := table.Next(c.state, c.move); got != c.want || err != nil {
			t.Errorf("Next(%s, %s) = %s, %v; want %s", c.state, c.move, got, err, c.want)
		}
	}
}

func TestTableRefuses(t *testing.T) {
	table := newDoor(t)
	var illegal *IllegalMoveError
	if got, err := table.Next("ashes", "open"); !errors.As(err, &illegal) || got != "ashes" {
		t.Errorf("an illegal move gave %s, %v", got, err)
	}
	var move *UnknownMoveError
	if got, err := table.Next("ajar", "paint"); !errors.As(err, &move) || got != "ajar" {
		t.Errorf("an unknown move gave %s, %v", got, err)
	}
	var state *UnknownStateError
	if got, err := table.Next("painted", "open"); !errors.As(err, &state) || got != "painted" {
		t.Errorf("an unknown state gave %s, %v", got, err)
	}
	if err := table.Has("painted"); !errors.As(err, &state) {
		t.Errorf("Has of an unknown state gave %v", err)
	}
	if got, err := table.Next("closed", "open"); got != "ajar" || err != nil {
		t.Errorf("after refusals the table gave %s, %v", got, err)
	}
}

func TestTableChecksItself(t *testing.T) {
	type rules = []Rule[doorState, doorMove]
	for name, c := range map[string]struct {
		finals []doorState
		rules  rules
		want   string
	}{
		"duplicate": {nil, append(slices.Clone(door), Rule[doorState, doorMove]{"open", []doorState{"closed"}, "closed"}), "two rules"},
		"unreachable": {nil, rules{
			{"open", []doorState{"closed"}, "closed"}, {"lift", []doorState{"lost"}, "closed"},
		}, "cannot be reached"},
		"trap":          {nil, door, "never left"},
		"left final":    {[]doorState{"ashes", "ajar"}, door, "final and yet left"},
		"unknown final": {[]doorState{"ashes", "gone"}, door, "in no rule"},
		"name":          {[]doorState{"ashes"}, append(slices.Clone(door), Rule[doorState, doorMove]{"re-open", []doorState{"closed"}, "ajar"}), "diagram"},
		"from nowhere":  {[]doorState{"ashes"}, append(slices.Clone(door), Rule[doorState, doorMove]{"rise", nil, "ajar"}), "starts nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewTable("door", "closed", c.finals, c.rules)
			var wrong *TableError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// One machine serves all who ask; each gets the answer to its own question.
func TestTableIsShared(t *testing.T) {
	table := newDoor(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if got, err := table.Next("closed", "open"); got != "ajar" || err != nil {
					t.Errorf("Next = %s, %v", got, err)
				}
				if got, err := table.Next("ajar", "burn"); got != "ashes" || err != nil {
					t.Errorf("Next = %s, %v", got, err)
				}
			}
		})
	}
	all.Wait()
}
