package journal

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// TestModel does anything in any order, crashes included, and holds the journal
// against what it has promised after every step.
func TestModel(t *testing.T) { model(t, false) }

// TestModelWithJumps has an operator in it, too. It is a test of its own, since what
// rapid has recorded of a failure is a row of draws among the actions of its test.
func TestModelWithJumps(t *testing.T) { model(t, true) }

func model(t *testing.T, jumps bool) {
	checks := "25"
	if long() {
		checks = "1500"
		if jumps {
			checks = "500"
		}
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := disktest.New()
		w := newWorld(d.FS(), testOptions(9))
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		jumped := uint64(0) // no number below it may come again
		check := func(what string) {
			f, err := look(w.j)
			if err == nil {
				err = w.check(f)
			}
			if err == nil && f.state.NextSeq < jumped {
				err = fmt.Errorf("the next number is %d after a jump to %d", f.state.NextSeq, jumped)
			}
			if err != nil {
				t.Fatalf("after %s: %v\n%v", what, err, d)
			}
		}
		pick := func() []uint64 {
			p := w.pending()
			if len(p) == 0 {
				return nil
			}
			i := rapid.IntRange(0, len(p)-1).Draw(t, "from")
			n := rapid.IntRange(1, 20).Draw(t, "n")
			return p[i:min(i+n, len(p))]
		}
		actions := map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				n := rapid.SampledFrom([]int{1, 1, 3, 20, 64}).Draw(t, "n")
				size := rapid.SampledFrom([]int{20, 200, 1000, 3000}).Draw(t, "size")
				lane := uint8(rapid.IntRange(0, 2).Draw(t, "lane"))
				if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
					w.seq += 3
					w.ord[lane] += 2
				}
				if err := w.append(lane, many(n, size)...); err != nil {
					t.Fatal(err)
				}
				check("append")
			},
			"sync": func(t *rapid.T) {
				w.sync()
				check("sync")
			},
			"settle": func(t *rapid.T) {
				w.settle(outbox.Outcome(rapid.IntRange(1, 8).Draw(t, "end")), pick()...)
				check("settle")
			},
			"upkeep": func(t *rapid.T) {
				w.upkeep()
				check("upkeep")
			},
			"failing sync": func(t *rapid.T) {
				f := d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: disktest.ErrDead,
					Times: rapid.IntRange(1, 3).Draw(t, "times"), Drop: rapid.Bool().Draw(t, "drop")})
				w.sync()
				f.Remove()
				for w.j.active == nil { // until it goes on
					w.sync()
					_ = w.append(0, 10)
				}
				check("failing sync")
			},
			"kill": func(t *rapid.T) {
				d.Kill()
				w.fs = d.FS()
				if err := w.open(); err != nil {
					t.Fatal(err)
				}
				check("kill")
				w.inherit()
			},
			"crash": func(t *rapid.T) {
				cut := d.Crash(disktest.Garbage, rapid.Uint64().Draw(t, "seed"))
				w.fs = d.FS()
				if err := w.open(); err != nil {
					t.Fatalf("%v\n%v", err, cut)
				}
				check("crash " + cut.String())
				w.inherit()
			},
		}
		if jumps {
			actions["jump"] = func(t *rapid.T) {
				_, to, err := w.j.Jump(rapid.SampledFrom([]uint64{1, 100, MaxJump}).Draw(t, "by"))
				var tooFar *JumpError
				if errors.As(err, &tooFar) {
					if waits := w.pending(); len(waits) == 0 {
						t.Fatalf("nothing waits: %v", err)
					}
					check("a jump too far")
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				w.seq = max(w.seq, to-1)
				if res := w.sync(); res.Err == nil && len(w.j.held) == 0 && len(w.j.tail) == 0 {
					jumped = to
				}
				check("jump")
			}
		}
		t.Repeat(actions)
	})
}

// inherit takes what a reopened journal holds for what is promised from now on.
func (w *world) inherit() {
	f, err := look(w.j)
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	for seq, p := range w.reports {
		_, there := f.pending[seq]
		switch {
		case there:
			p.acked, p.unknown, p.end, p.final = true, false, outbox.Pending, false
		case p.acked: // its end survived
			p.final = true
		case p.end != outbox.Pending: // so did its end, or it never was
			p.final, p.unknown = true, true
		default: // it never was
			p.refused = true
		}
	}
	w.version++
}
