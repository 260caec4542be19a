package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// display writes what a person reads. On a terminal it has colours, and a bar in
// its last line where one waits; elsewhere plain lines, and nothing else.
type display struct {
	w     io.Writer
	gone  func() // called when nobody reads any more
	fancy bool

	mu    sync.Mutex
	start time.Time
	bar   *progressbar.ProgressBar
}

func newDisplay(w io.Writer, gone func()) *display {
	d := &display{w: w, gone: gone, start: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		d.fancy = true
	}
	return d
}

// Colours of a terminal (ECMA-48, SGR).
const (
	dim    = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (d *display) paint(colour, text string) string {
	if !d.fancy || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// subject is what a line is about.
type subject struct{ name, colour string }

var (
	aboutLink    = subject{"link", green}
	aboutLoss    = subject{"link", yellow}
	aboutFault   = subject{"FAULT", red}
	aboutEvent   = subject{"event", cyan}
	aboutDevice  = subject{"device", green}
	aboutReports = subject{"reports", ""}
)

// happened writes one line about what happens now.
func (d *display) happened(s subject, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hideBar()
	at := fmt.Sprintf("%6.1fs", time.Since(d.start).Seconds())
	d.print("%s  %s %s\n", d.paint(dim, at), d.paint(s.colour, fmt.Sprintf("%-7s", s.name)), fmt.Sprintf(format, args...))
	d.showBar()
}

// text writes lines as they are.
func (d *display) text(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hideBar()
	d.print(format, args...)
	d.showBar()
}

// fact writes one line of the head: a name and what it is.
func (d *display) fact(name, format string, args ...any) {
	d.text("  %s %s\n", d.paint(dim, fmt.Sprintf("%-9s", name)), fmt.Sprintf(format, args...))
}

func (d *display) print(format string, args ...any) {
	if _, err := fmt.Fprintf(d.w, format, args...); err != nil {
		d.gone()
	}
}

// wait shows a bar of so many steps from now on.
func (d *display) wait(what string, steps int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.fancy {
		return
	}
	d.hideBar()
	d.bar = progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(d.w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}))
	d.showBar()
}

// step moves the bar.
func (d *display) step(n int, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil && !d.bar.IsFinished() {
		d.bar.Describe(what)
		_ = d.bar.Set(n) // a terminal that has gone is no failure
	}
}

// waited takes the bar away.
func (d *display) waited() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hideBar()
	d.bar = nil
}

func (d *display) hideBar() {
	if d.bar != nil {
		_ = d.bar.Clear()
	}
}

func (d *display) showBar() {
	if d.bar != nil && !d.bar.IsFinished() {
		_ = d.bar.RenderBlank()
	}
}

// table writes rows under a head, numbers to the right. The last row is the sum.
func (d *display) table(rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], len(cell))
		}
	}
	for n, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			if i == 0 {
				fmt.Fprintf(&line, "  %-*s", width[i], cell)
			} else {
				fmt.Fprintf(&line, "  %*s", width[i], cell)
			}
		}
		colour := ""
		switch n {
		case 0:
			colour = dim
		case len(rows) - 1:
			colour = bold
		}
		d.text("%s\n", d.paint(colour, line.String()))
	}
}

// count says how many of what: 1 report, 2 reports.
func count[T int | int64 | uint64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// seconds rounds for reading.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
