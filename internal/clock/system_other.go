//go:build !linux

package clock

import "time"

// bootTime counts from the start of the process: these platforms run examples
// and tests, and their suspends are not noticed.
func bootTime() time.Duration { return time.Since(processStart) }

var processStart = time.Now()

// synchronised trusts the desktop's own time service.
func synchronised() bool { return time.Now().Year() >= 2026 }
