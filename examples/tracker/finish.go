package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
)

// head says what is going to happen.
func (d *driver) head(r replay) {
	d.out.text("\n%s\n\n", d.out.paint(bold, "A tracker whose reports survive everything"))
	thinned := ""
	if r.every > 1 {
		thinned = fmt.Sprintf(", one in %d of them", r.every)
	}
	d.out.fact("log", "%s in %s%s, replayed in %s", count(len(r.log.Epochs), "epoch"), r.name, thinned, r.feed.Round(time.Second))
	if d.cloud != nil {
		d.out.fact("platform", "its emulator, in this process, behind a proxy that breaks the link")
	} else {
		d.out.fact("platform", "%s, whose %s counts", d.o.server, map[string]string{"reply": "reply", "puback": "PUBACK"}[d.o.confirm])
	}
	d.out.fact("device", "%s/%s, in a process of its own", d.setup.ProductKey, d.setup.DeviceName)
	if d.o.dir == "" {
		d.out.fact("journal", "%s, gone at the end (--dir DIR keeps it)", d.dir)
	} else {
		d.out.fact("journal", "%s", d.dir)
	}
	if d.cloud != nil {
		d.out.fact("faults", "five, with --seed %d", d.o.seed)
	}
	d.out.text("\n")
}

// drainWithin bounds the drain at the emulator; with --server it is --drain.
const drainWithin = time.Minute

// rest drains, looks at the ledger, closes the folder, and looks again after
// opening it once more.
func (d *driver) rest(ctx context.Context) error {
	bound := d.o.drain
	if d.cloud != nil {
		bound = drainWithin
	}
	l, err := d.drain(ctx, bound)
	if err != nil {
		return err
	}
	d.final = l
	d.atRest.Store(true)
	d.mu.Lock()
	dev := d.dev
	d.mu.Unlock()
	if d.cloud == nil {
		if got, err := dev.close(ctx); err == nil && got.Ledger != nil {
			d.final = *got.Ledger
		}
		return nil
	}
	if err := d.look(oracle.Drained, l); err != nil {
		return err
	}
	if _, err := dev.close(ctx); err != nil {
		return fmt.Errorf("closing the device: %w", err)
	}
	d.stopDevice()
	d.heal()
	if err := d.openDevice(ctx); err != nil {
		return err
	}
	again := d.ledgerNow()
	if err := d.look(oracle.Reopened, again); err != nil {
		return err
	}
	d.out.happened(aboutDevice, "closed, and opened once more: %s in the ledger", count(again.Accepted, "report"))
	d.mu.Lock()
	dev = d.dev
	d.mu.Unlock()
	if _, err := dev.close(ctx); err != nil {
		return fmt.Errorf("closing the device again: %w", err)
	}
	return nil
}

// drain waits until nothing waits any more, for so long at most.
func (d *driver) drain(ctx context.Context, bound time.Duration) (ledger, error) {
	began := time.Now()
	first := d.waitingNow()
	d.out.wait("draining", int(max(first, 1)))
	defer d.out.waited()
	for {
		dev, err := d.deviceUp(ctx)
		if err != nil {
			return ledger{}, err
		}
		got, err := dev.ask(ctx, order{Kind: orderLedger})
		if err != nil {
			return ledger{}, fmt.Errorf("asking for the ledger: %w", err)
		}
		if got.Ledger != nil {
			l := *got.Ledger
			d.change(func() { d.ledger = l })
			d.out.step(int(max(first-l.waiting(), 0)), "draining")
			if l.waiting() == 0 || time.Since(began) > bound {
				d.out.waited()
				d.out.happened(aboutReports, "the log is through, and %s", wait(l.waiting()))
				return l, nil
			}
		}
		if !pause(ctx, 50*time.Millisecond) {
			return ledger{}, ctx.Err()
		}
	}
}

