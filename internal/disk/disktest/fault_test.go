package disktest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error = %v, want %v", err, want)
	}
}

func TestAFaultStrikesTheNthCallOfOneJobOnly(t *testing.T) {
	d := disktest.New()
	f := create(t, d, "a")
	hit := d.Fault(disktest.Fault{Kind: disktest.Write, Op: "job", Name: "a*", Skip: 1, Times: 2, Err: syscall.EIO})
	do := func(op disk.Op) error {
		_, err := f.WriteAt(op, []byte("x"), 0)
		return err
	}
	for i, want := range []error{nil, syscall.EIO, syscall.EIO, nil} {
		no(t, do("other"))
		if err := do("job"); !errors.Is(err, want) {
			t.Errorf("write %d: %v, want %v", i, err, want)
		}
	}
	if hit.Hits() != 2 {
		t.Errorf("hits = %d", hit.Hits())
	}
	b := create(t, d, "b")
	again := d.Fault(disktest.Fault{Kind: disktest.Write, Name: "a*", Times: disktest.Always, Err: syscall.EIO})
	_, err := b.WriteAt("job", []byte("x"), 0)
	no(t, err)
	for range 3 {
		wants(t, do("job"), syscall.EIO)
	}
	again.Remove()
	no(t, do("job"))
}

func TestAShortWriteKeepsItsFirstBytes(t *testing.T) {
	d := disktest.New()
	f := create(t, d, "a")
	d.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Short: 3})
	n, err := f.WriteAt("test", []byte("abcdef"), 0)
	if n != 3 {
		t.Errorf("n = %d", n)
	}
	wants(t, err, syscall.ENOSPC)
	if got := d.Files()["a"]; string(got) != "abc" {
		t.Errorf("the file holds %q", got)
	}
}

func TestABadRangeReadsUpToItsEdge(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 10_000))
	f, err := d.FS().OpenRead("test", "a")
	no(t, err)
	d.Fault(disktest.Fault{Kind: disktest.Read, Off: 4096, Len: 4096, Times: disktest.Always, Err: syscall.EIO})
	p := make([]byte, 100)
	for _, c := range []struct {
		off  int64
		n    int
		want error
	}{{0, 100, nil}, {3996, 100, nil}, {4000, 96, syscall.EIO}, {5000, 0, syscall.EIO}, {8191, 0, syscall.EIO}, {8192, 100, nil}} {
		n, err := f.ReadAt("test", p, c.off)
		if n != c.n || !errors.Is(err, c.want) {
			t.Errorf("read at %d = %d, %v; want %d, %v", c.off, n, err, c.n, c.want)
		}
	}
}

func TestAFullDiskTakesWritesInAllocatedRanges(t *testing.T) {
	d := disktest.New()
	a := create(t, d, "a")
	_, err := a.WriteAt("test", make([]byte, 8192), 0) // zeros take room too
	no(t, err)
	b := create(t, d, "b")
	d.SetCapacity(3 * 4096)
	n, err := b.WriteAt("test", bytes.Repeat([]byte("x"), 10_000), 100)
	if n != 4096-100 {
		t.Errorf("wrote %d, want what fits: %d", n, 4096-100)
	}
	wants(t, err, syscall.ENOSPC)
	n, err = b.WriteAt("test", []byte("x"), 4096)
	if n != 0 {
		t.Errorf("wrote %d on a full disk", n)
	}
	wants(t, err, syscall.ENOSPC)
	write(t, a, "y", 5000, 1000)
	create(t, d, "c") // an inode needs no page
	no(t, b.Truncate("test", 1<<20))
	no(t, a.Sync("test"))

	no(t, d.FS().Remove("test", "a"))
	if _, err := b.WriteAt("test", []byte("x"), 4096); err == nil {
		t.Error("a removed file that is open gives its room back")
	}
	no(t, a.Close())
	write(t, b, "x", 4096, 8192)
	d.SetCapacity(0)
	write(t, b, "x", 0, 1<<16)
}

func TestAReadOnlyDiskRefusesChanges(t *testing.T) {
	d := disktest.New()
	f := create(t, d, "a")
	no(t, f.Sync("test"))
	no(t, d.FS().SyncDir("test"))
	write(t, f, "x", 0, 100)
	d.SetReadOnly(true)
	_, err := d.FS().Create("test", "b")
	wants(t, err, syscall.EROFS)
	_, err = d.FS().Open("test", "a")
	wants(t, err, syscall.EROFS)
	_, err = f.WriteAt("test", []byte("x"), 0)
	wants(t, err, syscall.EROFS)
	wants(t, f.Truncate("test", 0), syscall.EROFS)
	wants(t, d.FS().Rename("test", "a", "b"), syscall.EROFS)
	wants(t, d.FS().Remove("test", "a"), syscall.EROFS)
	wants(t, f.Sync("test"), syscall.EROFS)
	r, err := d.FS().OpenRead("test", "a")
	no(t, err)
	_, err = r.ReadAt("test", make([]byte, 100), 0)
	no(t, err)
	d.SetReadOnly(false)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "", "0100", "x100")
}

