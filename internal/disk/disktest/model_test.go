package disktest_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// outcomes cuts the power once, now, and returns what the medium may hold: one
// line an image, made by show.
func outcomes(d *disktest.Disk, level disktest.Level, show func(files map[string][]byte) string) map[string]bool {
	out := map[string]bool{}
	for img := range d.Images(disktest.Options{Level: level}) {
		out[show(img.Files())] = true
	}
	return out
}

func expect(t *testing.T, got map[string]bool, want ...string) {
	t.Helper()
	set := map[string]bool{}
	for _, w := range want {
		set[w] = true
	}
	if !maps.Equal(got, set) {
		t.Errorf("images:\n %v\nwant:\n %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(set)))
	}
}

// sizes shows names and sizes, runs shows a content as letters and lengths.
func sizes(files map[string][]byte) string {
	var s []string
	for _, name := range []string{"a", "b"} {
		if data, ok := files[name]; ok {
			s = append(s, fmt.Sprintf("%s=%d", name, len(data)))
		}
	}
	return strings.Join(s, " ")
}

func runs(name string) func(map[string][]byte) string {
	return func(files map[string][]byte) string {
		var s strings.Builder
		data := files[name]
		for len(data) > 0 {
			n := 1
			for n < len(data) && data[n] == data[0] {
				n++
			}
			c := string(data[:1])
			if c == "\x00" {
				c = "0"
			}
			fmt.Fprintf(&s, "%s%d ", c, n)
			data = data[n:]
		}
		return strings.TrimSpace(s.String())
	}
}

func create(t *testing.T, d *disktest.Disk, name string) disk.File {
	t.Helper()
	f, err := d.FS().Create("test", name)
	no(t, err)
	return f
}

func write(t *testing.T, f disk.File, c string, off int64, n int) {
	t.Helper()
	_, err := f.WriteAt("test", bytes.Repeat([]byte(c), n), off)
	no(t, err)
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestASyncedFileLosesItsNameUntilTheFolderIsSynced(t *testing.T) {
	d := disktest.New()
	f := create(t, d, "a")
	write(t, f, "x", 0, 10)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, sizes), "", "a=10")
	no(t, d.FS().SyncDir("test"))
	expect(t, outcomes(d, disktest.Torn, sizes), "a=10")
}

func TestARenameMayComeBeforeTheData(t *testing.T) {
	d := disktest.New()
	d.Put("a", []byte("old"))
	f := create(t, d, "b")
	write(t, f, "x", 0, 600)
	no(t, d.FS().Rename("test", "b", "a"))
	no(t, d.FS().SyncDir("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "", "0600", "x512 088", "0512 x88", "x600")
}

func TestTheHalvesOfARenameStayTogether(t *testing.T) {
	d := disktest.New()
	d.Put("a", []byte("1"))
	d.Put("b", []byte("22"))
	no(t, d.FS().Rename("test", "a", "b"))
	expect(t, outcomes(d, disktest.Torn, sizes), "a=1 b=2", "b=1")
}

func TestRemovalsAreUndoneEachAlone(t *testing.T) {
	d := disktest.New()
	d.Put("a", []byte("1"))
	d.Put("b", []byte("22"))
	no(t, d.FS().Remove("test", "a"))
	no(t, d.FS().Remove("test", "b"))
	expect(t, outcomes(d, disktest.Reorder, sizes), "a=1 b=2", "a=1", "b=2", "")
	expect(t, outcomes(d, disktest.Prefix, sizes), "a=1 b=2", "b=2", "")
	no(t, d.FS().SyncDir("test"))
	expect(t, outcomes(d, disktest.Torn, sizes), "")
}

func TestBytesAndSizePartWays(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 10))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 10, 20)
	write(t, f, "y", 0, 5)
	expect(t, outcomes(d, disktest.Prefix, runs("a")), "o10", "o10 x20", "y5 o5 x20")
	// One sector: its second version contains the first.
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o10", "y5 o5", "o10 020", "o10 x20", "y5 o5 x20")
	no(t, f.Truncate("test", 4))
	expect(t, outcomes(d, disktest.Torn, runs("a")),
		"o10", "y5 o5", "o10 020", "o10 x20", "y5 o5 x20", // the truncation has not happened
		"o4", "y4") // it has
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "y4")
}

func TestWritesToDifferentSectorsAreReordered(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 1024))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 0, 100)
	write(t, f, "y", 600, 100)
	both := "x100 o500 y100 o324"
	expect(t, outcomes(d, disktest.Prefix, runs("a")), "o1024", "x100 o924", both)
	expect(t, outcomes(d, disktest.Reorder, runs("a")), "o1024", "x100 o924", "o600 y100 o324", both)
}

func TestOneWriteIsTornAtSectorsAndPages(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 1500))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 400, 700) // three sectors: 112, 512, 76 bytes
	expect(t, outcomes(d, disktest.Reorder, runs("a")), "o1500", "o400 x700 o400")
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o1500", "o400 x700 o400",
		"o400 x112 o988", "o512 x512 o476", "o1024 x76 o400",
		"o400 x624 o476", "o512 x588 o400", "o400 x112 o512 x76 o400")
}

