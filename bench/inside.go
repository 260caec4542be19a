package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/bench/measure"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// insideTrials are I5, I6 and I7.
func insideTrials() []measure.Trial {
	return []measure.Trial{
		{Keys: []string{"I5/device", "I5/idle"}, Round: virtualDays},
		{Keys: []string{"I6/core"}, Once: true, Round: coreRound},
		{Keys: []string{"I7/outbox", "I7/connection"}, Round: restartRound},
	}
}

// goTest runs a test or a benchmark of ours: what lives in virtual time, or below a
// package's surface, can only be reached from there.
func goTest(env string, args ...string) ([]byte, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, &measure.SkipError{Why: "skipped: needs the go command, in the source tree"}
	}
	cmd := exec.Command("go", append([]string{"test", "-count=1"}, args...)...)
	cmd.Dir = strings.TrimSpace(string(root))
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return out, nil
}

// virtualDays lets a device live in a bubble, beside three bare protoactors.
func virtualDays(dir string, s measure.Scale) (map[string]measure.Round, error) {
	name := filepath.Join(dir, "days.json")
	if _, err := goTest("ALIIOT_BENCH_DAYS="+name+","+measure.Pick(s, "24h", "1h"), "-run", "^TestBenchDays$", "."); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var took struct{ Bare, Device, Idle, Days float64 } // seconds
	if err := json.Unmarshal(text, &took); err != nil {
		return nil, err
	}
	return map[string]measure.Round{
		"I5/device": {Values: []float64{took.Bare / took.Device}, Absolute: took.Days / took.Device},
		"I5/idle":   {Values: []float64{took.Idle / took.Device}, Absolute: took.Days / took.Idle},
	}, nil
}

// coreRound is a report in the pure core, from Submit to Settle, in microseconds.
func coreRound(_ string, s measure.Scale) (map[string]measure.Round, error) {
	out, err := goTest("ALIIOT_BENCH=1", "-run", "^$", "-bench", "BenchmarkSubmitToSettle/one", "-benchtime", measure.Pick(s, "200000x", "2000x"),
		"-count", measure.Pick(s, "5", "1"), "./internal/outbox")
	if err != nil {
		return nil, err
	}
	var r measure.Round
	for line := range bytes.Lines(out) {
		f := strings.Fields(string(line))
		for i := 1; i < len(f); i++ {
			if f[i] == "ns/op" {
				ns, err := strconv.ParseFloat(f[i-1], 64)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", line, err)
				}
				r.Values = append(r.Values, ns/1000)
			}
		}
	}
	if len(r.Values) == 0 {
		return nil, fmt.Errorf("the benchmark said nothing:\n%s", out)
	}
	return map[string]measure.Round{"I6/core": r}, nil
}

// stumble is a message at which an actor panics; arrived closes its channel.
type (
	stumble struct{ at chan<- time.Time }
	arrived struct{ at chan<- time.Time }
)

func stumbles(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
		switch m := e.Message.(type) {
		case stumble:
			m.at <- time.Now()
			panic("the benchmark asks for it")
		case arrived:
			m.at <- time.Now()
			return
		}
		next(ctx, e)
	}
}

// restartRound is how long a panicked actor is away with many waiting, backoff
// aside, in milliseconds; for the outbox beyond what opening the journal takes.
func restartRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	waiting := measure.Pick(s, 1_000_000, 2_000)
	if err := fillDevice(dir, waiting); err != nil {
		return nil, err
	}
	fs, err := disk.OS(filepath.Join(dir, "device"))
	if err != nil {
		return nil, err
	}
	start := time.Now()
	store, err := openJournal(fs)
	if err != nil {
		return nil, err
	}
	if _, err := store.Next(20); err != nil {
		return nil, err
	}
	opening := time.Since(start)
	if err := store.Close(); err != nil {
		return nil, err
	}
	dev, err := openDevice(dir, nobody, func(c *aliiot.Config) {
		c.Middleware = []actor.ReceiverMiddleware{stumbles}
		c.Restart = actors.RestartPolicy{Budget: 1 << 20, Min: time.Nanosecond, Max: time.Nanosecond}
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	got = map[string]measure.Round{}
	for name, less := range map[string]time.Duration{"outbox": opening, "connection": 0} {
		var r measure.Round
		for range measure.Pick(s, 9, 2) {
			fell, stood := make(chan time.Time, 1), make(chan time.Time, 1)
			dev.Tree().Send(name, stumble{fell})
			dev.Tree().Send(name, arrived{stood})
			away := -(<-fell).Sub(<-stood)
			r.Values = append(r.Values, float64(away-less)/float64(time.Millisecond))
			r.Absolute = float64(away) / float64(time.Millisecond)
		}
		got["I7/"+name] = r
	}
	return got, nil
}

// fillDevice makes a device's folder in which n reports wait.
func fillDevice(dir string, n int) (err error) {
	dir = filepath.Join(dir, "device")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fs, err := disk.OS(dir)
	if err != nil {
		return err
	}
	store, err := openJournal(fs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	p, err := reportOf(256)
	if err != nil {
		return err
	}
	content, err := p.Content()
	if err != nil {
		return err
	}
	body, err := outbox.Item{Kind: outbox.KindProperty, Params: content.Params(),
		Made: outbox.Stamp{Boot: 1, At: time.Hour, Wall: time.Now().UnixMilli(), Trusted: true}}.AppendBinary(nil)
	if err != nil {
		return err
	}
	group := make([][]byte, 512)
	for i := range group {
		group[i] = body
	}
	for ; n > 0; n -= len(group) {
		if err := store.Append(group[:min(n, len(group))]); err != nil {
			return err
		}
	}
	return nil
}
