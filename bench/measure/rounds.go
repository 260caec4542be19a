package measure

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// Scale is how thoroughly is measured.
type Scale struct {
	Rounds int           // at least so many, in shuffled order
	Slices int           // in each round
	Slice  time.Duration // how long one takes
	Fast   bool          // for a look whether all works: no figure is worth anything
	Seed   uint64
}

// Full is what a figure is taken with, Fast what a smoke test needs.
var (
	Full = Scale{Rounds: 5, Slices: 8, Slice: 125 * time.Millisecond, Seed: 1}
	Fast = Scale{Rounds: 1, Slices: 2, Slice: 20 * time.Millisecond, Fast: true, Seed: 1}
)

// Pick is full, or fast where the scale is.
func Pick[T any](s Scale, full, fast T) T {
	if s.Fast {
		return fast
	}
	return full
}

// Trial measures one or several figures at once. A round begins from nothing.
type Trial struct {
	Keys []string // of the figures, such as "D1/store"
	// MinRounds is how many rounds it wants at least, where its spread is wide.
	MinRounds int
	// Once says that one round is enough: what it measures does not vary.
	Once bool
	// Round gets an empty folder, which is removed afterwards.
	Round func(dir string, s Scale) (map[string]Round, error)
}

// SkipError says why a figure cannot be had here.
type SkipError struct{ Why string }

func (e *SkipError) Error() string { return e.Why }

// Results are summaries, and reasons where there is none, by key.
type Results struct {
	Summaries map[string]Summary
	Missing   map[string]string
	// Failed are the keys of those that are missing for no good reason.
	Failed []string
}

// Run runs all trials, in an order of its own in each round, and tells progress.
func Run(dir string, trials []Trial, s Scale, progress func(text string)) Results {
	order := rand.New(rand.NewPCG(s.Seed, 0))
	rounds := map[string][]Round{}
	res := Results{Summaries: map[string]Summary{}, Missing: map[string]string{}}
	for round := 0; ; round++ {
		var due []Trial
		for _, t := range trials {
			want := s.Rounds
			if !s.Fast {
				want = max(want, t.MinRounds)
			}
			if t.Once {
				want = 1
			}
			if _, failed := res.Missing[t.Keys[0]]; !failed && round < want {
				due = append(due, t)
			}
		}
		if len(due) == 0 {
			break
		}
		order.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
		for i, t := range due {
			name := strings.Join(t.Keys, ", ")
			progress(fmt.Sprintf("round %d, %d of %d: %s", round+1, i+1, len(due), name))
			got, err := inFolder(dir, t, s)
			if err != nil {
				for _, k := range t.Keys {
					res.Missing[k] = err.Error()
				}
				if skip := new(*SkipError); !errors.As(err, skip) {
					res.Failed = append(res.Failed, t.Keys...)
				}
				progress(fmt.Sprintf("%s: %v", name, err))
				continue
			}
			for k, r := range got {
				rounds[k] = append(rounds[k], r)
			}
		}
	}
	for k, r := range rounds {
		res.Summaries[k] = Summarise(r)
	}
	return res
}

func inFolder(parent string, t Trial, s Scale) (got map[string]Round, err error) {
	dir, err := os.MkdirTemp(parent, "round-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := os.RemoveAll(dir); err == nil {
			err = e
		}
	}()
	return t.Round(dir, s)
}

// Select keeps the trials that some of the names mean: a figure's number such as
// D1, or one key of it such as D1/store. No names mean all.
func Select(trials []Trial, names string) []Trial {
	if names == "" {
		return trials
	}
	var kept []Trial
	for _, t := range trials {
		if slices.ContainsFunc(t.Keys, func(k string) bool { return Meant(k, names) }) {
			kept = append(kept, t)
		}
	}
	return kept
}

// Meant says whether a list of names, parted by commas, means a key.
func Meant(key, names string) bool {
	if names == "" {
		return true
	}
	for name := range strings.SplitSeq(names, ",") {
		if key == name || strings.HasPrefix(key, name+"/") {
			return true
		}
	}
	return false
}
