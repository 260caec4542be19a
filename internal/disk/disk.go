// Package disk is the seam between aliiot and the file system: the journal,
// the update record and the secret store reach a disk through [FS] and through
// nothing else, so that package disktest can cut the power at every call.
//
// An FS is one folder. Names are relative to it and never contain "..".
//
// What a call promises is what Linux promises, and no more: a write is in the
// page cache; [File.Sync] makes a file's bytes and size durable but not its
// name; [FS.SyncDir] makes names durable (creations, renames and removals).
package disk

import "io/fs"

// Op names why a call is made. It changes nothing on a real disk; a fake one
// uses it to break exactly one step of one job, and errors carry it.
type Op string

// FS is one folder of a file system.
//
// Errors are those of package os, wrapped with the operation: they match
// [fs.ErrNotExist], [fs.ErrExist], syscall.ENOSPC and their like by errors.Is.
type FS interface {
	// Create makes a new, empty file and opens it for reading and writing.
	// It fails with fs.ErrExist where the name is taken. The name is durable
	// only after SyncDir.
	Create(op Op, name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(op Op, name string) (File, error)
	// OpenRead opens an existing file for reading only: all that a tool beside
	// a living device may do.
	OpenRead(op Op, name string) (File, error)
	// Rename gives a file another name and replaces what stood there. Readers
	// see the old or the new file, never neither; after a power cut either.
	Rename(op Op, from, to string) error
	// Remove takes a name away. After a power cut it may be back until SyncDir.
	Remove(op Op, name string) error
	// List returns the regular files of the folder, sorted by name.
	List(op Op) ([]Entry, error)
	// SyncDir makes all creations, renames and removals so far durable.
	SyncDir(op Op) error
}

// Entry is one file of a listing.
type Entry struct {
	Name string
	Size int64
}

// File is an open file. Offsets are absolute: there is no cursor to share.
type File interface {
	// ReadAt follows io.ReaderAt: fewer bytes than asked for come with an error.
	ReadAt(op Op, p []byte, off int64) (int, error)
	// WriteAt follows io.WriterAt. A short count comes with an error, and the
	// bytes that were counted may be on the disk.
	WriteAt(op Op, p []byte, off int64) (int, error)
	// Truncate changes the size; what it adds reads as zeros.
	Truncate(op Op, size int64) error
	// Size is the file's length in bytes.
	Size(op Op) (int64, error)
	// Sync makes bytes and size durable (fdatasync). After an error the bytes
	// since the last good Sync are in doubt for ever: a second Sync proves
	// nothing, since Linux has marked the pages clean. Sync may be called while
	// another goroutine writes; it covers what was written before it began.
	Sync(op Op) error
	// Close releases the descriptor. It promises nothing about the bytes.
	Close() error
}

// ErrNotExist is fs.ErrNotExist, so that callers of this package need no other.
var ErrNotExist = fs.ErrNotExist
