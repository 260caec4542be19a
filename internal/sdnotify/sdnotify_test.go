package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestSend(t *testing.T) {
	dir, err := os.MkdirTemp("", "sd") // the name of a socket has room for 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	names := map[string]string{"path": filepath.Join(dir, "notify")}
	if runtime.GOOS == "linux" {
		names["abstract"] = fmt.Sprintf("@aliiot-test-%d", os.Getpid())
	}
	for kind, name := range names {
		t.Run(kind, func(t *testing.T) {
			m, err := FromEnv(env("NOTIFY_SOCKET", name), 1)
			if err != nil || m.Watchdog != 0 {
				t.Fatal(m, err)
			}
			if err := m.Send(Ready); err == nil {
				t.Error("it said something to nobody")
			}
			for range 2 { // a manager that comes back is found again
				manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
				if err != nil {
					t.Fatal(err)
				}
				if err := m.Send(Ready, Status("all\nis well"), Watchdog, Stopping); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 1000)
				n, _, err := manager.ReadFromUnix(buf)
				if got, want := string(buf[:n]), "READY=1\nSTATUS=all is well\nWATCHDOG=1\nSTOPPING=1"; err != nil || got != want {
					t.Errorf("heard %q, %v; want %q", got, err, want)
				}
				if err := manager.Close(); err != nil {
					t.Fatal(err)
				}
				_ = os.Remove(name)
			}
		})
	}
}

// A manager that does not read must not hang who speaks to it.
func TestADeafManager(t *testing.T) {
	dir, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	m, err := FromEnv(env("NOTIFY_SOCKET", name), 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 {
		if err = m.Send(Watchdog); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("there was always room")
	}
}

func TestFromEnv(t *testing.T) {
	if m, err := FromEnv(env("WATCHDOG_USEC", "1000"), 1); m != nil || err != nil {
		t.Errorf("without a socket: %v, %v", m, err)
	}
	for _, name := range []string{"relative", "vsock:2:1234", "/", "@"} {
		if m, err := FromEnv(env("NOTIFY_SOCKET", name), 1); m != nil || !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, %v", name, m, err)
		}
	}
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		bad       bool
	}{
		{"30000000", "", 30 * time.Second, false},
		{"30000000", "7", 30 * time.Second, false},
		{"30000000", "8", 0, false}, // another process's
		{"", "7", 0, false},
		{"0", "", 0, true},
		{"-5", "", 0, true},
		{"9223372036854775807", "", 0, true}, // not one that a duration can hold
		{"soon", "7", 0, true},
		{"30000000", "me", 0, true},
	} {
		m, err := FromEnv(env("NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", c.usec, "WATCHDOG_PID", c.pid), 7)
		if m == nil || m.Watchdog != c.want || errors.Is(err, ErrWatchdog) != c.bad {
			t.Errorf("%+v: %v, %v", c, m, err)
		}
	}
}
