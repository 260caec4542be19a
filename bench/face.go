package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/bench/contest"
	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/bench/measure"
	"github.com/aliiot/aliiot/internal/outbox"
)

// nobody is a server at which nobody listens.
const nobody = "mqtt://127.0.0.1:1"

// plenty is a budget that no slice reaches.
const plenty = 64 << 30

// openDevice is a device as an application opens it, with the platform's rates off.
func openDevice(dir, server string, change ...func(*aliiot.Config)) (*aliiot.Device, error) {
	none := aliiot.PlatformLimits()
	none.RateQoS0, none.RateQoS1, none.ConnectsPerMinute = 0, 0, 0
	c := aliiot.Config{
		Identity: aliiot.DeviceSecret{ProductKey: drain.Device.ProductKey, DeviceName: drain.Device.DeviceName, Secret: drain.Secret},
		Server:   server, Dir: filepath.Join(dir, "device"), AllowVolatile: true, Limits: &none,
		DrainTimeout: -1, ClockWait: -1,
		Lanes: []aliiot.Lane{{Name: actors.DefaultLane, Budget: plenty, Policy: aliiot.EvictOldest}},
	}
	for _, f := range change {
		f(&c)
	}
	return aliiot.Open(context.Background(), c)
}

// reportOf is a report whose stored body has so many bytes, all its fields included.
func reportOf(size int) (aliiot.Properties, error) {
	for n := size; n > 0; n-- {
		p := aliiot.Properties{"t": strings.Repeat("x", n)}
		content, err := p.Content()
		if err != nil {
			return nil, err
		}
		stored := outbox.Item{Kind: outbox.KindProperty, Params: content.Params(),
			Made: outbox.Stamp{Boot: 1 << 63, At: time.Hour, Wall: time.Now().UnixMilli()}}
		body, err := stored.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		if len(body) <= size {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no report has %d bytes", size)
}

// reporters are callers of Report.
func reporters(dev *aliiot.Device, size, callers int) (measure.Slice, error) {
	p, err := reportOf(size)
	return measure.Callers(callers, func(int) error {
		_, err := dev.Report(context.Background(), p)
		return err
	}), err
}

const many = 64

// faceTrials are D1 to D4, D11 and D12 through the face and the actors.
func faceTrials() []measure.Trial {
	var all []measure.Trial
	for key, how := range map[string]struct{ size, callers int }{
		"D1/face": {256, 1}, "D2/face": {256, many}, "D3/face": {1024, 1}, "D3/face-64": {1024, many},
	} {
		all = append(all, measure.Trial{Keys: []string{key}, Round: func(dir string, s measure.Scale) (map[string]measure.Round, error) {
			return faceRound(dir, s, key, how.size, how.callers)
		}})
	}
	return append(all,
		measure.Trial{Keys: []string{"D1/face-slow"}, Round: slowRound},
		measure.Trial{Keys: []string{"D2/L1"}, Round: growingRound},
		measure.Trial{Keys: []string{"D4/face-p50", "D4/face-p99", "D4/face-worst"}, MinRounds: 9, Round: faceLatencyRound},
		measure.Trial{Keys: []string{"D11/face"}, Round: faceCPURound},
		measure.Trial{Keys: []string{"D12/face"}, Round: evictingRound},
	)
}

func faceRound(dir string, s measure.Scale, key string, size, callers int) (got map[string]measure.Round, err error) {
	dev, err := openDevice(dir, nobody)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	slice, err := reporters(dev, size, callers)
	if err != nil {
		return nil, err
	}
	bare, err := measure.L0(dir, size*callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	return beside(s, key, bare.Slice(callers), slice)
}

// growingRound holds 64 callers against the usual limit, a file that grows.
func growingRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	dev, err := openDevice(dir, nobody)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	slice, err := reporters(dev, 256, many)
	if err != nil {
		return nil, err
	}
	bare, err := measure.L1(dir, 256*many)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	return beside(s, "D2/L1", bare.Slice(many), slice)
}

func beside(s measure.Scale, key string, bare, mine measure.Slice) (map[string]measure.Round, error) {
	ratios, rates, err := measure.Beside(s.Slices, s.Slice, bare, mine)
	if err != nil {
		return nil, err
	}
	return map[string]measure.Round{key: {Values: ratios, Absolute: measure.Median(rates)}}, nil
}

func faceCPURound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	dev, err := openDevice(dir, nobody)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	slice, err := reporters(dev, 256, many)
	if err != nil {
		return nil, err
	}
	p, err := reportOf(256)
	if err != nil {
		return nil, err
	}
	encoding := measure.WithCPU(measure.Callers(1, func(int) error { _, err := actors.NewAppend(p); return err }))
	var micros []float64
	for range s.Slices {
		us, err := measure.WithCPU(slice)(s.Slice)
		if err != nil {
			return nil, err
		}
		own, err := encoding(s.Slice / 4)
		if err != nil {
			return nil, err
		}
		micros = append(micros, us-own)
	}
	return map[string]measure.Round{"D11/face": {Values: micros}}, nil
}

// evictingRound holds a lane that is full, where each report gives up an older one,
// against one with plenty of room.
func evictingRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	slices := map[string]measure.Slice{}
	for name, budget := range map[string]int64{"roomy": plenty, "full": 8 << 20} {
		dev, err := openDevice(filepath.Join(dir, name), nobody, func(c *aliiot.Config) { c.Lanes[0].Budget = budget })
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, dev.Close()) }()
		if slices[name], err = reporters(dev, 256, many); err != nil {
			return nil, err
		}
		if name == "full" {
			for l := (aliiot.Ledger{}); l.Evicted == 0; {
				if _, err := slices[name](s.Slice); err != nil {
					return nil, err
				}
				if l, err = dev.Ledger(context.Background()); err != nil {
					return nil, err
				}
			}
		}
	}
	return beside(s, "D12/face", slices["roomy"], slices["full"])
}

