package oracle

import "fmt"

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
// O15, the one about updates over the air, comes with the updates.
var Checks = []struct{ Name, Says string }{
	{"O1", "the ledger's identity holds in every snapshot"},
	{"O2", "nothing acknowledged is lost"},
	{"O3", "refused stays refused"},
	{"O4", "nothing is invented or bent"},
	{"O5", "confirmed is true"},
	{"O6", "what the platform has and we do not call confirmed has a reason"},
	{"O7", "rejected is true"},
	{"O8", "expired and evicted are true"},
	{"O9", "ordered lanes keep their order"},
	{"O10", "a repeat is the same, and has a reason"},
	{"O11", "times are true"},
	{"O12", "everything happens within its bound"},
	{"O13", "what was taken is given back"},
	{"O14", "the platform's limits are kept"},
	{"O16", "restarts forget nothing that was durable"},
	{"O17", "no secret is told"},
	{"O18", "the same seed gives the same run"},
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
	c := newCourt(r)
	c.identity()
	c.kept()
	c.refusedStaysRefused()
	c.nothingInvented()
	c.confirmedIsTrue()
	c.acceptedHasReason()
	c.rejectedIsTrue()
	c.expiredIsTrue()
	c.evictedIsTrue()
	c.orderIsKept()
	c.repeatsAreSame()
	c.repeatsAreFew()
	c.timesAreTrue()
	c.callersAreAnswered()
	c.silenceIsFound()
	c.comesBack()
	c.alarmsAreFast()
	c.comesToRest()
	c.isGivenBack()
	c.hasManners()
	c.restartsForgetNothing()
	c.secretsAreKept()
	c.sameAsBefore()
	return c.verdict()
}
