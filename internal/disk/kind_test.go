package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
)

func TestWhatAKindIsGoodFor(t *testing.T) {
	for _, c := range []struct {
		info                   disk.Info
		volatile, weak, unsure bool
	}{
		{info: disk.Info{Kind: disk.Ext4}},
		{info: disk.Info{Kind: disk.F2FS}},
		{info: disk.Info{Kind: disk.UBIFS}},
		{info: disk.Info{Kind: disk.Other}},
		{info: disk.Info{Kind: disk.Tmpfs}, volatile: true},
		{info: disk.Info{Kind: disk.FAT}, weak: true},
		{info: disk.Info{Kind: disk.ExFAT}, weak: true},
		{info: disk.Info{Kind: disk.NFS}, unsure: true},
		{info: disk.Info{Kind: disk.Remote}, unsure: true},
		{info: disk.Info{Kind: disk.Overlay}, unsure: true},
		{info: disk.Info{Kind: disk.Overlay, UpperKind: disk.Ext4}, unsure: true},
		{info: disk.Info{Kind: disk.Overlay, UpperKind: disk.Tmpfs}, volatile: true, unsure: true},
		{info: disk.Info{Kind: disk.Overlay, UpperKind: disk.Ext4, SyncsAreLies: true}, volatile: true, unsure: true},
	} {
		if c.info.Volatile() != c.volatile || c.info.Weak() != c.weak || c.info.Unsure() != c.unsure {
			t.Errorf("%+v: volatile %v, weak %v, unsure %v", c.info, c.info.Volatile(), c.info.Weak(), c.info.Unsure())
		}
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	info, err := disk.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", dir, info)
	if _, err := disk.Inspect(filepath.Join(dir, "none")); !errors.Is(err, disk.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := os.Stat("/dev/shm"); err == nil {
		shm, err := disk.Inspect("/dev/shm")
		if err != nil || !shm.Volatile() && shm.Kind != disk.Other {
			t.Errorf("/dev/shm: %+v, %v", shm, err)
		}
	}
}
