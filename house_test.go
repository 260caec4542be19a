package aliiot_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aliiot/aliiot"

// arrow says which of our packages a package may import in its product code, and
// why no others. Tests may import what they like.
type arrow struct {
	to  []string
	why string
}

// The layers of the house, top first. "" is the root package; a row that ends in
// /... stands for all packages below. Arrows point down only.
var arrows = map[string]arrow{
	"cmd/...": {to: []string{"", "actors", "alink", "emulator", "fsm", "transport", "internal/..."},
		why: "a command is the top: it may open a journal to look at it"},
	"examples/...": {to: []string{"", "actors", "alink", "emulator", "transport", "transport/faultproxy", "bench/oracle", "internal/ledgertable", "examples/..."},
		why: "an example shows what a user can do, and a user cannot import internal/; how a ledger looks is no part of that"},
	"bench/...": {to: []string{"", "actors", "alink", "transport", "internal/...", "bench/..."},
		why: "a benchmark measures the whole and each of its parts"},
	"bench/oracle":           {why: "the oracle judges files that others wrote; it must not share their mistakes"},
	"bench/oracle/recording": {to: []string{"bench/oracle"}, why: "the files of a run; the judge itself touches none"},

	"": {to: []string{"actors", "alink", "fsm", "transport", "internal/..."},
		why: "the face puts the parts together; fakes and the emulator stay out of it"},
	"actors": {to: []string{"fsm", "alink", "transport", "internal/audit", "internal/backoff", "internal/clock", "internal/disk", "internal/journal", "internal/outbox"},
		why: "glue is not the top: it knows neither the root nor the emulator"},

	"fsm":   {to: []string{"internal/backoff"}, why: "it decides, and does nothing"},
	"alink": {why: "words, no behaviour"},

	"transport":               {why: "it moves topics and bytes and knows no word of the platform"},
	"transport/transporttest": {to: []string{"transport"}, why: "a fake of its seam, and the suite for it"},
	"transport/faultproxy":    {why: "a proxy that knows MQTT and nothing of ours"},

	"emulator": {to: []string{"alink"}, why: "it checks the device's words: sharing more than the vocabulary would share mistakes"},

	"internal/outbox":           {why: "counts, sizes and deadlines are enough to decide; now comes in as an argument"},
	"internal/outbox/storetest": {to: []string{"internal/outbox"}, why: "a fake of its seam, and the suite for it"},
	"internal/journal":          {to: []string{"internal/outbox", "internal/disk"}, why: "bytes: it implements the outbox's Store on a disk"},
	"internal/audit":            {to: []string{"internal/outbox", "internal/disk"}, why: "a log of ends on a disk"},
	"internal/folder":           {to: []string{"alink", "internal/disk"}, why: "small files that device and tools share; their JSON is read as the platform's is"},
	"internal/ledgertable":      {why: "it lays out numbers, from whichever record they come"},
	"internal/disk":             {why: "the seam to the file system"},
	"internal/disk/disktest":    {to: []string{"internal/disk"}, why: "a fake of its seam"},
	"internal/clock":            {why: "the seam to time"},
	"internal/clock/clocktest":  {to: []string{"internal/clock"}, why: "a fake of its seam"},
	"internal/backoff":          {why: "arithmetic"},
	"internal/sdnotify":         {why: "words to a service manager; what is worth saying is the face's to know"},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func (p pkg) name() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// matches says whether a package name is meant by a row or target of the table.
func matches(pattern, name string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	return pattern == name
}

// rowOf is the table's row for a package: the one that names it, else the widest.
func rowOf(name string) (string, bool) {
	if _, ok := arrows[name]; ok {
		return name, true
	}
	for pattern := range arrows {
		if matches(pattern, name) {
			return pattern, true
		}
	}
	return "", false
}

func ours(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestHouseArrows(t *testing.T) {
	met := map[string]bool{}
	for _, p := range listPackages(t) {
		row, ok := rowOf(p.name())
		if !ok {
			t.Errorf("package %q is in no row of the table of arrows: say what it may import, and why", p.name())
			continue
		}
		met[row] = true
		for _, path := range p.Imports {
			target, ok := ours(path)
			if ok && !slices.ContainsFunc(arrows[row].to, func(to string) bool { return matches(to, target) }) {
				t.Errorf("%q must not import %q: %s", p.name(), target, arrows[row].why)
			}
		}
	}
	for row := range arrows {
		if !met[row] {
			t.Errorf("%q is in the table of arrows and does not exist", row)
		}
	}
}

// Fakes are for tests, and the emulator and the proxy for who runs a platform at
// home: none of them, nor a broker, may come into a device's binary by any way.
func TestHouseKeepsFakesOutOfTheBinary(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.name() != "" && p.name() != "actors" && p.name() != "examples/minimal" {
			continue
		}
		for _, path := range p.Deps {
			target, mine := ours(path)
			fake := mine && (strings.HasSuffix(target, "test") || target == "emulator" || target == "transport/faultproxy" || strings.HasPrefix(target, "bench/"))
			if fake || path == "testing" || strings.HasPrefix(path, "github.com/mochi-mqtt/") {
				t.Errorf("%q brings %q into the device", p.ImportPath, path)
			}
		}
	}
}
