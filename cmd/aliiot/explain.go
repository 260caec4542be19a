package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/internal/outbox"
)

// errNoReport: the number was never given.
var errNoReport = errors.New("there is no report")

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain DIR SEQ",
		Short: "Say what became of one report",
		Long: `Say what became of the report with the number SEQ, as far as the journal and
the audit log (Config.Audit) still know. It reads only, and is safe beside a
living device. The exit status is 3 where there is no such report yet.`,
		Args: takes("DIR", "SEQ"),
		RunE: func(c *cobra.Command, args []string) error {
			seq, err := seqOf(args[1])
			if err != nil {
				return err
			}
			f, err := openFolder(args[0])
			if err != nil {
				return err
			}
			return f.explain(c.OutOrStdout(), seq)
		},
	}
}

func (f *deviceFolder) explain(out io.Writer, seq uint64) error {
	if seq >= f.view.State.NextSeq {
		return fmt.Errorf("%w %d; the next one will be %d", errNoReport, seq, f.view.State.NextSeq)
	}
	fate, inJournal := f.view.Explain(seq)
	record, inAudit, err := audit.Find(f.fs, seq)
	if err != nil {
		return err
	}
	if inJournal {
		f.describe(out, fate)
	}
	switch {
	case inAudit:
		fmt.Fprintf(out, "report %d: %s%s after %s (lane %s), says the audit log\n",
			seq, record.Outcome, code(record.Code), count(int64(record.Sends), "sending"), record.Lane)
	case inJournal && fate.Outcome != outbox.Pending:
		fmt.Fprintf(out, "report %d: %s%s after %s\n", seq, fate.Outcome, code(fate.Code), count(int64(fate.Sends), "sending"))
	case inJournal && fate.Quarantined:
		fmt.Fprintf(out, "report %d: pending, but set aside: it broke the link again and again (aliiot quarantine)\n", seq)
	case inJournal && !fate.Ended:
		fmt.Fprintf(out, "report %d: pending\n", seq)
	default:
		fmt.Fprintf(out, "report %d: it has ended, or was never accepted; how is no longer known (Config.Audit keeps it)\n", seq)
	}
	return nil
}

func (f *deviceFolder) describe(out io.Writer, fate journal.Fate) {
	fmt.Fprintf(out, "report %d: number %d of lane %s, in %s at %d\n", fate.Seq, fate.Ord, f.lane(fate.Lane), fate.File, fate.Offset)
	it, err := outbox.DecodeItem(fate.Body)
	if err != nil {
		fmt.Fprintf(out, "report %d: its content cannot be read: %v\n", fate.Seq, err)
		return
	}
	made := fmt.Sprintf("%v after boot %016x", it.Made.At.Round(time.Millisecond), it.Made.Boot)
	if it.Made.Trusted {
		made = time.UnixMilli(it.Made.Wall).UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(out, "report %d: %s made %s: %s\n", fate.Seq, strings.TrimSpace(it.Kind.String()+" "+it.Name), made, it.Params)
}

func code(c int32) string {
	if c == 0 {
		return ""
	}
	return fmt.Sprintf(" (code %d)", c)
}
