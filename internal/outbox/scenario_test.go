package outbox_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

// Each file of testdata is one scenario, named after the fault it lives through.
// After a change: go test -rewrite, read the diff, and commit it only if every
// line of it is understood.
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt") // rapid keeps its failures beside them
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &scenario{t: t}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(d) })
		})
	}
}

var errFault = errors.New("the disk says no")

type scenario struct {
	t *testing.T
	*rig
}

// command is one command of a scenario; each says what its arguments are.
type command func(s *scenario, a args)

var commands = map[string]command{
	// open [confirm=puback] [rate=N] [window=N] [messages=N] [clockwait=D] [boot-no-clock]
	// opens a fresh store; the input has one lane a line:
	// name [budget=N] [policy=refuse|latest] [ttl=D] [priority=N] [ordered] [reserve]
	"open": func(s *scenario, a args) { s.open(a) },
	// submit lane=N [n=N] [size=N] [key=K] [ttl=D] [kind=answer|custom|event] [at=D] makes reports.
	"submit": func(s *scenario, a args) {
		for range a.num("n", 1) {
			it := outbox.Item{Kind: outbox.KindProperty, Params: []byte(strings.Repeat("x", a.num("size", 10))), Key: a.str("key"), TTL: a.dur("ttl", 0)}
			switch a.str("kind") {
			case "answer":
				it.Kind = outbox.KindAnswer
			case "custom":
				it.Kind = outbox.KindCustom
			case "event":
				it.Kind = outbox.KindEvent
			}
			if a.has("at") {
				it.Made = outbox.Stamp{Wall: epoch + a.dur("at", 0).Milliseconds(), Trusted: true}
			}
			if _, err := s.submit(s.lane(a.str("lane")), it); err != nil {
				fmt.Fprintf(s.trace, "%-8v error: %v\n", s.now.At, err)
			}
		}
	},
	"up": func(s *scenario, a args) {
		if !a.has("quiet") {
			s.up()
			return
		}
		s.session++
		s.core.Up(s.now, s.session, true)
		s.perform()
	},
	// down [peer] [session=N]
	"down": func(s *scenario, a args) {
		if a.has("session") {
			s.core.Down(s.now, uint64(a.num("session", 0)), a.has("peer"))
			s.perform()
			return
		}
		s.down(a.has("peer"))
	},
	// reply id=N|from..to [code=N verdict=retry|throttled|split|login|final] [session=N]
	"reply": func(s *scenario, a args) {
		verdict := map[string]outbox.Verdict{"": outbox.OK, "retry": outbox.Retry, "throttled": outbox.Throttled,
			"split": outbox.Split, "login": outbox.Login, "final": outbox.Final}[a.str("verdict")]
		a.each("id", func(id uint64) {
			s.core.Replied(s.now, uint64(a.num("session", int(s.session))), uint32(id), verdict, int32(a.num("code", 200)))
			s.perform()
		})
	},
	// ack seq=N|from..to, fail seq=… [session=N]: the fate of a publish
	"ack": func(s *scenario, a args) {
		a.each("seq", func(seq uint64) {
			s.core.Published(s.now, s.session, seq, outbox.Acked, false)
			s.perform()
		})
	},
	"fail": func(s *scenario, a args) {
		a.each("seq", func(seq uint64) {
			s.core.Published(s.now, uint64(a.num("session", int(s.session))), seq, outbox.Written, true)
			s.perform()
		})
	},
	// pass for=D lets time go by, waking the core when it wants
	"pass": func(s *scenario, a args) { s.pass(a.dur("for", 0)) },
	"probe-answered": func(s *scenario, _ args) {
		s.core.ProbeAnswered(s.now, s.session)
		s.perform()
	},
	// clock-learned offset=D: a source says that the clock should read epoch + D now
	"clock-learned": func(s *scenario, a args) {
		wall := time.Duration(epoch+a.dur("now", 0).Milliseconds()) * time.Millisecond
		s.core.ClockLearned(s.now, outbox.ClockPoint{Boot: s.now.Boot, Offset: wall - s.now.At, Source: "ntp"})
		s.perform()
	},
	// wall [jump=D] [trusted=bool]: what the system's clock says
	"wall": func(s *scenario, a args) {
		s.now.Wall += a.dur("jump", 0).Milliseconds()
		if a.has("trusted") {
			s.now.Trusted = a.str("trusted") == "true"
		}
	},
	// fsync-fails [unknown]: the next sync
	"fsync-fails": func(s *scenario, a args) {
		fate := storetest.Refuse
		if a.has("unknown") {
			fate = storetest.Forget
		}
		s.store.FailSync(fate, errFault)
	},
	// sync by=hand|auto: whether syncs happen by themselves; without: one now
	"sync": func(s *scenario, a args) {
		s.autoSync = a.str("by") == "auto" || s.autoSync && !a.has("by")
		if a.str("by") != "hand" {
			s.sync()
		}
	},
	"disk-full": func(s *scenario, _ args) { s.store.RefuseAppend(outbox.ErrNoSpace) },
	"disk-ok":   func(s *scenario, _ args) { s.store.RefuseAppend(nil) },
	"bit-flip":  func(s *scenario, a args) { s.store.Damage(uint64(a.num("seq", 0))) },
	"read-eio":  func(s *scenario, a args) { s.store.Unreadably(uint64(a.num("seq", 0)), errFault) },
	"read-ok":   func(s *scenario, a args) { s.store.Unreadably(uint64(a.num("seq", 0)), nil) },
	"poison":    func(s *scenario, a args) { s.core.Poison(s.now, uint64(a.num("seq", 0))); s.perform() },
	"release":   func(s *scenario, a args) { s.core.Release(s.now, uint64(a.num("seq", 0))); s.perform() },
	"drop":      func(s *scenario, a args) { s.core.Drop(s.now, uint64(a.num("seq", 0))); s.perform() },
	// restart [power-cut] [boot=N]: the process ends and starts again
	"restart": func(s *scenario, a args) {
		if a.has("power-cut") {
			s.store = s.store.PowerCut()
		} else {
			s.store = s.store.Reopen()
		}
		if b := a.num("boot", 0); b > 0 {
			s.now.Boot, s.now.At = uint64(b), 0
		}
		s.start()
	},
	// panic-actor: a new owner over the same handle
	"panic-actor": func(s *scenario, _ args) { s.start() },
	"ledger":      func(s *scenario, _ args) { s.printLedger() },
	"wake":        func(s *scenario, _ args) { fmt.Fprintf(s.trace, "wants to be woken at %v\n", s.wakeAt) },
	// ends seq=N|from..to
	"ends": func(s *scenario, a args) {
		a.each("seq", func(seq uint64) {
			e := s.core.Ends([]uint64{seq})[0]
			if e.Seq == 0 {
				fmt.Fprintf(s.trace, "%d not known\n", seq)
			} else {
				fmt.Fprintf(s.trace, "%d %s after %d sends\n", seq, outcomeText(e.Outcome), e.Sends)
			}
		})
	},
}

