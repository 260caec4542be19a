package measure

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Slice does its work for about d and says how much of it was done in a second.
type Slice func(d time.Duration) (rate float64, err error)

// Repeat is one caller: once says how many it has done.
func Repeat(once func() (int, error)) Slice {
	return func(d time.Duration) (float64, error) {
		n, start := 0, time.Now()
		for time.Since(start) < d {
			done, err := once()
			if err != nil {
				return 0, err
			}
			n += done
		}
		return float64(n) / time.Since(start).Seconds(), nil
	}
}

// Callers are n callers at the same time, each one done with one at a time.
func Callers(n int, once func(caller int) error) Slice {
	if n == 1 {
		return Repeat(func() (int, error) { return 1, once(0) })
	}
	return func(d time.Duration) (float64, error) {
		var (
			wg    sync.WaitGroup
			total atomic.Int64
			fault atomic.Pointer[error]
			start = time.Now()
		)
		for caller := range n {
			wg.Go(func() {
				done := int64(0)
				for time.Since(start) < d && fault.Load() == nil {
					if err := once(caller); err != nil {
						fault.CompareAndSwap(nil, &err)
						break
					}
					done++
				}
				total.Add(done)
			})
		}
		wg.Wait()
		if err := fault.Load(); err != nil {
			return 0, *err
		}
		return float64(total.Load()) / time.Since(start).Seconds(), nil
	}
}

// Beside takes bare, ours, bare, ours, …, bare, and returns for each slice of ours
// its ratio to the mean of the two bare ones around it, and all rates of ours.
func Beside(slices int, d time.Duration, bare, ours Slice) (ratios, rates []float64, err error) {
	before, err := bare(d)
	if err != nil {
		return nil, nil, fmt.Errorf("the bare loop: %w", err)
	}
	for range slices {
		mine, err := ours(d)
		if err != nil {
			return nil, nil, fmt.Errorf("ours: %w", err)
		}
		after, err := bare(d)
		if err != nil {
			return nil, nil, fmt.Errorf("the bare loop: %w", err)
		}
		ratios = append(ratios, 2*mine/(before+after))
		rates = append(rates, mine)
		before = after
	}
	return ratios, rates, nil
}
