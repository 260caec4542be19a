package transporttest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/aliiot/aliiot/transport"
)

// DialContext opens a connection in memory to this server, which speaks MQTT
// 3.1.1 on it. It is made for transport.PahoOptions, in a bubble too.
func (s *Server) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := s.admit(ctx); err != nil {
		if phase := (*transport.PhaseError)(nil); errors.As(err, &phase) {
			err = phase.Err // the transport names the phase itself
		}
		return nil, err
	}
	client, server := ConnPair()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	s.wg.Go(func() { s.ServeConn(server) })
	return client, nil
}

// ServeConn speaks MQTT on one connection until it ends. It closes it.
func (s *Server) ServeConn(conn net.Conn) {
	f := &connFront{conn: conn, over: make(chan struct{})}
	defer f.close(FIN)
	r := bufio.NewReaderSize(patientReader{s, f}, 512)
	s.mu.Lock()
	connecting := s.f.connecting
	s.mu.Unlock()
	if portal := (*transport.NotServerError)(nil); errors.As(connecting, &portal) {
		_, _, _ = readPacket(r)
		_, _ = conn.Write(portal.Got)
		return
	}
	first, body, err := readPacket(r)
	if err != nil || first != 0x10 {
		return
	}
	connect, err := parseConnect(body)
	if err != nil {
		return
	}
	f.greeting.Lock()
	c, code := s.welcome(connect, f)
	_, err = conn.Write([]byte{0x20, 2, 0, code})
	f.greeting.Unlock()
	if c == nil {
		return
	}
	if err == nil {
		err = s.read(c, f, r)
	}
	if err != nil {
		c.clientClosed()
	}
	<-f.over // a ghost lives on after its conn
}

// read takes what comes until the connection ends.
func (s *Server) read(c *Client, f *connFront, r *bufio.Reader) error {
	for {
		first, body, err := readPacket(r)
		if err != nil {
			return err
		}
		in, err := parse(first, body)
		if err != nil {
			c.end(err, FIN)
			return err
		}
		c.sendUp(in)
	}
}

// patientReader reads nothing while writes shall stall.
type patientReader struct {
	server *Server
	front  *connFront
}

func (r patientReader) Read(p []byte) (int, error) {
	select {
	case <-r.server.stalled():
	case <-r.front.over:
		return 0, io.EOF
	}
	return r.front.conn.Read(p)
}

// connFront is a client on a conn.
type connFront struct {
	conn     net.Conn
	greeting sync.Mutex // held until CONNACK is out
	once     sync.Once
	over     chan struct{}
}

func (f *connFront) deliver(out frame) {
	f.greeting.Lock()
	f.greeting.Unlock() //nolint:staticcheck // only waits
	_, _ = f.conn.Write(out.encode())
}

func (f *connFront) peerClosed(_ error, how Cut) { f.close(how) }

func (f *connFront) close(how Cut) {
	f.once.Do(func() {
		if l, ok := f.conn.(interface{ SetLinger(int) error }); ok && how == RST {
			_ = l.SetLinger(0)
		}
		_ = f.conn.Close()
		close(f.over)
	})
}
