package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/aliiot/aliiot"
)

// flagError says which choice of the command line cannot be followed, and why.
// Such errors come before anything runs.
type flagError struct {
	Flag  string // with its value, as it was typed
	Cause error
	Do    string // what to do about it, if the cause does not say
}

func (e *flagError) Error() string {
	if e.Do != "" {
		return fmt.Sprintf("%s: %v: %s", e.Flag, bare(e.Cause), e.Do)
	}
	return fmt.Sprintf("%s: %v", e.Flag, bare(e.Cause))
}

func (e *flagError) Unwrap() error { return e.Cause }

// bare is the innermost error: what went wrong, without the names that the layers
// above put before it and that a person has typed anyway.
func bare(err error) error {
	for {
		next := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
			next = joined.Unwrap()[0]
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// plain says what an error of the device means for who runs this example.
func plain(err error) string {
	switch {
	case errors.Is(err, aliiot.ErrNoSpace):
		return "the disk is full: make room on it"
	case errors.Is(err, aliiot.ErrReadOnly):
		return "the file system takes no writes: mount it for writing"
	}
	return bare(err).Error()
}

// checkReport says before the run whether its end can be written to path. It
// leaves what is there as it is.
func checkReport(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
			err = errors.Join(f.Close(), os.Remove(path))
		}
	case err == nil && info.IsDir():
		err = errors.New("it is a folder")
	case err == nil && info.Mode().IsRegular(): // opening a pipe might wait for its reader
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			err = f.Close()
		}
	}
	if err != nil {
		return &flagError{Flag: "--report " + path, Cause: err}
	}
	return nil
}
