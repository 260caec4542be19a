package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime runs in suspend, where the runtime's own clock stands still.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Since(processStart)
	}
	return time.Duration(ts.Nano())
}

var processStart = time.Now()

// staUnsync is STA_UNSYNC of adjtimex(2).
const staUnsync = 0x40

func synchronised() bool {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	return err == nil && state != unix.TIME_ERROR && tx.Status&staUnsync == 0
}
