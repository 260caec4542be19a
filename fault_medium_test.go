package aliiot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// bigReports fills segments, which have 4 MiB.
func (r *rig) bigReports(n int) (refused int, last error) {
	r.t.Helper()
	for range n {
		r.next++
		key := fmt.Sprintf("k%d", r.next)
		if _, err := r.reportItem(key, Properties{"key": key, "text": strings.Repeat("x", 200<<10)}); err != nil {
			refused, last = refused+1, err
		}
	}
	return refused, last
}

func roomy() []Lane {
	return []Lane{{Name: "default", Budget: 100 << 20, Policy: RefuseNew}}
}

// wantMissing holds the reports that never came against what the ledger calls lost.
func (r *rig) wantMissing(n uint64) {
	r.t.Helper()
	missing := uint64(0)
	for key := range r.kept {
		if r.cloud.count(key) == 0 {
			missing++
		}
	}
	if missing != n {
		r.t.Errorf("%d reports never came, the ledger names %d", missing, n)
	}
}

func TestFault_read_eio(t *testing.T) {
	for name, times := range map[string]int{"once": 1, "always": disktest.Always} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.open()
				r.reports(200)
				r.close()
				f := r.disk.Fault(disktest.Fault{Kind: disktest.Read, Op: "journal.load", Name: "*.seg", Off: 12 << 10, Len: 4096, Err: syscall.EIO, Times: times})
				r.open() // all is on the disk, and nothing in memory
				r.dev.Connect()
				r.waitOnline()
				time.Sleep(10 * time.Minute)
				l := r.ledger()
				if f.Hits() == 0 || l.Damaged > 0 || l.Pending != l.Unreadable || l.Confirmed+l.Unreadable != 200 {
					t.Errorf("after %d errors: %+v", f.Hits(), l.Counts)
				}
				if (l.Unreadable > 0) != (name == "always") {
					t.Errorf("%d are unreadable after an error that came %s", l.Unreadable, name)
				}
				if name == "always" && f.Hits() > 200 {
					t.Errorf("%d attempts to read in ten minutes", f.Hits())
				}
				r.disk.Heal()
				time.Sleep(6 * time.Minute) // it is tried again every five
				r.wantWhole(time.Minute)
			})
		})
	}
}

func TestFault_segment_lost(t *testing.T) {
	for name, strike := range map[string]func(d *disktest.Disk, segs []string) error{
		"file": func(d *disktest.Disk, segs []string) error { d.Lose(segs[0]); return nil },
		"tail": func(d *disktest.Disk, segs []string) error { return d.Shorten(segs[0], 1<<20, disktest.Both) },
		"foreign": func(d *disktest.Disk, segs []string) error {
			d.Put("00000000000000ff.seg", []byte("what is this"))
			d.Put("0123456789abcdef.seg", d.Files()[segs[0]])
			d.Put("notes.txt", []byte("mine"))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.harm = []string{"segment-lost"}
				r.cfg.Lanes = roomy()
				r.open()
				if n, err := r.bigReports(30); n > 0 {
					t.Fatal(err)
				}
				r.close()
				var segs []string
				for f := range r.disk.Files() {
					if strings.HasSuffix(f, ".seg") && !strings.HasPrefix(f, "spare") {
						segs = append(segs, f)
					}
				}
				if slices.Sort(segs); len(segs) < 2 {
					t.Fatalf("%d segments", len(segs))
				}
				if err := strike(r.disk, segs); err != nil {
					t.Fatal(err)
				}
				r.online()
				r.drain(time.Hour)
				l := r.ledger()
				if l.Accepted != 30 || (l.Damaged > 0) != (name != "foreign") {
					t.Errorf("%+v", l.Counts)
				}
				r.wantMissing(l.Damaged)
				if n := r.told(NoticeDamaged); (n > 0) != (l.Damaged > 0) {
					t.Errorf("%d damaged, the application was told %d times", l.Damaged, n)
				}
				if files := r.disk.Files(); name == "foreign" && (string(files["notes.txt"]) != "mine" || len(files["00000000000000ff.seg"]) == 0) {
					t.Error("a foreign file was taken away")
				}
				r.reports(3)
				r.drain(time.Minute)
			})
		})
	}
}

