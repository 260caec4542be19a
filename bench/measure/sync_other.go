//go:build !linux

package measure

import "os"

func fdatasync(f *os.File) error { return f.Sync() }
