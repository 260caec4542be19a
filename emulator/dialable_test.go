package emulator

import (
	"net"
	"testing"
)

func TestDialable(t *testing.T) {
	for ip, want := range map[string]string{"0.0.0.0": "127.0.0.1:1883", "::": "127.0.0.1:1883", "127.0.0.2": "127.0.0.2:1883", "::1": "[::1]:1883"} {
		if got := dialable(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1883}); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}
