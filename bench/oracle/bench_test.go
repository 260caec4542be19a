package oracle_test

import (
	"fmt"
	"testing"

	"github.com/aliiot/aliiot/bench/oracle"
)

// lived is a clean recording of so many reports, one every ten seconds: each is
// confirmed, one in a hundred comes twice, and a fault strikes every hour.
func lived(reports int) oracle.Recording {
	alarm := oracle.Lane{Policy: oracle.RefuseNew, Ordered: true, Alarm: true}
	rec := oracle.Recording{Scenario: oracle.Scenario{
		Name:   "lived",
		Lanes:  map[string]oracle.Lane{"alarm": alarm, "default": {Policy: oracle.EvictOldest, Budget: 1 << 20}},
		Bounds: oracle.Bounds{Alarm: 2000, Online: 60_000, Silence: 60_000, Call: 5000},
		Limits: oracle.Limits{Window: 8, WindowBytes: 8 << 10},
	}}
	heard := true
	var list []oracle.Report
	counts := map[string]oracle.Counts{}
	rec.Calls = append(rec.Calls, oracle.Call{At: 1, Step: oracle.StepOpen})
	rec.Events = append(rec.Events, oracle.Event{At: 2, What: oracle.Connected, Session: 1})
	var arrival uint64
	for n := 1; n <= reports; n++ {
		lane := "default"
		if n%60 == 0 {
			lane = "alarm"
		}
		at, key, id := int64(n)*10_000, fmt.Sprintf("%s/%d", lane, n), fmt.Sprint(n)
		hash := fmt.Sprintf("%064d", n)
		rec.Calls = append(rec.Calls,
			oracle.Call{At: at, Step: oracle.StepStart, Key: key, Lane: lane, N: n, Hash: hash, Made: at},
			oracle.Call{At: at + 5, Step: oracle.StepReturn, Key: key, Seq: uint64(n), Outcome: oracle.OK})
		for range 1 + max(0, n%100-98) {
			arrival++
			rec.Events = append(rec.Events, oracle.Event{At: at + 50, What: oracle.Accepted, Key: key, ID: id, Post: arrival, Arrival: arrival,
				Hash: hash, Wire: at, Code: 200, Bytes: 200, Session: int64(1 + n/360)})
		}
		rec.Events = append(rec.Events, oracle.Event{At: at + 60, What: oracle.ReplySent, Key: key, ID: id, Code: 200, Heard: &heard})
		if n%360 == 0 {
			rec.Scenario.Strikes = append(rec.Scenario.Strikes, oracle.Strike{Name: "cut", Span: oracle.Span{From: at + 1000, To: at + 2000}, Delays: true})
			rec.Events = append(rec.Events, oracle.Event{At: at + 2500, What: oracle.Connected, Session: int64(1 + n/360)})
		}
		list = append(list, oracle.Report{Seq: uint64(n), Key: key, Lane: lane, State: oracle.Confirmed, Level: oracle.ByReply, Ended: at + 61})
		c := counts[lane]
		c.Accepted++
		c.Confirmed++
		counts[lane] = c
	}
	total := oracle.Counts{Accepted: int64(reports), Confirmed: int64(reports)}
	for _, phase := range []oracle.Phase{oracle.Drained, oracle.Reopened} {
		rec.Snapshots = append(rec.Snapshots, oracle.Snapshot{At: int64(reports)*10_000 + 5000, Phase: phase, Total: total, Lanes: counts, Reports: list})
	}
	return rec
}

// A day of a device is 10,000 reports; a soak is a million.
func BenchmarkCheck(b *testing.B) {
	for _, reports := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(reports), func(b *testing.B) {
			rec := lived(reports)
			b.ReportAllocs()
			for b.Loop() {
				if found := rec.Check(); found != nil {
					b.Fatal(found)
				}
			}
		})
	}
}
