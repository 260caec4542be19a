package measure

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	v := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 1: 4} {
		if got := Quantile(v, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

// A round with a bad moment counts once, however many slices it had.
func TestARoundCountsOnce(t *testing.T) {
	s := Summarise([]Round{{Values: []float64{1}}, {Values: []float64{9, 9, 9, 9, 9}}, {Values: []float64{2}}})
	if s.Median != 2 || s.Low != 1 || s.High != 9 || s.Rounds != 3 {
		t.Errorf("%+v", s)
	}
}

// Ours is held against the two bare slices around it: a machine that becomes slower
// all the time changes no ratio.
func TestBesideFollowsTheMachine(t *testing.T) {
	speed := 1000.0
	bare := func(time.Duration) (float64, error) { speed -= 10; return speed, nil }
	ours := func(time.Duration) (float64, error) { speed -= 10; return speed / 2, nil }
	ratios, _, err := Beside(5, 0, bare, ours)
	if err != nil || len(ratios) != 5 {
		t.Fatal(ratios, err)
	}
	for _, r := range ratios {
		if r != 0.5 {
			t.Errorf("ratio %v, want 0.5", r)
		}
	}
}

// What fails in a round is told once, and the others go on.
func TestRunGoesOn(t *testing.T) {
	skip := &SkipError{"skipped: needs root"}
	rounds := 0
	res := Run(t.TempDir(), []Trial{
		{Keys: []string{"A/a"}, Round: func(string, Scale) (map[string]Round, error) { return nil, skip }},
		{Keys: []string{"B/b"}, MinRounds: 7, Round: func(string, Scale) (map[string]Round, error) {
			rounds++
			return map[string]Round{"B/b": {Values: []float64{1}}}, nil
		}},
	}, Scale{Rounds: 3}, func(string) {})
	if len(res.Failed) != 0 || res.Missing["A/a"] != skip.Why || rounds != 7 || res.Summaries["B/b"].Rounds != 7 {
		t.Errorf("%+v after %d rounds", res, rounds)
	}
	res = Run(t.TempDir(), []Trial{{Keys: []string{"C/c"}, Round: func(string, Scale) (map[string]Round, error) { return nil, errors.New("broken") }}}, Fast, func(string) {})
	if len(res.Failed) != 1 || res.Missing["C/c"] != "broken" {
		t.Errorf("a trial that fails: %+v", res)
	}
	if _, err := Callers(4, func(int) error { return skip })(time.Second); !errors.As(err, new(*SkipError)) {
		t.Errorf("callers that fail: %v", err)
	}
}

func TestMeant(t *testing.T) {
	for names, want := range map[string]bool{"": true, "D1": true, "D1/store": true, "W1,D1": true, "D": false, "D11": false, "D1/face": false} {
		if Meant("D1/store", names) != want {
			t.Errorf("%q means D1/store: %v", names, !want)
		}
	}
}
