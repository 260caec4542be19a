package disktest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

// appends is a workload that promises each record after its sync.
type appends struct {
	promised int
	begun    int
}

func (a *appends) run(t *testing.T, sync bool) func(disk.FS) {
	return func(d disk.FS) {
		f, err := d.Create("log", "log")
		no(t, err)
		no(t, f.Sync("log"))
		no(t, d.SyncDir("log"))
		for i := range 12 {
			a.begun = i + 1
			_, err := f.WriteAt("log", record(i), int64(i)*300)
			no(t, err)
			if sync {
				no(t, f.Sync("log"))
			}
			a.promised = i + 1
		}
	}
}

func record(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 300) }

// whole is how many records an image holds from the start on.
func whole(img *disktest.Disk) int {
	data := img.Files()["log"]
	for i := 0; ; i++ {
		if len(data) < (i+1)*300 || !bytes.Equal(data[i*300:(i+1)*300], record(i)) {
			return i
		}
	}
}

func TestCutsKnowWhatWasPromised(t *testing.T) {
	var a appends
	kinds, lost := map[disktest.Kind]int{}, map[disktest.Kind]int{}
	r := disktest.Cuts(disktest.Options{Level: disktest.Garbage, Kill: true}, a.run(t, true), func(img *disktest.Disk, at disktest.Cut) {
		kinds[at.Call.Kind]++
		if whole(img) < a.begun {
			lost[at.Call.Kind]++
		}
		if n := whole(img); n < a.promised || n > a.begun {
			t.Errorf("%d records, promised %d, begun %d: %v", n, a.promised, a.begun, at)
		}
		if at.Kill && whole(img) != a.begun && at.Call.Kind != disktest.Create {
			t.Errorf("the cache has %d records of %d: %v", whole(img), a.begun, at)
		}
	})
	if r.Calls != 27 || r.Points != 28 || r.Kills != 28 {
		t.Errorf("%+v; want 27 calls, 28 points and kills", r)
	}
	for _, k := range []disktest.Kind{disktest.Create, disktest.Write, disktest.Sync, disktest.SyncDir, ""} {
		if kinds[k] == 0 {
			t.Errorf("no cut in %q", k)
		}
	}
	if lost[disktest.Write] == 0 || lost[disktest.Sync] == 0 || lost[""] != 0 {
		t.Errorf("what was being written is lost %v times: want some in writes and in syncs, none at the end", lost)
	}
}

func TestCutsFindAMissingSync(t *testing.T) {
	var a appends
	bad := 0
	disktest.Cuts(disktest.Options{Level: disktest.Prefix}, a.run(t, false), func(img *disktest.Disk, at disktest.Cut) {
		if whole(img) < a.promised {
			bad++
		}
	})
	if bad == 0 {
		t.Error("records that were never synced are on every image")
	}
}

func TestCutsAreDeterministic(t *testing.T) {
	run := func() string {
		var s strings.Builder
		var a appends
		o := disktest.Options{Level: disktest.Beyond, Most: 20, Every: 2, Seed: 5}
		disktest.Cuts(o, a.run(t, false), func(img *disktest.Disk, at disktest.Cut) {
			fmt.Fprintf(&s, "%v\n%x\n", at, img.Files())
		})
		return s.String()
	}
	a, b := run(), run()
	if a != b || len(a) < 1000 {
		t.Error("the same seed gives other images")
	}
}

func TestKeyLeavesOutWhatWasCheckedUnderTheSamePromise(t *testing.T) {
	var a appends
	o := disktest.Options{Level: disktest.Torn, Seeded: -1}
	all := disktest.Cuts(o, a.run(t, false), func(*disktest.Disk, disktest.Cut) {})
	o.Key = func() uint64 { return 0 }
	one := disktest.Cuts(o, a.run(t, false), func(*disktest.Disk, disktest.Cut) {})
	o.Key = func() uint64 { return uint64(a.promised) }
	each := disktest.Cuts(o, a.run(t, false), func(*disktest.Disk, disktest.Cut) {})
	if one.Images >= each.Images || each.Images > all.Images || one.Images == 0 {
		t.Errorf("%d images without promises, %d with, %d without a key", one.Images, each.Images, all.Images)
	}
}

