package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/aliiot/aliiot/bench/measure"
)

// table prints the report for a terminal.
func (r *report) table(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n\n", r.head())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range r.lines() {
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	_ = t.Flush() // it says nothing that the writer below did not
	if len(r.Backlog) > 0 {
		fmt.Fprintf(w, "\n%s\n\n", backlogHead)
		for _, line := range r.backlogLines() {
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
		_ = t.Flush()
	}
}

// markdown prints it for a document.
func (r *report) markdown(w io.Writer) {
	show := func(lines [][]string) {
		for i, line := range lines {
			fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
			if i == 0 {
				fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(line)))
			}
		}
	}
	fmt.Fprintf(w, "%s\n\n", r.head())
	show(r.lines())
	if len(r.Backlog) > 0 {
		fmt.Fprintf(w, "\n%s\n\n", backlogHead)
		show(r.backlogLines())
	}
}

const backlogHead = "What waits must cost nothing: none of this may grow with it."

func (r *report) head() string {
	m := r.Machine
	text := fmt.Sprintf("%s, %d cores (%s), Linux %s, %s; medians of %d rounds or more, [quartiles].", m.System, m.Cores, m.CPU, m.Kernel, m.Go, r.Rounds)
	if m.Kernel == "" {
		text = fmt.Sprintf("%s, %d cores, %s; medians of %d rounds or more, [quartiles].", m.System, m.Cores, m.Go, r.Rounds)
	}
	if r.Fast {
		text += " A fast run: no figure is worth anything."
	}
	return text
}

func (r *report) lines() [][]string {
	all := [][]string{{"figure", "what", "found", "target", "met", "in units", "peers"}}
	for _, f := range r.Figures {
		found, absolute := "–", ""
		if f.Found != nil {
			found = value(f.Found.Median, f.Unit)
			if f.Found.Rounds > 1 || f.Found.Q1 != f.Found.Q3 {
				found += fmt.Sprintf(" [%s–%s]", number(f.Found.Q1), number(f.Found.Q3))
			}
			if f.Found.Absolute != 0 {
				absolute = number(f.Found.Absolute) + inUnits(f.Key)
			}
		}
		if f.Test != "" {
			found = f.Test
		}
		var peers []string
		for _, name := range f.order {
			peers = append(peers, name+" "+value(f.Peers[name].Median, f.Unit))
		}
		all = append(all, []string{f.Figure, f.What, found, f.Target, f.Met, absolute, strings.Join(peers, ", ")})
	}
	return all
}

// inUnits says what the colour of a figure is counted in.
func inUnits(key string) string {
	switch number, _, _ := strings.Cut(key, "/"); number {
	case "D4", "D8", "D9", "I7":
		return " ms"
	case "W3":
		return " µs"
	case "I5":
		return " days/s"
	}
	return "/s"
}

func value(v float64, unit string) string {
	if unit == "" {
		return number(v)
	}
	return number(v) + " " + unit
}

// number has three figures that say something.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case a >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func (r *report) backlogLines() [][]string {
	all := [][]string{{"who", "waiting", "open, read, append: closed", "killed in full write", "settled", "heap", "RssAnon", "RSS", "peak"}}
	ms := func(s measure.Summary) string {
		return fmt.Sprintf("%s ms [%s–%s]", number(s.Median), number(s.Q1), number(s.Q3))
	}
	for _, b := range r.Backlog {
		kb := func(n int64) string { return fmt.Sprintf("%d KB", n>>10) }
		killed, settled := b.Lost, "–"
		if killed == "" {
			killed, settled = ms(b.Killed), number(b.Settled)+"/s"
		}
		all = append(all, []string{b.Who, fmt.Sprint(b.Waiting), ms(b.Open), killed, settled, kb(b.Heap), kb(b.Anon), kb(b.RSS), kb(b.Peak)})
	}
	return all
}
