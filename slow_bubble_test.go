package aliiot

import (
	"time"

	"github.com/aliiot/aliiot/internal/disk"
)

// slowDisk makes every sync take time, as a medium does. Without it a bubble's
// clock stands still during a sync, and no two reports ever share one.
type slowDisk struct {
	disk.FS
	sync time.Duration
}

func (s slowDisk) Create(op disk.Op, name string) (disk.File, error) {
	f, err := s.FS.Create(op, name)
	return slowFile{f, s.sync}, err
}

func (s slowDisk) Open(op disk.Op, name string) (disk.File, error) {
	f, err := s.FS.Open(op, name)
	return slowFile{f, s.sync}, err
}

type slowFile struct {
	disk.File
	sync time.Duration
}

func (s slowFile) Sync(op disk.Op) error {
	time.Sleep(s.sync)
	return s.File.Sync(op)
}