// The recovery is cut as well: an image is a disk like any other.
func TestCutsNest(t *testing.T) {
	var a appends
	deep := 0
	disktest.Cuts(disktest.Options{Level: disktest.Reorder, Every: 4}, a.run(t, true), func(img *disktest.Disk, at disktest.Cut) {
		kept := whole(img)
		repair := func(d disk.FS) {
			f, err := d.Open("repair", "log")
			if err != nil {
				return // the file's name was lost: nothing was promised
			}
			no(t, f.Truncate("repair", int64(kept)*300))
			no(t, f.Sync("repair"))
		}
		disktest.Cuts(disktest.Options{Disk: img, Level: disktest.Torn}, repair, func(again *disktest.Disk, at disktest.Cut) {
			deep++
			if n := whole(again); n != kept {
				t.Errorf("%d records, %d before the repair: %v", n, kept, at)
			}
		})
	})
	if deep < 50 {
		t.Errorf("only %d images at depth 2", deep)
	}
}

func TestLooksCutAtReadsToo(t *testing.T) {
	points := func(looks bool) int {
		return disktest.Cuts(disktest.Options{Looks: looks}, func(d disk.FS) {
			f, err := d.Create("test", "a")
			no(t, err)
			_, err = d.List("test")
			no(t, err)
			_, err = f.Size("test")
			no(t, err)
			no(t, f.Close())
		}, func(*disktest.Disk, disktest.Cut) {}).Points
	}
	if a, b := points(false), points(true); a != 2 || b != 5 {
		t.Errorf("%d and %d points, want 2 and 5", a, b)
	}
}

// On every image up to level Torn each byte is one that was at this place since
// the last good sync, and what has been synced and not touched since is there.
func TestEveryByteOfAnImageHasAReason(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		d := disktest.New()
		const most = 6000
		d.Put("a", bytes.Repeat([]byte{1}, rnd.IntN(most)))
		f, err := d.FS().Open("test", "a")
		no(t, err)
		var may [most + 1][256]bool // per place, the bytes that a cut may show; [0] also for "cut off"
		settle := func() {
			data := d.Files()["a"]
			for i := range may {
				may[i] = [256]bool{}
				may[i][0] = i >= len(data)
				if i < len(data) {
					may[i][data[i]] = true
				}
			}
		}
		settle()
		for step := range 30 {
			switch rnd.IntN(6) {
			case 0:
				n := rnd.IntN(most)
				no(t, f.Truncate("test", int64(n)))
				for i := n; i < most; i++ {
					may[i][0] = true
				}
			case 1:
				no(t, f.Sync("test"))
				settle()
			default:
				off, n := rnd.IntN(most), 1+rnd.IntN(1500)
				n = min(n, most-off)
				write(t, f, string([]byte{byte(step + 2)}), int64(off), n)
				for i := range most {
					if i < off+n {
						may[i][0] = true // a hole or a lost write below the new size
					}
					if i >= off && i < off+n {
						may[i][byte(step+2)] = true
					}
				}
			}
			for img, at := range d.Images(disktest.Options{Level: disktest.Torn, Most: 12, Seed: seed}) {
				data := img.Files()["a"]
				for i := range most {
					var b byte
					if i < len(data) {
						b = data[i]
					}
					if !may[i][b] {
						t.Fatalf("seed %d step %d: byte %d is %d: %v", seed, step, i, b, at)
					}
				}
			}
		}
	}
}

func BenchmarkImages(b *testing.B) {
	images := 0
	for b.Loop() {
		d := disktest.New()
		d.Put("log", make([]byte, 64<<10))
		r := disktest.Cuts(disktest.Options{Disk: d, Level: disktest.Garbage}, func(fsys disk.FS) {
			f, err := fsys.Open("log", "log")
			if err != nil {
				b.Fatal(err)
			}
			for i := range 60 {
				_, _ = f.WriteAt("log", record(i%20), int64(i)*300)
				if i%4 == 3 {
					_ = f.Sync("log")
				}
			}
		}, func(*disktest.Disk, disktest.Cut) {})
		images += r.Images
	}
	b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
	b.ReportMetric(float64(images)/float64(b.N), "images/op")
}
