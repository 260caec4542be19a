//go:build !linux

package disk

import "os"

// Inspect knows nothing of file systems here: no promise of ours is made on
// this system.
func Inspect(dir string) (Info, error) {
	if _, err := os.Stat(dir); err != nil {
		return Info{}, &Error{Op: "inspect", Call: "open", Name: dir, Err: cause(err)}
	}
	return Info{Kind: Other}, nil
}
