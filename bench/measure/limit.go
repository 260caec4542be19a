package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Bare is the limit of a durable append: write and fdatasync of some bytes at the
// next offset of a file.
type Bare struct {
	f       *os.File
	buf     []byte
	off     int64
	written bool
	// Wait is added to each sync, as a slow medium would.
	Wait time.Duration
}

// bareBytes is how much of the file is used before it begins anew.
const bareBytes = 16 << 20

// L0 writes into blocks that were written before, which is the fastest that there
// is; L1 lets its file grow, which is the usual one.
func L0(dir string, bytes int) (*Bare, error) { return newBare(dir, "L0", bytes, true) }

// L1 is L0's slower twin.
func L1(dir string, bytes int) (*Bare, error) { return newBare(dir, "L1", bytes, false) }

func newBare(dir, name string, bytes int, written bool) (*Bare, error) {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	b := &Bare{f: f, buf: make([]byte, bytes), written: written}
	for i := range b.buf {
		b.buf[i] = byte(i)
	}
	if written {
		if _, err := f.WriteAt(make([]byte, bareBytes), 0); err != nil {
			return nil, fmt.Errorf("preparing the bare loop: %w", err)
		}
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("preparing the bare loop: %w", err)
		}
	}
	return b, nil
}

// Once writes and syncs once.
func (b *Bare) Once() error {
	if b.off+int64(len(b.buf)) > bareBytes {
		b.off = 0
		if !b.written {
			if err := b.f.Truncate(0); err != nil {
				return err
			}
		}
	}
	if _, err := b.f.WriteAt(b.buf, b.off); err != nil {
		return err
	}
	b.off += int64(len(b.buf))
	if err := fdatasync(b.f); err != nil {
		return err
	}
	if b.Wait > 0 {
		time.Sleep(b.Wait)
	}
	return nil
}

// Slice counts n records for each write.
func (b *Bare) Slice(n int) Slice {
	return Repeat(func() (int, error) { return n, b.Once() })
}

// Close closes the file.
func (b *Bare) Close() error { return b.f.Close() }