// look writes down the ledger with the state of every report.
func (d *driver) look(phase oracle.Phase, l ledger) error {
	ends, err := readAudit(d.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	calls, _ := d.record.all()
	d.record.saw(phase, &l, states(calls, d.kept, ends))
	return nil
}

// delivered says what nothing pending means: what ended otherwise was not delivered.
func (d *driver) delivered() string {
	if f := d.final; f.Confirmed < f.Accepted {
		return d.out.paint(yellow, fmt.Sprintf("Nothing waits any more: %d confirmed, %d rejected, %d expired, %d evicted, %d damaged.",
			f.Confirmed, f.Rejected, f.Expired, f.Evicted, f.Damaged))
	}
	return d.out.paint(green, "Everything is delivered.")
}

// finish shows the end and returns the exit status.
func (d *driver) finish(stderr io.Writer) int {
	d.showLedger()
	end := outcome{Ledger: d.final}
	status := exitOK
	if d.cloud == nil {
		if n := d.final.Pending; n > 0 {
			status = exitPending
			d.out.text("\n  %s. %s\n\n", d.out.paint(yellow, count(n, "report")+" pending"), d.keptWhere())
		} else {
			d.out.text("\n  %s\n\n", d.delivered())
		}
	} else {
		e, account, earlier := d.cloud.look(d.base)
		agree := d.judge(e)
		end.Platform, end.Agree = &account, &agree
		d.showPlatform(account, earlier)
		if !agree {
			status = exitFailed
		}
		for _, v := range d.found {
			end.Violations = append(end.Violations, v.String())
		}
		end.Faults = d.done
	}
	if d.o.report != "" {
		if err := end.write(d.o.report); err != nil {
			fmt.Fprintf(stderr, "tracker: %v\n", err)
			return exitFailed
		}
	}
	return status
}

func (d *driver) keptWhere() string {
	if d.o.dir == "" {
		return "The folder was temporary: with --dir DIR they would go with the next run."
	}
	return "They go with the next run on " + d.o.dir + "."
}

// judge lets the oracle compare what was asked, what arrived, and what the ledger says.
func (d *driver) judge(e []oracle.Event) bool {
	w, l := d.record.all()
	d.found = oracle.Check(w, e, l, nil, oracle.Scenario{Name: "tracker", Faults: d.done, LateBefore: d.late})
	return len(d.found) == 0
}

func (d *driver) showLedger() {
	head := []string{"ledger", "accepted", "confirmed", "rejected", "expired", "evicted", "damaged", "pending"}
	row := func(name string, c oracle.Counts) []string {
		r := []string{name}
		for _, n := range []int64{c.Accepted, c.Confirmed, c.Rejected, c.Expired, c.Evicted, c.Damaged, c.Pending} {
			r = append(r, strconv.FormatInt(n, 10))
		}
		return r
	}
	rows := [][]string{head}
	for _, lane := range []string{laneAlarm, lanePosition} {
		rows = append(rows, row(lane, d.final.Lanes[lane]))
	}
	rows = append(rows, row("all", d.final.Counts))
	d.out.text("\n")
	d.out.table(rows)
}

func (d *driver) showPlatform(a account, earlier int64) {
	d.out.text("\n  The platform received %s: %s", count(a.Received, "post"), count(a.Reports, "report"))
	if a.Duplicates > 0 {
		d.out.text(", and %s because\n  the first answer had been lost on the way", count(a.Duplicates, "repeat"))
	}
	d.out.text(".\n")
	if earlier > 0 {
		d.out.text("  %s more had been left by earlier runs.\n", count(earlier, "post"))
	}
	d.out.text("\n")
	wrong := map[string]oracle.Violation{}
	for _, v := range d.found {
		if _, ok := wrong[v.Check]; !ok {
			wrong[v.Check] = v
		}
	}
	for _, c := range oracle.Checks {
		if v, ok := wrong[c.Name]; ok {
			d.out.text("  %s  %s  %s\n", d.out.paint(red, "BROKEN"), c.Name, v)
		} else {
			d.out.text("  %s      %s  %s\n", d.out.paint(green, "ok"), c.Name, c.Says)
		}
	}
	if len(d.found) > 0 {
		d.out.text("\n  %s %s in all.\n\n", d.out.paint(red, "The ledger and the platform disagree:"), count(len(d.found), "violation"))
		return
	}
	d.out.text("\n  %s\n\n", d.out.paint(green, "The ledger and the platform agree."))
}
