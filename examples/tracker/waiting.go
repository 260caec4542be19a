package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"
	"github.com/schollz/progressbar/v3"
)

const beat = 100 * time.Millisecond // of a bar

// The columns of a bar: its own, those of its words, and those of what stands
// between. What the terminal echoes, ^C above all, needs some at the end.
const (
	barMost, barLeast = 30, 4
	wordsMost         = len("replaying (1000 reports wait)")
	between           = len(" 100% [] (1000/1000) ")
	echoed            = 4
)

// barColumns shares out a line of so many columns.
func barColumns(columns int) (bar, words int) {
	if columns <= 0 {
		return barMost, wordsMost
	}
	columns -= between + echoed
	bar = min(max(columns-wordsMost, barLeast), barMost)
	return bar, columns - bar
}

// waiting shows that something is waited for, until stop is called: a bar of so
// many steps on a terminal (a spinner for 0), elsewhere a line whenever nothing
// has been said for long. says tells the step and what there is to say of it.
func (d *display) waiting(steps int, says func() (int, string)) (stop func()) {
	d.mu.Lock()
	if d.terminal {
		d.bar = d.newBar(steps)
	}
	d.last = time.Now()
	d.mu.Unlock()
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-enough:
				return
			case <-tick.C:
				d.beat(steps, says)
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(enough)
		<-ended
		d.mu.Lock()
		defer d.mu.Unlock()
		d.hideBar()
		d.bar = nil
	})
}

// justWriter hides from the library that it writes to a terminal: it would fill the
// whole line.
type justWriter struct{ io.Writer }

func (d *display) newBar(steps int) *progressbar.ProgressBar {
	width, _ := barColumns(d.columns())
	kind := []progressbar.Option{
		progressbar.OptionSetWidth(width),
		progressbar.OptionShowCount(),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
	}
	if steps == 0 {
		steps = -1
		kind = []progressbar.Option{progressbar.OptionSpinnerCustom([]string{"|", "/", "-", `\`}), progressbar.OptionSetSpinnerChangeInterval(0)}
	}
	return progressbar.NewOptions(steps, append(kind,
		progressbar.OptionSetWriter(justWriter{d.w}),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetRenderBlankState(false),
		progressbar.OptionClearOnFinish())...)
}

// beat shows how far it is.
func (d *display) beat(steps int, says func() (int, string)) {
	n, text := says() // before our lock: it may take others
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil {
		if !d.bar.IsFinished() {
			if steps == 0 {
				d.bar.Describe(cut(text, d.columns()-echoed-len("|   ")))
				return
			}
			_, words := barColumns(d.columns())
			d.bar.Describe(cut(text, words))
			_ = d.bar.Set(n) // a terminal that has gone is no failure
		}
		return
	}
	if d.terminal || time.Since(d.last) < d.quiet {
		return
	}
	if steps > 0 {
		text = fmt.Sprintf("%s: %d of %d", text, n, steps)
	}
	d.put(fmt.Sprintf("%6.1fs  %-7s ", time.Since(d.start).Seconds(), aboutReports.name), 17, "", text)
}

func (d *display) hideBar() {
	if d.bar != nil {
		_ = d.bar.Clear()
	}
}

func (d *display) showBar() {
	if d.bar != nil && d.bar.IsStarted() && !d.bar.IsFinished() {
		_ = d.bar.RenderBlank()
	}
}

// fold breaks text between words into lines of so many columns; 0 and less is no
// bound. A word that is too long keeps its line.
func fold(text string, columns int) string {
	if columns <= 0 || uniseg.StringWidth(text) <= columns {
		return text
	}
	var out strings.Builder
	used := 0
	for i, word := range strings.Split(text, " ") {
		width := uniseg.StringWidth(word)
		switch {
		case i == 0:
		case used+1+width > columns:
			out.WriteByte('\n')
			used = 0
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += width
	}
	return out.String()
}

// cut shortens text to so many columns, and to no less than a word.
func cut(text string, columns int) string {
	columns = max(columns, 10)
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	kept, width := "", 0
	for g := uniseg.NewGraphemes(text); g.Next() && width+g.Width() < columns; width += g.Width() {
		kept += g.Str()
	}
	return kept + "…"
}
