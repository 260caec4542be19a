package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/emulator"
)

// What goes wrong with a server is told in one breath, with what to do about it.
func TestServerSaysNo(t *testing.T) {
	cloud := emulator.Start(t, emulator.WithDevice("a1ServerTest", "d1", "another secret"))
	for _, c := range []struct{ name, url, says string }{
		{"a wrong secret", cloud.MQTT(), "link    refused: connect: the broker refused the connection: bad user name or password (CONNACK 4); look at --product-key"},
		{"nobody there", fmt.Sprintf("mqtt://127.0.0.1:%d", freePort(t)), ": connection refused; it keeps trying"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, _ := runTracker(t, serverArgs(c.url, t.TempDir(), shortLog(t, 2), "--drain", "300ms")...)
			if status != exitPending || !strings.Contains(out, c.says) {
				t.Errorf("exit status %d, want %q", status, c.says)
			}
			for line := range strings.Lines(out) {
				if strings.Count(line, "transport:") > 0 || strings.Count(line, "dial") > 1 || strings.Count(line, "refused:") > 1 {
					t.Errorf("it stutters: %s", line)
				}
			}
		})
	}
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("appending: %w: %w", aliiot.ErrNoSpace, &fs.PathError{Op: "write", Path: "f", Err: errors.New("no space left on device")}), "the disk is full: make room on it"},
		{fmt.Errorf("opening: %w", &aliiot.ConfigError{Field: "Dir", Err: fs.ErrPermission}), fs.ErrPermission.Error()},
		{errors.Join(errors.New("first"), errors.New("second")), "first"},
	} {
		got := plain(c.err)
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
