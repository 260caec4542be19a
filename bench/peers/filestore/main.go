// Filestore is paho's own store of what is unacknowledged, a file for each message,
// as a queue. It syncs nothing.
package main

import (
	"fmt"
	"log"
	"slices"
	"sync"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/aliiot/aliiot/bench/contest"
)

// paho has 65,535 ids, and so as many that may wait.
var peer = contest.Contestant{Name: "paho FileStore", Class: contest.PageCache, Open: open, MaxWaiting: 50_000}

type store struct {
	mu     sync.Mutex
	files  *mqtt.FileStore
	next   int      // number of the next one
	unread []string // keys, oldest first
	read   []string
}

func open(dir string) (contest.Store, error) {
	s := &store{files: mqtt.NewFileStore(dir)}
	s.files.Open()
	s.unread = slices.Sorted(slices.Values(s.files.All()))
	if n := len(s.unread); n > 0 {
		if _, err := fmt.Sscanf(s.unread[n-1], "o.%d", &s.next); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *store) Append(records [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.next++
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.Qos, p.TopicName, p.Payload, p.MessageID = 1, "t", r, uint16(s.next)
		key := fmt.Sprintf("o.%012d", s.next)
		s.files.Put(key, p)
		s.unread = append(s.unread, key)
	}
	return nil
}

func (s *store) Next(n int) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all [][]byte
	for _, key := range s.unread[:min(n, len(s.unread))] {
		p, ok := s.files.Get(key).(*packets.PublishPacket)
		if !ok {
			return nil, fmt.Errorf("%s is no publish", key)
		}
		all = append(all, p.Payload)
	}
	s.read = append(s.read, s.unread[:len(all)]...)
	s.unread = s.unread[len(all):]
	return all, nil
}

func (s *store) Settle(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.read[:n] {
		s.files.Del(key)
	}
	s.read = append(s.read[:0], s.read[n:]...)
	return nil
}

func (s *store) Close() error { s.files.Close(); return nil }

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
