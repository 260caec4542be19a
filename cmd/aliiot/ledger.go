package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/outbox"
)

func ledgerCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ledger DIR",
		Short: "Show the account of every report that a device's folder ever accepted",
		Long: `Show the account of every report that a device's folder ever accepted:

  accepted = confirmed + rejected + expired + evicted + damaged + pending

It reads only, and is safe beside a living device; what that device has
not synced yet is not counted.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := openFolder(args[0])
			if err != nil {
				return err
			}
			l := f.ledger()
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(l)
			}
			fmt.Fprintf(c.OutOrStdout(), "device %s\n\n", f.view.Identity)
			return printLedger(c.OutOrStdout(), l, f.lanes)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON (docs/json.md)")
	return c
}

// ledger is the account as the journal has it on the disk.
func (f *deviceFolder) ledger() actors.Ledger {
	l := actors.Ledger{Lanes: map[string]actors.Counts{}}
	aside := map[uint8]uint64{}
	for _, m := range f.view.State.Quarantined {
		aside[m.Lane]++
	}
	for class := range uint8(outbox.MaxLanes) {
		c := actors.CountsOf(f.view.State.Lanes[class])
		c.Quarantined = aside[class]
		if c.Accepted == 0 && int(class) >= len(f.lanes) {
			continue
		}
		l.Lanes[f.lane(class)] = c
		l.Counts = l.Counts.Add(c)
	}
	return l
}

func printLedger(out io.Writer, l actors.Ledger, lanes []string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "lane\taccepted\tconfirmed\trejected\texpired\tevicted\tdamaged\tpending\tlate\t")
	row := func(name string, c actors.Counts) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			name, c.Accepted, c.Confirmed, c.Rejected, c.Expired, c.Evicted, c.Damaged, c.Pending, c.Late)
	}
	for _, name := range lanes {
		row(name, l.Lanes[name])
	}
	row("all", l.Counts)
	if err := w.Flush(); err != nil {
		return err
	}
	if l.Quarantined > 0 {
		fmt.Fprintf(out, "\n%d of the pending reports are quarantined: they broke the link again and again.\n", l.Quarantined)
	}
	if l.Damaged > 0 {
		fmt.Fprintf(out, "\n%d reports were destroyed on the medium after they had been synced.\n", l.Damaged)
	}
	if !l.Balances() {
		fmt.Fprintln(out, "\nTHE LEDGER DOES NOT BALANCE. Please report this with a copy of the folder.")
	}
	return nil
}
