package transport_test

import (
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPahoInMemory runs the suite in a bubble: paho speaks MQTT to the fake
// broker over a connection in memory.
func TestPahoInMemory(t *testing.T) {
	transporttest.Suite(t, true, func(t *testing.T) transporttest.Pair {
		s := transporttest.NewServer(t)
		d := transport.NewPaho(transport.PahoOptions{DialContext: s.DialContext})
		return transporttest.Pair{Dialer: d, Server: s, Address: "mqtt://memory:1883"}
	})
}

// TestPahoOverTCP runs it over real sockets.
func TestPahoOverTCP(t *testing.T) {
	transporttest.Suite(t, false, func(t *testing.T) transporttest.Pair {
		s := transporttest.NewServer(t)
		return transporttest.Pair{
			Dialer: transport.NewPaho(transport.PahoOptions{}), Server: s, Address: "mqtt://" + listen(t, s),
		}
	})
}

// listen serves s on loopback until the test ends.
func listen(t *testing.T, s *transporttest.Server) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.ServeConn(c)
		}
	}()
	return l.Addr().String()
}
