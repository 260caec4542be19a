package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/internal/outbox"
)

func quarantineCommand() *cobra.Command {
	return group("quarantine", "Look at the reports that were set aside, release or drop them",
		`A report that broke the link again and again, or its actor, is set aside: it
stays pending and is not sent, so that the others are. Look at it, then release
it (the platform, or the program, has been mended) or drop it.`,
		quarantineListCommand(), quarantineReleaseCommand(), quarantineDropCommand())
}

// aside is a quarantined report as JSON has it (docs/json.md).
type aside struct {
	Seq    uint64 `json:"seq"`
	Lane   string `json:"lane"`
	Bytes  int64  `json:"bytes"`
	Kind   string `json:"kind,omitempty"`
	Name   string `json:"name,omitempty"`
	Made   string `json:"made,omitempty"`
	Params string `json:"params,omitempty"`
}

func (f *deviceFolder) quarantined() []aside {
	all := []aside{}
	for _, q := range f.view.Quarantined() {
		a := aside{Seq: q.Seq, Lane: f.lane(q.Lane), Bytes: q.Bytes}
		if it, err := outbox.DecodeItem(q.Body); err == nil {
			a.Kind, a.Name, a.Params = it.Kind.String(), it.Name, string(it.Params)
			if it.Made.Trusted {
				a.Made = time.UnixMilli(it.Made.Wall).UTC().Format(time.RFC3339)
			}
		}
		all = append(all, a)
	}
	return all
}

func quarantineListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "Show the reports that were set aside",
		Long:  "Show the reports that were set aside. It reads only, and is safe beside a living device.",
		Args:  takes("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := openFolder(args[0])
			if err != nil {
				return err
			}
			all := f.quarantined()
			if asJSON {
				return printJSON(c, all)
			}
			out := c.OutOrStdout()
			for _, a := range all {
				fmt.Fprintf(out, "report %d: lane %s, %s", a.Seq, a.Lane, count(a.Bytes, "byte"))
				if a.Kind == "" {
					fmt.Fprintln(out, "; its content cannot be read")
					continue
				}
				fmt.Fprintf(out, ", %s", strings.TrimSpace(a.Kind+" "+a.Name))
				if a.Made != "" {
					fmt.Fprintf(out, " made %s", a.Made)
				}
				fmt.Fprintf(out, ": %s\n", a.Params)
			}
			fmt.Fprintf(out, "%s quarantined.\n", count(int64(len(all)), "report"))
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func quarantineReleaseCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "release DIR [SEQ…]",
		Short: "Send reports again that were set aside; all of them, or those named",
		Long: `Put reports that were set aside back into their lanes; all of them, or those
named. One that breaks the link again will be set aside again.

The device must have been stopped. When this says yes, it is on the disk.`,
		Args: takes("DIR", "SEQ…"),
		RunE: func(c *cobra.Command, args []string) error {
			return withQuarantined(args, func(f *deviceFolder, marks []outbox.Mark) error {
				err := f.change(func(j *journal.Journal) error {
					for _, m := range marks {
						if err := j.Quarantine(m, false); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
				return tellMarks(c, asJSON, "released", marks)
			})
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func quarantineDropCommand() *cobra.Command {
	var asJSON, yes bool
	c := &cobra.Command{
		Use:   "drop DIR [SEQ…]",
		Short: "Give up reports that were set aside; all of them, or those named",
		Long: `Give up reports that were set aside; all of them, or those named. They will
never be sent; the ledger counts them as evicted, by the operator.

The device must have been stopped. When this says yes, it is on the disk.`,
		Args: takes("DIR", "SEQ…"),
		RunE: func(c *cobra.Command, args []string) error {
			return withQuarantined(args, func(f *deviceFolder, marks []outbox.Mark) error {
				question := fmt.Sprintf("Give up %s for good?", count(int64(len(marks)), "report"))
				if err := confirm(c, yes || len(marks) == 0, question); err != nil {
					return err
				}
				if err := f.drop(marks); err != nil {
					return err
				}
				return tellMarks(c, asJSON, "dropped", marks)
			})
		},
	}
	jsonFlag(c, &asJSON)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// drop ends reports. The audit log, where there is one, hears of it before the
// journal, as from the device: an end that is recorded twice is better than one
// that nothing explains.
func (f *deviceFolder) drop(marks []outbox.Mark) error {
	ends := make([]outbox.Settlement, len(marks))
	for i, m := range marks {
		ends[i] = outbox.Settlement{Seq: m.Seq, Ord: m.Ord, Lane: m.Lane, Outcome: outbox.EvictedOperator, Bytes: m.Bytes}
	}
	if err := f.recordEnds(ends); err != nil {
		return err
	}
	return f.change(func(j *journal.Journal) error {
		j.Settle(ends)
		return nil
	})
}

func (f *deviceFolder) recordEnds(ends []outbox.Settlement) error {
	kept := false
	if err := audit.Each(f.fs, func(audit.Record) { kept = true }); err != nil || !kept {
		return err
	}
	log, err := audit.Open(f.fs, audit.Options{})
	if err != nil {
		return err
	}
	now := clock.System().Boot()
	for _, e := range ends {
		log.Record(f.lane(e.Lane), outbox.Ended{Settlement: e, At: now})
	}
	return log.Close()
}

// withQuarantined takes the folder of the arguments and hands on the reports that
// they name, all where they name none.
func withQuarantined(args []string, do func(*deviceFolder, []outbox.Mark) error) (err error) {
	seqs, err := seqsOf(args[1:])
	if err != nil {
		return err
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
	marks := f.view.State.Quarantined
	if len(seqs) > 0 {
		marks = nil
		for _, seq := range seqs {
			i := slices.IndexFunc(f.view.State.Quarantined, func(m outbox.Mark) bool { return m.Seq == seq })
			if i < 0 {
				return fmt.Errorf("report %d is not quarantined; nothing was changed", seq)
			}
			marks = append(marks, f.view.State.Quarantined[i])
		}
	}
	return do(f, marks)
}

func seqsOf(args []string) ([]uint64, error) {
	var seqs []uint64
	for _, a := range args {
		seq, err := seqOf(a)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(seqs, seq) {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

// seqOf reads the number of a report.
func seqOf(arg string) (uint64, error) {
	seq, err := strconv.ParseUint(arg, 10, 64)
	if err != nil || seq == 0 {
		return 0, usage("%q is not the number of a report: they count from 1 on", arg)
	}
	return seq, nil
}

func tellMarks(c *cobra.Command, asJSON bool, what string, marks []outbox.Mark) error {
	seqs := []uint64{}
	for _, m := range marks {
		seqs = append(seqs, m.Seq)
	}
	if asJSON {
		return printJSON(c, map[string][]uint64{what: seqs})
	}
	fmt.Fprintf(c.OutOrStdout(), "%s %s.\n", count(int64(len(seqs)), "report"), what)
	return nil
}
