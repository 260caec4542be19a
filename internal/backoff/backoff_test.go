package backoff

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestCeilingDoublesUpToTheCap(t *testing.T) {
	p := Policy{Base: 100 * time.Millisecond, Cap: time.Second}
	for n, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := p.Ceiling(n); got != want*time.Millisecond {
			t.Errorf("attempt %d: %v, want %v ms", n, got, want)
		}
	}
}

func TestCeilingNeverOverflows(t *testing.T) {
	for _, p := range []Policy{
		{Base: 1, Cap: math.MaxInt64},
		{Base: 3 * time.Second, Cap: math.MaxInt64},
		{Base: time.Minute, Cap: time.Hour},
	} {
		last := time.Duration(0)
		for n := range 200 {
			got := p.Ceiling(n)
			if got < last || got > p.Cap {
				t.Fatalf("%+v attempt %d: %v after %v", p, n, got, last)
			}
			last = got
		}
		if p.Ceiling(math.MaxInt) != p.Cap || last != p.Cap {
			t.Errorf("%+v does not end at its cap", p)
		}
		if p.Ceiling(math.MinInt) != p.Base {
			t.Errorf("%+v does not begin at its base", p)
		}
	}
}

func TestOddPolicies(t *testing.T) {
	if got := (Policy{}).Delay(9, math.MaxUint64); got != 0 {
		t.Errorf("the zero policy waits %v", got)
	}
	if got := (Policy{Base: -5, Cap: -1}).Delay(3, math.MaxUint64); got != 0 {
		t.Errorf("a negative policy waits %v", got)
	}
	if got := (Policy{Base: 10, Cap: 3}).Ceiling(0); got != 3 {
		t.Errorf("a cap below the base gives %v, want the cap", got)
	}
}

func TestDelayCoversTheWholeRangeEvenly(t *testing.T) {
	p := Policy{Base: time.Second, Cap: time.Minute}
	if got := p.Delay(3, 0); got != 1 {
		t.Errorf("lowest = %v, want more than nothing", got)
	}
	if got := p.Delay(3, math.MaxUint64); got != 8*time.Second {
		t.Errorf("highest = %v, want the ceiling", got)
	}
	if got := (Policy{Base: 1, Cap: math.MaxInt64}).Delay(99, math.MaxUint64); got != math.MaxInt64 {
		t.Errorf("highest of all = %v", got)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var tenths [10]int
	for range 10_000 {
		tenths[min(9, p.Delay(3, rnd.Uint64())/(800*time.Millisecond))]++
	}
	for i, n := range tenths {
		if n < 850 || n > 1150 {
			t.Errorf("tenth %d was drawn %d times of 10,000", i, n)
		}
	}
}
