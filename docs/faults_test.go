package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fault is one row of the catalogue.
type fault struct {
	group, name, params, what, promises, at string

	tests map[string][]string // by package
	open  [][2]string         // issue and what of it
	not   []string            // what cannot be injected, and why
}

var (
	faultLine = regexp.MustCompile(`^([a-z0-9]+(?:-[a-z0-9]+)*)(?: \((.+)\))?$`)
	proofOpen = regexp.MustCompile(`^open #(\d+)(?: (.+))?$`)
	proofTest = regexp.MustCompile(`^([a-z./]+)((?: (?:Test|Fuzz)\w+)+)$`)
	letters   = regexp.MustCompile(`^[PMDCEKHX]( [PMDCEKHX])*$`)
	promises  = regexp.MustCompile(`^[1-8]( [1-8])*$`)
)

func readFaults(t *testing.T) []fault {
	t.Helper()
	data, err := os.ReadFile("faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []fault
	group := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "= "):
			group = line[2:]
			continue
		}
		cells := strings.Split(line, " | ")
		head := faultLine.FindStringSubmatch(cells[0])
		if len(cells) != 5 || head == nil || !promises.MatchString(cells[2]) || !letters.MatchString(cells[3]) {
			t.Errorf("faults.txt: this is no fault: %s", line)
			continue
		}
		f := fault{group: group, name: head[1], params: head[2], what: cells[1], promises: cells[2], at: cells[3], tests: map[string][]string{}}
		for proof := range strings.SplitSeq(cells[4], "; ") {
			if why, ok := strings.CutPrefix(proof, "not here: "); ok {
				f.not = append(f.not, why)
			} else if m := proofOpen.FindStringSubmatch(proof); m != nil {
				f.open = append(f.open, [2]string{m[1], m[2]})
			} else if m := proofTest.FindStringSubmatch(proof); m != nil {
				f.tests[m[1]] = append(f.tests[m[1]], strings.Fields(m[2])...)
			} else {
				t.Errorf("faults.txt: %s: this is no proof: %q", f.name, proof)
			}
		}
		all = append(all, f)
	}
	return all
}

// testsOf are the names of a package's tests.
func testsOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				all = append(all, f.Name.Name)
			}
		}
	}
	return all
}

const faultTest = "TestFault_"

// What the injection itself is proved by is no proof of the device: a fault has a
// test under its own name, unless what it strikes is still to be built.
func TestEveryFaultHasItsTest(t *testing.T) {
	there := map[string][]string{}
	named := map[string]bool{}
	seen := map[string]bool{}
	for _, f := range readFaults(t) {
		if seen[f.name] {
			t.Errorf("%s is there twice", f.name)
		}
		seen[f.name] = true
		own := false
		for dir, tests := range f.tests {
			if there[dir] == nil {
				there[dir] = testsOf(t, dir)
			}
			for _, test := range tests {
				named[dir+" "+test] = true
				if !slices.Contains(there[dir], test) {
					t.Errorf("%s: there is no %s in %s", f.name, test, dir)
				}
				own = own || strings.HasPrefix(test, faultTest+strings.ReplaceAll(f.name, "-", "_"))
			}
		}
		if !own && len(f.open) == 0 {
			t.Errorf("%s has no test under its own name, and nothing is open", f.name)
		}
	}
	if len(seen) != faultCount {
		t.Errorf("the catalogue has %d faults, the table %d", faultCount, len(seen))
	}
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		dir, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		for _, test := range testsOf(t, dir) {
			if strings.HasPrefix(test, faultTest) && !named[dir+" "+test] {
				t.Errorf("%s of %s is no proof in faults.txt", test, dir)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// faultCount is how many names the catalogue has: none gets lost.
const faultCount = 98

func TestFaultsDocument(t *testing.T) {
	const name = "faults.md"
	text := faultsPage(readFaults(t))
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(name)
	if err != nil || string(old) != text {
		t.Errorf("%s is not what faults.txt says (%v): make docs", name, err)
	}
}

const faultsIntro = `# Faults

<!-- Written by make docs from faults.txt: change that. -->

What a device on a small computer and a bad link meets, and which test shows that it does not break ours. The names are
those that code, tests, the emulator's options and the simulation use. Every test ends with the oracle over what was
reported, what the platform received and what the ledger says (` + "`bench/oracle`" + `); the tests named here show what must be
seen besides. A row that says *open* waits for the issue that builds what the fault strikes.

The promises: **1** what was accepted is kept, or ends under a name · **2** confirmed means that the platform said so ·
**3** failures stay small · **4** an update never bricks · **5** silence is found · **6** time is honest · **7** cellular
data costs money · **8** it works before it ever connects.

Injected at: **P** a proxy that knows MQTT · **M** the link in memory · **D** the seam to the disk · **C** a process that is
run again as a child · **E** the emulator, or the platform in memory · **K** the clock · **H** the application's own code ·
**X** the surroundings of the process.
`

func faultsPage(all []fault) string {
	var b strings.Builder
	b.WriteString(faultsIntro)
	proved, open := 0, 0
	for _, f := range all {
		if len(f.tests) > 0 {
			proved++
		}
		if len(f.open) > 0 {
			open++
		}
	}
	fmt.Fprintf(&b, "\n%d faults; %d have tests; of %d a part or all is open.\n", len(all), proved, open)
	group := ""
	var rows markdown
	flush := func() {
		if group != "" {
			fmt.Fprintf(&b, "\n## %s\n\n%s", strings.ToUpper(group[:1])+group[1:], rows)
		}
	}
	for _, f := range all {
		if f.group != group {
			flush()
			group, rows = f.group, table("fault", "what exactly", "promises", "at", "proved by")
		}
		name := quote(f.name)
		if f.params != "" {
			name += " (" + f.params + ")"
		}
		rows = rows.row(name, f.what, f.promises, f.at, f.proof())
	}
	flush()
	return b.String()
}

func (f fault) proof() string {
	var parts []string
	dirs := make([]string, 0, len(f.tests))
	for dir := range f.tests {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		var tests []string
		for _, test := range f.tests[dir] {
			tests = append(tests, quote(test))
		}
		where := ""
		if dir != "." {
			where = dir + ": "
		}
		parts = append(parts, where+strings.Join(tests, ", "))
	}
	for _, o := range f.open {
		parts = append(parts, strings.TrimSuffix(fmt.Sprintf("*open*, issue %s: %s", o[0], o[1]), ": "))
	}
	for _, why := range f.not {
		parts = append(parts, "*not injectable here*: "+why)
	}
	return strings.Join(parts, "; ")
}
