package fsm

import (
	"fmt"
	"strings"
)

// StatesDocument is the text of docs/states.md: for each machine its picture,
// what its states mean and what its moves stand for. `make docs` writes it, a
// test holds the file equal to it.
func StatesDocument() (string, error) {
	var b strings.Builder
	b.WriteString("# States\n\nGenerated from the tables in `fsm/` by `make docs`; a test holds it equal to them.\n\n")
	conn, err := NewTable(connTableName, ConnStopped, nil, connRules)
	if err != nil {
		return "", err
	}
	err = section(&b, conn, "The connection",
		"One attempt or one session at a time, each with a number; what an old one says moves nothing. "+
			"An event whose move is not in the picture changes nothing. It never gives up: in every state but `stopped` there is an attempt, a session or a timer.",
		connStateMeaning, connMoveMeaning)
	return b.String(), err
}

func section[S, M ~string](b *strings.Builder, t *Table[S, M], title, prose string, states map[S]string, moves map[M]string) error {
	picture, err := t.Mermaid()
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "## %s\n\n%s\n\n```mermaid\n%s```\n\n| state | what it means |\n| --- | --- |\n", title, prose, picture)
	for _, s := range t.States() {
		fmt.Fprintf(b, "| `%s` | %s |\n", s, states[s])
	}
	b.WriteString("\n| move | from | to | when |\n| --- | --- | --- | --- |\n")
	for _, r := range t.Rules() {
		from := make([]string, len(r.From))
		for i, s := range r.From {
			from[i] = "`" + string(s) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | `%s` | %s |\n", r.Move, strings.Join(from, ", "), r.To, moves[r.Move])
	}
	return nil
}
