package aliiot

import (
	"bytes"
	"log/slog"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/bench/oracle"
)

// witness writes down what the device lets out and how its connection is, whoever
// of its goroutines says so.
type witness struct {
	r     *rig
	level slog.LevelVar

	mu     sync.Mutex
	said   []oracle.Said
	states []oracle.Held
	panics []oracle.Strike
}

// panicked records the instant at which an actor panics.
func (w *witness) panicked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.r.ms()
	w.panics = append(w.panics, oracle.Strike{Name: "panic-actor", Span: oracle.Span{From: at, To: at}})
}

// Write takes a line of the log.
func (w *witness) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, oracle.Said{At: w.r.ms(), Where: oracle.InLog, Text: bytes.Clone(line)})
	if testing.Verbose() {
		return w.r.t.Output().Write(line)
	}
	return len(line), nil
}

func (w *witness) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: &w.level}))
}

// watch is a middleware that sees what the outbox hears of the link.
func (w *witness) watch(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		state := ""
		switch m := env.Message.(type) {
		case actors.Online:
			state = map[bool]string{false: "online", true: "quiet"}[m.Quiet]
		case actors.Offline:
			state = "offline"
		}
		if state != "" && path.Base(ctx.Self().Id) == "outbox" {
			w.mu.Lock()
			w.states = append(w.states, oracle.Held{At: w.r.ms(), Machine: "connection", State: state})
			w.mu.Unlock()
		}
		next(ctx, env)
	}
}

// complete adds to a recording what was seen, and what the folder holds now.
func (w *witness) complete(rec *oracle.Recording) {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := slices.Clone(w.said)
	files := w.r.disk.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		said = append(said, oracle.Said{At: w.r.ms(), Where: oracle.InFolder, Name: name, Text: bytes.TrimRight(files[name], "\x00")})
	}
	rec.Said, rec.States = said, slices.Clone(w.states)
	rec.Scenario.Strikes = append(slices.Clone(rec.Scenario.Strikes), w.panics...)
}

// used records what the folder takes, and the goroutines where the test has the
// process for itself.
func (r *rig) used(phase oracle.Phase) {
	u := oracle.Resources{At: r.ms(), Phase: phase}
	if r.alone {
		u.Goroutines = runtime.NumGoroutine()
	}
	for name, data := range r.disk.Files() {
		u.Files++
		u.Bytes += int64(len(data))
		switch {
		case strings.HasSuffix(name, ".tmp"):
			u.Temp++
		case strings.HasSuffix(name, ".seg"):
			u.Journal += int64(len(data))
			if !strings.HasPrefix(name, "spare-") {
				u.Live++
			}
		}
	}
	r.rec.resources = append(r.rec.resources, u)
}

// strike records a fault for the time in which it was at work, which ends now.
func (r *rig) strike(name string, from int64) {
	const minute = 60_000
	s := oracle.Strike{Name: name, Span: oracle.Span{From: from, To: r.ms()}}
	switch name {
	case "half-open", "stall-write":
		s.Silent, s.Delays = true, true
	case "slow-2g", "reply-late":
		s.Delays = true
	case "connack-refused": // the device may stay away for so long
		s.To += 30 * minute
	case "displaced":
		s.To += 5 * minute
	}
	r.rec.strikes = append(r.rec.strikes, s)
}
