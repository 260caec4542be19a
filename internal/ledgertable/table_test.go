package ledgertable

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func render(t *testing.T, width int, all Counts, lanes ...Lane) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, width, all, lanes); err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(b.String()) {
		if n := uniseg.StringWidth(strings.TrimSuffix(l, "\n")); n > max(width, MinWidth) {
			t.Errorf("a line of %d in %d columns: %q", n, width, l)
		}
	}
	return b.String()
}

var (
	alarm = Lane{"alarm", Counts{Accepted: 12, Confirmed: 9, Pending: 3, Quarantined: 1, ConfirmedBy: map[string]int64{"reply": 9}}}
	pos   = Lane{"position", Counts{Accepted: 1170, Confirmed: 1100, Evicted: 70, Late: 2,
		ConfirmedBy: map[string]int64{"reply": 1000, "puback": 100}, EvictedBy: map[string]int64{"budget": 70}}}
	sum = Counts{Accepted: 1182, Confirmed: 1109, Evicted: 70, Pending: 3, Quarantined: 1, Late: 2,
		ConfirmedBy: map[string]int64{"reply": 1009, "puback": 100}, EvictedBy: map[string]int64{"budget": 70}}
)

func TestTable(t *testing.T) {
	want := `
                all  alarm  position
accepted       1182     12      1170
confirmed      1109      9      1100
  by reply     1009      9      1000
  by puback     100      0       100
rejected          0      0         0
expired           0      0         0
evicted          70      0        70
  budget         70      0        70
damaged           0      0         0
pending           3      3         0
  quarantined     1      1         0
late              2      0         2
`
	if got := render(t, 80, sum, alarm, pos); got != want[1:] {
		t.Errorf("got\n%swant%s", got, want)
	}
}

// What does not fit beside each other comes below.
func TestNarrow(t *testing.T) {
	lanes := []Lane{alarm, pos, {Name: "a-lane-with-a-very-long-name-of-more-than-forty-columns"}, {Name: "x"}}
	got := render(t, MinWidth, sum, lanes...)
	if n := strings.Count(got, "accepted"); n != 3 {
		t.Errorf("%d blocks, want 3:\n%s", n, got)
	}
	for _, name := range []string{"all", "alarm", "position", "a-lane-with-a-very-long-…", " x"} {
		if !strings.Contains(got, name) {
			t.Errorf("%s is missing in\n%s", name, got)
		}
	}
}

func TestEveryWidthFits(t *testing.T) {
	huge := Lane{"huge", Counts{Accepted: math.MaxInt64, Damaged: math.MinInt64}}
	var lanes []Lane
	for range 16 {
		lanes = append(lanes, alarm, huge, Lane{Name: strings.Repeat("长", 30)}, Lane{Name: "line\nfeed\x1b[31m"})
	}
	for width := range 300 {
		got := render(t, width, huge.Counts, lanes...)
		if strings.Contains(got, "\x1b") || !strings.Contains(got, "9223372036854775807") {
			t.Fatalf("at %d:\n%s", width, got)
		}
	}
}

func TestNoLanes(t *testing.T) {
	if got := render(t, 80, Counts{}); strings.Contains(got, "operator") || !strings.Contains(got, "\nlate             0\n") {
		t.Error(got)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriterFails(t *testing.T) {
	if err := Write(full{}, 80, Counts{}, nil); !errors.Is(err, errFull) {
		t.Error(err)
	}
}