func TestGarbageStaysInsideTheWrittenRange(t *testing.T) {
	d := disktest.New()
	d.Put("b", bytes.Repeat([]byte("s"), 2000))
	no(t, d.FS().Remove("test", "b"))
	d.Put("a", bytes.Repeat([]byte("o"), 1500))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 400, 700)
	seen := map[string]bool{}
	for img, at := range d.Images(disktest.Options{Level: disktest.Garbage}) {
		data := img.Files()["a"]
		if !bytes.Equal(data[:400], bytes.Repeat([]byte("o"), 400)) || !bytes.Equal(data[1100:], bytes.Repeat([]byte("o"), 400)) {
			t.Fatalf("bytes beside the write changed: %v", at)
		}
		seen[runs("a")(map[string][]byte{"a": data})] = true
	}
	for _, want := range []string{"o400 s700 o400", "o400 0700 o400", "o400 s112 x588 o400", "o1500"} {
		if !seen[want] {
			t.Errorf("no image %q", want)
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d images: where are the random ones?", len(seen))
	}
}

func TestBeyondPowerSafeOverwriteTellsWhatItDestroyed(t *testing.T) {
	d := disktest.New()
	old := bytes.Repeat([]byte("o"), 10_000)
	d.Put("a", old)
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 5000, 10)
	written := bytes.Clone(old)
	copy(written[5000:], "xxxxxxxxxx")
	var beside, pages, flips int
	for img, at := range d.Images(disktest.Options{Level: disktest.Beyond}) {
		data := img.Files()["a"]
		if at.Level != disktest.Beyond {
			continue
		}
		expect(t, outcomes(img, disktest.Prefix, runs("a")), runs("a")(img.Files()))
		if len(at.Damage) != 1 {
			t.Fatalf("damage: %v", at.Damage)
		}
		dm := at.Damage[0]
		whole := func(of []byte) bool {
			return bytes.Equal(data[:dm.Off], of[:dm.Off]) && bytes.Equal(data[dm.Off+dm.Len:], of[dm.Off+dm.Len:])
		}
		if !whole(old) && !whole(written) {
			t.Errorf("bytes outside of %v changed", dm)
		}
		if bytes.Equal(data, old) || bytes.Equal(data, written) {
			t.Errorf("nothing changed inside of %v", dm)
		}
		switch {
		case dm.Len == 1:
			flips++
		case dm.Len == 4096 || dm.Off+dm.Len == 10_000:
			pages++
		case dm.Off == 4608 && dm.Len == 392 || dm.Off == 5010 && dm.Len == 110:
			beside++
		}
	}
	if beside != 4 || pages != 6 || flips != 32 {
		t.Errorf("%d beside the write, %d pages, %d flips; want 4, 6, 32", beside, pages, flips)
	}
}

func TestAFailedSyncLeavesItsBytesInDoubtForEver(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 2048))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 0, 512)
	write(t, f, "x", 1024, 512)
	d.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO})
	if err := f.Sync("test"); err == nil {
		t.Fatal("the sync succeeds")
	}
	no(t, f.Sync("test"))
	doubt := []string{"o2048", "x512 o1536", "o1024 x512 o512", "x512 o512 x512 o512"}
	expect(t, outcomes(d, disktest.Torn, runs("a")), doubt...)
	// A sector that is written again goes out whole, with what was in doubt.
	write(t, f, "y", 100, 10)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "x100 y10 x402 o1536", "x100 y10 x402 o512 x512 o512")
}

func TestADroppedSyncHasLostItsBytes(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 1024))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 0, 512)
	d.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO, Drop: true})
	_ = f.Sync("test")
	write(t, f, "y", 512, 100)
	no(t, f.Sync("test"))
	if got := runs("a")(d.Files()); got != "x512 y100 o412" {
		t.Errorf("the cache reads %q", got)
	}
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o512 y100 o412")
}

func TestAFailedSyncLeavesTheSizeInDoubt(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 512))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 512, 512)
	d.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO})
	_ = f.Sync("test")
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o512", "o512 0512", "o512 x512")
	// Cutting back what is in doubt, with a sync that succeeds, ends the doubt.
	no(t, f.Truncate("test", 512))
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o512")
	write(t, f, "z", 1024, 512)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o512 0512 z512")
}

func TestASizeStaysInDoubtUntilSomethingSettlesIt(t *testing.T) {
	fail := func(d *disktest.Disk, f disk.File) {
		d.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO})
		_ = f.Sync("test")
	}
	open := func() (*disktest.Disk, disk.File) {
		d := disktest.New()
		d.Put("a", bytes.Repeat([]byte("o"), 512))
		f, err := d.FS().Open("test", "a")
		no(t, err)
		return d, f
	}
	d, f := open() // another sector goes out: nothing is said of the size
	write(t, f, "x", 512, 512)
	fail(d, f)
	write(t, f, "y", 0, 10)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "y10 o502", "y10 o502 0512", "y10 o502 x512")
	write(t, f, "z", 1024, 10) // bytes behind it need it
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "y10 o502 0512 z10", "y10 o502 x512 z10")

	d, f = open() // good bytes lie where the doubtful size put them: they stay
	write(t, f, "x", 512, 512)
	fail(d, f)
	write(t, f, "y", 600, 10)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o512 x88 y10 x414")

	d, f = open() // the bytes go out with their sector, the size does not
	no(t, f.Truncate("test", 10))
	write(t, f, "x", 10, 40)
	fail(d, f)
	write(t, f, "y", 0, 5)
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "y5 o5 x40 o462", "y5 o5")
}

