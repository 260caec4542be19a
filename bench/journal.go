package main

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/aliiot/aliiot/bench/contest"
	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/internal/outbox"
)

// ours is the journal alone, without the actors, among its peers.
var ours = contest.Contestant{Name: "aliiot", Class: contest.Strict, Open: func(dir string) (contest.Store, error) {
	fs, err := disk.OS(dir)
	if err != nil {
		return nil, err
	}
	return openJournal(fs)
}}

// journalStore owns a journal as an outbox does: one call at a time, the waiting
// for the medium outside of the lock.
type journalStore struct {
	mu     sync.Mutex
	j      *journal.Journal
	state  outbox.State // numbers of what comes next
	group  []outbox.Entry
	upkeep *outbox.Job
	read   []outbox.Entry // read and not settled, without their bodies
	after  uint64
	ends   []outbox.Settlement
}

func openJournal(fs disk.FS) (*journalStore, error) {
	j, err := journal.Open(fs, journal.Options{Rand: rand.Uint64, Identity: drain.Device.String()})
	if err != nil {
		return nil, err
	}
	return &journalStore{j: j, state: j.State()}, nil
}

func (s *journalStore) Append(records [][]byte) error {
	job, err := s.write(records)
	for err == nil && job != nil {
		job.Run()
		job, err = s.done(job)
	}
	return err
}

func (s *journalStore) write(records [][]byte) (*outbox.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.group = s.group[:0]
	for i, r := range records {
		s.group = append(s.group, outbox.Entry{Seq: s.state.NextSeq + uint64(i), Ord: s.state.NextOrd[0] + uint64(i), Body: r})
	}
	if err := s.j.Append(s.state.Writer, s.group); err != nil {
		return nil, err
	}
	s.state.NextSeq += uint64(len(records))
	s.state.NextOrd[0] += uint64(len(records))
	return s.j.Sync(), nil
}

func (s *journalStore) done(job *outbox.Job) (*outbox.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	res := s.j.Done(job)
	s.keepUp()
	return res.Next, res.Err
}

// keepUp lets upkeep run beside.
func (s *journalStore) keepUp() {
	if s.upkeep != nil {
		select {
		case <-s.upkeep.Ended():
			s.j.Done(s.upkeep)
		default:
			return
		}
	}
	if s.upkeep = s.j.Upkeep(); s.upkeep != nil {
		go s.upkeep.Run()
	}
}

func (s *journalStore) Next(n int) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.j.Load(0, s.after, n, 256<<10)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, e := range l.Entries {
		all = append(all, e.Body)
		s.after = e.Ord
		s.read = append(s.read, outbox.Entry{Seq: e.Seq, Ord: e.Ord})
	}
	return all, nil
}

func (s *journalStore) Settle(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > len(s.read) {
		return fmt.Errorf("settling %d of %d", n, len(s.read))
	}
	s.ends = s.ends[:0]
	for _, e := range s.read[:n] {
		s.ends = append(s.ends, outbox.Settlement{Seq: e.Seq, Ord: e.Ord, Outcome: outbox.ConfirmedReply, Sends: 1, Bytes: 256})
	}
	s.read = append(s.read[:0], s.read[n:]...)
	s.j.Settle(s.ends)
	s.keepUp()
	return nil
}

func (s *journalStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.upkeep != nil {
		<-s.upkeep.Ended()
		s.j.Done(s.upkeep)
	}
	return s.j.Close()
}
