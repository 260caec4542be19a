package journal

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// rig is a journal on a disk that breaks on demand.
type rig struct {
	*testing.T
	d *disktest.Disk
	*world
}

func newRig(t *testing.T) *rig {
	d := disktest.New()
	r := &rig{t, d, newWorld(d.FS(), testOptions(5))}
	r.mustOpen()
	return r
}

func (r *rig) mustOpen() {
	r.Helper()
	if err := r.open(); err != nil {
		r.Fatalf("Open: %v", err)
	}
}

func (r *rig) mustAppend(lane uint8, sizes ...int) {
	r.Helper()
	if err := r.append(lane, sizes...); err != nil {
		r.Fatalf("Append: %v", err)
	}
}

// holds checks the living journal against its promises.
func (r *rig) holds() found {
	r.Helper()
	f, err := look(r.j)
	if err == nil {
		err = r.check(f)
	}
	if err != nil {
		r.Fatalf("%v\n%v", err, r.d)
	}
	return f
}

// reopen lets the process die and opens again; with a level the power goes, too.
func (r *rig) reopen(level disktest.Level, seed uint64) found {
	r.Helper()
	if level < 0 {
		r.d.Kill()
	} else {
		r.d.Crash(level, seed)
	}
	r.fs = r.d.FS()
	r.mustOpen()
	return r.holds()
}

const killOnly disktest.Level = -1

func many(n, size int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = size
	}
	return s
}

