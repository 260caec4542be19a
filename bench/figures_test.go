package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/bench/contest"
	"github.com/aliiot/aliiot/bench/measure"
)

// Each figure is measured by a trial, comes from others, or is held by a test that
// is there.
func TestEveryFigureHasItsSource(t *testing.T) {
	var keys []string
	for _, trial := range append(contest.Trials(ours), trials()...) {
		keys = append(keys, trial.Keys...)
	}
	for k := range contest.OpenFigures([]contest.Backlog{{}}) {
		keys = append(keys, k)
	}
	keys = append(keys, "D2/best", "D8/best")
	seen := map[string]bool{}
	for _, f := range figures {
		if seen[f.Key] {
			t.Errorf("%s is there twice", f.Key)
		}
		seen[f.Key] = true
		if (f.Test == "") != slices.Contains(keys, f.Key) {
			t.Errorf("%s: measured by nothing, and held by no test; or by both", f.Key)
		}
		if f.Test != "" && f.Target == "" {
			t.Errorf("%s has a test and no target", f.Key)
		}
	}
}

// A test that the table names is there.
func TestNamedTestsAreThere(t *testing.T) {
	for _, f := range figures {
		dir := "."
		for name := range strings.SplitSeq(f.Test, ", ") {
			if before, after, ok := strings.Cut(name, " "); ok {
				dir, name = before, after
			}
			if name != "" && !testIn(t, filepath.Join("..", filepath.FromSlash(dir)), name) {
				t.Errorf("%s: there is no %s in %s", f.Key, name, dir)
			}
		}
	}
}

func testIn(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name && f.Recv == nil {
				return true
			}
		}
	}
	return false
}

// What is judged is judged by the median, and what is missing says why.
func TestJudge(t *testing.T) {
	least := ratio("X/y", "x", 0.9, "")
	for _, c := range []struct {
		f       figure
		s       *measure.Summary
		missing string
		want    string
	}{
		{least, &measure.Summary{Median: 0.9}, "", "yes"},
		{least, &measure.Summary{Median: 0.89, High: 1}, "", "no"},
		{bound("X/y", "x", "ms", 3, ""), &measure.Summary{Median: 3.1, Low: 1}, "", "no"},
		{least, nil, "skipped: needs root", "skipped: needs root"},
		{least, nil, "", "not measured"},
		{shown("X/y", "x", ""), &measure.Summary{Median: 2}, "", "–"},
		{counted("X/y", "x", "0", "TestJudge"), nil, "", "by test"},
		{held("X/y", "x", "0", "TestJudge", "7"), nil, "", "no: held at 7"},
	} {
		if got := judge(c.f, c.s, c.missing); got != c.want {
			t.Errorf("%+v of %+v: %q, want %q", c.f, c.s, got, c.want)
		}
	}
}
