// Package audit keeps what became of each report in a bounded log beside the
// journal: JSON lines in a few files, the oldest of which goes when the newest
// is full. It answers an operator's question (aliiot explain) and a test's; no
// promise of the device rests on it.
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Options bound the log. The zero value is 4 files of 1 MiB.
type Options struct {
	FileBytes int64
	Files     int
}

// Record is one line: the end of one report.
type Record struct {
	Seq     uint64 `json:"seq"`
	Lane    string `json:"lane"`
	Outcome string `json:"end"`
	Code    int32  `json:"code,omitempty"`
	// Sends counts the sendings by the process that saw the end.
	Sends uint32 `json:"sends"`
	// Bytes is what it took of its lane's budget.
	Bytes int64 `json:"bytes,omitempty"`
	// Made and At are when the report was made and ended, in milliseconds since
	// the boot; Wall is Made as the wall clock had it, where Trusted.
	Made    int64 `json:"made,omitempty"`
	At      int64 `json:"at"`
	Wall    int64 `json:"wall,omitempty"`
	Trusted bool  `json:"trusted,omitempty"`
}

const (
	prefix         = "audit-"
	suffix         = ".log"
	op     disk.Op = "audit"
)

// Log is the open log. It belongs to one goroutine.
type Log struct {
	fs    disk.FS
	o     Options
	n     uint64 // of the open file
	f     disk.File
	size  int64
	buf   bytes.Buffer
	err   error // the first that a record met
	names []string
}

// Open goes on where the last process stopped. A torn last line is ended.
func Open(fs disk.FS, o Options) (*Log, error) {
	if o.FileBytes == 0 {
		o.FileBytes = 1 << 20
	}
	if o.Files == 0 {
		o.Files = 4
	}
	l := &Log{fs: fs, o: o}
	names, err := files(fs)
	if err != nil {
		return nil, err
	}
	l.names = names
	if len(names) == 0 {
		return l, nil // the first record makes the first file
	}
	last := names[len(names)-1]
	if _, err := fmt.Sscanf(last, prefix+"%d"+suffix, &l.n); err != nil {
		return nil, fmt.Errorf("audit: the name %q: %w", last, err)
	}
	if l.f, err = fs.Open(op, last); err != nil {
		return nil, fmt.Errorf("audit: opening %s: %w", last, err)
	}
	if l.size, err = l.f.Size(op); err != nil {
		return nil, disk.Join(fmt.Errorf("audit: the size of %s: %w", last, err), l.f.Close())
	}
	var tail [1]byte
	if l.size > 0 {
		if _, err := l.f.ReadAt(op, tail[:], l.size-1); err == nil && tail[0] != '\n' {
			l.buf.WriteByte('\n')
		}
	}
	return l, nil
}

func files(fs disk.FS) ([]string, error) {
	list, err := fs.List(op)
	if err != nil {
		return nil, fmt.Errorf("audit: listing: %w", err)
	}
	var names []string
	for _, e := range list {
		if strings.HasPrefix(e.Name, prefix) && strings.HasSuffix(e.Name, suffix) {
			names = append(names, e.Name)
		}
	}
	return names, nil // sorted, since numbers have a fixed width
}

// Record writes one end to the page cache. An error loses the line and is told
// by Close: nothing else depends on it.
func (l *Log) Record(lane string, e outbox.Ended) {
	r := Record{Seq: e.Seq, Lane: lane, Outcome: e.Outcome.String(), Code: e.Code, Sends: e.Sends, Bytes: e.Bytes,
		Made: e.Made.At.Milliseconds(), At: e.At.Milliseconds(), Trusted: e.Made.Trusted}
	if r.Trusted {
		r.Wall = e.Made.Wall
	}
	line, _ := json.Marshal(r) // nothing in it can fail
	l.buf.Write(append(line, '\n'))
	if err := l.flush(); err != nil && l.err == nil {
		l.err = err
	}
	l.buf.Reset()
}

func (l *Log) flush() error {
	if l.f == nil || l.size > l.o.FileBytes {
		if err := l.roll(); err != nil {
			return err
		}
	}
	n, err := l.f.WriteAt(op, l.buf.Bytes(), l.size)
	l.size += int64(n)
	if err != nil {
		return fmt.Errorf("audit: writing: %w", err)
	}
	return nil
}

func (l *Log) roll() error {
	name := fmt.Sprintf("%s%010d%s", prefix, l.n+1, suffix)
	f, err := l.fs.Create(op, name)
	if err != nil {
		return fmt.Errorf("audit: making %s: %w", name, err)
	}
	if l.f != nil {
		_ = l.f.Close() // its bytes are in the page cache; the log promises no more
	}
	l.f, l.size, l.n = f, 0, l.n+1
	l.names = append(l.names, name)
	for len(l.names) > l.o.Files {
		if err := l.fs.Remove(op, l.names[0]); err != nil {
			return fmt.Errorf("audit: removing %s: %w", l.names[0], err)
		}
		l.names = l.names[1:]
	}
	return nil
}

// Syncer returns the work that makes the lines so far durable: it may wait for
// the medium, and runs beside the log's owner.
func (l *Log) Syncer() func() error {
	f := l.f
	if f == nil {
		return func() error { return nil }
	}
	return func() error {
		if err := f.Sync(op); err != nil {
			return fmt.Errorf("audit: syncing: %w", err)
		}
		return nil
	}
}

// Close syncs and closes the log, and tells the first error of its life.
func (l *Log) Close() error {
	if l.f == nil {
		return l.err
	}
	err := disk.Join(l.err, l.Syncer()(), l.f.Close())
	l.f = nil
	return err
}

// Find returns what the log in fs knows of one report: its last end.
func Find(fs disk.FS, seq uint64) (Record, bool, error) {
	var found Record
	ok := false
	err := Each(fs, func(r Record) {
		if r.Seq == seq {
			found, ok = r, true
		}
	})
	return found, ok, err
}

// Each calls f for every record, oldest first. Lines that cannot be read are
// passed over: a power cut may have torn them.
func Each(fs disk.FS, f func(Record)) error {
	names, err := files(fs)
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := fs.OpenRead(op, name)
		if err != nil {
			return fmt.Errorf("audit: opening %s: %w", name, err)
		}
		size, err := file.Size(op)
		if err != nil {
			return disk.Join(fmt.Errorf("audit: the size of %s: %w", name, err), file.Close())
		}
		sc := bufio.NewScanner(io.NewSectionReader(readerAt{file}, 0, size))
		for sc.Scan() {
			var r Record
			if json.Unmarshal(sc.Bytes(), &r) == nil && r.Seq != 0 {
				f(r)
			}
		}
		if err := disk.Join(sc.Err(), file.Close()); err != nil {
			return fmt.Errorf("audit: reading %s: %w", name, err)
		}
	}
	return nil
}

type readerAt struct{ f disk.File }

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r.f.ReadAt(op, p, off) }
