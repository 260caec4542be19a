package recording_test

import (
	"testing"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/bench/oracle/recording"
	"github.com/google/go-cmp/cmp"
)

// An old recording can be judged again: what is written is read back the same.
func TestRecordingRoundTrip(t *testing.T) {
	heard := false
	rec := oracle.Recording{
		Scenario: oracle.Scenario{
			Name: "all", Seed: 7, Faults: []string{"kill-9"},
			Strikes: []oracle.Strike{{Name: "half-open", Span: oracle.Span{From: 1, To: 9}, Silent: true}},
			Lanes:   map[string]oracle.Lane{"alarm": {Policy: oracle.RefuseNew, Ordered: true, Alarm: true}},
			Bounds:  oracle.Bounds{Alarm: 5, Rate: 8, States: map[string]int64{"connecting": 30000}},
			Limits:  oracle.Limits{Connects: -1}, Ceilings: oracle.Ceilings{Budget: 1 << 40},
			Unclocked: []oracle.Unclocked{{Span: oracle.Span{From: 1, To: 2}, Learned: true}},
		},
		Calls: []oracle.Call{
			{At: 1, Step: oracle.StepOpen},
			{At: 2, Step: oracle.StepStart, Key: "alarm/1", Lane: "alarm", N: 1, Hash: "<h&>", TTL: 5, Made: 2, Value: "speed", Deadline: 9},
			{At: 3, Step: oracle.StepReturn, Key: "alarm/1", Seq: 1 << 63, Outcome: oracle.Unknown, Error: "a\nb", Panicked: true},
		},
		Events: []oracle.Event{
			{At: 4, What: oracle.Accepted, Key: "alarm/1", ID: "7", Post: 1, Arrival: 1, Hash: "<h&>", Wire: 2, Code: 200, QoS: 1, Bytes: 9, Session: 1},
			{At: 5, What: oracle.ReplySent, Key: "alarm/1", ID: "7", Code: 200, Heard: &heard},
			{At: 6, What: oracle.Disconnected, Session: 1, In: 1, Out: 2},
		},
		Snapshots: []oracle.Snapshot{
			{At: 7, Phase: oracle.Running, Lanes: map[string]oracle.Counts{"alarm": {Accepted: 1, Pending: 1}}},
			{At: 8, Phase: oracle.Drained, Reports: []oracle.Report{
				{Seq: 1, Key: "alarm/1", State: oracle.Evicted, Reason: oracle.ByOperator, Bytes: 3, Marked: true, Ended: 8},
			}},
			{At: 9, Phase: oracle.Reopened, Reports: []oracle.Report{}}, // asked, and nothing there
		},
		Resources: []oracle.Resources{{At: 1, Phase: oracle.Before, Goroutines: 1, Temp: 2, Journal: 3, Live: 1}},
		States:    []oracle.Held{{At: 1, State: "online"}},
		Said:      []oracle.Said{{At: 1, Where: oracle.InFolder, Name: "x", Text: []byte{0, 0xff}}},
	}
	dir := t.TempDir()
	for range 2 { // the second time over the first
		if err := recording.WriteDir(dir, rec); err != nil {
			t.Fatal(err)
		}
	}
	got, err := recording.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rec, got); d != "" {
		t.Error(d)
	}
	rec.States, rec.Said = nil, nil
	if err := recording.WriteDir(dir, rec); err != nil {
		t.Fatal(err)
	}
	if got, err = recording.ReadDir(dir); err != nil || got.States != nil || got.Said != nil {
		t.Errorf("what an earlier recording left was read: %v %v %v", got.States, got.Said, err)
	}
	if _, err := recording.ReadDir(t.TempDir()); err == nil {
		t.Error("a folder without a scenario is a recording")
	}
}
