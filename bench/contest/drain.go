package contest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/bench/measure"
)

// DrainTrials drain a store by paho, with the window of 20 and of 100, beside bare
// paho with the same (W1, W3).
func DrainTrials(c Contestant) []measure.Trial {
	var all []measure.Trial
	for _, window := range []int{20, 100} {
		keys := []string{fmt.Sprintf("W1/store-%d", window), fmt.Sprintf("W3/store-%d", window)}
		all = append(all, measure.Trial{Keys: keys, Round: func(dir string, s measure.Scale) (map[string]measure.Round, error) {
			return c.drainRound(dir, s, window, keys)
		}})
	}
	return all
}

func (c Contestant) drainRound(dir string, s measure.Scale, window int, keys []string) (got map[string]measure.Round, err error) {
	broker, err := drain.StartBroker()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	params := []byte(`{"t":"` + strings.Repeat("x", 216) + `"}`)
	bare, err := drain.DialPaho(broker.Addr, drain.ByReplyQoS1, window, params)
	if err != nil {
		return nil, err
	}
	defer bare.Close()
	client, err := drain.DialPaho(broker.Addr, drain.ByReplyQoS1, window, params)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	store, err := c.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	record := make([][]byte, 64)
	for i := range record {
		record[i] = params
	}
	prepare := func(n int) error {
		for ; n > 0; n -= len(record) {
			if err := store.Append(record[:min(n, len(record))]); err != nil {
				return err
			}
		}
		return nil
	}
	rates, cpu, err := drain.Beside(s, bare, c.DrainMost, prepare, func(n int) (float64, error) { return client.From(store, n) })
	if err != nil {
		return nil, err
	}
	return map[string]measure.Round{keys[0]: rates, keys[1]: cpu}, nil
}
