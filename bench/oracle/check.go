package oracle

import (
	"fmt"
	"slices"
)

// Violation is one broken promise.
type Violation struct {
	Check string // "O1" …
	Key   string // of the report; "" for what is about counters
	// Snapshot is the index in L of the first snapshot that shows it; -1 where
	// no snapshot is needed to see it.
	Snapshot int
	Text     string
}

func (v Violation) String() string {
	s := v.Check
	if v.Key != "" {
		s += " " + v.Key
	}
	s += ": " + v.Text
	if v.Snapshot >= 0 {
		s += fmt.Sprintf(" (snapshot %d)", v.Snapshot)
	}
	return s
}

// Checks are the checks that Check performs, and what each says in few words.
var Checks = []struct{ Name, Says string }{
	{"O1", "the ledger's identity holds in every snapshot"},
	{"O2", "nothing acknowledged is lost"},
	{"O3", "refused stays refused"},
	{"O4", "nothing is invented or bent"},
	{"O5", "confirmed is true"},
	{"O6", "what the platform has and we do not call confirmed has a reason"},
}

// Check judges one run by its four witnesses; see [Recording.Check].
func Check(w []Call, e []Event, l []Snapshot, r []Resources, s Scenario) []Violation {
	return Recording{Scenario: s, Calls: w, Events: e, Snapshots: l, Resources: r}.Check()
}

// Check judges one run. An empty result means that every check of [Checks]
// holds, as far as the recording can answer it. With no snapshots at all (a peer
// that keeps no ledger) O2 asks that what was acknowledged is at the platform,
// and what needs a ledger is left out.
func (r Recording) Check() []Violation {
	c := &court{
		scenario: r.Scenario, snapshots: r.Snapshots,
		calls:    byKey(r.Calls),
		platform: byItem(r.Events),
	}
	c.identity()
	c.kept()
	c.refusedStaysRefused()
	c.nothingInvented()
	c.confirmedIsTrue()
	c.acceptedHasReason()
	return c.found
}

type court struct {
	scenario  Scenario
	snapshots []Snapshot
	calls     map[string]*call
	platform  map[string]*item
	found     []Violation
	seen      map[[2]string]bool
}

// say keeps the first violation of a check for each key.
func (c *court) say(check, key string, snapshot int, format string, args ...any) {
	id := [2]string{check, key}
	if c.seen[id] {
		return
	}
	if c.seen == nil {
		c.seen = map[[2]string]bool{}
	}
	c.seen[id] = true
	c.found = append(c.found, Violation{check, key, snapshot, fmt.Sprintf(format, args...)})
}

func (c *court) schedule(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(c.scenario.Faults, n) })
}

// call is what W says about one key, all its calls together.
type call struct {
	lane     string
	outcome  Outcome
	started  int64
	returned int64 // of the call that was ok, or of the last refusal
	hashes   []string
	ttl      int64
	seq      uint64
}

// byKey reduces W. One ok makes a key ok; without one, a call that did not
// return or returned unknown makes it unknown; else it was refused.
func byKey(w []Call) map[string]*call {
	m := map[string]*call{}
	open := map[string]int{}
	unknown := map[string]bool{}
	for _, line := range w {
		if line.Step != StepStart && line.Step != StepReturn {
			continue
		}
		k := m[line.Key]
		if k == nil {
			k = &call{lane: line.Lane, started: line.At, ttl: line.TTL, outcome: Unknown}
			m[line.Key] = k
		}
		if line.Step == StepStart {
			open[line.Key]++
			if !slices.Contains(k.hashes, line.Hash) {
				k.hashes = append(k.hashes, line.Hash)
			}
			continue
		}
		open[line.Key]--
		switch line.Outcome {
		case OK:
			k.outcome, k.returned, k.seq = OK, line.At, line.Seq
		case Refused:
			if k.outcome != OK {
				k.outcome, k.returned = Refused, line.At
			}
		default:
			unknown[line.Key] = true
		}
	}
	for key, k := range m {
		if k.outcome != OK && (open[key] > 0 || unknown[key]) {
			k.outcome = Unknown
		}
	}
	return m
}

// item is what E says about one key.
type item struct {
	accepted []Event // each arrival that was stored
	yes      []Event // replies with code 200 that were sent
	puback   bool
	declined bool // once at least, with a code
}

func (i *item) isAccepted() bool { return i != nil && len(i.accepted) > 0 }

func byItem(e []Event) map[string]*item {
	m := map[string]*item{}
	for _, ev := range e {
		if ev.Key == "" {
			continue
		}
		i := m[ev.Key]
		if i == nil {
			i = &item{}
			m[ev.Key] = i
		}
		switch ev.What {
		case Accepted:
			i.accepted = append(i.accepted, ev)
		case ReplySent:
			if ev.Code == 200 {
				i.yes = append(i.yes, ev)
			}
		case PubackSent:
			i.puback = true
		case Declined:
			i.declined = true
		}
	}
	return m
}

// sorted gives the keys of a map in order, so that the same records give the
// same violations in the same order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