func (s *scenario) run(d *datadriven.TestData) string {
	cmd, ok := commands[d.Cmd]
	if !ok {
		d.Fatalf(s.t, "no such command")
	}
	var trace strings.Builder
	if s.rig != nil {
		s.trace = &trace
	}
	a := args{t: s.t, d: d, trace: &trace}
	cmd(s, a)
	s.trace = &trace
	if trace.Len() == 0 {
		return "nothing"
	}
	return trace.String()
}

func (s *scenario) open(a args) {
	cfg := outbox.Config{WindowBytes: int64(a.num("window", 0)), WindowMessages: a.num("messages", 0),
		ClockWait: a.dur("clockwait", 0), MaxPayload: a.num("payload", 0)}
	rate := float64(a.num("rate", 0))
	cfg.RatePerQoS = [2]float64{rate, float64(a.num("rate1", 0))}
	if a.str("confirm") == "puback" {
		cfg.Confirm = outbox.ByPuback
	}
	for line := range strings.Lines(a.d.Input) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, as, err := datadriven.ParseLine("lane " + rest)
		if err != nil {
			s.t.Fatal(err)
		}
		la := args{t: s.t, d: &datadriven.TestData{CmdArgs: as}}
		l := outbox.Lane{Name: name, Budget: int64(la.num("budget", 0)), TTL: la.dur("ttl", 0),
			Priority: la.num("priority", 0), Ordered: la.has("ordered"), Reserve: la.has("reserve")}
		switch la.str("policy") {
		case "refuse":
			l.Policy = outbox.RefuseNew
		case "latest":
			l.Policy = outbox.LatestOnly
		}
		cfg.Lanes = append(cfg.Lanes, l)
	}
	if s.rig != nil && a.has("again") { // another configuration over the same store
		cfg.Rand = s.cfg.Rand
		s.cfg = cfg
		s.store = s.store.Reopen()
		s.start()
		return
	}
	s.rig = newRig(s.t, cfg, func(g *rig) {
		if a.has("boot-no-clock") {
			g.now.Wall, g.now.Trusted = 0, false
		}
		g.trace = a.trace
	})
}

func (s *scenario) lane(name string) int {
	for i, l := range s.cfg.Lanes {
		if l.Name == name {
			return i
		}
	}
	s.t.Fatalf("no lane %q", name)
	return 0
}

func (s *scenario) printLedger() {
	for i, l := range s.core.Ledger().Lanes {
		if l.Accepted == 0 && l.Ends == [outbox.OutcomeCount]uint64{} {
			continue
		}
		fmt.Fprintf(s.trace, "%s: accepted %d =", s.laneName(uint8(i)), l.Accepted)
		for o, n := range l.Ends {
			if n > 0 {
				fmt.Fprintf(s.trace, " %s %d +", outcomes[o], n)
			}
		}
		fmt.Fprintf(s.trace, " pending %d", l.Pending())
		for _, x := range []struct {
			what string
			n    uint64
		}{{"quarantined", l.Quarantined}, {"unreadable", l.Unreadable}, {"late", l.Late}} {
			if x.n > 0 {
				fmt.Fprintf(s.trace, ", %s %d", x.what, x.n)
			}
		}
		s.trace.WriteByte('\n')
	}
}

// args reads a command's arguments.
type args struct {
	t     *testing.T
	d     *datadriven.TestData
	trace *strings.Builder
}

func (a args) arg(key string) (string, bool) {
	for _, c := range a.d.CmdArgs {
		if c.Key == key {
			if len(c.Vals) == 0 {
				return "", true
			}
			return c.Vals[0], true
		}
	}
	return "", false
}

func (a args) has(key string) bool { _, ok := a.arg(key); return ok }

func (a args) str(key string) string { v, _ := a.arg(key); return v }

func (a args) num(key string, def int) int {
	v, ok := a.arg(key)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	return n
}

func (a args) dur(key string, def time.Duration) time.Duration {
	v, ok := a.arg(key)
	if !ok {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	return d
}

// each calls f for a number or every one of a range from..to.
func (a args) each(key string, f func(uint64)) {
	from, to, ranged := strings.Cut(a.str(key), "..")
	lo, err := strconv.ParseUint(from, 10, 64)
	hi := lo
	if err == nil && ranged {
		hi, err = strconv.ParseUint(to, 10, 64)
	}
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	for n := lo; n <= hi; n++ {
		f(n)
	}
}
