// Jetstream is a work queue of NATS JetStream, its server inside the program, that
// syncs at each message.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aliiot/aliiot/bench/contest"
)

var peer = contest.Contestant{Name: "JetStream", Class: contest.Strict, Open: open, DrainMost: 5_000}

const (
	subject  = "queue"
	patience = 30 * time.Second
	// fetchWait is how long Next waits at the end of the queue.
	fetchWait = time.Second
)

type store struct {
	server   *server.Server
	conn     *nats.Conn
	js       jetstream.JetStream
	consumer jetstream.Consumer
	read     chan jetstream.Msg // read and not settled
}

func open(dir string) (contest.Store, error) {
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: dir, SyncAlways: true, DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, err
	}
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		return nil, errors.New("the server does not become ready")
	}
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(1024))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: subject, Subjects: []string{subject}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, err
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxAckPending: -1})
	return &store{srv, conn, js, consumer, make(chan jetstream.Msg, 1<<16)}, err
}

func (s *store) Append(records [][]byte) error {
	acks := make([]jetstream.PubAckFuture, len(records))
	for i, r := range records {
		var err error
		if acks[i], err = s.js.PublishAsync(subject, r); err != nil {
			return err
		}
	}
	for _, a := range acks {
		select {
		case <-a.Ok():
		case err := <-a.Err():
			return err
		case <-time.After(patience):
			return errors.New("no word from the server")
		}
	}
	return nil
}

func (s *store) Next(n int) ([][]byte, error) {
	// It returns as soon as there are n; what was just published may take a moment.
	batch, err := s.consumer.Fetch(n, jetstream.FetchMaxWait(fetchWait))
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for m := range batch.Messages() {
		s.read <- m
		all = append(all, m.Data())
	}
	return all, batch.Error()
}

func (s *store) Settle(n int) error {
	for range n {
		select {
		case m := <-s.read:
			if err := m.Ack(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("settling more than was read")
		}
	}
	return nil
}

func (s *store) Close() error {
	s.conn.Close()
	s.server.Shutdown()
	s.server.WaitForShutdown()
	return nil
}

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
