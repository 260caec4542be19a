package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aliiot/aliiot/bench/contest"
	"github.com/aliiot/aliiot/bench/measure"
)

// report is what a run found, as it is printed and written.
type report struct {
	Machine machine     `json:"machine"`
	Rounds  int         `json:"rounds"`
	Fast    bool        `json:"fast,omitempty"` // then no figure is worth anything
	Figures []row       `json:"figures"`
	Backlog []backlogOf `json:"backlog"`
}

type machine struct {
	System string `json:"system"`
	Go     string `json:"go"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel,omitempty"`
	CPU    string `json:"cpu,omitempty"`
}

// row is a figure with what was found.
type row struct {
	Figure string                     `json:"figure"`
	Key    string                     `json:"key"`
	What   string                     `json:"what"`
	Unit   string                     `json:"unit,omitempty"`
	Found  *measure.Summary           `json:"found,omitempty"`
	Target string                     `json:"target,omitempty"`
	Met    string                     `json:"met"` // yes, no, or why it cannot be said
	Test   string                     `json:"test,omitempty"`
	Peers  map[string]measure.Summary `json:"peers,omitempty"`
	order  []string
}

type backlogOf struct {
	Who string `json:"who"`
	contest.Backlog
}

// readPeers reads what the peers' programs wrote. That there is nothing is no error;
// what a fast run wrote is only for a fast run.
func readPeers(dir string, fast bool) ([]contest.Result, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []contest.Result
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var r contest.Result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if !r.Fast || fast {
			all = append(all, r)
		}
	}
	return all, nil
}

func newReport(got contest.Result, rivals []contest.Result, f contest.Flags) *report {
	derive(got.Figures, rivals)
	r := &report{Machine: thisMachine(), Rounds: f.Scale().Rounds, Fast: f.Fast}
	for _, fig := range figures {
		if !measure.Meant(fig.Key, f.Only) {
			continue
		}
		number, _, _ := strings.Cut(fig.Key, "/")
		to := row{Figure: number, Key: fig.Key, What: fig.What, Unit: fig.Unit, Target: fig.Target, Test: fig.Test, Peers: map[string]measure.Summary{}}
		if s, ok := got.Figures[fig.Key]; ok {
			to.Found = &s
		}
		to.Met = judge(fig, to.Found, got.Missing[fig.Key])
		for _, p := range rivals {
			if s, ok := p.Figures[fig.Peers]; ok && fig.Peers != "" {
				to.Peers[p.Name] = s
				to.order = append(to.order, p.Name)
			}
		}
		r.Figures = append(r.Figures, to)
	}
	for _, who := range append([]contest.Result{got}, rivals...) {
		if len(got.Backlog) == 0 {
			break // it was not asked for
		}
		for _, b := range who.Backlog {
			r.Backlog = append(r.Backlog, backlogOf{who.Name, b})
		}
	}
	return r
}

func judge(f figure, s *measure.Summary, missing string) string {
	switch {
	case f.Held != "":
		return "no: held at " + f.Held
	case f.Test != "":
		return "by test"
	case missing != "":
		return missing
	case s == nil:
		return "not measured"
	case f.Meets == nil:
		return "–"
	case f.Meets(s.Median):
		return "yes"
	}
	return "no"
}

func thisMachine() machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU()}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// write writes the report as JSON or as Markdown, by the file's name.
func (r *report) write(name string) error {
	switch filepath.Ext(name) {
	case ".json":
		text, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		return os.WriteFile(name, append(text, '\n'), 0o644)
	case ".md":
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		r.markdown(f)
		return f.Close()
	}
	return errors.New("--out takes a .json or a .md file")
}
