package disk_test

import (
	"bytes"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

var (
	oldText = bytes.Repeat([]byte("old "), 1500) // over one page
	newText = bytes.Repeat([]byte("NEW!"), 2100)
)

// replace is a way to write a file whole.
type replace func(d disk.FS, data []byte) error

// cutReplace cuts the power at every call of two replacements and counts the
// images in which the file is neither what was promised nor what was being written.
func cutReplace(t *testing.T, level disktest.Level, write replace) (bad int) {
	d := disktest.New()
	d.Put("state", oldText)
	promised, writing := oldText, oldText
	r := disktest.Cuts(disktest.Options{Disk: d, Level: level}, func(fsys disk.FS) {
		for _, next := range [][]byte{newText, oldText[:700]} {
			writing = next
			if err := write(fsys, next); err != nil {
				t.Fatal(err)
			}
			promised = next
		}
	}, func(img *disktest.Disk, at disktest.Cut) {
		got, err := disk.ReadFile(img.FS(), "test", "state", 1<<20)
		if err != nil || !bytes.Equal(got, promised) && !bytes.Equal(got, writing) {
			bad++
		}
	})
	if r.Images < 50 {
		t.Errorf("only %d images", r.Images)
	}
	return bad
}

func TestWriteFileSurvivesEveryPowerCut(t *testing.T) {
	if bad := cutReplace(t, disktest.Garbage, func(d disk.FS, data []byte) error {
		return disk.WriteFile(d, "save", "state", data)
	}); bad != 0 {
		t.Errorf("%d images broke the promise", bad)
	}
}

// Each step left out must show in the model, else the test above proves nothing.
func TestEveryStepOfWriteFileIsNeeded(t *testing.T) {
	for _, without := range []string{"temp", "sync", "syncdir"} {
		t.Run("without "+without, func(t *testing.T) {
			bad := cutReplace(t, disktest.Torn, func(d disk.FS, data []byte) error {
				name := "state.tmp"
				var f disk.File
				var err error
				if without == "temp" {
					name = "state"
					f, err = d.Open("save", name)
				} else {
					f, err = d.Create("save", name)
				}
				if err != nil {
					return err
				}
				defer f.Close()
				if _, err := f.WriteAt("save", data, 0); err != nil {
					return err
				}
				if err := f.Truncate("save", int64(len(data))); err != nil {
					return err
				}
				if without != "sync" {
					if err := f.Sync("save"); err != nil {
						return err
					}
				}
				if name != "state" {
					if err := d.Rename("save", name, "state"); err != nil {
						return err
					}
				}
				if without == "syncdir" {
					return nil
				}
				return d.SyncDir("save")
			})
			if bad == 0 {
				t.Error("no image shows that the step is missing")
			}
		})
	}
}

func TestWriteFileKeepsTheOldOneWhenAStepFails(t *testing.T) {
	for _, f := range []disktest.Fault{
		{Kind: disktest.Create, Err: syscall.EMFILE},
		{Kind: disktest.Write, Err: syscall.ENOSPC, Short: 3},
		{Kind: disktest.Sync, Err: syscall.EIO},
		{Kind: disktest.Close, Err: syscall.EIO},
		{Kind: disktest.Rename, Err: syscall.EIO},
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			d := disktest.New()
			d.Put("state", oldText)
			d.Fault(f)
			if err := disk.WriteFile(d.FS(), "save", "state", newText); !errors.Is(err, f.Err) {
				t.Fatalf("error = %v, want %v", err, f.Err)
			}
			if got := d.Files(); !bytes.Equal(got["state"], oldText) || len(got) != 1 {
				t.Errorf("left behind: %v", d)
			}
			if err := disk.WriteFile(d.FS(), "save", "state", newText); err != nil {
				t.Errorf("the next try: %v", err)
			}
		})
	}
}

func TestWriteFileClearsWhatACrashLeft(t *testing.T) {
	d := disktest.New()
	d.Put("state.tmp", []byte("half"))
	if err := disk.WriteFile(d.FS(), "save", "state", newText); err != nil {
		t.Fatal(err)
	}
	if got := d.Files(); !bytes.Equal(got["state"], newText) || len(got) != 1 {
		t.Errorf("files: %v", d)
	}
}

func TestReadFileIsBounded(t *testing.T) {
	d := disktest.New()
	d.Put("state", oldText)
	n := int64(len(oldText))
	if got, err := disk.ReadFile(d.FS(), "load", "state", n); err != nil || !bytes.Equal(got, oldText) {
		t.Errorf("at the bound: %d bytes, %v", len(got), err)
	}
	if _, err := disk.ReadFile(d.FS(), "load", "state", n-1); !errors.Is(err, disk.ErrTooLarge) {
		t.Errorf("above the bound: %v", err)
	}
	if _, err := disk.ReadFile(d.FS(), "load", "none", n); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	d.Fault(disktest.Fault{Kind: disktest.Read, Err: syscall.EIO})
	if _, err := disk.ReadFile(d.FS(), "load", "state", n); !errors.Is(err, syscall.EIO) {
		t.Errorf("a bad sector: %v", err)
	}
}

func TestProbe(t *testing.T) {
	d := disktest.New()
	d.Put("probe.tmp", nil) // left by a crash
	for range 3 {
		if err := disk.Probe(d.FS(), "probe"); err != nil {
			t.Error(err)
		}
		if len(d.Files()) != 0 {
			t.Errorf("left behind: %v", d)
		}
	}
	d.Fault(disktest.Fault{Kind: disktest.Create, Err: syscall.ENOSPC})
	if err := disk.Probe(d.FS(), "probe"); err != nil {
		t.Errorf("a full disk: %v, want none", err)
	}
	d.SetReadOnly(true)
	if err := disk.Probe(d.FS(), "probe"); !disk.IsReadOnly(err) {
		t.Errorf("a read-only disk: %v", err)
	}
}

func TestErrorsAreSorted(t *testing.T) {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if !disk.IsNoSpace(&disk.Error{Err: e}) {
			t.Errorf("%v is not taken for a full disk", e)
		}
	}
	if disk.IsNoSpace(syscall.EIO) || disk.IsReadOnly(syscall.EIO) {
		t.Error("EIO is taken for something that passes")
	}
}
