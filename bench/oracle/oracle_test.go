package oracle_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Each recording under testdata is named for the one check that it violates,
// or clean. The text above its first file says what happened.
func TestRecordings(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	violated := map[string]int{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		check, _, _ := strings.Cut(name, "-")
		violated[check]++
		t.Run(name, func(t *testing.T) {
			rec := recording(t, path)
			found := rec.Check()
			if check == "clean" {
				if len(found) > 0 {
					t.Errorf("a clean recording: %v", found)
				}
				return
			}
			if judged := rec.Judged(); !slices.Contains(judged, check) {
				t.Errorf("it is said to be judged by %v only", judged)
			}
			if len(found) != 1 || found[0].Check != check {
				t.Fatalf("found %v, want one violation of %s", found, check)
			}
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSpace(string(file(a, "want"))); found[0].String() != want {
				t.Errorf("found %q\n want %q", found[0], want)
			}
		})
	}
	if violated["clean"] == 0 {
		t.Error("no clean recording")
	}
	for _, c := range oracle.Checks {
		if violated[c.Name] == 0 {
			t.Errorf("no recording violates %s: %s", c.Name, c.Says)
		}
	}
}

func recording(t *testing.T, path string) oracle.Recording {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s oracle.Scenario
	if err := json.Unmarshal(file(a, "scenario.json"), &s); err != nil {
		t.Fatalf("scenario.json: %v", err)
	}
	return oracle.Recording{
		Scenario: s, Calls: lines[oracle.Call](t, a, "w.jsonl"), Events: lines[oracle.Event](t, a, "e.jsonl"),
		Snapshots: lines[oracle.Snapshot](t, a, "l.jsonl"), Resources: lines[oracle.Resources](t, a, "r.jsonl"),
		States: lines[oracle.Held](t, a, "t.jsonl"), Said: lines[oracle.Said](t, a, "s.jsonl"),
	}
}

