package docs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/fsm"
)

var update = flag.Bool("update", false, "write the generated parts of docs/reference.md instead of comparing them")

const reference = "reference.md"

// The parts of the reference that are the code's own words: each stands between
// <!-- code: NAME --> and <!-- end -->. What a person wrote around them is compared
// with the code by the tests below.
func TestReferenceIsTheCodesOwnWords(t *testing.T) {
	parts := map[string]string{
		"config":        fieldsTable(t, ".", "Config"),
		"identity":      fieldsTable(t, ".", "DeviceSecret"),
		"lane":          fieldsTable(t, "actors", "Lane"),
		"lanes":         lanesTable(),
		"limits":        fieldsTable(t, "actors", "Limits"),
		"limits-values": limitsTable(),
		"restart":       fieldsTable(t, "actors", "RestartPolicy"),
		"errors":        errorsTable(t, ".", "aliiot"),
		"errors-alink":  errorsTable(t, "alink", "alink"),
		"errors-link":   errorsTable(t, "transport", "transport"),
		"notices":       constsTable(t, ".", "NoticeKind"),
		"metrics":       metricsTable(t),
		"log":           logTable(t),
	}
	old := readReference(t)
	part := regexp.MustCompile(`(?s)<!-- code: ([\w-]+) -->\n.*?<!-- end -->\n`)
	met := map[string]bool{}
	text := part.ReplaceAllStringFunc(old, func(old string) string {
		name := part.FindStringSubmatch(old)[1]
		met[name] = true
		if _, ok := parts[name]; !ok {
			t.Errorf("%s has a part %q that the code does not know", reference, name)
		}
		return fmt.Sprintf("<!-- code: %s -->\n%s<!-- end -->\n", name, parts[name])
	})
	for name := range parts {
		if !met[name] {
			t.Errorf("%s has no part %q", reference, name)
		}
	}
	if *update {
		if err := os.WriteFile(reference, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != old {
		was, is := firstDifference(old, text)
		t.Errorf("%s is not what the code says; `make docs` writes it anew. It says\n%s\nthe code\n%s", reference, was, is)
	}
}

func readReference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func firstDifference(a, b string) (string, string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i], bs[i]
		}
	}
	return "", ""
}

// section is the text below a heading of the reference, up to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(readReference(t), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", reference, heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

// firstCells are the first cells of a table's rows, without their code quotes.
func firstCells(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?m)^\\| `?([^`|]+?)`? \\|").FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "---") {
			all = append(all, m[1])
		}
	}
	return all[1:] // not the heading
}

func TestReferenceHasEachKeyOfTheLog(t *testing.T) {
	keys := map[string]bool{}
	for _, l := range logLines(t) {
		for _, k := range l.keys {
			keys[k] = true
		}
	}
	compareNames(t, "key of the log", firstCells(section(t, "### Keys")), slices.Collect(maps.Keys(keys)))
}

func TestReferenceHasEachExitStatus(t *testing.T) {
	for heading, dir := range map[string]string{"### `aliiot`": "cmd/aliiot", "### `examples/tracker`": "examples/tracker"} {
		var statuses []string
		for _, c := range constants(t, dir, func(name, _ string) bool { return regexp.MustCompile(`^exit[A-Z]`).MatchString(name) }) {
			statuses = append(statuses, c.value)
		}
		compareNames(t, "exit status of "+dir, firstCells(section(t, heading)), statuses)
	}
}

// A notice reaches the application under the name that an actor or the table of the
// connection gave it: each of these names must be a NoticeKind.
func TestReferenceHasEachNotice(t *testing.T) {
	told := []string{string(aliiot.NoticeOnline), string(aliiot.NoticeOffline), string(aliiot.NoticeEscalated)} // have messages of their own
	for _, c := range constants(t, "actors", func(name, _ string) bool { return strings.HasPrefix(name, "Told") }) {
		told = append(told, c.value)
	}
	for _, c := range constants(t, "fsm", func(_, kind string) bool { return kind == "ConnNotice" }) {
		told = append(told, c.value)
	}
	if !slices.Contains(told, string(fsm.NoticeBadCertificate)) {
		t.Error("the notices of the connection were not found")
	}
	var kinds []string
	for _, c := range constants(t, ".", func(_, kind string) bool { return kind == "NoticeKind" }) {
		kinds = append(kinds, c.value)
	}
	compareNames(t, "NoticeKind", kinds, told)
}

func compareNames(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s %q is missing", what, name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s %q is no more", what, name)
		}
	}
}

func lanesTable() string {
	b := table("lane", "budget", "policy", "TTL", "priority", "ordered", "reserve")
	for _, l := range aliiot.DefaultLanes() {
		ttl := "for ever"
		if l.TTL > 0 {
			ttl = l.TTL.String()
		}
		b = b.row(quote(l.Name), fmt.Sprintf("%d MiB", l.Budget>>20), quote(string(l.Policy)), ttl, strconv.Itoa(l.Priority), yesNo(l.Ordered), yesNo(l.Reserve))
	}
	return string(b)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func limitsTable() string {
	l := aliiot.PlatformLimits()
	return string(table("limit", "the platform's").
		row(quote("RateQoS0"), fmt.Sprintf("%v messages a second", l.RateQoS0)).
		row(quote("RateQoS1"), fmt.Sprintf("%v messages a second", l.RateQoS1)).
		row(quote("Payload"), fmt.Sprintf("%d bytes", l.Payload)).
		row(quote("ConnectsPerMinute"), fmt.Sprintf("%d a minute", l.ConnectsPerMinute)))
}

// metricsTable asks a device for its metrics, as an exporter does.
func metricsTable(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	reader := metric.NewManualReader()
	d, err := aliiot.Open(ctx, aliiot.Config{
		Identity: aliiot.DeviceSecret{ProductKey: "a1Product", DeviceName: "reference", Secret: "0123"},
		Server:   "mqtt://127.0.0.1:1", Dir: t.TempDir(), AllowVolatile: true,
		Meter: metric.NewMeterProvider(metric.WithReader(reader)).Meter("reference"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := errors.Join(reader.Collect(ctx, &all), d.Close()); err != nil {
		t.Fatal(err)
	}
	b := table("metric", "kind", "unit", "attributes", "what")
	for _, scope := range all.ScopeMetrics {
		slices.SortFunc(scope.Metrics, func(a, b metricdata.Metrics) int { return strings.Compare(a.Name, b.Name) })
		for _, m := range scope.Metrics {
			kind, values := "gauge", map[string]map[string]bool{}
			note := func(key, value string) {
				if values[key] == nil {
					values[key] = map[string]bool{}
				}
				values[key][quote(value)] = true
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				kind = "counter"
				for _, p := range data.DataPoints {
					for _, a := range p.Attributes.ToSlice() {
						note(string(a.Key), a.Value.AsString())
					}
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					for _, a := range p.Attributes.ToSlice() {
						note(string(a.Key), a.Value.AsString())
					}
				}
			default:
				t.Errorf("%s is a %T", m.Name, m.Data)
			}
			var attributes []string
			for _, key := range slices.Sorted(maps.Keys(values)) {
				if key == "lane" {
					attributes = append(attributes, quote(key))
					continue
				}
				attributes = append(attributes, quote(key)+": "+strings.Join(slices.Sorted(maps.Keys(values[key])), ", "))
			}
			b = b.row(quote(m.Name), kind, quote(m.Unit), strings.Join(attributes, "; "), m.Description)
		}
	}
	return string(b)
}
