// Raftwal is hashicorp's raft-wal as a durable queue: the head is cut off as it is
// settled.
package main

import (
	"errors"
	"log"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/aliiot/aliiot/bench/contest"
)

var peer = contest.Contestant{Name: "raft-wal", Class: contest.Strict, Open: open}

type store struct {
	w                 *wal.WAL
	meta              *metadb.BoltMetaDB // which the log opens and does not close
	first, last, read uint64
	lazy              contest.Lazily
}

func open(dir string) (contest.Store, error) {
	meta := new(metadb.BoltMetaDB)
	w, err := wal.Open(dir, wal.WithLogger(hclog.NewNullLogger()), wal.WithMetaStore(meta))
	if err != nil {
		return nil, err
	}
	s := &store{w: w, meta: meta}
	if s.first, err = w.FirstIndex(); err != nil {
		return nil, err
	}
	if s.last, err = w.LastIndex(); err != nil {
		return nil, err
	}
	s.first = max(s.first, 1)
	s.read = s.first - 1
	s.lazy.Do = func(n int) error {
		err := s.w.DeleteRange(s.first, s.first+uint64(n)-1)
		s.first += uint64(n)
		return err
	}
	return s, nil
}

func (s *store) Append(records [][]byte) error {
	logs := make([]*raft.Log, len(records))
	for i, r := range records {
		logs[i] = &raft.Log{Index: s.last + uint64(i) + 1, Data: r}
	}
	s.last += uint64(len(records))
	return s.w.StoreLogs(logs)
}

func (s *store) Next(n int) ([][]byte, error) {
	var all [][]byte
	for range n {
		var l raft.Log
		err := s.w.GetLog(s.read+1, &l)
		if errors.Is(err, raft.ErrLogNotFound) || errors.Is(err, wal.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		s.read++
		all = append(all, l.Data)
	}
	return all, nil
}

func (s *store) Settle(n int) error { return s.lazy.Settle(n) }

func (s *store) Close() error {
	return errors.Join(s.lazy.Flush(), s.w.Close(), s.meta.Close())
}

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
