package contest

import (
	"errors"
	"fmt"

	"github.com/aliiot/aliiot/bench/measure"
)

// callers is how many call at once where many do.
const callers = 64

// AppendTrials are durable appends by one caller and by 64, as ratios to a bare
// write and sync of the same bytes (D1, D2, D3), with what they take of the CPU (D11).
func AppendTrials(c Contestant) []measure.Trial {
	var all []measure.Trial
	for key, how := range map[string]struct{ size, callers int }{
		"D1/store": {256, 1}, "D2/store": {256, callers},
		"D3/store": {1024, 1}, "D3/store-64": {1024, callers},
	} {
		all = append(all, measure.Trial{Keys: []string{key}, Round: func(dir string, s measure.Scale) (map[string]measure.Round, error) {
			return c.appendRound(dir, s, key, how.size, how.callers)
		}})
	}
	return append(all, measure.Trial{Keys: []string{"D11/store"}, Round: c.cpuRound})
}

func (c Contestant) appendRound(dir string, s measure.Scale, key string, size, callers int) (got map[string]measure.Round, err error) {
	store, ours, end, err := c.callers(dir, size, callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end(), store.Close()) }()
	bare, err := measure.L0(dir, size*callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	ratios, rates, err := measure.Beside(s.Slices, s.Slice, bare.Slice(callers), ours)
	if err != nil {
		return nil, err
	}
	return map[string]measure.Round{key: {Values: ratios, Absolute: measure.Median(rates)}}, nil
}

func (c Contestant) cpuRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	store, ours, end, err := c.callers(dir, 256, callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end(), store.Close()) }()
	var micros []float64
	for range s.Slices {
		us, err := measure.WithCPU(ours)(s.Slice)
		if err != nil {
			return nil, err
		}
		micros = append(micros, us)
	}
	return map[string]measure.Round{"D11/store": {Values: micros}}, nil
}

// callers is a slice of n callers in front of a new store; end ends what stands
// between them.
func (c Contestant) callers(dir string, size, n int) (Store, measure.Slice, func() error, error) {
	store, err := c.Open(dir)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("opening: %w", err)
	}
	record := records(1, size)
	if n == 1 {
		return store, measure.Callers(1, func(int) error { return store.Append(record) }), func() error { return nil }, nil
	}
	comb := NewCombiner(store.Append)
	ours := measure.Callers(n, func(int) error { return comb.Append(record[0]) })
	return store, ours, func() error { comb.Close(); return nil }, nil
}
