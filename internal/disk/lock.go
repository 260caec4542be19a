package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lockName is the file that a device locks. It is never removed: removing it
// would let a second holder lock a new one beside the first.
const lockName = "lock"

// LockedError says that another process owns the folder. Wait for it to end, or
// choose another folder.
type LockedError struct {
	Dir string
	PID int // 0: the holder has not said
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("%s is in use by process %d", e.Dir, e.PID)
}

// Held is the right to write to a folder.
type Held struct{ f *flock.Flock }

// Lock locks a folder for this process, and against a second use by this
// process too. The kernel ends the lock with the process, however that ends, so
// a file left by a dead one is no obstacle. Take it before the first read.
//
// Errors: *LockedError, or *Error where the lock file cannot be made (EROFS,
// EACCES). It needs no free space beyond an inode.
func Lock(dir string) (*Held, error) {
	path := filepath.Join(dir, lockName)
	f := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	held, err := f.TryLock()
	if err != nil {
		return nil, &Error{Op: "lock", Call: "open", Name: lockName, Err: cause(err)}
	}
	if !held {
		return nil, &LockedError{Dir: dir, PID: holder(path)}
	}
	// For the reader of a LockedError only. On a full disk it may fail.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return &Held{f: f}, nil
}

// Release gives the folder back. It leaves the lock file.
func (l *Held) Release() error {
	return wrap("lock", "close", lockName, l.f.Close())
}

func holder(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}
