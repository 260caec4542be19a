package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/aliiot/aliiot/internal/journal"
)

// errDamaged makes the exit status say what verify found.
var errDamaged = errors.New("the journal is damaged")

func journalCommand() *cobra.Command {
	return group("journal", "Look at a device's journal, or jump its numbers", "",
		journalVerifyCommand(), journalJumpCommand())
}

func journalVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Read every frame of a journal and say what is whole and what is not",
		Long: `Read every frame of a journal and say what is whole and what is not.
It changes nothing, and is safe beside a living device.
The exit status is 1 when a stretch of the log is damaged or unreadable.`,
		Args: takes("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := openFolder(args[0])
			if err != nil {
				return err
			}
			missing := f.view.Verify()
			out := c.OutOrStdout()
			fmt.Fprintf(out, "device %s, epoch %016x, writer %d\n\n", f.view.Identity, f.view.State.Epoch, f.view.State.Writer)
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintln(w, "segment\tbytes\tused\treports\twaiting\tmissing\tholes\t")
			for _, s := range f.view.Segments {
				fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", s.File, s.Bytes, s.Used, s.Reports, s.Pending, s.Missing, len(s.Holes))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			bad := 0
			for _, s := range f.view.Segments {
				bad += len(s.Holes)
				for _, h := range s.Holes {
					what := "damaged"
					if h.Unreadable {
						what = "unreadable"
					}
					fmt.Fprintf(out, "%s: %s from %d to %d\n", s.File, what, h.From, h.To)
				}
				if s.Err != nil {
					bad++
					fmt.Fprintf(out, "%s: %v\n", s.File, s.Err)
				}
			}
			fmt.Fprintf(out, "\nNot known to be durable yet: %s. Besides: %s, and %s no longer in use.\n",
				count(int64(f.view.Unsynced), "report"), count(int64(f.view.Spares), "spare file"), count(int64(f.view.Strays), "segment"))
			lost := f.ledger().Damaged
			if bad > 0 || missing > 0 {
				return fmt.Errorf("%w; it has %s that cannot be read, lacks %s, and the ledger calls %d damaged",
					errDamaged, stretches(bad), count(int64(missing), "waiting report"), lost)
			}
			if lost > 0 {
				fmt.Fprintf(out, "Damaged in earlier days, says the ledger: %s.\n", count(int64(lost), "report"))
			}
			fmt.Fprintln(out, "Every report that waits is there.")
			return nil
		},
	}
}

func stretches(n int) string {
	if n == 1 {
		return "1 stretch"
	}
	return fmt.Sprintf("%d stretches", n)
}

// usualJump passes over what half a year of one report a second uses, and leaves
// more than a hundred jumps before ids, which are numbers modulo 2³¹, come again.
const usualJump = 1 << 24

// jumped is a jump as JSON has it (docs/json.md).
type jumped struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

func journalJumpCommand() *cobra.Command {
	var by uint64
	var asJSON, yes bool
	c := &cobra.Command{
		Use:   "jump DIR",
		Short: "Pass over numbers, after a folder was restored from a backup",
		Long: `Pass over numbers, after a folder was restored from a backup. A report's number
is its id at the platform; what the device reported after the backup has used
the next ones, for other content. Reports that wait keep their numbers.

The device must have been stopped. When this says yes, it is on the disk.`,
		Args: takes("DIR"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if by == 0 || by > journal.MaxJump {
				return usage("--by %d is not within 1 and %d", by, journal.MaxJump)
			}
			f, release, err := ownFolder(args[0])
			if err != nil {
				return err
			}
			defer func() {
				if e := release(); err == nil {
					err = e
				}
			}()
			next := f.view.State.NextSeq
			if err := confirm(c, yes, fmt.Sprintf("The next report of %s would be %d. Go on with %d?", f.view.Identity, next, next+by)); err != nil {
				return err
			}
			var did jumped
			err = f.change(func(j *journal.Journal) (err error) {
				did.From, did.To, err = j.Jump(by)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c, did)
			}
			fmt.Fprintf(c.OutOrStdout(), "The next report would have been %d; it will be %d.\n", did.From, did.To)
			return nil
		},
	}
	c.Flags().Uint64Var(&by, "by", usualJump, "how many numbers to pass over; more than were used since the backup")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	jsonFlag(c, &asJSON)
	return c
}
