package disk

import (
	"errors"
	"syscall"
)

// noSpace are the errors that mean "full": of the disk, of a quota, of the
// largest file that is allowed.
var noSpace = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// IsNoSpace says whether an error means that there is no room (ENOSPC, EDQUOT,
// EFBIG): it may pass without a restart.
func IsNoSpace(err error) bool {
	for _, e := range noSpace {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// IsReadOnly says whether an error means that the file system takes no writes.
func IsReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
