package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// errDamaged makes the exit status say what verify found.
var errDamaged = errors.New("the journal is damaged")

func journalCommand() *cobra.Command {
	c := &cobra.Command{Use: "journal", Short: "Look at a device's journal"}
	c.AddCommand(journalVerifyCommand())
	return c
}

func journalVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Read every frame of a journal and say what is whole and what is not",
		Long: `Read every frame of a journal and say what is whole and what is not.
It changes nothing, and is safe beside a living device.
The exit status is 1 when a stretch of the log is damaged or unreadable.`,
		Args: cobra.ExactArgs(1),
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
			fmt.Fprintf(out, "\n%d reports are written and not known to be durable yet; %d spare files, %d that no longer count.\n",
				f.view.Unsynced, f.view.Spares, f.view.Strays)
			lost := f.ledger().Damaged
			if bad > 0 || missing > 0 {
				return fmt.Errorf("%w: %d stretches cannot be read, %d reports that wait are missing; the ledger calls %d damaged", errDamaged, bad, missing, lost)
			}
			if lost > 0 {
				fmt.Fprintf(out, "The ledger calls %d reports of earlier days damaged.\n", lost)
			}
			fmt.Fprintln(out, "Every report that waits is there.")
			return nil
		},
	}
}
