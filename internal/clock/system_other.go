//go:build !linux

package clock

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is CLOCK_MONOTONIC, which on macOS runs in sleep.
func bootTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // POSIX: always there
	return time.Duration(ts.Nano())
}

func bootID() uint64 {
	if text, err := unix.Sysctl("kern.bootsessionuuid"); err == nil && text != "" {
		return hashID(text)
	}
	return keptBootID([]string{os.TempDir()}, bootTime())
}

// synchronised trusts the desktop's own time service: no promise is made here.
func synchronised() bool { return true }
