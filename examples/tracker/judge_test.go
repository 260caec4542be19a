package main

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
)

// A run in which one report was acknowledged, arrived and was confirmed: the
// verdict of the example must turn with each of the three witnesses.
func TestJudge(t *testing.T) {
	p := report{Lane: lanePosition, N: 1, Made: time.Now(), Position: &position{CoordinateSystem: 1}}
	ends := map[uint64]auditLine{9: {Seq: 9, Lane: lanePosition, Outcome: "confirmed", Sends: 1}}
	account := oracle.Counts{Accepted: 1, Confirmed: 1}
	arrival := oracle.Event{What: oracle.Accepted, Key: p.key(), Hash: p.hash(), Code: 200, At: time.Now().Add(time.Minute).UnixMilli()}
	for _, c := range []struct {
		name   string
		check  string // violated; "" for none
		ends   map[uint64]auditLine
		counts oracle.Counts
		e      []oracle.Event
	}{
		{"all agree", "", ends, account, []oracle.Event{arrival}},
		{"it never arrived", "O5", ends, account, nil},
		{"the device forgot it", "O2", nil, account, []oracle.Event{arrival}},
		{"the ledger does not balance", "O1", ends, oracle.Counts{Accepted: 2, Confirmed: 1}, []oracle.Event{arrival}},
		{"it arrived otherwise", "O4", ends, account, []oracle.Event{{What: oracle.Accepted, Key: p.key(), Hash: "bent", Code: 200, At: arrival.At}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDriver(options{}, newDisplay(io.Discard, func() {}))
			d.record.started(p)
			d.record.returned(p, oracle.OK, 9, nil)
			d.kept[p.key()] = true
			l := ledger{Counts: c.counts, Lanes: map[string]oracle.Counts{lanePosition: c.counts}}
			calls, _ := d.record.all()
			d.record.saw(oracle.Drained, &l, states(calls, d.kept, c.ends))
			agree := d.judge(c.e)
			var checks []string
			for _, v := range d.found {
				checks = append(checks, v.Check)
			}
			if agree != (c.check == "") || c.check != "" && !slices.Contains(checks, c.check) {
				t.Errorf("agree %v, found %v", agree, d.found)
			}
		})
	}
}

// The end of a report whose call never came back is found by its place in the lane.
func TestStatesOfUnheard(t *testing.T) {
	call := func(key string, n int, step oracle.Step, told oracle.Outcome, seq uint64) oracle.Call {
		return oracle.Call{Key: key, Lane: "a", N: n, Step: step, Outcome: told, Seq: seq}
	}
	calls := []oracle.Call{
		call("a/1", 1, oracle.StepStart, "", 0), call("a/1", 1, oracle.StepReturn, oracle.OK, 4),
		call("a/2", 2, oracle.StepStart, "", 0), // the process died
		call("a/3", 3, oracle.StepStart, "", 0), call("a/3", 3, oracle.StepReturn, oracle.OK, 8),
		call("a/4", 4, oracle.StepStart, "", 0), call("a/4", 4, oracle.StepReturn, oracle.Refused, 0),
	}
	kept := map[string]bool{"a/1": true, "a/2": true, "a/3": true}
	ends := map[uint64]auditLine{
		2: {Seq: 2, Lane: "a", Outcome: "confirmed"}, // of an earlier run
		4: {Seq: 4, Lane: "a", Outcome: "confirmed-puback"},
		5: {Seq: 5, Lane: "b", Outcome: "confirmed"}, // of another lane
		6: {Seq: 6, Lane: "a", Outcome: "rejected", Code: 460},
	}
	got := states(calls, kept, ends)
	want := []oracle.Report{
		{Seq: 4, Key: "a/1", Lane: "a", State: oracle.Confirmed, Level: oracle.ByPuback},
		{Seq: 6, Key: "a/2", Lane: "a", State: oracle.Rejected, Code: 460},
		{Seq: 8, Key: "a/3", Lane: "a", State: oracle.Pending},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
