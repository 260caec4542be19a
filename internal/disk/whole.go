package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrTooLarge is what ReadFile says of a file above its bound.
var ErrTooLarge = errors.New("the file is larger than it may be")

// tempSuffix marks a small file that is being written. A crash may leave one;
// the next WriteFile of that name removes it.
const tempSuffix = ".tmp"

// WriteFile replaces a small file in the order that is safe everywhere: write a
// temporary file, sync it, rename it, sync the folder. After nil the new content
// is durable. After an error the file has its old content, but for an error of
// the last step, after which it has the new one and a power cut may bring the
// old one back. At no instant can a reader or a power cut meet anything else.
//
// On FAT a rename is not atomic: keep two copies with a generation there.
func WriteFile(d FS, op Op, name string, data []byte) error {
	temp := name + tempSuffix
	f, err := d.Create(op, temp)
	if errors.Is(err, fs.ErrExist) {
		if err = d.Remove(op, temp); err == nil {
			f, err = d.Create(op, temp)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(op, data, 0)
	if err == nil {
		err = f.Sync(op)
	}
	if failed := f.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = d.Rename(op, temp, name)
	}
	if err != nil {
		// What cannot be removed now is removed by the next call.
		return Join(err, ignore(d.Remove(op, temp), fs.ErrNotExist))
	}
	return d.SyncDir(op)
}

// ReadFile reads a small file of at most so many bytes; of a larger one it reads
// nothing and returns ErrTooLarge.
func ReadFile(d FS, op Op, name string, most int64) ([]byte, error) {
	f, err := d.OpenRead(op, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size(op)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, &Error{Op: op, Call: "read", Name: name, Err: fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, most)}
	}
	data := make([]byte, size)
	n, err := f.ReadAt(op, data, 0)
	if errors.Is(err, io.EOF) {
		err = nil // another process has cut it since
	}
	return data[:n], err
}

// Probe finds out whether the folder takes changes at all: a read-only mount or
// a folder of another user's shows only at the first one. It makes and removes
// an empty file. A full disk is not an error: it can still be freed.
func Probe(d FS, op Op) error {
	const name = "probe" + tempSuffix
	f, err := d.Create(op, name)
	if errors.Is(err, fs.ErrExist) {
		return d.Remove(op, name) // left by a crash; removing it is a change
	}
	if err != nil {
		return ignore(err, noSpace...)
	}
	return Join(f.Close(), d.Remove(op, name))
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
