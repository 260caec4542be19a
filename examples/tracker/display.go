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

// display writes what a person reads. On a terminal it has colours, folds lines
// that are too long for it, and shows a bar in its last line where one waits;
// elsewhere it writes plain lines, and one every few seconds while one waits.
type display struct {
	w        io.Writer
	gone     func() // called when nobody reads any more
	colours  bool
	terminal bool       // has a last line that can be written again
	columns  func() int // of the terminal, 0 for no bound
	quiet    time.Duration

	mu    sync.Mutex
	start time.Time
	last  time.Time // when something was said
	bar   *progressbar.ProgressBar
}

func newDisplay(w io.Writer, gone func()) *display {
	d := &display{w: w, gone: gone, start: time.Now(), columns: func() int { return 0 }, quiet: 5 * time.Second}
	f, ok := w.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) {
		d.terminal = os.Getenv("TERM") != "dumb"
		d.colours = d.terminal && os.Getenv("NO_COLOR") == ""
		d.columns = func() int {
			n, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return n
		}
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
	if !d.colours || colour == "" {
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
	aboutCrash   = subject{"device", yellow}
	aboutReports = subject{"reports", ""}
)

// happened writes one line about what happens now.
func (d *display) happened(s subject, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := fmt.Sprintf("%6.1fs", time.Since(d.start).Seconds())
	d.put(d.paint(dim, at)+"  "+d.paint(s.colour, fmt.Sprintf("%-7s", s.name))+" ", 17, "", fmt.Sprintf(format, args...))
}

// say writes a line of text, or an empty one.
func (d *display) say(colour, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.put("", 0, colour, fmt.Sprintf(format, args...))
}

// fact writes a line of text beside a name.
func (d *display) fact(name, colour, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.put("  "+d.paint(dim, fmt.Sprintf("%-9s", name))+" ", 12, colour, fmt.Sprintf(format, args...))
}

// verdict writes a line about one check of the oracle.
func (d *display) verdict(colour, word, name, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.put("  "+d.paint(colour, fmt.Sprintf("%-6s", word))+"  "+fmt.Sprintf("%-3s", name)+"  ", 15, "", text)
}

// block writes lines that are laid out already; the writer is given the columns.
func (d *display) block(write func(w io.Writer, columns int) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hideBar()
	if err := write(d.w, d.columns()); err != nil {
		d.gone()
	}
}

// put writes a line: a head of so many columns, and text folded beside it.
func (d *display) put(head string, columns int, colour, text string) {
	d.hideBar()
	text = fold(text, d.columns()-columns)
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			head = strings.Repeat(" ", columns)
		}
		if _, err := fmt.Fprintf(d.w, "%s%s\n", head, d.paint(colour, line)); err != nil {
			d.gone()
		}
	}
	d.last = time.Now()
	d.showBar()
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
