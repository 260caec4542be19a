package transport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// The suite stands on a broker that we wrote. These two we did not.

func TestAgainstMochi(t *testing.T) {
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := b.AddHook(new(gate), nil); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddListener(listeners.NewNet("loopback", l)); err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	againstBroker(t, l.Addr().String())
}

// gate lets one user in.
type gate struct{ mochi.HookBase }

func (gate) ID() string { return "gate" }
func (gate) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (gate) OnConnectAuthenticate(_ *mochi.Client, p packets.Packet) bool {
	return string(p.Connect.Username) == "user" && string(p.Connect.Password) == "secret"
}
func (gate) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// TestAgainstMosquitto needs Debian's package; ALIIOT_MOSQUITTO=required makes
// its absence a failure.
func TestAgainstMosquitto(t *testing.T) {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path = "/usr/sbin/mosquitto"; !exists(path) {
			if os.Getenv("ALIIOT_MOSQUITTO") == "required" {
				t.Fatal("mosquitto is not installed, and ALIIOT_MOSQUITTO=required")
			}
			t.Skip("mosquitto is not installed")
		}
	}
	passwd, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		t.Fatal("mosquitto without mosquitto_passwd")
	}
	// As root, mosquitto becomes its own user and must still read these.
	dir, err := os.MkdirTemp("", "mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "mosquitto.conf")
	if out, err := exec.Command(passwd, "-c", "-b", users, "user", "secret").CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	if err := os.Chmod(users, 0o644); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous false\npassword_file %s\npersistence false\nlog_dest stderr\n", port, users)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-v", "-c", config)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running, drained := make(chan struct{}), make(chan struct{})
	var lines []string
	go func() {
		defer close(drained)
		for in := bufio.NewScanner(log); in.Scan(); {
			lines = append(lines, in.Text())
			if strings.Contains(in.Text(), "running") {
				close(running)
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(strings.Join(lines, "\n"))
		}
	})
	select {
	case <-running:
	case <-drained:
		t.Fatal("mosquitto did not start")
	}
	againstBroker(t, address)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// freeAddress is one that nobody listens on, most likely.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// againstBroker goes once through what a device does.
func againstBroker(t *testing.T, address string) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	d := transport.NewPaho(transport.PahoOptions{})
	connect := func(id string) transport.Connect {
		return transport.Connect{
			Server: "mqtt://" + address, ClientID: id, Username: "user", Password: "secret",
			KeepAlive: time.Minute, CleanSession: true,
		}
	}

	wrong := connect("long-client-id|securemode=2,signmethod=hmacsha256,timestamp=1700000000000|")
	wrong.Password = "guess"
	_, err := d.Dial(ctx, wrong, transporttest.NewRecorder())
	var refused *transport.RefusedError
	if !errors.As(err, &refused) || refused.Code != 5 {
		t.Errorf("a wrong password: %v", err)
	}

	r := transporttest.NewRecorder()
	s, err := d.Dial(ctx, connect("device-1"), r)
	if err != nil {
		t.Fatal(err)
	}
	filters := []transport.Filter{{Topic: "a/+", QoS: 1}, {Topic: "b/#"}}
	if err := s.Subscribe(ctx, filters); err != nil {
		t.Fatal(err)
	}
	const n = 50
	for i := range n {
		if err := s.Publish(uint64(i), "a/x", fmt.Append(nil, i), byte(i%2)); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(what string, r *transporttest.Recorder, ok func() bool) {
		t.Helper()
		for !ok() {
			select {
			case <-r.Changed:
			case <-ctx.Done():
				t.Fatalf("never saw %s: %v", what, r.Fates())
			}
		}
	}
	wait("all fates and messages", r, func() bool { return len(r.Fates()) == n && len(r.Messages()) == n })
	next := []int{0, 1} // QoS 0 may overtake QoS 1 in a broker's own window
	for _, m := range r.Messages() {
		if string(m.Payload) != fmt.Sprint(next[m.QoS]) {
			t.Fatalf("%s came with QoS %d instead of %d", m.Payload, m.QoS, next[m.QoS])
		}
		next[m.QoS] += 2
	}
	for _, f := range r.Fates() {
		if want := transport.Level(1 + f.Token%2); f.Err != nil || f.Level != want {
			t.Errorf("fate %+v", f)
		}
	}

	again := transporttest.NewRecorder()
	young, err := d.Dial(ctx, connect("device-1"), again)
	if err != nil {
		t.Fatal(err)
	}
	wait("the takeover", r, func() bool { return len(r.LostErrors()) == 1 })
	if lost := r.LostErrors()[0]; !errors.Is(lost, io.EOF) {
		t.Logf("a takeover looks like %v here", lost)
	}
	young.Close()
	if young.Err() != nil || len(again.LostErrors()) > 0 {
		t.Errorf("closed: %v, lost %v", young.Err(), again.LostErrors())
	}
}
