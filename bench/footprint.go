package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/bench/measure"
)

// footprintTrials are F1 to F3.
func footprintTrials() []measure.Trial {
	return []measure.Trial{
		{Keys: []string{"F1/arm", "F1/mipsle", "F1/amd64", "F1/gzip"}, Once: true, Round: sizeRound},
		{Keys: []string{"F2/rss", "F2/anon", "F3/wakeups", "F2/drain"}, Once: true, Round: idleRound},
	}
}

const megabyte = 1e6

func goBuild(to, what string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, what)
	cmd.Env = append(os.Environ(), append(env, "CGO_ENABLED=0")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return &measure.SkipError{Why: fmt.Sprintf("skipped: needs the go command, in the source tree: %v %s", err, strings.TrimSpace(string(out)))}
	}
	return nil
}

// sizeRound builds the smallest program, stripped.
func sizeRound(dir string, _ measure.Scale) (map[string]measure.Round, error) {
	got := map[string]measure.Round{}
	packed := 0.0
	for key, env := range map[string][]string{
		"F1/arm":    {"GOOS=linux", "GOARCH=arm", "GOARM=7"},
		"F1/mipsle": {"GOOS=linux", "GOARCH=mipsle", "GOMIPS=softfloat"},
		"F1/amd64":  {"GOOS=linux", "GOARCH=amd64"},
	} {
		name := filepath.Join(dir, filepath.Base(key))
		if err := goBuild(name, "github.com/aliiot/aliiot/examples/minimal", env...); err != nil {
			return nil, err
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		got[key] = measure.Round{Values: []float64{float64(info.Size()) / megabyte}}
		n, err := zipped(name)
		if err != nil {
			return nil, err
		}
		packed = max(packed, float64(n)/megabyte)
	}
	got["F1/gzip"] = measure.Round{Values: []float64{packed}}
	return got, nil
}

func zipped(name string) (n int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	count := countWriter{&n}
	z, err := gzip.NewWriterLevel(count, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(z, f)
	return n, errors.Join(err, z.Close())
}

type countWriter struct{ n *int64 }

func (w countWriter) Write(p []byte) (int, error) {
	*w.n += int64(len(p))
	return len(p), nil
}

// idleRound looks at a device's process from outside: connected and idle, then while
// it drains.
func idleRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	program := filepath.Join(dir, "idle")
	if err := goBuild(program, "github.com/aliiot/aliiot/bench/idle"); err != nil {
		return nil, err
	}
	broker, err := drain.StartBroker()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	idle, perMinute, err := watchIdle(program, filepath.Join(dir, "quiet"), broker.Addr, s)
	if err != nil {
		return nil, err
	}
	peak, err := watchDrain(program, filepath.Join(dir, "busy"), broker.Addr, measure.Pick(s, 1_000_000, 2_000))
	if err != nil {
		return nil, err
	}
	one := func(v float64) measure.Round { return measure.Round{Values: []float64{v}} }
	return map[string]measure.Round{
		"F2/rss": one(float64(idle.RSS) / megabyte), "F2/anon": one(float64(idle.Anon) / megabyte),
		"F3/wakeups": one(perMinute), "F2/drain": one(float64(peak-idle.RSS) / megabyte),
	}, nil
}

// startDevice runs the program and returns when it has said what it waits for.
func startDevice(program, dir, addr, until string) (*measure.Child, error) {
	cmd := exec.Command(program, "mqtt://"+addr, filepath.Join(dir, "device"), drain.Device.ProductKey, drain.Device.DeviceName, string(drain.Secret), until)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=16MiB")
	child, err := measure.StartCommand(cmd)
	if err != nil {
		return nil, err
	}
	var said string
	if err := child.Hear(&said); err != nil {
		child.Kill()
		return nil, err
	}
	return child, nil
}

func watchIdle(program, dir, addr string, s measure.Scale) (m measure.Memory, perMinute float64, err error) {
	child, err := startDevice(program, dir, addr, "online")
	if err != nil {
		return m, 0, err
	}
	defer func() { err = errors.Join(err, child.End()) }()
	time.Sleep(measure.Pick(s, 10*time.Second, time.Second)) // what connecting took is over
	before, err := measure.Wakeups(child.PID())
	if err != nil {
		return m, 0, err
	}
	span := measure.Pick(s, time.Minute, time.Second)
	time.Sleep(span)
	after, err := measure.Wakeups(child.PID())
	if err != nil {
		return m, 0, err
	}
	m, err = measure.MemoryOf(child.PID())
	return m, float64(after-before) * float64(time.Minute) / float64(span), err
}

func watchDrain(program, dir, addr string, n int) (peak int64, err error) {
	if err := fillDevice(dir, n); err != nil {
		return 0, err
	}
	child, err := startDevice(program, dir, addr, "drained")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, child.End()) }()
	m, err := measure.MemoryOf(child.PID())
	return m.Peak, err
}
