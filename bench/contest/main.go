package contest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aliiot/aliiot/bench/measure"
)

// Result is what one peer reached: the file that its program writes.
type Result struct {
	Name    string                     `json:"name"`
	Class   Class                      `json:"class"`
	Fast    bool                       `json:"fast,omitempty"` // worth nothing
	Figures map[string]measure.Summary `json:"figures"`
	Missing map[string]string          `json:"missing,omitempty"`
	Failed  []string                   `json:"failed,omitempty"`
	Backlog []Backlog                  `json:"backlog,omitempty"`
}

// Trials are all that a store can be measured by, the backlog aside.
func Trials(c Contestant) []measure.Trial {
	all := append(AppendTrials(c), LatencyTrial(c), DeviceTrial(c))
	return append(all, DrainTrials(c)...)
}

// OpenKeys are the figures that come from the backlog.
var OpenKeys = []string{"D8", "D9", "D10"}

// Flags are those of every program of the benchmark.
type Flags struct {
	Only, Out, Dir string
	Rounds         int
	Fast, Five     bool
}

// Define defines the flags of a program.
func (f *Flags) Define() {
	flag.StringVar(&f.Only, "only", "", "figures to measure, such as D1,W1 (default all)")
	flag.StringVar(&f.Out, "out", "", "a `FILE` to write the results to as well: .json, or .md")
	flag.StringVar(&f.Dir, "dir", "", "where to put files: a `FOLDER` on the disk that is meant (default the system's for temporary files)")
	flag.IntVar(&f.Rounds, "rounds", 0, "how many rounds at least (default 5)")
	flag.BoolVar(&f.Fast, "fast", false, "see in seconds whether it runs; the figures are worth nothing")
	flag.BoolVar(&f.Five, "five-million", false, "let 5,000,000 wait, too")
}

// Scale is what the flags ask for.
func (f *Flags) Scale() measure.Scale {
	s := measure.Full
	if f.Fast {
		s = measure.Fast
	}
	if f.Rounds > 0 {
		s.Rounds = f.Rounds
	}
	return s
}

// Sizes are how many may wait.
func (f *Flags) Sizes() []int {
	switch {
	case f.Fast:
		return []int{1_000, 10_000}
	case f.Five:
		return []int{1_000, 100_000, 1_000_000, 5_000_000}
	}
	return []int{1_000, 100_000, 1_000_000}
}

// Opens says whether the figures of the backlog are wanted.
func (f *Flags) Opens() bool {
	for _, k := range OpenKeys {
		if measure.Meant(k+"/store", f.Only) {
			return true
		}
	}
	return false
}

// Progress tells what is being done, on standard error.
func Progress(text string) { fmt.Fprintln(os.Stderr, text) }

// Main is the program of one peer, and of its children.
func Main(c Contestant) error {
	if child, err := Jobs(c).Run(); child {
		return err
	}
	var f Flags
	f.Define()
	flag.Parse()
	return InFolder(f.Dir, func(dir string) error { return run(c, dir, f) })
}

// InFolder gives a folder of its own, and removes it.
func InFolder(parent string, f func(dir string) error) error {
	dir, err := os.MkdirTemp(parent, "aliiot-bench-")
	if err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}

func run(c Contestant, dir string, f Flags) error {
	r := Measure(c, dir, f, nil)
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if f.Out == "" {
		_, err = os.Stdout.Write(text)
	} else {
		err = os.WriteFile(f.Out, text, 0o644)
	}
	return errors.Join(err, r.Problem())
}

// Problem is nil unless something broke that should have been measured.
func (r Result) Problem() error {
	if len(r.Failed) == 0 {
		return nil
	}
	return fmt.Errorf("could not be measured: %s", strings.Join(r.Failed, ", "))
}

// Measure runs the trials of a contestant, with more beside them, and what its
// backlog costs.
func Measure(c Contestant, dir string, f Flags, more []measure.Trial) Result {
	s := f.Scale()
	got := measure.Run(dir, measure.Select(append(Trials(c), more...), f.Only), s, func(text string) { Progress(c.Name + ": " + text) })
	r := Result{Name: c.Name, Class: c.Class, Fast: f.Fast, Figures: got.Summaries, Missing: got.Missing, Failed: got.Failed}
	if !f.Opens() {
		return r
	}
	sizes := f.Sizes()
	if c.MaxWaiting > 0 {
		for i := range sizes {
			sizes[i] = min(sizes[i], c.MaxWaiting)
		}
		sizes = slices.Compact(sizes)
	}
	backlog := filepath.Join(dir, "backlog")
	err := os.Mkdir(backlog, 0o755)
	if err == nil {
		r.Backlog, err = Backlogs(c, backlog, sizes, s, Progress)
	}
	if err != nil {
		for _, k := range OpenKeys {
			r.Missing[k+"/store"] = err.Error()
			r.Failed = append(r.Failed, k+"/store")
		}
		return r
	}
	for k, round := range OpenFigures(r.Backlog) {
		r.Figures[k] = measure.Summarise([]measure.Round{round})
	}
	return r
}
