//go:build !linux

package disk

import "os"

// syncData is the best that package os has: on macOS it is F_FULLFSYNC.
func syncData(f *os.File) error { return f.Sync() }
