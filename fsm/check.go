package fsm

import (
	"fmt"
	"maps"
	"slices"
)

// check lists what is wrong with a table. looplab itself checks nothing: of two
// rules for one state and move it silently takes the later.
func check[S, M ~string](start S, finals []S, rules []Rule[S, M], states map[S]bool) []string {
	var wrong []string
	type key struct {
		from S
		move M
	}
	seen, left, to := map[key]bool{}, map[S]bool{}, map[S][]S{}
	for _, r := range rules {
		if !drawable(string(r.Move)) {
			wrong = append(wrong, fmt.Sprintf("move %q is no word that a diagram can show", r.Move))
		}
		if len(r.From) == 0 {
			wrong = append(wrong, fmt.Sprintf("move %q to %q starts nowhere", r.Move, r.To))
		}
		for _, s := range r.From {
			if k := (key{s, r.Move}); seen[k] {
				wrong = append(wrong, fmt.Sprintf("two rules for move %q from %q", r.Move, s))
			} else {
				seen[k] = true
			}
			left[s] = true
			to[s] = append(to[s], r.To)
		}
	}
	reached := reach(start, to)
	for _, s := range slices.Sorted(maps.Keys(states)) {
		final := slices.Contains(finals, s)
		switch {
		case !drawable(string(s)):
			wrong = append(wrong, fmt.Sprintf("state %q is no word that a diagram can show", s))
		case !reached[s]:
			wrong = append(wrong, fmt.Sprintf("state %q cannot be reached from %q", s, start))
		case final && left[s]:
			wrong = append(wrong, fmt.Sprintf("state %q is final and yet left", s))
		case !final && !left[s]:
			wrong = append(wrong, fmt.Sprintf("state %q is never left and not final", s))
		}
	}
	for _, s := range finals {
		if !states[s] {
			wrong = append(wrong, fmt.Sprintf("final state %q is in no rule", s))
		}
	}
	return wrong
}

func reach[S comparable](start S, to map[S][]S) map[S]bool {
	reached, todo := map[S]bool{start: true}, []S{start}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for _, next := range to[s] {
			if !reached[next] {
				reached[next] = true
				todo = append(todo, next)
			}
		}
	}
	return reached
}

// drawable says whether Mermaid takes the name as it is, without quotes.
func drawable(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && r != '_' {
			return false
		}
	}
	return name != ""
}