// faceLatencyRound is D4 through all that there is: reports at their rate while a
// backlog drains at its own to the broker, beside bare loops that do as much.
func faceLatencyRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	d := measure.Pick(s, 5*time.Second, 300*time.Millisecond)
	broker, err := drain.StartBroker()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	p, err := reportOf(256)
	if err != nil {
		return nil, err
	}
	content, err := p.Content()
	if err != nil {
		return nil, err
	}
	client, err := drain.DialPaho(broker.Addr, drain.ByReply, 1024, content.Params())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	bare, err := contest.NewBareLatency(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	posts := func(stop <-chan struct{}) error {
		return contest.Paced(10*time.Millisecond, stop, func() error {
			for range contest.DrainsPerSecond / 100 {
				client.Post(content.Params())
			}
			for range contest.DrainsPerSecond / 100 {
				if err := client.Await(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	before, err := bare.Run(d/2, posts)
	if err != nil {
		return nil, err
	}
	mine, err := deviceLatency(dir, "mqtt://"+broker.Addr, p, d)
	if err != nil {
		return nil, err
	}
	after, err := bare.Run(d/2, posts)
	if err != nil {
		return nil, err
	}
	return mine.Ratios(before.With(after), "D4/face"), nil
}

func deviceLatency(dir, server string, p aliiot.Properties, d time.Duration) (l contest.Latency, err error) {
	dev, err := openDevice(dir, server, func(c *aliiot.Config) {
		c.Limits.RateQoS0 = contest.DrainsPerSecond
	})
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	if err := reportMany(dev, p, int(1.5*d.Seconds()*contest.DrainsPerSecond)); err != nil {
		return l, err
	}
	dev.Connect()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := dev.WaitOnline(ctx); err != nil {
		return l, err
	}
	return contest.OpenLoop(contest.AppendsPerSecond, d, func() error {
		_, err := dev.Report(context.Background(), p)
		return err
	})
}

// reportMany reports n times, by many callers.
func reportMany(dev *aliiot.Device, p aliiot.Properties, n int) error {
	var taken atomic.Int64
	faults := make(chan error, many)
	for range many {
		go func() {
			var err error
			for err == nil && taken.Add(1) <= int64(n) {
				_, err = dev.Report(context.Background(), p)
			}
			faults <- err
		}()
	}
	var all error
	for range many {
		all = errors.Join(all, <-faults)
	}
	return all
}
