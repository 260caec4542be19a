// Bbolt is a bucket of go.etcd.io/bbolt as a durable queue.
package main

import (
	"encoding/binary"
	"errors"
	"log"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/aliiot/aliiot/bench/contest"
)

var peer = contest.Contestant{Name: "bbolt", Class: contest.Strict, Open: open}

var queue = []byte("queue")

type store struct {
	db   *bbolt.DB
	last uint64 // key that was read last
	lazy contest.Lazily
}

func open(dir string) (contest.Store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "queue.db"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(queue)
		return err
	})
	s := &store{db: db}
	s.lazy.Do = s.remove
	return s, err
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func (s *store) Append(records [][]byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(queue)
		b.FillPercent = 1 // keys only grow
		for _, r := range records {
			n, err := b.NextSequence()
			if err != nil {
				return err
			}
			if err := b.Put(key(n), r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *store) Next(n int) ([][]byte, error) {
	var all [][]byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(queue).Cursor()
		for k, v := c.Seek(key(s.last + 1)); k != nil && len(all) < n; k, v = c.Next() {
			all = append(all, slices.Clone(v))
			s.last = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return all, err
}

func (s *store) remove(n int) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(queue)
		var keys [][]byte
		c := b.Cursor()
		for k, _ := c.First(); k != nil && len(keys) < n; k, _ = c.Next() {
			keys = append(keys, slices.Clone(k))
		}
		for _, k := range keys {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *store) Settle(n int) error { return s.lazy.Settle(n) }

func (s *store) Close() error { return errors.Join(s.lazy.Flush(), s.db.Close()) }

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
