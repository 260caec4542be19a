// Autopaho is the file queue of paho.golang's autopaho, a file for each message. It
// syncs nothing, and gives one message at a time.
package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"sync"

	"github.com/eclipse/paho.golang/autopaho/queue"
	"github.com/eclipse/paho.golang/autopaho/queue/file"

	"github.com/aliiot/aliiot/bench/contest"
)

// It lists its folder for each message.
var peer = contest.Contestant{Name: "autopaho queue", Class: contest.PageCache, Open: open, MaxWaiting: 50_000, DrainMost: 500}

type store struct {
	mu     sync.Mutex
	q      *file.Queue
	peeked queue.Entry
}

func open(dir string) (contest.Store, error) {
	q, err := file.New(dir, "queue", ".msg")
	return &store{q: q}, err
}

func (s *store) Append(records [][]byte) error {
	for _, r := range records {
		if err := s.q.Enqueue(bytes.NewReader(r)); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Next(int) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peeked != nil {
		return nil, nil
	}
	e, err := s.q.Peek()
	if errors.Is(err, queue.ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	s.peeked = e
	return [][]byte{body}, err
}

func (s *store) Settle(int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.peeked
	s.peeked = nil
	if err := e.Remove(); !errors.Is(err, queue.ErrEmpty) {
		return err
	}
	return nil
}

func (s *store) Close() error {
	if s.peeked != nil {
		return s.peeked.Leave()
	}
	return nil
}

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
