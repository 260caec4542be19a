package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
)

// head says what is going to happen.
func (d *driver) head(r replay) {
	d.out.say("", "")
	d.out.say(bold, "A tracker whose reports survive everything")
	d.out.say("", "")
	thinned := ""
	if r.every > 1 {
		thinned = fmt.Sprintf(", one in %d of them", r.every)
	}
	d.out.fact("log", "", "%s in %s%s, replayed in %s", count(len(r.log.Epochs), "epoch"), r.name, thinned, r.feed.Round(time.Second))
	if d.cloud != nil {
		d.out.fact("platform", "", "its emulator, in this process, behind a proxy that breaks the link")
	} else {
		d.out.fact("platform", "", "%s, whose %s counts", d.o.server, map[string]string{"reply": "reply", "puback": "PUBACK"}[d.o.confirm])
	}
	d.out.fact("device", "", "%s/%s, in a process of its own", d.setup.ProductKey, d.setup.DeviceName)
	if d.o.dir == "" {
		d.out.fact("journal", "", "%s, gone at the end (--dir DIR keeps one)", d.dir)
	} else {
		d.out.fact("journal", "", "%s", d.dir)
	}
	if colour, text := d.aboutFolder(); text != "" {
		d.out.fact("", colour, "%s", text)
	}
	if d.cloud != nil {
		var kinds []string
		for _, f := range d.faults {
			kinds = append(kinds, f.short)
		}
		d.out.fact("faults", "", "%d, when and where --seed %d says: %s", len(kinds), d.o.seed, strings.Join(kinds, ", "))
	}
	d.out.say("", "")
}

// aboutFolder says what a folder lacks that a journal should have.
func (d *driver) aboutFolder() (colour, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.volatile == "":
		return "", ""
	case d.o.dir == "":
		return "", "on " + d.volatile + ", and allowed to be: it has to outlive SIGKILL, and no power cut"
	case d.volatile == "fat" || d.volatile == "exfat":
		return yellow, "on " + d.volatile + ": it outlives SIGKILL, but a power cut may damage it"
	}
	return yellow, "on " + d.volatile + ": it outlives SIGKILL, but neither a reboot nor a power cut"
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
	d.record.lived(oracle.StepClose)
	d.stopDevice()
	if err := d.openDevice(ctx, openWithin); err != nil {
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
	stop := d.out.waiting(int(first), func() (int, string) {
		now := d.waitingNow()
		return int(max(first-now, 0)), fmt.Sprintf("draining (%s)", wait(now))
	})
	defer stop()
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
			if l.waiting() == 0 {
				stop()
				d.out.happened(aboutReports, "the log is through, and nothing waits")
				return l, nil
			}
			if time.Since(began) > bound {
				stop()
				d.out.happened(aboutReports, "the log is through; after %s of draining, %s", bound, wait(l.waiting()))
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