func TestFault_fsync_fails(t *testing.T) {
	for _, err := range []error{syscall.EIO, syscall.ENOSPC} {
		t.Run(err.Error(), func(t *testing.T) {
			r := newRig(t)
			r.mustAppend(0, 100, 100)
			r.sync()
			r.mustAppend(0, many(10, 300)...)
			r.settle(outbox.ConfirmedReply, 1)
			failed := r.d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: err, Drop: true})
			job := r.j.Sync()
			r.mustAppend(1, 50) // while it runs
			before := r.settled()
			job.Run()
			res := r.j.Done(job)
			if res.Next == nil || res.Durable != 0 || len(res.Refused)+len(res.Unknown) > 0 {
				t.Fatalf("after a failed sync: %+v, want another job and no verdict", res)
			}
			res.Next.Run()
			fin := r.j.Done(res.Next)
			if failed.Hits() != 1 || fin.Err != nil || fin.Durable != 13 {
				t.Fatalf("the rescue: %+v, want durable up to 13", fin)
			}
			r.learn(fin, before)
			r.holds()
			for seed := range uint64(20) {
				c := r.d.Clone()
				c.Crash(disktest.Garbage, seed)
				if _, err := r.verdict(c, true); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestFault_fsync_fails_forever(t *testing.T) {
	r := newRig(t)
	r.mustAppend(0, many(5, 100)...)
	r.sync()
	for _, a := range []struct {
		name  string
		times int // syncs that fail
		want  string
	}{{"rescue too", 2, "refused"}, {"all", disktest.Always, "unknown"}} {
		fault := r.d.Fault(disktest.Fault{Kind: disktest.Sync, Op: opSync, Err: syscall.EIO, Times: a.times})
		r.mustAppend(0, 100, 100)
		r.settle(outbox.ConfirmedReply, r.pending()[0])
		res := r.sync()
		n := map[string]int{"refused": len(res.Refused), "unknown": len(res.Unknown)}
		if n[a.want] != 2 || n["refused"]+n["unknown"] != 2 || !errors.Is(res.Err, syscall.EIO) {
			t.Fatalf("%s: %v, err %v; want 2 %s", a.name, n, res.Err, a.want)
		}
		r.holds()
		if a.times != disktest.Always {
			fault.Remove()
		}
	}
	// Degraded: no busy loop, typed errors, delivery goes on.
	calls := r.d.Calls()
	refused := 0
	for range 200 {
		if r.append(0, 10) != nil {
			refused++
		}
		r.sync()
	}
	if n := r.d.Calls() - calls; n > 400 {
		t.Fatalf("%d disk calls for 200 wishes on a dead disk", n)
	}
	if refused < 190 {
		t.Fatalf("only %d of 200 appends refused", refused)
	}
	if f := r.holds(); len(f.pending) == 0 {
		t.Fatal("nothing is delivered any more")
	}
	files := len(r.d.Files())
	if files > 40 {
		t.Fatalf("%d files after 200 wishes", files)
	}
	// Relief: it works again without a restart.
	r.d.Heal()
	for range 300 {
		if r.append(0, 10) == nil {
			break
		}
	}
	if res := r.sync(); res.Err != nil || res.Durable != r.seq {
		t.Fatalf("after relief: %+v", res)
	}
	r.upkeep()
	r.sync()
	r.upkeep()
	if n := len(r.d.Files()); n > 6 {
		t.Fatalf("%d files are left of the failures:\n%v", n, r.d)
	}
	r.reopen(disktest.Garbage, 3)
}

func TestFault_fsync_slow(t *testing.T) {
	r := newRig(t)
	r.j.o.MaxUnsynced = 8 << 10
	r.mustAppend(0, 100)
	slow := r.j.Sync() // and does not come back
	var err error
	for n := 0; err == nil; n++ {
		if n > 100 {
			t.Fatal("what waits is not bounded")
		}
		err = r.append(0, 500)
	}
	if !errors.Is(err, outbox.ErrBacklog) {
		t.Fatalf("%v, want ErrBacklog", err)
	}
	r.settle(outbox.ConfirmedReply, 1)
	r.holds()
	if r.j.Sync() != nil {
		t.Fatal("a second sync beside a slow one")
	}
	before := r.settled()
	slow.Run()
	r.learn(r.j.Done(slow), before[:0])
	r.sync()
	r.mustAppend(0, 100)
	if res := r.sync(); res.Durable != r.seq {
		t.Fatalf("one sync answers all: %+v", res)
	}
	r.reopen(disktest.Garbage, 1)
}

func TestFault_fsync_lies(t *testing.T) {
	r := newRig(t)
	r.d.Fault(disktest.Fault{Kind: disktest.Sync, Lie: true, Times: disktest.Always})
	for range 5 {
		r.mustAppend(0, many(30, 400)...)
		r.settle(outbox.ConfirmedReply, r.pending()[:10]...)
		r.sync()
		r.upkeep()
	}
	for seed := range uint64(60) {
		c := r.d.Clone()
		c.Crash(disktest.Garbage, seed)
		j, err := Open(c.FS(), r.o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if _, err := look(j); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func TestFault_write_short(t *testing.T) {
	for short := int64(0); short < 1020; short += 61 {
		r := newRig(t)
		r.mustAppend(0, 100)
		r.sync()
		r.d.Fault(disktest.Fault{Kind: disktest.Write, Op: opAppend, Err: syscall.ENOSPC, Short: short})
		err := r.append(0, 300, 300, 300)
		if !errors.Is(err, outbox.ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%v, want ErrNoSpace", err)
		}
		r.holds()
		for seed := range uint64(6) { // refused stays refused, whatever is on the medium
			c := r.d.Clone()
			c.Crash(disktest.Garbage, seed)
			if _, err := r.verdict(c, false); err != nil {
				t.Fatalf("short %d: %v", short, err)
			}
		}
		r.mustAppend(0, 40)
		r.sync()
		r.reopen(disktest.Garbage, uint64(short))
		r.reopen(killOnly, 0)
	}
}

func TestFault_disk_full(t *testing.T) {
	r := newRig(t)
	r.upkeep()
	r.mustAppend(0, many(40, 700)...)
	r.sync()
	r.d.SetCapacity(r.d.Used()) // another process took the rest
	var err error
	for n := 0; err == nil; n++ {
		if n > 1000 {
			t.Fatal("a full disk takes everything")
		}
		if err = r.append(0, 500); err == nil {
			r.sync()
		}
	}
	if !errors.Is(err, outbox.ErrNoSpace) {
		t.Fatalf("%v, want ErrNoSpace", err)
	}
	// Ends are recorded and free space, the ballast is there for them.
	for len(r.pending()) > 0 {
		r.settle(outbox.ConfirmedReply, r.pending()[0])
		if res := r.sync(); res.Err != nil {
			t.Fatal(res.Err)
		}
		r.upkeep()
	}
	r.sync()
	r.upkeep()
	r.holds()
	if err := r.append(0, 500); err != nil {
		t.Fatalf("all is delivered, and still: %v\nspares %v rows %v leaving %v active %d/%d\n%v", err, r.j.keep.spares, len(r.j.rows), r.j.keep.leaving, r.j.active.off, r.j.active.limit, r.d)
	}
	r.sync()
	r.d.SetCapacity(0)
	for range 200 { // relief needs no restart
		r.mustAppend(0, 900)
		r.sync()
		r.upkeep()
	}
	r.reopen(disktest.Garbage, 1)
}

func TestFault_disk_full_open(t *testing.T) {
	for _, spare := range []bool{true, false} {
		t.Run(fmt.Sprintf("spare %v", spare), func(t *testing.T) {
			r := newRig(t)
			for range 3 {
				r.mustAppend(0, many(40, 700)...)
				r.sync()
			}
			r.mustAppend(1, 10)
			r.sync()
			if spare {
				r.upkeep()
			}
			r.d.SetCapacity(r.d.Used())
			f := r.reopen(disktest.Garbage, 2)
			if len(f.pending) == 0 {
				t.Fatal("nothing to deliver")
			}
			if !spare {
				if err := r.append(0, 10); !errors.Is(err, outbox.ErrNoSpace) {
					t.Fatalf("Append: %v, want ErrNoSpace", err)
				}
				r.settle(outbox.ConfirmedReply, r.pending()[:20]...) // held
				r.sync()
				r.holds()
				r.d.SetCapacity(r.d.Used() + 200<<10)
			}
			r.mustAppend(0, 10)
			if res := r.sync(); res.Durable != r.seq {
				t.Fatalf("after relief: %+v", res)
			}
			r.reopen(disktest.Garbage, 3)
		})
	}
}

func TestFault_remount_ro(t *testing.T) {
	r := newRig(t)
	r.mustAppend(0, many(20, 300)...)
	r.sync()
	r.d.SetReadOnly(true)
	if err := r.append(0, 10); !errors.Is(err, outbox.ErrReadOnly) {
		t.Fatalf("%v, want ErrReadOnly", err)
	}
	r.settle(outbox.ConfirmedReply, 1, 2, 3)
	if f := r.holds(); len(f.pending) != 17 {
		t.Fatalf("%d left to deliver, want 17", len(f.pending))
	}
	r.sync()
	r.upkeep()
	r.d.SetReadOnly(false)
	for range 300 {
		if r.append(0, 10) == nil {
			break
		}
	}
	if res := r.sync(); res.Durable != r.seq {
		t.Fatalf("after the remount: %+v", res)
	}
	r.reopen(disktest.Garbage, 1)
	r.d.SetReadOnly(true)
	r.reopen(killOnly, 0) // opens read-only, too
	if err := r.append(0, 10); !errors.Is(err, outbox.ErrReadOnly) {
		t.Fatalf("%v, want ErrReadOnly", err)
	}
}

func TestErrors(t *testing.T) {
	r := newRig(t)
	r.mustAppend(0, 10)
	r.sync()
	r.d.Kill()
	o := r.o
	o.Identity = "pk/other"
	var ie *IdentityError
	if _, err := Open(r.d.FS(), o); !errors.As(err, &ie) || ie.Found != "pk/dn" {
		t.Fatalf("%v, want an IdentityError", err)
	}
	files := r.d.Files()
	ruin := disktest.New()
	ruin.Put(segName(1), make([]byte, 70_000))
	var re *RuinError
	if _, err := Open(ruin.FS(), r.o); !errors.As(err, &re) {
		t.Fatalf("%v, want a RuinError: never a new journal over a ruin", err)
	}
	later := files[segName(1)]
	later[8] = 2
	c := crc(0, later[:12])
	later[12], later[13], later[14], later[15] = byte(c), byte(c>>8), byte(c>>16), byte(c>>24)
	newer := disktest.New()
	newer.Put(segName(1), later)
	var fe *FormatError
	if _, err := Open(newer.FS(), r.o); !errors.As(err, &fe) {
		t.Fatalf("%v, want a FormatError", err)
	}
}