func TestFault_fsync_slow_never(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cfg.Lanes = roomy()
		r.online()
		r.reports(3)
		r.drain(time.Minute)
		hang := make(chan struct{})
		hung := r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Name: "*.seg", Hang: hang, Times: disktest.Always})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		answers := make(chan error, 100)
		for i := range cap(answers) {
			go func() {
				_, err := r.dev.Report(ctx, Properties{"key": fmt.Sprint("h", i), "text": strings.Repeat("x", 200<<10)})
				answers <- err
			}()
			time.Sleep(10 * time.Millisecond)
		}
		full := 0
		for len(answers) > 0 {
			if err := <-answers; !errors.Is(err, ErrBacklog) {
				t.Errorf("beside a sync that hangs: %v", err)
			}
			full++
		}
		if full < 70 || full > 90 { // 4 MiB wait
			t.Errorf("%d of %d were told at once that too much waits", full, cap(answers))
		}
		r.ledger() // the actors run
		if s := r.dev.Status().Link; s.State != actors.StateOnline {
			t.Errorf("a disk that hangs costs the link: %+v", s)
		}
		time.Sleep(time.Minute)
		for range cap(answers) - full {
			if err := <-answers; !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after its own deadline: %v", err)
			}
		}
		before := hung.Hits()
		close(hang)
		time.Sleep(time.Second)
		r.drain(10 * time.Minute)
		if l := r.ledger(); l.Accepted != uint64(3+cap(answers)-full) || before > 2 {
			t.Errorf("%d syncs hung, then %+v", before, l.Counts)
		}
		r.reports(1)
		r.drain(time.Minute)
	})
}

func TestFault_disk_full_kinds(t *testing.T) {
	for _, err := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EMFILE} {
		for _, kind := range []disktest.Kind{disktest.Write, disktest.Create} {
			if kind == disktest.Write && err == syscall.EMFILE || kind == disktest.Create && err == syscall.EFBIG {
				continue // no system says so
			}
			t.Run(fmt.Sprintf("%v on %s", err, kind), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					r.cfg.Lanes = roomy()
					r.cfg.Audit = false
					r.open()
					r.reports(10)
					f := r.disk.Fault(disktest.Fault{Kind: kind, Err: err, Times: disktest.Always})
					start := time.Now()
					refused, why := r.bigReports(45) // more than the segments that there are
					if refused == 0 || f.Hits() == 0 || time.Since(start) > 10*time.Second {
						t.Fatalf("%d refused after %d errors, in %v", refused, f.Hits(), time.Since(start))
					}
					if !errors.Is(why, ErrNoSpace) {
						t.Errorf("refused with %v", why)
					}
					if r.dev.Status().Disk == nil {
						t.Error("the status calls the disk well")
					}
					r.disk.Heal()
					time.Sleep(5 * time.Minute)
					r.reports(5) // without a restart
					r.dev.Connect()
					r.wantWhole(time.Hour)
				})
			})
		}
	}
}

// TestFault_rename_early: a small file is replaced by a rename, which the medium may
// keep before the data: whatever the cut, there is the old record or the new one.
func TestFault_rename_early(t *testing.T) {
	var saved []fsm.ConnRecord
	begun := 0
	record := func(n int) fsm.ConnRecord {
		c := fsm.ConnRecord{Boot: uint64(n) << 40}
		for i := range n {
			c.Connects = append(c.Connects, time.Duration(i)*time.Minute)
		}
		return c
	}
	o := disktest.Options{Level: disktest.Garbage, Seed: 3}
	report := disktest.Cuts(o, func(fs disk.FS) {
		for n := 1; n <= 5; n++ {
			begun = n
			connectRecord{fs, slog.New(slog.DiscardHandler)}.Save(record(n))
			saved = append(saved, record(n))
		}
	}, func(img *disktest.Disk, at disktest.Cut) {
		data, err := disk.ReadFile(img.FS(), "test", connectsFile, 4<<10)
		if errors.Is(err, disk.ErrNotExist) && len(saved) == 0 {
			return
		}
		if err != nil {
			t.Fatalf("after record %d: %v\n%v", len(saved), err, at)
		}
		got, err := parseConnects(data)
		old := len(saved) > 0 && reflect.DeepEqual(got, saved[len(saved)-1])
		if err != nil || !old && !reflect.DeepEqual(got, record(begun)) {
			t.Fatalf("after record %d: %q, %v\n%v", len(saved), data, err, at)
		}
	})
	if report.Images < 50 {
		t.Errorf("%d images of power cuts", report.Images)
	}
}
