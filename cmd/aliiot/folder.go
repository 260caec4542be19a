package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/folder"
	"github.com/aliiot/aliiot/internal/journal"
)

// deviceFolder is a device's folder as a tool sees it: nothing in it is locked,
// made or changed, so a device may live in it meanwhile.
type deviceFolder struct {
	dir   string
	fs    disk.FS
	view  *journal.Viewed
	lanes []string
}

func openFolder(dir string) (*deviceFolder, error) {
	if info, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s", dir)
	} else if err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	fs, err := disk.OS(dir)
	if err != nil {
		return nil, err
	}
	view, err := journal.View(fs, "")
	if errors.Is(err, disk.ErrNotExist) {
		return nil, fmt.Errorf("there is no journal in %s", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	lanes, err := folder.LaneNames(fs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &deviceFolder{dir, fs, view, lanes}, nil
}

// lane is the name of a class.
func (f *deviceFolder) lane(class uint8) string {
	if int(class) < len(f.lanes) {
		return f.lanes[class]
	}
	return fmt.Sprintf("class-%d", class)
}

// ownFolder opens a folder to change it: the device must have ended, and stays out
// until release is called.
//
// Errors: *disk.LockedError beside a living device, *ownerError.
func ownFolder(dir string) (f *deviceFolder, release func() error, err error) {
	if _, err := openFolder(dir); err != nil {
		return nil, nil, err // before a lock file is made where no device ever was
	}
	if err := checkOwner(dir); err != nil {
		return nil, nil, err
	}
	lock, err := disk.Lock(dir)
	var locked *disk.LockedError
	if errors.As(err, &locked) {
		return nil, nil, fmt.Errorf("%w; stop the device first", err)
	}
	if err != nil {
		return nil, nil, err
	}
	if f, err = openFolder(dir); err != nil {
		return nil, nil, errors.Join(err, lock.Release())
	}
	return f, lock.Release, nil
}

// change lets do write to the journal of a folder of which one holds the lock. Nil
// means that it is on the medium.
func (f *deviceFolder) change(do func(*journal.Journal) error) error {
	o := journal.Options{Identity: f.view.Identity, Rand: clock.System().Rand}
	if err := journal.Operate(f.fs, o, do); err != nil {
		return fmt.Errorf("%s: %w", f.dir, err)
	}
	return nil
}

// ownerError: what another user's process writes the device could not open.
type ownerError struct {
	dir         string
	owner, self int
}

func (e *ownerError) Error() string {
	return fmt.Sprintf("%s belongs to user %d and this is user %d, whose files the device could not open; run it as the device's user: sudo -u '#%d' aliiot …",
		e.dir, e.owner, e.self, e.owner)
}
