package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// OS is the folder dir of the real file system. It must exist ([Make] makes
// it); it need not be writable, since a tool beside a living device only reads.
// Files are made for their owner alone: a journal may hold secrets.
func OS(dir string) (FS, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(abs); err == nil && !info.IsDir() {
			err = fs.ErrInvalid
		}
	}
	if err != nil {
		return nil, &Error{Op: "open", Call: "open", Name: dir, Err: cause(err)}
	}
	return &folder{dir: abs}, nil
}

// Make is OS for a folder that may have to be made, with its parents. Every
// folder that it makes is durable in its parent before Make returns: a synced
// file in a folder whose own name is lost is lost.
func Make(dir string) (FS, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = makeDurable(abs)
	}
	if err != nil {
		return nil, &Error{Op: "open", Call: "create", Name: dir, Err: cause(err)}
	}
	return OS(abs)
}

func makeDurable(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDurable(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

type folder struct{ dir string }

// path checks a name, so that no caller leaves the folder.
func (d *folder) path(op Op, call, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", &Error{Op: op, Call: call, Name: name, Err: err}
	}
	return filepath.Join(d.dir, name), nil
}

func (d *folder) open(op Op, call, name string, flags int) (File, error) {
	path, err := d.path(op, call, name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, &Error{Op: op, Call: call, Name: name, Err: cause(err)}
	}
	return &osFile{f: f, op: op, name: name}, nil
}

func (d *folder) Create(op Op, name string) (File, error) {
	return d.open(op, "create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (d *folder) Open(op Op, name string) (File, error) {
	return d.open(op, "open", name, os.O_RDWR)
}

func (d *folder) OpenRead(op Op, name string) (File, error) {
	return d.open(op, "open", name, os.O_RDONLY)
}

func (d *folder) Rename(op Op, from, to string) error {
	a, err := d.path(op, "rename", from)
	if err != nil {
		return err
	}
	b, err := d.path(op, "rename", to)
	if err != nil {
		return err
	}
	return wrap(op, "rename", from, os.Rename(a, b))
}

func (d *folder) Remove(op Op, name string) error {
	path, err := d.path(op, "remove", name)
	if err != nil {
		return err
	}
	return wrap(op, "remove", name, os.Remove(path))
}

func (d *folder) List(op Op) ([]Entry, error) {
	entries, err := os.ReadDir(d.dir) // sorted by name
	if err != nil {
		return nil, wrap(op, "list", ".", err)
	}
	list := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile by its owner
		}
		if err != nil {
			return nil, wrap(op, "list", e.Name(), err)
		}
		list = append(list, Entry{Name: e.Name(), Size: info.Size()})
	}
	return list, nil
}

func (d *folder) SyncDir(op Op) error { return wrap(op, "syncdir", ".", syncFolder(d.dir)) }

// syncFolder opens the folder for reading: for writing it cannot be opened.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	return Join(err, f.Close())
}

type osFile struct {
	f    *os.File
	op   Op // of the opening; Close is given none
	name string
}

func (f *osFile) ReadAt(op Op, p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	if err == io.EOF {
		return n, err // io.ReaderAt's callers compare it
	}
	return n, wrap(op, "read", f.name, err)
}

func (f *osFile) WriteAt(op Op, p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	return n, wrap(op, "write", f.name, err)
}

func (f *osFile) Truncate(op Op, size int64) error {
	return wrap(op, "truncate", f.name, f.f.Truncate(size))
}

func (f *osFile) Size(op Op) (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, wrap(op, "size", f.name, err)
	}
	return info.Size(), nil
}

func (f *osFile) Sync(op Op) error { return wrap(op, "sync", f.name, syncData(f.f)) }

func (f *osFile) Close() error { return wrap(f.op, "close", f.name, f.f.Close()) }

func wrap(op Op, call, name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Call: call, Name: name, Err: cause(err)}
}

// cause takes package os's own wrapping away: Error names call and file already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
