package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/ledgertable"
)

// finish shows the end and returns the exit status.
func (d *driver) finish(stderr io.Writer) int {
	d.showLedger()
	end := outcome{Ledger: d.final}
	status := exitOK
	if d.cloud == nil {
		status = d.showPending()
	} else {
		e, account, earlier := d.cloud.look(d.base)
		agree := d.judge(e)
		end.Platform, end.Agree, end.Judged = &account, &agree, d.judged
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

// policies are the lanes' in the oracle's words.
var policies = map[aliiot.Policy]oracle.Policy{
	aliiot.EvictOldest: oracle.EvictOldest, aliiot.RefuseNew: oracle.RefuseNew, aliiot.LatestOnly: oracle.LatestOnly,
}

// judge lets the oracle compare what was asked, what arrived, and what the ledger says.
func (d *driver) judge(e []oracle.Event) bool {
	w, l := d.record.all()
	s := oracle.Scenario{Name: "tracker", Seed: d.o.seed, Faults: d.done, LateBefore: d.late}
	s.Lanes = map[string]oracle.Lane{}
	for _, l := range aliiot.DefaultLanes() {
		s.Lanes[l.Name] = oracle.Lane{Policy: policies[l.Policy], Budget: l.Budget, Ordered: l.Ordered}
	}
	if d.setup.NoQuota {
		s.Limits = oracle.Limits{Connects: -1, QoS0: -1, QoS1: -1}
	}
	r := oracle.Recording{Scenario: s, Calls: w, Events: e, Snapshots: l}
	d.found, d.judged = r.Check(), r.Judged()
	return len(d.found) == 0
}

func (d *driver) showLedger() {
	d.out.say("", "")
	if n := d.earlier(); n > 0 {
		d.out.say(bold, "The ledger of %s, %s of earlier runs included", d.dir, count(n, "report"))
	} else {
		d.out.say(bold, "The ledger")
	}
	d.out.say("", "")
	d.out.block(func(w io.Writer, columns int) error {
		if columns == 0 {
			columns = ledgertable.DefaultWidth
		}
		var lanes []ledgertable.Lane
		for _, name := range []string{laneAlarm, lanePosition} {
			lanes = append(lanes, ledgertable.Lane{Name: name, Counts: tabled(d.final.Lanes[name])})
		}
		return ledgertable.Write(w, columns, tabled(d.final.Counts), lanes)
	})
	d.out.say("", "")
}

// earlier is how many reports earlier runs on the folder had made.
func (d *driver) earlier() (n int64) {
	for _, lane := range d.base {
		n += lane
	}
	return n
}

func tabled(c oracle.Counts) ledgertable.Counts {
	return ledgertable.Counts{
		Accepted: c.Accepted, Confirmed: c.Confirmed, Rejected: c.Rejected, Expired: c.Expired,
		Evicted: c.Evicted, Damaged: c.Damaged, Pending: c.Pending, Late: c.Late,
		Quarantined: c.Quarantined, Unreadable: c.Unreadable,
		ConfirmedBy: c.ConfirmedBy, EvictedBy: c.EvictedBy,
	}
}

// showPending says what a platform of which we know nothing has left us with.
func (d *driver) showPending() (status int) {
	f := d.final
	switch {
	case f.Pending > 0 && d.o.dir == "":
		d.out.say(yellow, "%s pending, and removed with the temporary folder: --dir DIR would keep them for the next run.", count(f.Pending, "report"))
		status = exitPending
	case f.Pending > 0:
		d.out.say(yellow, "%s pending in %s: they go with the next run on it.", count(f.Pending, "report"), d.dir)
		status = exitPending
	case f.Confirmed < f.Accepted: // what ended otherwise was not delivered
		d.out.say(yellow, "Nothing waits any more: %d confirmed, %d rejected, %d expired, %d evicted, %d damaged.",
			f.Confirmed, f.Rejected, f.Expired, f.Evicted, f.Damaged)
	default:
		d.out.say(green, "Everything is delivered.")
	}
	d.out.say("", "")
	return status
}

func (d *driver) showPlatform(a account, earlier int64) {
	text := fmt.Sprintf("The platform received %s: %s of this run", count(a.Received, "post"), count(a.Reports, "report"))
	if a.Duplicates > 0 {
		text += fmt.Sprintf(", and %s because the first answer had been lost on the way", count(a.Duplicates, "repeat"))
	}
	text += "."
	if earlier > 0 {
		text += fmt.Sprintf(" It also received %s that earlier runs had left in the journal.", count(earlier, "post"))
	}
	d.out.say("", "%s", text)
	d.out.say("", "")
	wrong := map[string]oracle.Violation{}
	for _, v := range d.found {
		if _, ok := wrong[v.Check]; !ok {
			wrong[v.Check] = v
		}
	}
	for _, c := range oracle.Checks {
		if !slices.Contains(d.judged, c.Name) {
			continue // this run has nothing to ask it about
		}
		if v, ok := wrong[c.Name]; ok {
			d.out.verdict(red, "BROKEN", c.Name, strings.TrimLeft(strings.TrimPrefix(v.String(), v.Check), ": "))
		} else {
			d.out.verdict(green, "ok", c.Name, c.Says)
		}
	}
	d.out.say("", "Other checks of the oracle have nothing to look at in this run.")
	d.out.say("", "")
	if len(d.found) > 0 {
		d.out.say(red, "The ledger and the platform disagree: %s in all.", count(len(d.found), "violation"))
	} else {
		d.out.say(green, "The ledger and the platform agree.")
	}
	d.out.say("", "")
}