func TestDamageOnTheMediumShowsAfterTheCut(t *testing.T) {
	d := disktest.New()
	d.Put("a", []byte("oooo"))
	no(t, d.Flip("a", 1, 'o'^'x', disktest.Medium))
	if got := runs("a")(d.Files()); got != "o4" {
		t.Errorf("the cache shows it already: %s", got)
	}
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "z", 600, 1)
	no(t, f.Sync("test")) // writes another sector: heals nothing
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o1 x1 o2 0596 z1")
	no(t, d.Flip("a", 0, 'o'^'y', disktest.Both))
	if got := runs("a")(d.Files()); got != "y1 o3 0596 z1" {
		t.Errorf("damage to both: %s", got)
	}
	no(t, d.Shorten("a", 2, disktest.Both))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "y1 x1")
	no(t, d.Overwrite("a", 0, []byte("zz"), disktest.Cache))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "y1 x1")
	wants(t, d.Flip("a", 99, 1, disktest.Both), fs.ErrNotExist)
	wants(t, d.Flip("none", 0, 1, disktest.Both), fs.ErrNotExist)
	d.Lose("a")
	expect(t, outcomes(d, disktest.Torn, sizes), "")
}

func TestASyncThatHangsEndsWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := disktest.New()
		f := create(t, d, "a")
		d.Fault(disktest.Fault{Kind: disktest.Sync, Hang: make(chan struct{})})
		done := make(chan error, 1)
		go func() { done <- f.Sync("test") }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("the sync returned: %v", err)
		default:
		}
		write(t, f, "x", 0, 1) // others go on
		d.Kill()
		wants(t, <-done, disktest.ErrDead)
	})
}

func TestCrashBootsWhatTheMediumHeld(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		d := disktest.New()
		d.Put("a", bytes.Repeat([]byte("o"), 1024))
		f, err := d.FS().Open("test", "a")
		no(t, err)
		write(t, f, "x", 0, 1024)
		create(t, d, "b")
		d.SetReadOnly(true)
		at := d.Crash(disktest.Torn, seed)
		if _, err := f.Size("test"); !errors.Is(err, disktest.ErrDead) {
			t.Fatalf("a handle outlives the cut: %v", err)
		}
		got := runs("a")(d.Files()) + " " + sizes(d.Files())
		seen[got] = true
		expect(t, outcomes(d, disktest.Torn, func(f map[string][]byte) string { return runs("a")(f) + " " + sizes(f) }), got)
		create(t, d, "c")
		if at.String() == "" {
			t.Error("the cut has no description")
		}
	}
	if len(seen) != 8 { // two sectors, one name
		t.Errorf("%d different images of 8: %v", len(seen), seen)
	}
}

func TestTheCapacityOutlivesACut(t *testing.T) {
	d := disktest.New()
	d.Put("a", make([]byte, 4096))
	d.SetCapacity(4096)
	for img := range d.Images(disktest.Options{}) {
		f := create(t, img, "b")
		_, err := f.WriteAt("test", []byte("x"), 0)
		wants(t, err, syscall.ENOSPC)
		if img.Used() != 4096 {
			t.Errorf("used = %d", img.Used())
		}
	}
}

func TestStatsCountByJob(t *testing.T) {
	d := disktest.New()
	fsys := d.FS()
	f, err := fsys.Create("make", "a")
	no(t, err)
	_, err = f.WriteAt("fill", make([]byte, 100), 0)
	no(t, err)
	_, err = f.WriteAt("fill", make([]byte, 50), 50)
	no(t, err)
	no(t, f.Truncate("fill", 10))
	no(t, f.Sync("fill"))
	_, err = f.ReadAt("look", make([]byte, 4), 0)
	no(t, err)
	no(t, fsys.Rename("make", "a", "b"))
	no(t, fsys.SyncDir("make"))
	no(t, fsys.Remove("make", "b"))
	by := d.StatsByOp()
	if s := by["fill"]; s.Calls != 4 || s.Writes != 2 || s.WriteBytes != 150 || s.SizeChanges != 2 || s.FileSyncs != 1 {
		t.Errorf("fill: %+v", s)
	}
	if s := by["make"]; s.DirOps() != 3 || s.DirSyncs != 1 || s.Creates != 1 || s.Renames != 1 || s.Removes != 1 {
		t.Errorf("make: %+v", s)
	}
	if s := d.Stats(); s.Reads != 1 || s.ReadBytes != 4 || s.Calls != 9 || s.Writes != 2 {
		t.Errorf("sum: %+v", s)
	}
	d.ResetStats()
	if s := d.Stats(); s != (disktest.Stats{}) {
		t.Errorf("after the reset: %+v", s)
	}
}
