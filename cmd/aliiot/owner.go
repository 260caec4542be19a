package main

import (
	"os"
	"syscall"
)

// checkOwner wants the folder to be this user's: what root writes in it is closed
// to a device that runs as somebody else.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return &ownerError{dir: dir, owner: int(s.Uid), self: os.Geteuid()}
	}
	return nil
}
