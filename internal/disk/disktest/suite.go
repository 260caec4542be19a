package disktest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"sync"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
)

const op disk.Op = "suite"

// Suite checks that an FS keeps the contract of package disk, as far as it can
// be seen without cutting the power. empty makes a new, empty folder.
func Suite(t *testing.T, empty func(t *testing.T) disk.FS) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, d disk.FS)
	}{
		{"a new file is empty, readable, writable and listed", suiteCreate},
		{"what is missing or taken is told by type", suiteErrors},
		{"names that lead out of the folder are refused", suiteNames},
		{"reads and writes are at absolute offsets", suiteOffsets},
		{"truncate cuts and extends with zeros", suiteTruncate},
		{"rename replaces and keeps handles alive", suiteRename},
		{"a removed file lives as long as its handle", suiteRemove},
		{"a reading handle changes nothing", suiteReadOnlyHandle},
		{"the list is sorted and has sizes", suiteList},
		{"a closed handle says so", suiteClosed},
		{"sync and write go on at the same time", suiteConcurrent},
		{"errors name job, call and file", suiteWrapping},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, empty(t)) })
	}
}

func suiteCreate(t *testing.T, d disk.FS) {
	f := must(d.Create(op, "a"))(t)
	if n := must(f.Size(op))(t); n != 0 {
		t.Errorf("size of a new file = %d", n)
	}
	put(t, f, "hello", 0)
	if got := get(t, f, 0, 5); got != "hello" {
		t.Errorf("read back %q", got)
	}
	ok(t, f.Sync(op))
	ok(t, d.SyncDir(op))
	ok(t, f.Close())
	f = must(d.Open(op, "a"))(t)
	put(t, f, "J", 0)
	ok(t, f.Sync(op))
	ok(t, f.Close())
	f = must(d.OpenRead(op, "a"))(t)
	if got := get(t, f, 0, 5); got != "Jello" {
		t.Errorf("after reopening: %q", got)
	}
	ok(t, f.Sync(op))
	ok(t, f.Close())
}

func suiteErrors(t *testing.T, d disk.FS) {
	_, err := d.Open(op, "none")
	is(t, err, fs.ErrNotExist)
	_, err = d.OpenRead(op, "none")
	is(t, err, fs.ErrNotExist)
	is(t, d.Remove(op, "none"), fs.ErrNotExist)
	is(t, d.Rename(op, "none", "other"), fs.ErrNotExist)
	ok(t, must(d.Create(op, "taken"))(t).Close())
	_, err = d.Create(op, "taken")
	is(t, err, fs.ErrExist)
}

func suiteNames(t *testing.T, d disk.FS) {
	for _, name := range []string{"", ".", "..", "../a", "/a", "a/b", "a\x00b"} {
		_, err := d.Create(op, name)
		is(t, err, fs.ErrInvalid)
		_, err = d.Open(op, name)
		is(t, err, fs.ErrInvalid)
		_, err = d.OpenRead(op, name)
		is(t, err, fs.ErrInvalid)
		is(t, d.Remove(op, name), fs.ErrInvalid)
		is(t, d.Rename(op, name, "b"), fs.ErrInvalid)
		is(t, d.Rename(op, "b", name), fs.ErrInvalid)
	}
}

func suiteOffsets(t *testing.T, d disk.FS) {
	f := must(d.Create(op, "a"))(t)
	defer f.Close()
	put(t, f, "end", 10_000)
	if n := must(f.Size(op))(t); n != 10_003 {
		t.Errorf("size = %d, want 10003", n)
	}
	if got := get(t, f, 9_998, 5); got != "\x00\x00end" {
		t.Errorf("over the hole's edge: %q", got)
	}
	put(t, f, "start", 0)
	big := bytes.Repeat([]byte("0123456789"), 1000)
	put(t, f, string(big), 4_000)
	if got := get(t, f, 0, 5); got != "start" {
		t.Errorf("start: %q", got)
	}
	if got := get(t, f, 4_000, len(big)); got != string(big) {
		t.Error("a write over several pages does not read back")
	}
	p := make([]byte, 8)
	n, err := f.ReadAt(op, p, 13_997)
	if n != 3 || err != io.EOF { //nolint:errorlint // bare, as io.ReaderAt's callers expect
		t.Errorf("read over the end = %d, %v; want 3, io.EOF", n, err)
	}
	if n, err = f.ReadAt(op, p, 20_000); n != 0 || err != io.EOF { //nolint:errorlint // bare again
		t.Errorf("read behind the end = %d, %v; want 0, io.EOF", n, err)
	}
	if _, err = f.ReadAt(op, p, -1); err == nil {
		t.Error("a read at a negative offset succeeds")
	}
	if _, err = f.WriteAt(op, p, -1); err == nil {
		t.Error("a write at a negative offset succeeds")
	}
}

