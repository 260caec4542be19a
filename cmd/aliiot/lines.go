package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aliiot/aliiot/emulator"
)

// lines is a slog.Handler for people: the time of day, what happened, to whom.
type lines struct {
	mu  *sync.Mutex
	out io.Writer
}

func newLines(out io.Writer) *lines { return &lines{mu: new(sync.Mutex), out: out} }

func (*lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-8s", r.Time.Format(time.TimeOnly), r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "device" || a.Key == "reason" {
			fmt.Fprintf(&b, "  %s", a.Value)
		} else {
			fmt.Fprintf(&b, "  %s %s", a.Key, a.Value)
		}
		return true
	})
	b.WriteByte('\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.out, b.String())
	return err
}

// WithAttrs and WithGroup are not used by the emulator.
func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *lines) WithGroup(string) slog.Handler      { return l }

// farewell is what there was, in two lines.
func farewell(lived time.Duration, s emulator.Stats) string {
	return fmt.Sprintf("After %v: %s, %s, %s accepted, %d refused, %s.\n",
		lived.Round(time.Second), count(s.Sessions, "connection"), count(s.Publishes, "message"),
		count(s.Accepted, "report"), s.Rejected, count(s.Replies, "reply")) +
		fmt.Sprintf("Not taken: %s by quota or fault, %s turned away, %s in the platform's log.\n",
			count(s.Dropped, "message"), count(s.Refused, "connection"), count(s.Troubles, "complaint"))
}

func count(n int64, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		what = strings.TrimSuffix(what, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
