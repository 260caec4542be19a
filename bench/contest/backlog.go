package contest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/bench/measure"
)

// Backlog is what n waiting records cost: none of it may grow with n.
type Backlog struct {
	Waiting int `json:"waiting"`
	// Open and Killed are milliseconds from opening to the first record read and
	// the first one durably appended: after a close, and after SIGKILL in full write.
	Open   measure.Summary `json:"open_ms"`
	Killed measure.Summary `json:"killed_ms"`
	// Heap, Anon and Peak are bytes that opening added to a process of its own.
	Heap int64 `json:"heap"`
	Anon int64 `json:"rss_anon"`
	RSS  int64 `json:"rss"`
	Peak int64 `json:"peak"`
	// Settled is how many are read and settled in a second.
	Settled float64 `json:"settled_per_second"`
	// Lost says why it could not be opened any more after a SIGKILL.
	Lost string `json:"lost,omitempty"`

	open, killed []float64
}

const openJob = "open"

// opening is the job of a child: what it does when it has opened, read and appended.
type opening struct {
	Dir  string
	Then string
	N    int
}

const (
	thenClose  = "close"
	thenWrite  = "write" // until it is killed
	thenSettle = "settle"
)

// settlesFor bounds how long settling is looked at.
const settlesFor = 3 * time.Second

type opened struct {
	MS       float64
	Heap     int64
	Anon     int64
	RSS      int64
	Peak     int64
	PerSec   float64
	Problem  string
	Appended int
}

// Jobs are what the program of a contestant is started again for.
func Jobs(c Contestant) measure.Jobs {
	jobs := maps.Clone(drain.Jobs)
	jobs[openJob] = func(args json.RawMessage) error {
		var o opening
		err := json.Unmarshal(args, &o)
		if err == nil {
			err = c.openChild(o)
		}
		if err != nil {
			_ = measure.Say(opened{Problem: err.Error()}) // the exit status says it too
		}
		return err
	}
	return jobs
}

func (c Contestant) openChild(o opening) error {
	before, err := measure.Settled()
	if err != nil {
		return err
	}
	record := records(1, 256)
	start := time.Now()
	s, err := c.Open(o.Dir)
	if err != nil {
		return err
	}
	read, err := s.Next(20)
	if err != nil {
		return err
	}
	if err := s.Append(record); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := measure.Settled()
	if err != nil {
		return err
	}
	said := opened{MS: float64(took) / float64(time.Millisecond), Heap: after.Heap - before.Heap, Anon: after.Anon - before.Anon, RSS: after.RSS - before.RSS, Peak: after.Peak - before.Peak}
	switch o.Then {
	case thenWrite:
		return writeForEver(s, said)
	case thenSettle:
		start := time.Now()
		done := len(read)
		if err := s.Settle(done); err != nil {
			return err
		}
		for done < o.N && time.Since(start) < settlesFor {
			n, err := settleNext(s, min(64, o.N-done))
			if err != nil {
				return err
			}
			done += n
		}
		said.PerSec = float64(done) / time.Since(start).Seconds()
	}
	if err := measure.Say(said); err != nil {
		return err
	}
	return s.Close()
}

// writeForEver says that it writes when it has for a while, and goes on.
func writeForEver(s Store, said opened) error {
	orphan := make(chan struct{})
	go func() { measure.AwaitEnd(); close(orphan) }()
	group := records(64, 256)
	for n := 1; ; n++ {
		select {
		case <-orphan:
			return errors.New("nobody is there to kill it")
		default:
		}
		if err := s.Append(group); err != nil {
			return err
		}
		if n == 8 {
			said.Appended = n*64 + 1
			if err := measure.Say(said); err != nil {
				return err
			}
		}
	}
}

// Backlogs measures all sizes, in turn, several times.
func Backlogs(c Contestant, dir string, sizes []int, s measure.Scale, progress func(string)) ([]Backlog, error) {
	times := measure.Pick(s, 7, 2)
	rows := make([]Backlog, len(sizes))
	folder := func(i int) string { return filepath.Join(dir, fmt.Sprint("waiting-", sizes[i])) }
	for i, n := range sizes {
		rows[i].Waiting = n
		progress(fmt.Sprintf("%s: %d wait", c.Name, n))
		if err := c.prepare(folder(i), n); err != nil {
			return nil, fmt.Errorf("preparing %d: %w", n, err)
		}
	}
	order := rand.New(rand.NewPCG(s.Seed, 1))
	for range times {
		for _, i := range order.Perm(len(sizes)) {
			got, err := openInChild(opening{Dir: folder(i), Then: thenClose})
			if err != nil {
				return nil, err
			}
			r := &rows[i]
			r.open = append(r.open, got.MS)
			r.Heap, r.Anon, r.RSS, r.Peak = got.Heap, got.Anon, got.RSS, got.Peak
		}
	}
	for round := range times {
		for _, i := range order.Perm(len(sizes)) {
			rows[i].openKilled(folder(i), round == 0)
		}
	}
	for i := range rows {
		r := &rows[i]
		r.Open = measure.Summarise([]measure.Round{{Values: r.open}})
		if r.Lost != "" {
			progress(fmt.Sprintf("%s: %s", c.Name, r.Lost))
			continue
		}
		r.Killed = measure.Summarise([]measure.Round{{Values: r.killed}})
		got, err := openInChild(opening{Dir: folder(i), Then: thenSettle, N: min(sizes[i], measure.Pick(s, 100_000, 5_000))})
		if err != nil {
			return nil, err
		}
		r.Settled = got.PerSec
	}
	return rows, nil
}

// openKilled opens what was killed in full write, and kills it in the same again.
// What the first one finds was closed.
func (b *Backlog) openKilled(dir string, first bool) {
	if b.Lost != "" {
		return
	}
	switch got, err := openInChild(opening{Dir: dir, Then: thenWrite}); {
	case err != nil:
		b.Lost = "it cannot be opened after a SIGKILL: " + err.Error()
	case !first:
		b.killed = append(b.killed, got.MS)
	}
}

func (c Contestant) prepare(dir string, n int) (err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	s, err := c.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return Fill(s, n, 256)
}

func openInChild(o opening) (opened, error) {
	child, err := measure.Start(openJob, o)
	if err != nil {
		return opened{}, err
	}
	var got opened
	err = child.Hear(&got)
	if err == nil && got.Problem != "" {
		err = errors.New(got.Problem)
	}
	if err != nil || o.Then == thenWrite {
		child.Kill()
		return got, err
	}
	return got, child.End()
}

// OpenFigures are D8, D9 and D10 of the rows with the fewest and the most waiting,
// up to a million.
func OpenFigures(rows []Backlog) map[string]measure.Round {
	if len(rows) == 0 {
		return nil
	}
	few, many := rows[0], rows[0]
	for _, r := range rows {
		if r.Waiting <= 1_000_000 {
			many = r
		}
	}
	ratio := func(a, b []float64) (all []float64) {
		for i := range min(len(a), len(b)) {
			all = append(all, a[i]/b[i])
		}
		return all
	}
	all := map[string]measure.Round{
		"D8/store":      {Values: ratio(many.open, few.open), Absolute: many.Open.Median},
		"D8/store-ms":   {Values: many.open},
		"D10/store":     {Values: []float64{float64(many.Heap) / 1024}},
		"D10/store-rss": {Values: []float64{float64(many.Anon) / (1 << 20)}},
	}
	if many.Lost == "" {
		all["D9/store"] = measure.Round{Values: ratio(many.killed, many.open), Absolute: many.Killed.Median}
	}
	return all
}
