package aliiot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A file that names a place of the machine it was written on works nowhere else.
func TestHouseNamesNoMachine(t *testing.T) {
	machine := regexp.MustCompile(`(^|[^\w.-])/(` + strings.Join([]string{"work", "root", "home", "Users"}, "|") + `)/[\w.-]`)
	eachFile(t, func(name string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			return // no text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if machine.Match(line) {
				t.Errorf("%s:%d names a place of one machine: %s", name, i+1, line)
			}
		}
	})
}

// The two READMEs are one text in two languages: the same headings in the same
// order, and the same blocks of code.
func TestHouseReadmesAgree(t *testing.T) {
	english, chinese := outline(t, "README.md"), outline(t, "README_zh.md")
	if !slices.Equal(english, chinese) {
		t.Errorf("README.md has %q\nREADME_zh.md has %q", english, chinese)
	}
}

// outline is a file's headings by their level, and its fences. A file that does
// not exist has none.
func outline(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	inCode := false
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "```"):
			if inCode = !inCode; inCode {
				all = append(all, strings.TrimSpace(line))
			}
		case !inCode && strings.HasPrefix(line, "#"):
			all = append(all, strings.Repeat("#", len(line)-len(strings.TrimLeft(line, "#"))))
		}
	}
	return all
}

// Our go.mod is what a user's build starts from.
func TestHouseModule(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Module    struct{ Path string }
		Go        string
		Toolchain string
		Require   []struct{ Path, Version string }
		Replace   []struct{ Old struct{ Path string } }
		Tool      []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Module.Path != module {
		t.Errorf("the module is %s", mod.Module.Path)
	}
	if !strings.HasPrefix(mod.Go, "1.26") || mod.Toolchain != "" {
		t.Errorf("go %s, toolchain %q: 1.26 is asked for, and no toolchain is imposed on users", mod.Go, mod.Toolchain)
	}
	for _, r := range mod.Replace {
		t.Errorf("%s is replaced: users of a library do not inherit that", r.Old.Path)
	}
	for _, tool := range mod.Tool {
		t.Errorf("the tool %s belongs in tools/go.mod: here it raises what users must build", tool.Path)
	}
	for _, r := range mod.Require {
		if strings.Contains(r.Path, "golangci") {
			t.Errorf("%s is required: linters have tools/go.mod", r.Path)
		}
		if least, ok := slim[r.Path]; ok && minor(t, r.Version) < least {
			t.Errorf("%s is at %s: from v1.%d on the arm binary is 1.6 MB smaller", r.Path, r.Version, least)
		}
		if strings.HasPrefix(r.Path, "go.opentelemetry.io/otel") && strings.HasPrefix(r.Version, "v1.") && minor(t, r.Version) > slimTelemetry {
			t.Errorf("%s is at %s: after v1.%d the arm binary is 130 KB larger (docs/adr/0008)", r.Path, r.Version, slimTelemetry)
		}
	}
}

// slim are the least minor versions, of major 1, at which what protoactor drags in
// stays small.
var slim = map[string]int{"github.com/prometheus/client_golang": 24, "google.golang.org/protobuf": 36}

// slimTelemetry is the last minor version of OpenTelemetry that is small.
const slimTelemetry = 43

func minor(t *testing.T, version string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.Split(version, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The first code that a newcomer reads is a program that is built and run by a test.
func TestHouseFirstCodeIsMinimal(t *testing.T) {
	program, err := os.ReadFile("examples/minimal/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(program), "package main")
	for _, name := range []string{"README.md", "README_zh.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, first, _ := strings.Cut(string(text), "```go\n")
		first, _, _ = strings.Cut(first, "\n```")
		if first != "package main"+strings.TrimRight(code, "\n") {
			t.Errorf("the first code of %s is not examples/minimal/main.go", name)
		}
	}
}
