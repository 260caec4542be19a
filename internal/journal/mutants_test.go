package journal

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMutants takes one rule away at a time, in a copy of the module, and wants
// to see the column turn red that the rule stands for: a fault whose removal
// turns nothing red is not being injected. It runs with ALIIOT_MUTANTS=1.
func TestMutants(t *testing.T) {
	if os.Getenv("ALIIOT_MUTANTS") != "1" {
		t.Skip("ALIIOT_MUTANTS=1 runs the mutants")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range mutantPatches(t) {
		t.Run(strings.TrimSuffix(filepath.Base(p), ".patch"), func(t *testing.T) { mutant(t, root, p) })
	}
}

// TestMutantsApply notices a patch whose place in the code has moved, long before
// somebody runs them all.
func TestMutantsApply(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range mutantPatches(t) {
		check := exec.Command("git", "apply", "--check", filepath.Join(root, "internal", "journal", p))
		check.Dir = root
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s does not apply any more: %v\n%s", p, err, out)
		}
	}
}

func mutantPatches(t *testing.T) []string {
	t.Helper()
	patches, err := filepath.Glob("testdata/mutants/*.patch")
	if err != nil || len(patches) < 14 {
		t.Fatalf("%d patches, %v", len(patches), err)
	}
	return patches
}

var mutantHead = regexp.MustCompile(`(?m)^# (test|red): (.*)$`)

func mutant(t *testing.T, root, patch string) {
	text, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	var test, red string
	for _, m := range mutantHead.FindAllStringSubmatch(string(text), -1) {
		if m[1] == "test" {
			test = m[2]
		} else {
			red = m[2]
		}
	}
	if test == "" || red == "" {
		t.Fatal("a patch says in its head which test turns red, and how")
	}
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pkg := range []string{"journal", "disk", "outbox"} {
		if err := os.CopyFS(filepath.Join(dir, "internal", pkg), os.DirFS(filepath.Join(root, "internal", pkg))); err != nil {
			t.Fatal(err)
		}
	}
	apply := exec.Command("patch", "-p1", "--no-backup-if-mismatch", "-i", filepath.Join(root, "internal", "journal", patch))
	apply.Dir = dir
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("the patch does not apply any more: %v\n%s", err, out)
	}
	run := exec.Command("go", "test", "-count=1", "-run", test, "./internal/journal")
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err == nil {
		t.Fatalf("%s stays green", test)
	}
	if !regexp.MustCompile(red).Match(out) {
		t.Fatalf("red, but not %q:\n%s", red, out)
	}
}
