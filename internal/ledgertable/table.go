// Package ledgertable shows a ledger as a plain-text table: the counters as lines,
// read from the top like an account, and a column for the sum and for each lane.
// It fits a terminal of any width from MinWidth on.
package ledgertable

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"
)

const (
	// MinWidth is the narrowest table, in columns of a terminal. A counter has at
	// most 19 digits and stands beside the widest label.
	MinWidth = 40
	// DefaultWidth is for output that is no terminal.
	DefaultWidth = 80

	gap     = 2
	maxName = MinWidth - labelWidth - gap
)

// Counts are the counters of one column, over the life of a journal. They are
// signed, so that one that fell below zero shows as what it is.
type Counts struct {
	Accepted, Confirmed, Rejected, Expired, Evicted, Damaged, Pending int64
	// Late is a yes that came after another end; it is no part of the sum.
	Late int64
	// Quarantined and Unreadable are parts of Pending.
	Quarantined, Unreadable int64
	// ConfirmedBy has reply and puback, EvictedBy budget, newer, thinned and
	// operator; what is 0 may be left out.
	ConfirmedBy, EvictedBy map[string]int64
}

// Lane is a column with its name.
type Lane struct {
	Name string
	Counts
}

// line is one counter of the table. A part of another counter is shown only where
// some column has it.
type line struct {
	label string
	value func(*Counts) int64
	part  bool
}

const labelWidth = len("  quarantined")

var lines = []line{
	{"accepted", func(c *Counts) int64 { return c.Accepted }, false},
	{"confirmed", func(c *Counts) int64 { return c.Confirmed }, false},
	{"  by reply", func(c *Counts) int64 { return c.ConfirmedBy["reply"] }, true},
	{"  by puback", func(c *Counts) int64 { return c.ConfirmedBy["puback"] }, true},
	{"rejected", func(c *Counts) int64 { return c.Rejected }, false},
	{"expired", func(c *Counts) int64 { return c.Expired }, false},
	{"evicted", func(c *Counts) int64 { return c.Evicted }, false},
	{"  budget", func(c *Counts) int64 { return c.EvictedBy["budget"] }, true},
	{"  newer", func(c *Counts) int64 { return c.EvictedBy["newer"] }, true},
	{"  thinned", func(c *Counts) int64 { return c.EvictedBy["thinned"] }, true},
	{"  operator", func(c *Counts) int64 { return c.EvictedBy["operator"] }, true},
	{"damaged", func(c *Counts) int64 { return c.Damaged }, false},
	{"pending", func(c *Counts) int64 { return c.Pending }, false},
	{"  quarantined", func(c *Counts) int64 { return c.Quarantined }, true},
	{"  unreadable", func(c *Counts) int64 { return c.Unreadable }, true},
	{"late", func(c *Counts) int64 { return c.Late }, false},
}

// column is one lane's cells, right-aligned to width.
type column struct {
	cells []string // the name, then a cell for each line
	width int
}

// Write shows the sum and the lanes, in their order. Columns that do not fit beside
// each other within width come in further blocks; a width below MinWidth is taken
// for MinWidth. The error is the writer's.
func Write(w io.Writer, width int, all Counts, lanes []Lane) error {
	width = max(width, MinWidth)
	shown := append([]Lane{{"all", all}}, lanes...)
	labels := []string{""}
	var show []line
	for _, l := range lines {
		if l.part && !has(shown, l) {
			continue
		}
		show = append(show, l)
		labels = append(labels, l.label)
	}
	var columns []column
	for i := range shown {
		columns = append(columns, newColumn(&shown[i], show))
	}
	var b strings.Builder
	for len(columns) > 0 {
		n, used := 0, labelWidth
		for n < len(columns) && (n == 0 || used+gap+columns[n].width <= width) {
			used += gap + columns[n].width
			n++
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		block(&b, labels, columns[:n])
		columns = columns[n:]
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func has(columns []Lane, l line) bool {
	for i := range columns {
		if l.value(&columns[i].Counts) != 0 {
			return true
		}
	}
	return false
}

func newColumn(lane *Lane, show []line) column {
	c := column{cells: []string{clip(lane.Name)}}
	for _, l := range show {
		c.cells = append(c.cells, strconv.FormatInt(l.value(&lane.Counts), 10))
	}
	for _, cell := range c.cells {
		c.width = max(c.width, uniseg.StringWidth(cell))
	}
	return c
}

// clip shortens a name to what fits beside the labels, and takes out what would
// move the cursor.
func clip(name string) string {
	name = strconv.Quote(name)
	name = name[1 : len(name)-1]
	if uniseg.StringWidth(name) <= maxName {
		return name
	}
	kept, width := "", 0
	for g := uniseg.NewGraphemes(name); g.Next() && width+g.Width() < maxName; width += g.Width() {
		kept += g.Str()
	}
	return kept + "…"
}

func block(b *strings.Builder, labels []string, columns []column) {
	for i, label := range labels {
		fmt.Fprintf(b, "%-*s", labelWidth, label)
		for _, c := range columns {
			b.WriteString(strings.Repeat(" ", gap+c.width-uniseg.StringWidth(c.cells[i])))
			b.WriteString(c.cells[i])
		}
		b.WriteByte('\n')
	}
}
