//go:build unix

package transport

import (
	"net"
	"syscall"
	"testing"
)

// TestSocketOptions: Go turns keepalive on, and lets the send buffer grow.
func TestSocketOptions(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dialTCP(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); err != nil || on != 0 {
			t.Errorf("keepalive %d, %v", on, err)
		}
		// Linux doubles what it is asked for.
		if size, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF); err != nil || size > 2*sendBuffer {
			t.Errorf("send buffer %d, %v", size, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
