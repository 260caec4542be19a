package transporttest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/transport"
)

// Why a client's connection ended, as OnEnd hears it.
var (
	// ErrDisplaced: a newer connection took the client id.
	ErrDisplaced = errors.New("transporttest: displaced by a newer connection")
	// ErrKeepAlive: silent for one and a half keepalives.
	ErrKeepAlive = errors.New("transporttest: silent for too long")
	// ErrCut: the test cut it.
	ErrCut = errors.New("transporttest: cut")
	// ErrClientGone: the client closed without a word.
	ErrClientGone = errors.New("transporttest: the client closed the connection")
)

// Server is a broker in memory. The hooks are set before the first dial and are
// called from the goroutine of the client they speak of, in the order of its
// packets. The broker keeps no session: SessionPresent is never set.
type Server struct {
	// OnConnect gives the CONNACK code; nil accepts everybody.
	OnConnect func(c transport.Connect) byte
	// OnConnack hears what each CONNECT was told; they are numbered from 1.
	OnConnack func(number int, code byte)
	// OnSubscribe gives the code of one filter; nil grants what was asked.
	OnSubscribe func(c *Client, f transport.Filter) byte
	// OnPublish takes a message; false withholds the PUBACK of a QoS 1 publish.
	OnPublish func(c *Client, m transport.Message) bool
	// OnEnd hears why a client ended; nil is a DISCONNECT.
	OnEnd func(c *Client, err error)

	mu      sync.Mutex
	byID    map[string]*Client
	alive   map[*Client]struct{}
	f       faults
	calm    chan struct{} // closed while nothing stalls
	closed  bool
	connect int
	wg      sync.WaitGroup // goroutines of connections and clients
}

// New makes a server. Close ends it.
func New() *Server {
	calm := make(chan struct{})
	close(calm)
	return &Server{byID: map[string]*Client{}, alive: map[*Client]struct{}{}, calm: calm}
}

// NewServer makes a server that the end of the test closes, in a bubble too.
func NewServer(t testing.TB) *Server {
	s := New()
	t.Cleanup(s.Close)
	return s
}

// Close cuts everybody and waits for the server's goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Heal()
	s.CutAll(RST)
	s.Heal() // for those who could not be told
	s.wg.Wait()
}

// Client is the connected client of that id, or nil.
func (s *Server) Client(id string) *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// Clients is how many connections the server believes in, ghosts included.
func (s *Server) Clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.alive)
}

// Connects is how many CONNECTs arrived, refused ones included.
func (s *Server) Connects() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connect
}

// CutAll ends every connection, as a restart of the broker does.
func (s *Server) CutAll(how Cut) {
	for _, c := range s.everyone() {
		c.Cut(how)
	}
}

// Publish sends to every client with a matching subscription, and counts them.
func (s *Server) Publish(topic string, payload []byte, qos byte) int {
	n := 0
	for _, c := range s.everyone() {
		if granted, ok := c.subscribed(topic); ok {
			c.Push(topic, payload, min(qos, granted))
			n++
		}
	}
	return n
}

func (s *Server) everyone() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Client, 0, len(s.alive))
	for c := range s.alive {
		all = append(all, c)
	}
	return all
}

// welcome judges a CONNECT. The front end learns of the code before anything
// else of that client.
func (s *Server) welcome(conn transport.Connect, f front) (*Client, byte) {
	s.mu.Lock()
	s.connect++
	number, code := s.connect, s.f.refuse
	s.mu.Unlock()
	if code == 0 && s.OnConnect != nil {
		code = s.OnConnect(conn)
	}
	if s.OnConnack != nil {
		s.OnConnack(number, code)
	}
	if code != 0 {
		return nil, code
	}
	c := newClient(s, number, conn, f)
	s.mu.Lock()
	old := s.byID[conn.ClientID]
	if s.closed {
		s.mu.Unlock()
		return nil, 3
	}
	s.byID[conn.ClientID] = c
	s.alive[c] = struct{}{}
	s.wg.Add(2)
	s.mu.Unlock()
	if old != nil {
		old.end(ErrDisplaced, FIN)
	}
	go func() { defer s.wg.Done(); c.up.run() }()
	go func() { defer s.wg.Done(); c.down.run() }()
	if conn.KeepAlive > 0 {
		c.mu.Lock()
		c.silence = time.AfterFunc(patience(conn), func() { c.end(ErrKeepAlive, FIN) })
		c.mu.Unlock()
	}
	return c, 0
}

func (s *Server) forget(c *Client) {
	s.mu.Lock()
	delete(s.alive, c)
	if s.byID[c.connect.ClientID] == c {
		delete(s.byID, c.connect.ClientID)
	}
	s.mu.Unlock()
}
