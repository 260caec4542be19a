package oracle

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// court is one trial: the recording, by key and by time.
type court struct {
	rec       Recording
	scenario  Scenario
	snapshots []Snapshot
	calls     map[string]*call
	keys      []string // of calls, sorted
	platform  map[string]*item
	arrivals  []arrival // posts as they came
	events    []Event   // E by time
	lives     []life
	busy      []Span             // when faults were at work
	delays    []Span             // when they could hold messages back, and just after
	unclocked []Unclocked        // by time
	final     map[string]*Report // the last listing; nil is none
	finalAt   int                // its snapshot; -1 is none
	online    []Span             // connections; by sessions()
	end       int64              // of the recording

	destroyed, unprotected map[string]bool

	found []Violation
	said  map[[3]string]bool
	more  map[string]int // violations that were too many to tell
}

func newCourt(r Recording) *court {
	c := &court{
		rec: r, scenario: r.Scenario, snapshots: r.Snapshots,
		calls: byKey(r.Calls),
		lives: livesOf(r.Calls), finalAt: -1,
		destroyed: setOf(r.Scenario.Destroyed), unprotected: setOf(r.Scenario.Unprotected),
	}
	c.keys = sorted(c.calls)
	c.events = r.Events
	if !slices.IsSortedFunc(c.events, byTime) {
		c.events = slices.Clone(c.events)
		slices.SortStableFunc(c.events, byTime)
	}
	c.platform = byItem(c.events)
	c.arrivals = postsOf(c.events)
	c.busy, c.delays = spansOf(r.Scenario.Strikes)
	c.unclocked = slices.SortedFunc(slices.Values(r.Scenario.Unclocked), func(a, b Unclocked) int { return cmp.Compare(a.From, b.From) })
	for n, s := range slices.Backward(c.snapshots) {
		if s.Reports != nil {
			c.finalAt = n
			c.final = make(map[string]*Report, len(s.Reports))
			for i := range s.Reports {
				c.final[s.Reports[i].Key] = &s.Reports[i]
			}
			break
		}
	}
	if n := len(c.events); n > 0 {
		c.end = c.events[n-1].At
	}
	for _, w := range r.Calls {
		c.end = max(c.end, w.At)
	}
	for _, s := range c.snapshots {
		c.end = max(c.end, s.At)
	}
	return c
}

func byTime(a, b Event) int { return cmp.Compare(a.At, b.At) }

// tellAtMost is how many violations of one check are told.
const tellAtMost = 100

// say keeps the first violation of a check for each key; of what is about no report,
// the first of each kind.
func (c *court) say(check, key string, snapshot int, format string, args ...any) {
	id := [3]string{check, key}
	if key == "" {
		id[2] = format
	}
	if c.said[id] {
		return
	}
	if c.said == nil {
		c.said, c.more = map[[3]string]bool{}, map[string]int{}
	}
	c.said[id] = true
	if c.more[check]++; c.more[check] <= tellAtMost {
		c.found = append(c.found, Violation{check, key, snapshot, fmt.Sprintf(format, args...)})
	}
}

// verdict is what was found, and how much more there was.
func (c *court) verdict() []Violation {
	for _, check := range Checks {
		if n := c.more[check.Name] - tellAtMost; n > 0 {
			c.found = append(c.found, Violation{check.Name, "", -1, fmt.Sprintf("and %d more", n)})
		}
	}
	return c.found
}

func (c *court) schedule(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return slices.Contains(c.scenario.Faults, n) ||
			slices.ContainsFunc(c.scenario.Strikes, func(s Strike) bool { return s.Name == n })
	})
}

// peer says that there is no ledger to look into.
func (c *court) peer() bool { return len(c.snapshots) == 0 }

// life is the time of one process, from its opening to its end.
type life struct {
	from, to int64
	end      Step // "" where the recording ends first
}

// livesOf are the lives in W. A driver that names none has one without end.
func livesOf(w []Call) []life {
	var lives []life
	for _, l := range w {
		switch n := len(lives); {
		case l.Step == StepOpen:
			lives = append(lives, life{from: l.At, to: math.MaxInt64})
		case (l.Step.died() || l.Step == StepClose) && n > 0 && lives[n-1].end == "":
			lives[n-1].to, lives[n-1].end = l.At, l.Step
		}
	}
	if lives == nil {
		return []life{{from: math.MinInt64, to: math.MaxInt64}}
	}
	return lives
}

// lifeAt is the number of the life at a time, or of the last one before it.
func (c *court) lifeAt(at int64) int {
	n, _ := slices.BinarySearchFunc(c.lives, at, func(l life, at int64) int {
		if l.from <= at {
			return -1
		}
		return 1
	})
	return max(n-1, 0)
}

// diedBetween says that a process died after from, until to.
func (c *court) diedBetween(from, to int64) bool {
	for n := c.lifeAt(from); n < len(c.lives) && c.lives[n].from <= to; n++ {
		if l := c.lives[n]; l.end.died() && l.to > from && l.to <= to {
			return true
		}
	}
	return false
}

// deaths counts the processes that died.
func (c *court) deaths() (n int64) {
	for _, l := range c.lives {
		if l.end.died() {
			n++
		}
	}
	return n
}

// spansOf are when any fault was at work, and when one delayed messages or had let
// them go within the last second.
func spansOf(strikes []Strike) (busy, delays []Span) {
	for _, s := range strikes {
		busy = append(busy, s.Span)
		if s.Delays {
			delays = append(delays, Span{s.From, s.To + 1000})
		}
	}
	return union(busy), union(delays)
}

// union joins spans that overlap, and puts them in order.
func union(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && s.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// calm says that no fault was at work from and to.
func (c *court) calm(from, to int64) bool { return !overlaps(c.busy, from, to) }

// overlaps says that one of spans, which are in order, has a part of a time.
func overlaps(spans []Span, from, to int64) bool {
	n, _ := slices.BinarySearchFunc(spans, from, func(s Span, from int64) int { return cmp.Compare(s.To, from) })
	return n < len(spans) && spans[n].From <= to
}

// timed says that the schedule's times are known.
func (c *court) timed() bool { return len(c.scenario.Faults) == 0 || len(c.scenario.Strikes) > 0 }

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

func setOf(keys []string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}
