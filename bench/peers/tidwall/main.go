// Tidwall is tidwall/wal as a durable queue: the front is cut off as it is settled.
package main

import (
	"errors"
	"log"
	"path/filepath"
	"sync"

	"github.com/tidwall/wal"

	"github.com/aliiot/aliiot/bench/contest"
)

var peer = contest.Contestant{Name: "tidwall/wal", Class: contest.Strict, Open: open}

type store struct {
	l           *wal.Log
	mu          sync.Mutex // of last
	first, last uint64
	read        uint64
	lazy        contest.Lazily
}

func open(dir string) (contest.Store, error) {
	l, err := wal.Open(filepath.Join(dir, "log"), &wal.Options{AllowEmpty: true, SegmentCacheSize: 2})
	if err != nil {
		return nil, err
	}
	s := &store{l: l}
	if s.first, err = l.FirstIndex(); err != nil {
		return nil, err
	}
	if s.last, err = l.LastIndex(); err != nil {
		return nil, err
	}
	s.read = s.first - 1
	s.lazy.Do = func(n int) error {
		s.first += uint64(n)
		return s.l.TruncateFront(s.first)
	}
	return s, nil
}

func (s *store) Append(records [][]byte) error {
	var b wal.Batch
	for i, r := range records {
		b.Write(s.last+uint64(i)+1, r)
	}
	if err := s.l.WriteBatch(&b); err != nil {
		return err
	}
	s.mu.Lock()
	s.last += uint64(len(records))
	s.mu.Unlock()
	return nil
}

func (s *store) Next(n int) ([][]byte, error) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	var all [][]byte
	for ; n > 0 && s.read < last; n-- {
		body, err := s.l.Read(s.read + 1)
		if err != nil {
			return nil, err
		}
		s.read++
		all = append(all, body)
	}
	return all, nil
}

func (s *store) Settle(n int) error { return s.lazy.Settle(n) }

func (s *store) Close() error { return errors.Join(s.lazy.Flush(), s.l.Close()) }

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
