package journal

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// asideWorld is a journal of three reports on the disk, the first of which is
// quarantined, in lane 1; its process has ended, cleanly or not.
func asideWorld(t *testing.T, clean bool) (*disktest.Disk, outbox.Mark) {
	t.Helper()
	d := disktest.New()
	w := newWorld(d.FS(), testOptions(3))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if err := w.append(1, 100, 120, 140); err != nil {
		t.Fatal(err)
	}
	w.sync()
	m := outbox.Mark{Seq: 1, Ord: 1, Lane: 1, Bytes: 100}
	if err := w.j.Quarantine(m, true); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if !clean {
		d.Kill()
	} else if err := w.j.Close(); err != nil {
		t.Fatal(err)
	}
	return d, m
}

func stateOf(t *testing.T, fs disk.FS) found {
	t.Helper()
	j, err := Open(fs, testOptions(4))
	if err != nil {
		t.Fatal(err)
	}
	f, err := look(j)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func jumpBy(by uint64) func(*Journal) error {
	return func(j *Journal) error {
		_, _, err := j.Jump(by)
		return err
	}
}

func TestJump(t *testing.T) {
	d, _ := asideWorld(t, true)
	var from, to uint64
	err := Operate(d.FS(), testOptions(5), func(j *Journal) (err error) {
		from, to, err = j.Jump(1000)
		return err
	})
	if err != nil || from != 4 || to != 1004 {
		t.Fatalf("from %d to %d: %v", from, to, err)
	}
	f := stateOf(t, d.FS())
	if f.state.NextSeq != 1004 || f.state.NextOrd[1] != 4 || f.state.Lanes[1].Accepted != 3 || len(f.pending) != 2 {
		t.Errorf("after the jump: %+v", f.state)
	}
	if _, kept := f.pending[2]; !kept {
		t.Error("a report that waits has lost its number")
	}
	// Two long ones would give one id to what waits and to what comes.
	var tooFar *JumpError
	if err := Operate(d.FS(), testOptions(6), jumpBy(MaxJump)); err != nil {
		t.Fatal(err)
	}
	if err := Operate(d.FS(), testOptions(6), jumpBy(MaxJump)); !errors.As(err, &tooFar) || tooFar.Oldest != 1 {
		t.Fatalf("a jump to the ids of what waits: %v", err)
	}
	if err := Operate(d.FS(), testOptions(6), jumpBy(tooFar.By+1)); !errors.As(err, &tooFar) {
		t.Errorf("one more than allowed: %v", err)
	}
	if err := Operate(d.FS(), testOptions(6), jumpBy(tooFar.By)); err != nil {
		t.Errorf("as much as allowed: %v", err)
	}
	was := stateOf(t, d.FS()).state.NextSeq
	if was != 1+maxSpan {
		t.Errorf("the next number is %d", was)
	}
	endAll(t, d.FS())
	// A jump that is more than a frame can count from its segment's base, in steps.
	for range 5 {
		if err := Operate(d.FS(), testOptions(6), jumpBy(MaxJump)); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(d.FS(), testOptions(7))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if err := w.append(1, 50); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if err := w.j.Close(); err != nil {
		t.Fatal(err)
	}
	if f := stateOf(t, d.FS()); len(f.pending) != 1 || f.pending[was+5*MaxJump].Ord != 4 {
		t.Errorf("after five long jumps: %+v", f.state)
	}
}

// A report that cannot be read for now counts from where its segment begins.
func TestJumpMindsWhatCannotBeRead(t *testing.T) {
	d, _ := asideWorld(t, true)
	if err := Operate(d.FS(), testOptions(5), func(j *Journal) error {
		j.Settle([]outbox.Settlement{{Seq: 1, Ord: 1, Lane: 1, Outcome: outbox.EvictedOperator, Bytes: 100}})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := Operate(d.FS(), testOptions(6), jumpBy(MaxJump)); err != nil {
		t.Fatal(err)
	}
	d.Fault(disktest.Fault{Kind: disktest.Read, Op: opLoad, Err: syscall.EIO, Times: disktest.Always})
	var tooFar *JumpError
	if err := Operate(d.FS(), testOptions(6), jumpBy(MaxJump)); !errors.As(err, &tooFar) || tooFar.Oldest > 2 {
		t.Errorf("%v", err)
	}
}

// endAll ends all that waits.
func endAll(t *testing.T, fs disk.FS) {
	t.Helper()
	ends := []outbox.Settlement{}
	for ord := range uint64(3) {
		ends = append(ends, outbox.Settlement{Seq: ord + 1, Ord: ord + 1, Lane: 1, Outcome: outbox.EvictedOperator, Bytes: int64(100 + 20*ord)})
	}
	if err := Operate(fs, testOptions(6), func(j *Journal) error { j.Settle(ends); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestJumpHasBounds(t *testing.T) {
	d, _ := asideWorld(t, true)
	for _, by := range []uint64{0, MaxJump + 1} {
		if err := Operate(d.FS(), testOptions(5), jumpBy(by)); err == nil {
			t.Errorf("a jump by %d was taken", by)
		}
	}
	if f := stateOf(t, d.FS()); f.state.NextSeq != 4 {
		t.Errorf("the next number is %d", f.state.NextSeq)
	}
	err := Operate(d.FS(), testOptions(5), func(j *Journal) error {
		if err := j.Close(); err != nil {
			return err
		}
		_, _, err := j.Jump(1)
		return err
	})
	if !errors.Is(err, outbox.ErrClosed) {
		t.Errorf("a closed journal jumps: %v", err)
	}
}

// A sync that fails leaves the jump in doubt: it is written again behind the fence.
func TestJumpOutlivesAFailedSync(t *testing.T) {
	d, _ := asideWorld(t, true)
	d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: syscall.EIO, Times: 1, Drop: true})
	if err := Operate(d.FS(), testOptions(5), jumpBy(1000)); err != nil {
		t.Fatal(err)
	}
	d.Crash(disktest.Garbage, 1)
	if f := stateOf(t, d.FS()); f.state.NextSeq != 1004 {
		t.Errorf("the next number is %d", f.state.NextSeq)
	}
}

// On a disk that takes nothing no change is promised.
func TestOperateTellsWhatIsNotOnTheDisk(t *testing.T) {
	for name, fault := range map[string]disktest.Fault{
		"no writes": {Kind: disktest.Write, Err: syscall.ENOSPC, Times: disktest.Always},
		"no syncs":  {Kind: disktest.Sync, Err: syscall.EIO, Times: disktest.Always},
		"read-only": {Kind: disktest.Write, Err: syscall.EROFS, Times: disktest.Always},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := asideWorld(t, true)
			f := d.Fault(fault)
			if err := Operate(d.FS(), testOptions(5), jumpBy(1000)); err == nil || f.Hits() == 0 {
				t.Errorf("it is said to be done: %v after %d faults", err, f.Hits())
			}
		})
	}
}

func TestOperateBeginsNoJournal(t *testing.T) {
	d := disktest.New()
	err := Operate(d.FS(), testOptions(5), jumpBy(1))
	if !errors.Is(err, disk.ErrNotExist) || len(d.Files()) > 0 {
		t.Errorf("%v, %d files", err, len(d.Files()))
	}
}

func TestOperateKnowsTheIdentity(t *testing.T) {
	d, _ := asideWorld(t, true)
	o := testOptions(5)
	o.Identity = "pk/other"
	var foreign *IdentityError
	if err := Operate(d.FS(), o, jumpBy(1)); !errors.As(err, &foreign) || foreign.Found != "pk/dn" {
		t.Error(err)
	}
	o.Identity = ""
	if err := Operate(d.FS(), o, jumpBy(1)); err != nil {
		t.Error(err)
	}
	if v, err := View(d.FS(), ""); err != nil || v.Identity != "pk/dn" {
		t.Errorf("%q: %v", v.Identity, err)
	}
}

func TestViewedQuarantined(t *testing.T) {
	d, m := asideWorld(t, true)
	v, err := View(d.FS(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := v.Quarantined()
	if len(got) != 1 || got[0].Mark != m || !strings.HasPrefix(string(got[0].Body), "report 1:") {
		t.Errorf("%+v", got)
	}
}

// operation is one of an operator's: what it does, and what its yes means.
type operation struct {
	name string
	do   func(*Journal, outbox.Mark) error
	done func(found) bool
}

var operations = []operation{
	{"jump", func(j *Journal, _ outbox.Mark) error { return jumpBy(1000)(j) },
		func(f found) bool { return f.state.NextSeq >= 1004 }},
	{"drop", func(j *Journal, m outbox.Mark) error {
		j.Settle([]outbox.Settlement{{Seq: m.Seq, Ord: m.Ord, Lane: m.Lane, Outcome: outbox.EvictedOperator, Bytes: m.Bytes}})
		return nil
	}, func(f found) bool { return f.state.Lanes[1].Ends[outbox.EvictedOperator] == 1 }},
	{"release", func(j *Journal, m outbox.Mark) error { return j.Quarantine(m, false) },
		func(f found) bool { return len(f.state.Quarantined) == 0 && len(f.pending) == 3 }},
}

// The power goes at every call of an operator's command: what it had said yes to
// is so, what it had not is as before or so, and nothing else has changed.
func TestFault_power_cut_operator(t *testing.T) {
	for _, op := range operations {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s clean=%v", op.name, clean), func(t *testing.T) {
				d, m := asideWorld(t, clean)
				said, before, after := false, 0, 0
				o := disktest.Options{Disk: d, Level: disktest.Garbage, Every: 1, Most: 40, Kill: true, Exhaustive: 6, Seeded: 16, Seed: 7}
				o.Key = func() uint64 {
					if said {
						return 1
					}
					return 0
				}
				report := disktest.Cuts(o, func(fs disk.FS) {
					err := Operate(fs, testOptions(5), func(j *Journal) error { return op.do(j, m) })
					if said = err == nil; !said {
						t.Fatal(err)
					}
				}, func(img *disktest.Disk, at disktest.Cut) {
					j, err := Open(img.FS(), testOptions(6))
					if err != nil {
						t.Fatalf("%v\n%v\n%v", err, at, img)
					}
					f, err := look(j)
					switch done := op.done(f); {
					case err != nil:
						t.Fatalf("%v\n%v\n%v", err, at, img)
					case f.state.Lanes[1].Accepted != 3 || f.state.Lanes[1].Ends[outbox.Damaged] != 0 || f.pending[2].Body == nil || f.pending[3].Body == nil:
						t.Fatalf("something else has changed: %+v\n%v", f.state, at)
					case said && !done:
						t.Fatalf("it had said yes, and it is not so: %+v\n%v\n%v", f.state, at, img)
					case done:
						after++
					case f.state.NextSeq == 4 && len(f.state.Quarantined) == 1 && len(f.pending) == 2:
						before++
					default:
						t.Fatalf("neither as before nor done: %+v\n%v", f.state, at)
					}
				})
				t.Logf("%d calls, %d images, %d as before, %d done", report.Calls, report.Images, before, after)
				if before == 0 || after == 0 {
					t.Errorf("%d as before, %d done: want some of each", before, after)
				}
			})
		}
	}
}

// The same on a journal with a life behind it, whose process was killed in the
// middle: segments, copies, reports that no sync had covered.
func TestFault_power_cut_operator_after_a_life(t *testing.T) {
	for _, level := range []disktest.Level{disktest.Torn, disktest.Garbage} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			d := disktest.New()
			w := newWorld(d.FS(), testOptions(3))
			if err := w.life(false); err != nil {
				t.Fatal(err)
			}
			victim := w.reports[w.pending()[0]]
			m := outbox.Mark{Seq: victim.e.Seq, Ord: victim.e.Ord, Lane: victim.e.Lane, Bytes: int64(len(victim.e.Body))}
			if err := errors.Join(w.j.Quarantine(m, true), w.append(0, many(20, 200)...)); err != nil {
				t.Fatal(err)
			}
			d.Kill()
			next, said := stateOf(t, d.Clone().FS()).state.NextSeq, false
			o := disktest.Options{Disk: d, Level: level, Every: 1, Most: 8, Kill: true, Exhaustive: 4, Seeded: 8, Seed: 7,
				Key: func() uint64 { return w.key() }}
			if long() {
				o.Most, o.Seeded = 100, 64
			}
			images, rose := 0, 0
			disktest.Cuts(o, func(fs disk.FS) {
				victim.end = outbox.EvictedOperator // from here on it may have ended
				w.version++
				err := Operate(fs, testOptions(5), func(j *Journal) error {
					j.Settle([]outbox.Settlement{{Seq: m.Seq, Ord: m.Ord, Lane: m.Lane, Outcome: outbox.EvictedOperator, Bytes: m.Bytes}})
					_, _, err := j.Jump(1000)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				victim.final, said = true, true
				w.version++
			}, func(img *disktest.Disk, at disktest.Cut) {
				images++
				j, err := Open(img.FS(), testOptions(6))
				if err != nil {
					t.Fatalf("%v\n%v\n%v", err, at, img)
				}
				aside := j.State().Quarantined
				if len(aside) == 1 { // to be seen by the world's check
					if err := j.Quarantine(aside[0], false); err != nil {
						t.Fatal(err)
					}
				}
				f, err := look(j)
				if err == nil {
					err = w.check(f)
				}
				dropped := f.state.Lanes[m.Lane].Ends[outbox.EvictedOperator] == 1
				switch {
				case err != nil:
				case said && (f.state.NextSeq < next+1000 || !dropped || len(aside) > 0):
					err = errors.New("it had said yes, and it is not so")
				case f.state.NextSeq < next && !said:
					// What no sync had covered before the kill may be gone, numbers and all.
				case !dropped && len(aside) != 1 && f.pending[m.Seq].Body == nil:
					err = errors.New("it is neither pending nor dropped")
				}
				if err != nil {
					t.Fatalf("%v: next %d of %d, %d aside\n%v\n%v", err, f.state.NextSeq, next, len(aside), at, img)
				}
				if f.state.NextSeq >= next+1000 {
					rose++
				}
			})
			t.Logf("%d images, %d after the jump", images, rose)
			if images < 40 || rose == 0 || rose == images {
				t.Errorf("%d images, %d after the jump", images, rose)
			}
		})
	}
}
