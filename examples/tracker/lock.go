package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lockName is the tracker's own lock in its folder. The journal has one, too, but
// that ends with each of the device's processes, and we kill one: in between, the
// folder must not be taken by a second tracker.
const lockName = "tracker.lock"

// inUseError says that another tracker works on the folder.
type inUseError struct {
	Dir string
	PID int // 0: it has not said
}

func (e *inUseError) Error() string {
	who := "another tracker"
	if e.PID != 0 {
		who = fmt.Sprintf("another tracker (process %d)", e.PID)
	}
	return fmt.Sprintf("--dir %s is in use by %s: wait for its end, or choose another folder", e.Dir, who)
}

// lockFolder makes the folder where it is not there, and holds it until release.
// The kernel ends the lock with this process. Errors: *inUseError, *flagError.
func lockFolder(dir string) (release func(), err error) {
	if err := makeFolder(dir); err != nil {
		return nil, &flagError{Flag: "--dir " + dir, Cause: err, Do: "choose a folder that can be written to"}
	}
	path := filepath.Join(dir, lockName)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	held, err := lock.TryLock()
	if err != nil {
		return nil, &flagError{Flag: "--dir " + dir, Cause: err, Do: "choose a folder that can be written to"}
	}
	if !held {
		return nil, &inUseError{Dir: dir, PID: holder(path)}
	}
	// For the reader of an inUseError only. On a full disk it may fail.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return func() { _ = lock.Close() }, nil // the kernel would do it, too
}

func holder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// makeFolder makes a folder and those above it, and syncs their names: what is
// going to be acknowledged in it must be found again after a power cut.
func makeFolder(dir string) error {
	switch info, err := os.Stat(dir); {
	case err == nil && !info.IsDir():
		return errors.New("it is a file")
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
