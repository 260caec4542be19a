package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/ledgertable"
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
		Args: takes("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := openFolder(args[0])
			if err != nil {
				return err
			}
			l := f.ledger()
			if asJSON {
				return printJSON(c, l)
			}
			fmt.Fprintf(c.OutOrStdout(), "device %s\n\n", f.view.Identity)
			return printLedger(c.OutOrStdout(), l, f.lanes)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func jsonFlag(c *cobra.Command, on *bool) {
	c.Flags().BoolVar(on, "json", false, "print JSON (docs/json.md)")
}

func printJSON(c *cobra.Command, v any) error {
	e := json.NewEncoder(c.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(v)
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

func printLedger(out io.Writer, l actors.Ledger, names []string) error {
	var lanes []ledgertable.Lane
	for _, name := range names {
		lanes = append(lanes, ledgertable.Lane{Name: name, Counts: tableCounts(l.Lanes[name])})
	}
	if err := ledgertable.Write(out, widthOf(out), tableCounts(l.Counts), lanes); err != nil {
		return err
	}
	if l.Quarantined > 0 {
		fmt.Fprintf(out, "\nQuarantined: %s that broke the link again and again (see \"aliiot quarantine list\").\n",
			count(int64(l.Quarantined), "pending report"))
	}
	if l.Damaged > 0 {
		fmt.Fprintf(out, "\nDamaged: %s that the medium destroyed after the sync.\n", count(int64(l.Damaged), "report"))
	}
	if !l.Balances() {
		fmt.Fprintln(out, "\nTHE LEDGER DOES NOT BALANCE. Please report this with a copy of the folder.")
	}
	return nil
}

func tableCounts(c actors.Counts) ledgertable.Counts {
	return ledgertable.Counts{
		Accepted: int64(c.Accepted), Confirmed: int64(c.Confirmed), Rejected: int64(c.Rejected), Expired: int64(c.Expired),
		Evicted: int64(c.Evicted), Damaged: int64(c.Damaged), Pending: int64(c.Pending), Late: int64(c.Late),
		Quarantined: int64(c.Quarantined), Unreadable: int64(c.Unreadable),
		ConfirmedBy: map[string]int64{"reply": int64(c.ConfirmedBy.Reply), "puback": int64(c.ConfirmedBy.Puback)},
		EvictedBy: map[string]int64{"budget": int64(c.EvictedBy.Budget), "newer": int64(c.EvictedBy.Newer),
			"thinned": int64(c.EvictedBy.Thinned), "operator": int64(c.EvictedBy.Operator)},
	}
}

// widthOf is how many columns there are to write in.
func widthOf(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return ledgertable.DefaultWidth
}
