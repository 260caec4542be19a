package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/disk"
)

// section is the text under a heading of docs/json.md.
func section(t *testing.T, title string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	_, s, ok := strings.Cut(string(text), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("docs/json.md has no section %q", title)
	}
	s, _, _ = strings.Cut(s, "\n## ")
	return s
}

// documented are the fields in the first column of a section's table.
func documented(t *testing.T, title string) []string {
	t.Helper()
	var fields []string
	for line := range strings.Lines(section(t, title)) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			cell, _, _ = strings.Cut("`"+cell, " |")
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cell, -1) {
				fields = append(fields, m[1])
			}
		}
	}
	slices.Sort(fields)
	return fields
}

// fieldsOf are the fields that some of the objects have.
func fieldsOf(t *testing.T, objects ...string) []string {
	t.Helper()
	all := map[string]bool{}
	for _, text := range objects {
		var o map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for field := range o {
			all[field] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func wantFields(t *testing.T, title string, objects ...string) {
	t.Helper()
	if has, says := fieldsOf(t, objects...), documented(t, title); !slices.Equal(has, says) {
		t.Errorf("%s:\nwritten    %q\ndocumented %q", title, has, says)
	}
}

// TestJSONDocument holds docs/json.md against what is written: each field that a
// device, the emulator or this tool writes is documented, and each that is
// documented is written.
func TestJSONDocument(t *testing.T) {
	var arrived bytes.Buffer
	cloud, err := emulator.New(emulator.Options{MQTT: "127.0.0.1:0", Journal: &arrived})
	if err != nil {
		t.Fatal(err)
	}
	refuse, err := emulator.ParseFault("code-final code=6306 contains=level times=1")
	if err != nil {
		t.Fatal(err)
	}
	cloud.Inject(refuse)
	id := cloud.NewDevice()
	dir := filepath.Join(t.TempDir(), "device")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dev, err := aliiot.Open(ctx, aliiot.Config{
		Identity: aliiot.DeviceSecret{ProductKey: id.Device.ProductKey, DeviceName: id.Device.DeviceName, Secret: id.Secret},
		Server:   cloud.MQTT(), Dir: dir, AllowVolatile: true, Audit: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	dev.SetTime(time.Now(), "test")
	dev.Connect()
	for _, what := range []aliiot.Item{
		aliiot.Properties{"energy": 87, "lane": "default", "n": 1},
		aliiot.Event{ID: "sos_alarm", Output: map[string]int{"level": 3}},
	} {
		r, err := dev.Report(ctx, what)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cloud.Close(); err != nil {
		t.Fatal(err)
	}

	lines := strings.Split(strings.TrimSpace(arrived.String()), "\n")
	wantFields(t, "The emulator's journal", lines...)
	sample := regexp.MustCompile("(?m)^One line: `(.*)`$").FindStringSubmatch(section(t, "The emulator's journal"))
	if sample == nil {
		t.Fatal("there is no sample of a line")
	}
	dec := json.NewDecoder(strings.NewReader(sample[1]))
	dec.DisallowUnknownFields()
	var line emulator.Line
	if err := dec.Decode(&line); err != nil || line.Time.UnixMilli() != line.Made+500 {
		t.Errorf("the sample of a line: %v, %+v", err, line)
	}

	fs, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ends []string
	err = audit.Each(fs, func(r audit.Record) {
		b, err := json.Marshal(r)
		if err != nil {
			t.Error(err)
		}
		ends = append(ends, string(b))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, "The audit log", ends...)
	wantFields(t, "The ledger", aliiotRun(t, exitOK, "ledger", "--json", dir))

	aside := filepath.Join(t.TempDir(), "aside")
	if err := makeQuarantined(aside); err != nil {
		t.Fatal(err)
	}
	var set []json.RawMessage
	if err := json.Unmarshal([]byte(aliiotRun(t, exitOK, "quarantine", "list", "--json", aside)), &set); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, o := range set {
		texts = append(texts, string(o))
	}
	wantFields(t, "The operator's commands", texts...)
}