func TestWhatATruncationCutOffStaysAwayOnceItIsDurable(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 1024))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	no(t, f.Truncate("test", 100))
	write(t, f, "z", 600, 100)
	expect(t, outcomes(d, disktest.Torn, runs("a")),
		"o1024", "o600 z100 o324", // nothing of the sizes
		"o100",                        // the truncation
		"o100 0600", "o100 0500 z100") // both
}

func TestSizesAreThoseThatTheFileHad(t *testing.T) {
	d := disktest.New()
	d.Put("a", bytes.Repeat([]byte("o"), 50))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	for _, n := range []int64{90, 70, 10, 60} {
		no(t, f.Truncate("test", n))
	}
	write(t, f, "z", 0, 1) // survives or not, whatever the size
	expect(t, outcomes(d, disktest.Torn, func(files map[string][]byte) string {
		return string(files["a"][:1]) + " " + sizes(files)
	}), "o a=50", "o a=90", "o a=10", "o a=70", "o a=60",
		"z a=50", "z a=90", "z a=10", "z a=70", "z a=60")
}

func TestAFailedFolderSyncLeavesNamesInDoubt(t *testing.T) {
	d := disktest.New()
	no(t, create(t, d, "a").Sync("test"))
	d.Fault(disktest.Fault{Kind: disktest.SyncDir, Err: syscall.EIO})
	if d.FS().SyncDir("test") == nil {
		t.Fatal("the sync succeeds")
	}
	create(t, d, "b")
	no(t, d.FS().SyncDir("test"))
	expect(t, outcomes(d, disktest.Torn, sizes), "b=0", "a=0 b=0")
	no(t, d.FS().Remove("test", "a"))
	no(t, d.FS().SyncDir("test"))
	expect(t, outcomes(d, disktest.Torn, sizes), "b=0")
}

func TestALyingSyncDoesNothing(t *testing.T) {
	d := disktest.New()
	d.Fault(disktest.Fault{Kind: disktest.Sync, Lie: true, Times: disktest.Always})
	d.Fault(disktest.Fault{Kind: disktest.SyncDir, Lie: true, Times: disktest.Always})
	f := create(t, d, "a")
	write(t, f, "x", 0, 100)
	no(t, f.Sync("test"))
	no(t, d.FS().SyncDir("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "", "0100", "x100")
}

func TestASyncCoversWhatWasWrittenBeforeItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := disktest.New()
		d.Put("a", bytes.Repeat([]byte("o"), 1024))
		f, err := d.FS().Open("test", "a")
		no(t, err)
		write(t, f, "x", 0, 100)
		hang, done := make(chan struct{}), make(chan error, 1)
		d.Fault(disktest.Fault{Kind: disktest.Sync, Hang: hang})
		go func() { done <- f.Sync("test") }()
		synctest.Wait() // it hangs
		write(t, f, "y", 50, 100)
		write(t, f, "z", 512, 512)
		close(hang)
		no(t, <-done)
		expect(t, outcomes(d, disktest.Torn, runs("a")),
			"x100 o924", "x50 y100 o874", "x100 o412 z512", "x50 y100 o362 z512")
	})
}

func TestKillKeepsTheCacheAndForgetsTheError(t *testing.T) {
	d := disktest.New()
	d.Put("a", []byte("o"))
	f, err := d.FS().Open("test", "a")
	no(t, err)
	write(t, f, "x", 0, 1)
	d.LoseWriteback("a", syscall.EIO)
	d.Kill()
	if _, err := f.WriteAt("test", []byte("y"), 0); err == nil {
		t.Error("a dead handle writes")
	}
	f, err = d.FS().Open("test", "a")
	no(t, err)
	if got := runs("a")(d.Files()); got != "x1" {
		t.Errorf("the next process reads %q", got)
	}
	no(t, f.Sync("test")) // proves nothing
	expect(t, outcomes(d, disktest.Torn, runs("a")), "o1", "x1")
}

func TestALostWritebackIsToldOnce(t *testing.T) {
	d := disktest.New()
	f := create(t, d, "a")
	write(t, f, "x", 0, 1)
	no(t, d.FS().SyncDir("test"))
	d.LoseWriteback("a", syscall.EIO)
	write(t, f, "y", 512, 1) // in doubt too: the sync over it fails
	if f.Sync("test") == nil {
		t.Error("the sync does not tell")
	}
	no(t, f.Sync("test"))
	expect(t, outcomes(d, disktest.Torn, runs("a")), "", "01", "x1", "0513", "x1 0512", "0512 y1", "x1 0511 y1")
}
