package fsm

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestConnectionScenarios runs the scenarios of testdata. `go test ./fsm -rewrite`
// writes what happens now into them: read the difference before it is committed.
func TestConnectionScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/connection", func(t *testing.T, path string) {
		sc := newScenario(t)
		datadriven.RunTest(t, path, sc.run)
	})
}

// fullJitter draws the longest wait.
const fullJitter uint64 = math.MaxUint64

// scenario is one connection whose timers the file fires by letting time pass.
type scenario struct {
	machine *Connection
	c       Conn
	now     time.Duration
	rnd     uint64
	saved   ConnRecord
	out     strings.Builder
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	sc := &scenario{rnd: fullJitter}
	sc.restart(t, DefaultConnPolicy(), 1)
	return sc
}

// restart is a new process on the boot of that number.
func (sc *scenario) restart(t *testing.T, p ConnPolicy, boot uint64) {
	t.Helper()
	machine, err := NewConnection(p)
	if err != nil {
		t.Fatal(err)
	}
	sc.machine = machine
	sc.c = machine.Start(sc.now, sc.saved, boot, sc.c.Attempt)
}

func (sc *scenario) run(t *testing.T, d *datadriven.TestData) string {
	sc.out.Reset()
	switch d.Cmd {
	case "policy", "restart":
		p, boot := DefaultConnPolicy(), uint64(1)
		d.MaybeScanArgs(t, "boot", &boot)
		d.MaybeScanArgs(t, "endpoints", &p.Endpoints)
		d.MaybeScanArgs(t, "connects", &p.ConnectsPerMinute)
		sc.restart(t, p, boot)
		return "ok\n"
	case "jitter":
		sc.rnd = map[string]uint64{"none": 0, "full": fullJitter}[d.CmdArgs[0].Key]
		return "ok\n"
	case "wait":
		sc.wait(parseDuration(t, d.CmdArgs[0].Key))
	case "next":
		if next, ok := sc.nextTimer(); ok {
			sc.wait(sc.c.due(next) - sc.now)
		}
	case "late":
		// Time passes and the timers are late, though nothing slept.
		sc.now += parseDuration(t, d.CmdArgs[0].Key)
		return "ok\n"
	case "sleep":
		// Boot time runs, the timers do not.
		sc.now += parseDuration(t, d.CmdArgs[0].Key)
		sc.step("resumed", Resumed{})
	default:
		sc.step(d.FullCmd(), parseEvent(t, sc.c, d))
	}
	return sc.out.String()
}

// wait lets time pass and fires each timer when it is due.
func (sc *scenario) wait(d time.Duration) {
	until := sc.now + d
	for {
		next, ok := sc.nextTimer()
		if !ok || sc.c.due(next) > until {
			break
		}
		sc.now = max(sc.now, sc.c.due(next))
		sc.step("timer "+string(next), TimerFired{Timer: next, Attempt: sc.c.Attempt})
	}
	sc.now = until
	fmt.Fprintf(&sc.out, "%v %s\n", sc.now, sc.c.State)
}

func (sc *scenario) nextTimer() (next Timer, ok bool) {
	for _, t := range allTimers {
		if sc.c.armed(t) && (!ok || sc.c.due(t) < sc.c.due(next)) {
			next, ok = t, true
		}
	}
	return next, ok
}

func (sc *scenario) step(what string, e ConnEvent) {
	before := sc.c.State
	c, actions := sc.machine.Step(sc.c, Moment{Boot: sc.now, Rnd: sc.rnd}, e)
	sc.c = c
	fmt.Fprintf(&sc.out, "%v %s: %s", sc.now, what, before)
	if c.State != before {
		fmt.Fprintf(&sc.out, " -> %s", c.State)
	}
	sc.out.WriteByte('\n')
	for _, a := range actions {
		if save, ok := a.(SaveAttempt); ok {
			sc.saved = save.Record
		}
		fmt.Fprintf(&sc.out, "  %s\n", describe(a))
	}
}

// describe is an action as one line, empty fields left out.
func describe(a ConnAction) string {
	if save, ok := a.(SaveAttempt); ok {
		return fmt.Sprintf("SaveAttempt boot %d: %v", save.Record.Boot, save.Record.Connects)
	}
	text := fmt.Sprintf("%+v", a)
	var kept []string
	for _, field := range strings.Fields(strings.Trim(text, "{}")) {
		if !strings.HasSuffix(field, ":") && !strings.HasSuffix(field, ":0") && !strings.HasSuffix(field, ":0s") && !strings.HasSuffix(field, ":false") {
			kept = append(kept, field)
		}
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", a), "fsm.")
	return strings.TrimSpace(name + " " + strings.Join(kept, " "))
}

func parseDuration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parseEvent(t *testing.T, c Conn, d *datadriven.TestData) ConnEvent {
	t.Helper()
	n := c.Attempt
	d.MaybeScanArgs(t, "attempt", &n)
	d.MaybeScanArgs(t, "session", &n)
	var class, detail string
	var code int
	d.MaybeScanArgs(t, "class", &class)
	d.MaybeScanArgs(t, "detail", &detail)
	d.MaybeScanArgs(t, "code", &code)
	switch d.Cmd {
	case "connect":
		return Connect{}
	case "disconnect":
		return Disconnect{}
	case "dialled":
		return Dialled{n}
	case "dial-failed":
		return DialFailed{Attempt: n, Class: FailClass(class), Code: byte(code), Detail: detail}
	case "subscribed":
		return Subscribed{n}
	case "subscribe-failed":
		return SubscribeFailed{Session: n, Class: FailClass(class), Detail: detail}
	case "lost":
		return Lost{Session: n, ByPeer: d.HasArg("by-peer"), Detail: detail}
	case "stale-timer":
		var timer string
		d.ScanArgs(t, "timer", &timer)
		return TimerFired{Timer: Timer(timer), Attempt: n}
	case "hint":
		return LinkHint{Up: d.HasArg("up")}
	case "suspect":
		var bound string
		if !d.MaybeScanArgs(t, "bound", &bound) {
			return Suspect{Session: n}
		}
		return Suspect{Session: n, Bound: parseDuration(t, bound)}
	case "silence":
		return Silence{n}
	case "heard":
		return Heard{n}
	case "login-again":
		return LoginAgain{}
	}
	t.Fatalf("%s: no such command: %s", d.Pos, d.Cmd)
	return nil
}
