// Package contest lets durable queues meet the same measurements: ours and its
// peers, each in a program of its own, all beside the same bare loops.
package contest

import "errors"

// Store is a durable queue. Append, Next and Settle may be called by three
// goroutines at once; no two calls of the same method meet.
type Store interface {
	// Append returns when all records are durable.
	Append(records [][]byte) error
	// Next reads the n oldest that it has not read yet: fewer at the end, and where
	// it gives no more before something is settled.
	Next(n int) ([][]byte, error)
	// Settle says that the n oldest are done. It need not be durable.
	Settle(n int) error
	Close() error
}

// Contestant is a way to open stores.
type Contestant struct {
	Name string
	// Class is its guarantee: a peer counts only in its own.
	Class Class
	Open  func(dir string) (Store, error)
	// MaxWaiting bounds how many may wait in it; 0 is any number.
	MaxWaiting int
	// DrainMost bounds how many wait in a slice of a drain, where it becomes slow
	// with each of them; 0 is any number.
	DrainMost int
}

// Class is what a yes is worth.
type Class string

const (
	// Strict: a record is on the medium before the yes.
	Strict Class = "strict"
	// PageCache: it is in the page cache, and a power cut may take it.
	PageCache Class = "page cache"
)

// records are n of one size.
func records(n, size int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, size)
		for k := range all[i] {
			all[i][k] = byte('a' + (i+k)%26)
		}
	}
	return all
}

// settleNext reads what comes next and settles it.
func settleNext(s Store, n int) (int, error) {
	got, err := s.Next(n)
	if err != nil {
		return 0, err
	}
	if len(got) == 0 {
		return 0, errors.New("the store has nothing more")
	}
	return len(got), s.Settle(len(got))
}

// Lazily settles in groups: who counts syncs saves them here, and sends no more than
// so many again after a power cut.
type Lazily struct {
	Do      func(n int) error
	waiting int
}

const settleGroup = 64

// Settle counts n more.
func (l *Lazily) Settle(n int) error {
	if l.waiting += n; l.waiting < settleGroup {
		return nil
	}
	return l.Flush()
}

// Flush settles what was counted.
func (l *Lazily) Flush() error {
	n := l.waiting
	l.waiting = 0
	if n == 0 {
		return nil
	}
	return l.Do(n)
}

// Fill appends until n wait.
func Fill(s Store, n, size int) error {
	all := records(min(n, 512), size)
	for n > 0 {
		part := all[:min(n, len(all))]
		if err := s.Append(part); err != nil {
			return err
		}
		n -= len(part)
	}
	return nil
}
