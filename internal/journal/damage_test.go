package journal

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

func TestFault_read_eio(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.mustAppend(0, many(40, 700)...)
		r.sync()
	}
	r.reopen(killOnly, 0)
	first := segName(r.j.rows[0].id)
	r.j.reader.forget()
	once := r.d.Fault(disktest.Fault{Kind: disktest.Read, Op: opLoad, Name: first, Off: 20 << 10, Len: 4096, Err: syscall.EIO, Times: 1})
	if f := r.holds(); len(f.pending) != 120 || once.Hits() != 1 {
		t.Fatalf("after one EIO: %d of 120 read, %d hits", len(f.pending), once.Hits())
	}
	r.d.Fault(disktest.Fault{Kind: disktest.Read, Op: opLoad, Name: first, Off: 20 << 10, Len: 4096, Err: syscall.EIO, Times: disktest.Always})
	r.j.reader.forget()
	f, err := look(r.j)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.j.Unreadable(); n == 0 || n > 8 || len(f.pending) != 120-int(n) {
		t.Fatalf("%d unreadable, %d read", n, len(f.pending))
	}
	if d := f.state.Lanes[0].Ends[outbox.Damaged]; d != 0 {
		t.Fatalf("%d called damaged: EIO is not corruption", d)
	}
	r.d.Heal()
	if f := r.holds(); len(f.pending) != 120 || r.j.Unreadable() != 0 {
		t.Fatalf("after it went away: %d read, %d unreadable", len(f.pending), r.j.Unreadable())
	}
}

// damaged counts what the journal itself calls damaged.
func (r *rig) damaged() (n uint64) {
	for _, c := range r.j.State().Lanes {
		n += c.Ends[outbox.Damaged]
	}
	return n
}

// survives opens a damaged disk and returns how many reports are named damaged;
// everything else must be there and as it was.
func (r *rig) survives(what string) uint64 {
	r.Helper()
	r.d.Kill()
	r.fs = r.d.FS()
	if err := r.open(); err != nil {
		r.Fatalf("%s: Open: %v", what, err)
	}
	before := len(r.pending())
	f, err := look(r.j)
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
	for seq, e := range f.pending {
		if p := r.reports[seq]; p == nil || !bytes.Equal(p.e.Body, e.Body) || p.final {
			r.Fatalf("%s: report %d is not what was accepted", what, seq)
		}
	}
	if n := r.damaged(); len(f.pending)+int(n) < before {
		r.Fatalf("%s: %d of %d there, %d named damaged: %d are silently lost", what, len(f.pending), before, n, before-len(f.pending)-int(n))
	}
	return r.damaged()
}

func TestFault_bit_flip(t *testing.T) {
	build := func(t *testing.T) *rig {
		r := newRig(t)
		for i := range 4 {
			r.mustAppend(uint8(i%2), many(30, 700)...)
			r.settle(outbox.ConfirmedReply, r.pending()[3])
			r.sync()
		}
		r.mustAppend(2, 10) // the watermark of the last group is out
		r.sync()
		r.mustAppend(2, 10)
		r.sync()
		return r
	}
	r := build(t)
	names := []string{}
	for _, s := range r.j.rows {
		names = append(names, segName(s.id))
	}
	names = append(names, segName(r.j.active.id))
	for _, name := range names {
		for off := int64(3); off < 66<<10; off += 397 {
			c := &rig{t, r.d.Clone(), newWorld(nil, r.o)}
			c.world.reports, c.world.seq = r.world.reports, r.world.seq
			if c.d.Flip(name, off, 1<<(off%8), disktest.Both) != nil {
				continue
			}
			what := fmt.Sprintf("flip in %s at %d", name, off)
			if n := c.survives(what); n > 1 {
				t.Fatalf("%s: one bit cost %d reports", what, n)
			}
			if c.damaged() == 1 {
				if aside := asides(c.d); aside == 0 {
					t.Fatalf("%s: no bytes were kept aside", what)
				}
			}
		}
	}
}

func asides(d *disktest.Disk) (n int) {
	for name := range d.Files() {
		if strings.HasPrefix(name, "damaged-") {
			n++
		}
	}
	return n
}

func TestFault_segment_lost(t *testing.T) {
	r := newRig(t)
	for range 4 {
		r.mustAppend(0, many(40, 700)...)
		r.mustAppend(1, many(10, 100)...)
		r.sync()
	}
	if len(r.j.rows) < 1 {
		t.Fatal("no sealed segment")
	}
	row := r.j.rows[0]
	var natives uint64
	for lane := range uint8(2) {
		natives += r.j.nativeEnd(0, lane) - row.base[lane]
	}
	t.Run("file", func(t *testing.T) {
		c := &rig{t, r.d.Clone(), newWorld(nil, r.o)}
		c.world.reports, c.world.seq = r.world.reports, r.world.seq
		c.d.Lose(segName(row.id))
		if n := c.survives("file gone"); n != natives {
			t.Fatalf("%d named damaged, %d were in it", n, natives)
		}
		again := c.survives("opened again")
		if again != natives {
			t.Fatalf("%d named damaged after another opening, want %d", again, natives)
		}
	})
	t.Run("tail", func(t *testing.T) {
		c := &rig{t, r.d.Clone(), newWorld(nil, r.o)}
		c.world.reports, c.world.seq = r.world.reports, r.world.seq
		if err := c.d.Shorten(segName(row.id), 20<<10, disktest.Both); err != nil {
			t.Fatal(err)
		}
		if n := c.survives("tail gone"); n == 0 || n >= natives {
			t.Fatalf("%d of %d named damaged", n, natives)
		}
	})
	t.Run("foreign", func(t *testing.T) {
		c := &rig{t, r.d.Clone(), newWorld(nil, r.o)}
		c.world.reports, c.world.seq = r.world.reports, r.world.seq
		files := c.d.Files()
		c.d.Put("00000000000000ff.seg", bytes.Repeat([]byte{0x5a}, 9000))
		c.d.Put("0000000000000fff.seg", files[segName(row.id)]) // a copy under a false name
		c.d.Put("notes.txt", []byte("hello"))
		if n := c.survives("rubbish"); n != 0 {
			t.Fatalf("%d named damaged", n)
		}
		c.mustAppend(0, many(90, 900)...)
		c.sync()
		c.upkeep()
		for _, name := range []string{"00000000000000ff.seg", "notes.txt"} {
			if _, ok := c.d.Files()[name]; !ok {
				t.Fatalf("%s was taken away", name)
			}
		}
	})
}

func TestFault_unlink_undone(t *testing.T) {
	r := newRig(t)
	for range 6 {
		r.mustAppend(0, many(40, 700)...)
		r.sync()
		r.settle(outbox.ConfirmedReply, r.pending()...)
		r.sync()
	}
	files := r.d.Files()
	var freed []string
	r.upkeep()
	r.sync()
	r.upkeep()
	r.mustAppend(0, 10)
	r.sync()
	for name := range files {
		if _, ok := r.d.Files()[name]; !ok {
			freed = append(freed, name)
		}
	}
	if len(freed) == 0 {
		t.Fatal("nothing was freed")
	}
	for _, name := range freed {
		r.d.Put(name, files[name])
	}
	r.reopen(killOnly, 0) // nothing settled is back
	if n := r.damaged(); n != 0 {
		t.Fatalf("%d damaged", n)
	}
	r.upkeep()
	r.sync()
	r.upkeep()
	for _, name := range freed {
		if _, ok := r.d.Files()[name]; ok && name != segName(1) {
			t.Errorf("%s is still there", name)
		}
	}
}
