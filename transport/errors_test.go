package transport_test

import (
	"errors"
	"net"
	"testing"

	"github.com/aliiot/aliiot/transport"
)

// A person reads package and phase once, whatever the cause begins with.
func TestPhaseErrorNamesNothingTwice(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, Err: errors.New("connection refused")}
	for _, c := range []struct {
		err  transport.PhaseError
		want string
	}{
		{transport.PhaseError{Phase: transport.PhaseDial, Err: refused}, "transport: dial: tcp 127.0.0.1:1: connection refused"},
		{transport.PhaseError{Phase: transport.PhaseConnect, Err: transport.ErrAborted}, "transport: connect: aborted"},
		{transport.PhaseError{Phase: transport.PhaseTLS, Err: errors.New("EOF")}, "transport: tls: EOF"},
	} {
		if got := c.err.Error(); got != c.want || !errors.Is(&c.err, c.err.Err) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
