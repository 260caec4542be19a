package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivo/uniseg"

	"github.com/aliiot/aliiot/examples/tracker/nmea"
)

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\nthree"},
		{"one two three", 3, "one\ntwo\nthree"},
		{"一二 三", 4, "一二\n三"},
	} {
		if got := fold(c.text, c.columns); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
	if got := cut("a backlog of reports", 12); uniseg.StringWidth(got) != 12 || !strings.HasSuffix(got, "…") {
		t.Errorf("%q", got)
	}
}

// No line is wider than the terminal, and what follows stands under the text.
func TestNarrowTerminal(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, func() {})
	d.columns = func() int { return 40 }
	d.happened(aboutFault, "the link is going to be reset, right behind the next post")
	d.fact("journal", "", "/tmp/one, gone at the end (--dir DIR keeps one)")
	d.verdict(green, "ok", "O6", "what the platform has and we do not call confirmed has a reason")
	for line := range strings.Lines(out.String()) {
		if len(line) > 41 {
			t.Errorf("too wide: %q", line)
		}
	}
	if !strings.Contains(out.String(), "\n"+strings.Repeat(" ", 17)+"reset,") {
		t.Errorf("the text is not in its column:\n%s", &out)
	}
}

// Where the output is no terminal, a line comes every few seconds while one waits,
// and none while there is other news.
func TestWaitingWithoutTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d := newDisplay(&out, func() {})
		stop := d.waiting(95, func() (int, string) { return 12, "draining" })
		time.Sleep(16 * time.Second)
		for range 10 {
			d.happened(aboutLink, "news")
			time.Sleep(2 * time.Second)
		}
		stop()
		time.Sleep(time.Minute)
		if n := strings.Count(out.String(), "reports draining: 12 of 95\n"); n != 3 {
			t.Errorf("%d lines, want 3:\n%s", n, &out)
		}
	})
}

// On a terminal there is a bar, or a spinner, that moves; it is gone afterwards.
func TestWaitingOnTerminal(t *testing.T) {
	for _, steps := range []int{0, 4} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			d := newDisplay(io.Writer(&out), func() {})
			d.terminal, d.columns = true, func() int { return 60 }
			n := 0
			stop := d.waiting(steps, func() (int, string) {
				n++
				return min(n/5, 3), "draining (1000 reports wait) and nothing else happens at all"
			})
			time.Sleep(2 * time.Second)
			d.happened(aboutLink, "news")
			stop()
			frames := map[string]bool{}
			widest := 0
			shown := strings.NewReplacer("\x1b[0K", "", "\x1b[2K", "").Replace(out.String())
			for frame := range strings.SplitSeq(shown, "\r") {
				if strings.Contains(frame, "draining") {
					frames[frame] = true
					widest = max(widest, uniseg.StringWidth(frame))
				}
			}
			if widest+echoed > 60 {
				t.Errorf("%d steps: %d columns of 60", steps, widest)
			}
			if len(frames) < 3 {
				t.Errorf("%d steps: %d different frames:\n%q", steps, len(frames), &out)
			}
			if !strings.HasSuffix(out.String(), "\x1b[2K\r") || !strings.Contains(out.String(), "link    news\n") {
				t.Errorf("%d steps: it is still there: %q", steps, out.String()[max(0, out.Len()-200):])
			}
		})
	}
}

// What is made is what this run has made, whatever the journal remembers.
func TestProgressCountsThisRun(t *testing.T) {
	var out bytes.Buffer
	d := newDriver(options{}, newDisplay(&out, func() {}))
	d.ledger.Accepted, d.ledger.Pending, d.base[laneAlarm] = 134, 2, 100
	d.keep(report{Lane: laneAlarm, N: 101})
	d.progress(worthTelling/2-1, nmea.Epoch{Fix: true}, worthTelling)
	if !strings.Contains(out.String(), "50 % of the log; 1 report made, 2 reports wait") {
		t.Errorf("%s", &out)
	}
}
