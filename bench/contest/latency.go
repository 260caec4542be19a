package contest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aliiot/aliiot/bench/measure"
)

// D4: appends at a fixed rate beside a backlog that drains at another.
const (
	AppendsPerSecond = 100
	DrainsPerSecond  = 1000
	drainStep        = 10 * time.Millisecond
)

// Latency is what an append took, in milliseconds, in an open loop: counted from
// when it was due where the one before made it late.
type Latency struct{ took []float64 }

// OpenLoop calls once at a fixed rate for a while.
func OpenLoop(rate int, d time.Duration, once func() error) (Latency, error) {
	var l Latency
	step := time.Second / time.Duration(rate)
	start, ended := time.Now(), time.Duration(0)
	for due := time.Duration(0); due < d; due += step {
		time.Sleep(due - time.Since(start))
		began := time.Since(start)
		if ended > due { // the one before made it late
			began = due
		}
		if err := once(); err != nil {
			return l, err
		}
		ended = time.Since(start)
		l.took = append(l.took, float64(ended-began)/float64(time.Millisecond))
	}
	return l, nil
}

// Ratios are p50 and p99 as ratios to a bare loop's, and by how many milliseconds
// the worst is above the bare worst.
func (l Latency) Ratios(bare Latency, prefix string) map[string]measure.Round {
	q := func(l Latency, q float64) float64 { return measure.Quantile(l.took, q) }
	one := func(v, abs float64) measure.Round { return measure.Round{Values: []float64{v}, Absolute: abs} }
	return map[string]measure.Round{
		prefix + "-p50":   one(q(l, 0.5)/q(bare, 0.5), q(l, 0.5)),
		prefix + "-p99":   one(q(l, 0.99)/q(bare, 0.99), q(l, 0.99)),
		prefix + "-worst": one(q(l, 1)-q(bare, 1), q(l, 1)),
	}
}

// With puts the latencies of two loops together.
func (l Latency) With(other Latency) Latency { return Latency{append(l.took, other.took...)} }

// Paced calls once every step until stop is closed.
func Paced(step time.Duration, stop <-chan struct{}, once func() error) error {
	t := time.NewTicker(step)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := once(); err != nil {
				return err
			}
		case <-stop:
			return nil
		}
	}
}

// Beside runs two things at once; the second until the first has ended.
func Beside(first func() error, second func(stop <-chan struct{}) error) error {
	stop := make(chan struct{})
	var other error
	var wg sync.WaitGroup
	wg.Go(func() { other = second(stop) })
	err := first()
	close(stop)
	wg.Wait()
	return errors.Join(err, other)
}

// LatencyTrial takes a bare loop, ours, and the bare loop again, each beside a
// backlog that drains: of the bare one, reads of as many records.
func LatencyTrial(c Contestant) measure.Trial {
	return measure.Trial{
		Keys: []string{"D4/store-p50", "D4/store-p99", "D4/store-worst"}, MinRounds: 9,
		Round: c.latencyRound,
	}
}

func (c Contestant) latencyRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	d := measure.Pick(s, 5*time.Second, 300*time.Millisecond)
	store, err := c.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := Fill(store, int(1.2*d.Seconds()*DrainsPerSecond), 256); err != nil {
		return nil, err
	}
	bare, err := NewBareLatency(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	before, err := bare.Run(d/2, bare.Drain)
	if err != nil {
		return nil, err
	}
	var ours Latency
	record := records(1, 256)
	n := int(DrainsPerSecond * drainStep / time.Second)
	err = Beside(func() (err error) {
		ours, err = OpenLoop(AppendsPerSecond, d, func() error { return store.Append(record) })
		return err
	}, func(stop <-chan struct{}) error {
		return Paced(drainStep, stop, func() error {
			_, err := settleNext(store, n)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	after, err := bare.Run(d/2, bare.Drain)
	if err != nil {
		return nil, err
	}
	return ours.Ratios(before.With(after), "D4/store"), nil
}

// BareLatency is the two bare loops beside each other.
type BareLatency struct {
	append *measure.Bare
	back   *os.File
	off    int64
}

const backBytes = 4 << 20

// NewBareLatency prepares their files.
func NewBareLatency(dir string) (*BareLatency, error) {
	b, err := measure.L0(dir, 256)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "backlog"))
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(make([]byte, backBytes), 0)
	return &BareLatency{append: b, back: f}, err
}

// Drain reads ten records now and then.
func (b *BareLatency) Drain(stop <-chan struct{}) error {
	n := DrainsPerSecond * drainStep / time.Second
	buf := make([]byte, n*256)
	return Paced(drainStep, stop, func() error {
		if b.off+int64(len(buf)) > backBytes {
			b.off = 0
		}
		_, err := b.back.ReadAt(buf, b.off)
		b.off += int64(len(buf))
		return err
	})
}

// Run is the bare append beside a way to drain.
func (b *BareLatency) Run(d time.Duration, drain func(stop <-chan struct{}) error) (l Latency, err error) {
	err = Beside(func() error { l, err = OpenLoop(AppendsPerSecond, d, b.append.Once); return err }, drain)
	return l, err
}

// Close closes the files.
func (b *BareLatency) Close() error { return errors.Join(b.append.Close(), b.back.Close()) }
