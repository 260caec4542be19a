// Package contest lets durable queues meet the same measurements: ours and its
// peers, each in a program of its own, all beside the same bare loops.
package contest

// Store is a durable queue. Append may be called while another goroutine is in
// Next or Settle; no two calls of the same method meet.
type Store interface {
	// Append returns when all records are durable.
	Append(records [][]byte) error
	// Next reads the n oldest that it has not read yet, fewer only at the end.
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
