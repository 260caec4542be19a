package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData is fdatasync: the bytes, and the size where it is needed to read
// them. A signal may interrupt it before it has done anything; then it is the
// same call still, not the second try after an error that would prove nothing.
func syncData(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if conn.Control(func(fd uintptr) {
		for {
			if failed = unix.Fdatasync(int(fd)); failed != unix.EINTR {
				return
			}
		}
	}) != nil {
		return os.ErrClosed // its own error for this is not exported
	}
	return failed
}
