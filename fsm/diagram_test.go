package fsm

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/states.md instead of comparing it")

const statesFile = "../docs/states.md"

func TestStatesDocument(t *testing.T) {
	want, err := StatesDocument()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(statesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(statesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/states.md is not what the tables say; run `make docs` (-tables +file):\n%s", diff)
	}
}

// Every state and move of the table has its sentence, and no sentence is left over.
func TestEveryNameIsExplained(t *testing.T) {
	table := newConnTable()
	for _, s := range table.States() {
		if connStateMeaning[s] == "" {
			t.Errorf("state %q is not explained", s)
		}
	}
	moves := map[ConnMove]bool{}
	for _, r := range table.Rules() {
		moves[r.Move] = true
		if connMoveMeaning[r.Move] == "" {
			t.Errorf("move %q is not explained", r.Move)
		}
	}
	if n := len(table.States()); n != len(connStateMeaning) {
		t.Errorf("%d states, %d explanations", n, len(connStateMeaning))
	}
	if len(moves) != len(connMoveMeaning) {
		t.Errorf("%d moves, %d explanations", len(moves), len(connMoveMeaning))
	}
}