func lines[T any](t *testing.T, a *txtar.Archive, name string) []T {
	t.Helper()
	for _, line := range bytes.Split(bytes.TrimSpace(file(a, name)), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		// A misspelt field in a recording would make it say less than it seems to.
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(new(T)); err != nil {
			t.Fatalf("%s: %s: %v", name, line, err)
		}
	}
	out, err := oracle.Read[T](bytes.NewReader(file(a, name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func file(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func TestLinesRoundTrip(t *testing.T) {
	heard := true
	in := []oracle.Event{
		{At: 1, What: oracle.Accepted, Key: "default/1", ID: "7", Arrival: 1, Hash: "<a&b>", Code: 200},
		{At: 2, What: oracle.ReplySent, Key: "default/1", ID: "7", Code: 200, Heard: &heard},
	}
	var buf bytes.Buffer
	w := oracle.NewWriter[oracle.Event](&buf)
	for _, ev := range in {
		w.Write(ev)
	}
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	out, err := oracle.Read[oracle.Event](&buf)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Error(d)
	}
}

func TestReadCutShort(t *testing.T) {
	whole := `{"at":1,"step":"start","key":"a/1"}` + "\n"
	for _, c := range []struct {
		name, in string
		lines    int
		bad      bool
	}{
		{"empty", "", 0, false},
		{"the last line was never finished", whole + `{"at":2,"st`, 1, false},
		{"the last line lacks its newline only", whole + strings.TrimSpace(whole), 2, false},
		{"a bad line in the middle", "nonsense\n" + whole, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := oracle.Read[oracle.Call](strings.NewReader(c.in))
			if (err != nil) != c.bad || len(out) != c.lines {
				t.Errorf("%d lines, error %v", len(out), err)
			}
		})
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrInvalid }

func TestWriterKeepsFirstError(t *testing.T) {
	w := oracle.NewWriter[oracle.Call](fullDisk{})
	w.Write(oracle.Call{})
	w.Write(oracle.Call{})
	if w.Err() == nil {
		t.Error("an error was forgotten")
	}
}

// A peer has no ledger: what can be seen without one is still judged.
func TestPeerWithoutLedger(t *testing.T) {
	w := []oracle.Call{
		{At: 1, Step: oracle.StepStart, Key: "a/1", Hash: "h"},
		{At: 2, Step: oracle.StepReturn, Key: "a/1", Outcome: oracle.OK},
		{At: 3, Step: oracle.StepStart, Key: "a/2", Hash: "h"},
		{At: 4, Step: oracle.StepReturn, Key: "a/2", Outcome: oracle.OK},
	}
	e := []oracle.Event{{At: 5, What: oracle.Accepted, Key: "a/2", Hash: "h", Code: 200}}
	found := oracle.Check(w, e, nil, nil, oracle.Scenario{})
	if len(found) != 1 || found[0].Check != "O2" || found[0].Key != "a/1" || found[0].Snapshot != -1 {
		t.Errorf("found %v", found)
	}
}

// What a recording cannot answer is not called judged.
func TestJudged(t *testing.T) {
	if got := (oracle.Recording{}).Judged(); got != nil {
		t.Errorf("of nothing, %v was judged", got)
	}
	var all []string
	for _, c := range oracle.Checks {
		all = append(all, c.Name)
	}
	rec := recording(t, "testdata/clean-excused.txtar")
	if got, want := rec.Judged(), slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "O18" }); !slices.Equal(got, want) {
		t.Errorf("judged %v, want %v", got, want)
	}
	rec.Scenario.Hash = rec.Hash()
	if got := rec.Judged(); !slices.Equal(got, all) {
		t.Errorf("judged %v, want %v", got, all)
	}
	if found := rec.Check(); found != nil {
		t.Errorf("its own hash: %v", found)
	}
}

// Records of one instant have no order, and their numbers as they came no meaning.
func TestHashOfCoincidence(t *testing.T) {
	a := oracle.Recording{
		Calls:     []oracle.Call{{At: 1, Key: "a", Error: "one"}, {At: 1, Key: "b"}},
		Events:    []oracle.Event{{At: 2, Key: "a", Arrival: 1, Post: 1}, {At: 2, Key: "b", Arrival: 2, Post: 2}},
		Snapshots: []oracle.Snapshot{{At: 3, Reports: []oracle.Report{{Seq: 1}, {Seq: 2}}}},
	}
	b := oracle.Recording{
		Calls:     []oracle.Call{{At: 1, Key: "b"}, {At: 1, Key: "a", Error: "other"}},
		Events:    []oracle.Event{{At: 2, Key: "b", Arrival: 1, Post: 1}, {At: 2, Key: "a", Arrival: 2, Post: 2}},
		Snapshots: []oracle.Snapshot{{At: 3, Reports: []oracle.Report{{Seq: 2}, {Seq: 1}}}},
	}
	if a.Hash() != b.Hash() {
		t.Error("the order of what coincides changes the hash")
	}
	b.Events[0].At = 3
	if a.Hash() == b.Hash() {
		t.Error("a time changes nothing in the hash")
	}
	if a.Snapshots[0].Reports[0].Seq != 1 || b.Snapshots[0].Reports[0].Seq != 2 {
		t.Error("the hash sorted the recording")
	}
}

// A run that broke everything is told in a few lines.
func TestViolationsAreBounded(t *testing.T) {
	var rec oracle.Recording
	for n := range 1000 {
		rec.Events = append(rec.Events, oracle.Event{What: oracle.Accepted, Key: strconv.Itoa(n)})
	}
	found := rec.Check()
	if n := len(found); n > 110 || found[n-1].Text != "and 900 more" {
		t.Errorf("%d violations, the last: %v", n, found[n-1])
	}
}

// Witnesses that kept lists of their own may give E out of order.
func TestEventsOutOfOrder(t *testing.T) {
	for _, name := range []string{"clean-excused", "clean", "O7-pack"} {
		rec := recording(t, "testdata/"+name+".txtar")
		want := rec.Check()
		slices.SortStableFunc(rec.Events, func(a, b oracle.Event) int { return strings.Compare(string(a.What), string(b.What)) })
		before := slices.Clone(rec.Events)
		if got := rec.Check(); !slices.Equal(got, want) {
			t.Errorf("%s: found %v, want %v", name, got, want)
		}
		if !slices.Equal(before, rec.Events) {
			t.Errorf("%s: the judge has sorted the recording", name)
		}
	}
}

// The verdict does not depend on the order of a map.
func TestSameRecordsSameVerdict(t *testing.T) {
	var e []oracle.Event
	for _, k := range []string{"x/3", "x/1", "x/2", "y/1"} {
		e = append(e, oracle.Event{What: oracle.Accepted, Key: k})
	}
	first := oracle.Check(nil, e, nil, nil, oracle.Scenario{})
	for range 20 {
		if !slices.Equal(first, oracle.Check(nil, e, nil, nil, oracle.Scenario{})) {
			t.Fatal("the same records gave another verdict")
		}
	}
}
