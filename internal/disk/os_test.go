package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func TestOSKeepsTheContract(t *testing.T) {
	disktest.Suite(t, func(t *testing.T) disk.FS {
		d, err := disk.OS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

func TestOSRefusesWhatIsNoFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := disk.OS(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.OS(path); err == nil {
		t.Error("a file passes for a folder")
	}
	if _, err := disk.Make(filepath.Join(path, "sub")); err == nil {
		t.Error("a folder is made inside a file")
	}
}

func TestMakeMakesParentsForTheOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	for range 2 { // the second time it is there
		d, err := disk.Make(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.List("test"); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v lets others in", info.Mode())
	}
}

func TestListLeavesOutWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	d, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.List("test")
	if err != nil || len(list) != 0 {
		t.Errorf("list = %v, %v; want nothing", list, err)
	}
}
