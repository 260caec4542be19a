package oracle

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Read reads JSON lines to the end. A last line that a death cut short (no
// newline, and not JSON) is left out: its writer never finished it. Any other
// bad line is an error that names its number.
func Read[T any](r io.Reader) ([]T, error) {
	br := bufio.NewReader(r)
	same := pool{}
	var out []T
	for n := 1; ; n++ {
		line, err := br.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("oracle: line %d: %w", n, err)
		}
		whole := err == nil
		if len(line) > 0 {
			var v T
			if jerr := json.Unmarshal(line, &v); jerr == nil {
				if x, ok := any(&v).(pooled); ok {
					x.pool(same)
				}
				out = append(out, v)
			} else if whole {
				return nil, fmt.Errorf("oracle: line %d: %w", n, jerr)
			}
		}
		if !whole {
			return out, nil
		}
	}
}

// Writer writes JSON lines. It is safe for concurrent use; the first error
// stays, and Err tells it.
type Writer[T any] struct {
	mu  sync.Mutex
	enc *json.Encoder
	err error
}

// NewWriter makes a writer of lines to w, one Write a line.
func NewWriter[T any](w io.Writer) *Writer[T] {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &Writer[T]{enc: enc}
}

// Write appends one line.
func (w *Writer[T]) Write(v T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.enc.Encode(v)
	}
}

// Err is the first error of a Write, or nil.
func (w *Writer[T]) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// pool keeps one copy of each string: keys, hashes and the words of the format
// come again and again.
type pool map[string]string

type pooled interface{ pool(pool) }

func (p pool) one(s *string) {
	if *s == "" {
		return
	}
	if c, ok := p[*s]; ok {
		*s = c
	} else {
		p[*s] = *s
	}
}

func (c *Call) pool(p pool) {
	for _, s := range []*string{(*string)(&c.Step), &c.Key, &c.Lane, &c.Hash, &c.Value, &c.Error, (*string)(&c.Outcome)} {
		p.one(s)
	}
}

func (e *Event) pool(p pool) {
	for _, s := range []*string{(*string)(&e.What), &e.Key, &e.ID, &e.Hash} {
		p.one(s)
	}
}

func (l *Snapshot) pool(p pool) {
	for i := range l.Reports {
		r := &l.Reports[i]
		for _, s := range []*string{&r.Key, &r.Lane, (*string)(&r.State), (*string)(&r.Level), (*string)(&r.Reason)} {
			p.one(s)
		}
	}
}
