package backoff_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliiot/aliiot/internal/backoff"
)

func TestCeilingDoublesUpToTheCap(t *testing.T) {
	p := backoff.Policy{Base: time.Second, Cap: 10 * time.Second}
	for attempt, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if got := p.Ceiling(attempt); got != want*time.Second {
			t.Errorf("attempt %d: %v, want %v", attempt, got, want*time.Second)
		}
	}
}

func TestDelayStaysWithinItsCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := backoff.Policy{
			Base: time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "base")),
			Cap:  time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "cap")),
		}
		attempt := rapid.IntRange(-1, 1<<40).Draw(t, "attempt")
		d := p.Delay(attempt, rapid.Uint64().Draw(t, "rnd"))
		if d <= 0 || d > p.Ceiling(attempt) || d > p.Cap {
			t.Fatalf("%+v attempt %d: %v", p, attempt, d)
		}
	})
}

func TestNoPolicyNoDelay(t *testing.T) {
	if d := (backoff.Policy{}).Delay(3, 7); d != 0 {
		t.Errorf("%v", d)
	}
}