func suiteTruncate(t *testing.T, d disk.FS) {
	f := must(d.Create(op, "a"))(t)
	defer f.Close()
	put(t, f, "0123456789", 0)
	ok(t, f.Truncate(op, 4))
	ok(t, f.Truncate(op, 6))
	if n := must(f.Size(op))(t); n != 6 {
		t.Errorf("size = %d, want 6", n)
	}
	if got := get(t, f, 0, 6); got != "0123\x00\x00" {
		t.Errorf("got %q: cut bytes must read as zeros", got)
	}
}

func suiteRename(t *testing.T, d disk.FS) {
	a := must(d.Create(op, "a"))(t)
	defer a.Close()
	put(t, a, "new", 0)
	b := must(d.Create(op, "b"))(t)
	defer b.Close()
	put(t, b, "old", 0)
	ok(t, d.Rename(op, "a", "b"))
	_, err := d.Open(op, "a")
	is(t, err, fs.ErrNotExist)
	if got := get(t, b, 0, 3); got != "old" {
		t.Errorf("the replaced file's handle reads %q", got)
	}
	put(t, a, "N", 0)
	f := must(d.Open(op, "b"))(t)
	defer f.Close()
	if got := get(t, f, 0, 3); got != "New" {
		t.Errorf("the new name reads %q", got)
	}
	ok(t, d.Rename(op, "b", "b"))
	if l := must(d.List(op))(t); len(l) != 1 {
		t.Errorf("files after renaming to itself: %v", l)
	}
}

func suiteRemove(t *testing.T, d disk.FS) {
	f := must(d.Create(op, "a"))(t)
	defer f.Close()
	put(t, f, "still here", 0)
	ok(t, d.Remove(op, "a"))
	if got := get(t, f, 0, 10); got != "still here" {
		t.Errorf("read %q", got)
	}
	g := must(d.Create(op, "a"))(t)
	defer g.Close()
	if n := must(g.Size(op))(t); n != 0 {
		t.Errorf("a file made again has %d bytes", n)
	}
}

func suiteReadOnlyHandle(t *testing.T, d disk.FS) {
	ok(t, must(d.Create(op, "a"))(t).Close())
	f := must(d.OpenRead(op, "a"))(t)
	defer f.Close()
	if _, err := f.WriteAt(op, []byte("x"), 0); err == nil {
		t.Error("a write through a reading handle succeeds")
	}
	if f.Truncate(op, 1) == nil {
		t.Error("a truncation through a reading handle succeeds")
	}
	if n := must(f.Size(op))(t); n != 0 {
		t.Errorf("size = %d", n)
	}
}

func suiteList(t *testing.T, d disk.FS) {
	if l := must(d.List(op))(t); len(l) != 0 {
		t.Errorf("an empty folder lists %v", l)
	}
	for i, name := range []string{"c", "a", "b"} {
		f := must(d.Create(op, name))(t)
		ok(t, f.Truncate(op, int64(i)))
		ok(t, f.Close())
	}
	want := []disk.Entry{{Name: "a", Size: 1}, {Name: "b", Size: 2}, {Name: "c"}}
	got := must(d.List(op))(t)
	for i := range want {
		if i >= len(got) || got[i] != want[i] || len(got) != len(want) {
			t.Fatalf("list = %v, want %v", got, want)
		}
	}
}

func suiteClosed(t *testing.T, d disk.FS) {
	f := must(d.Create(op, "a"))(t)
	ok(t, f.Close())
	is(t, f.Close(), fs.ErrClosed)
	is(t, f.Sync(op), fs.ErrClosed)
	_, err := f.WriteAt(op, []byte("x"), 0)
	is(t, err, fs.ErrClosed)
	_, err = f.ReadAt(op, make([]byte, 1), 0)
	is(t, err, fs.ErrClosed)
}

func suiteConcurrent(t *testing.T, d disk.FS) {
	f := must(d.Create(op, "a"))(t)
	defer f.Close()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 20 {
				if err := f.Sync(op); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 200 {
		put(t, f, "0123456789", int64(i)*10)
	}
	wg.Wait()
	if got := get(t, f, 1990, 10); got != "0123456789" {
		t.Errorf("read %q", got)
	}
}

func suiteWrapping(t *testing.T, d disk.FS) {
	_, err := d.Open("why", "none")
	var e *disk.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is no *disk.Error", err, err)
	}
	if e.Op != "why" || e.Call != "open" || e.Name != "none" {
		t.Errorf("error = %+v", e)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error = %v, want %v", err, want)
	}
}

func put(t *testing.T, f disk.File, s string, off int64) {
	t.Helper()
	n, err := f.WriteAt(op, []byte(s), off)
	if n != len(s) || err != nil {
		t.Fatalf("write = %d, %v", n, err)
	}
}

func get(t *testing.T, f disk.File, off int64, n int) string {
	t.Helper()
	p := make([]byte, n)
	if got, err := f.ReadAt(op, p, off); got != n {
		t.Fatalf("read = %d, %v; want %d", got, err, n)
	}
	return string(p)
}
