package clock

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is CLOCK_BOOTTIME, which runs in suspend; Go's own monotonic clock
// does not. Kernels before 2.6.39 lack it.
func bootTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // POSIX: always there
	}
	return time.Duration(ts.Nano())
}

// bootID is the kernel's random name of this boot.
func bootID() uint64 {
	if text, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil && len(text) > 1 {
		return hashID(string(text))
	}
	return keptBootID([]string{"/run", os.TempDir()}, bootTime())
}

// synchronised asks the kernel: adjtimex(2) without STA_UNSYNC. It is what
// systemd-timesyncd, chrony and ntpd set when they trust the clock, and what the
// kernel clears when nobody has corrected it for a while.
func synchronised() bool {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	return err == nil && state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0
}
