package emulator_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/aliiot/aliiot/emulator"
)

const nodeProgram = "testdata/node-sdk"

// nodeSDK is a folder in which the SDK is installed.
type nodeSDK struct {
	ctx       context.Context
	node, dir string
}

// offline is how npm says that there is no registry to be reached.
var offline = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED`)

func installNodeSDK(t *testing.T, ctx context.Context) nodeSDK {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("ALIIOT_NODE") == "required" {
			t.Fatalf("ALIIOT_NODE=required, and "+format, args...)
		}
		t.Skipf(format, args...)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		missing("npm is not installed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(nodeProgram)); err != nil {
		t.Fatal(err)
	}
	// The lock file says what is installed, to the byte.
	cmd := exec.CommandContext(ctx, npm, "ci", "--prefer-offline", "--no-progress",
		"--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000", "--fetch-timeout=20000")
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil || offline.Match(out) {
			missing("no npm registry can be reached: %v\n%s", err, out)
		}
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return nodeSDK{ctx, node, dir}
}

// said is one line of the program: an event, or the callback of a call.
type said struct {
	Event   string
	N       int
	Code    any // a CONNACK's number, or the name of a system error
	Text    string
	Present bool // a kept session, in CONNACK
	Res     json.RawMessage
	Granted []struct {
		Topic string
		QoS   byte
	}
}

// nodeDevice is a process with one device of the SDK's.
type nodeDevice struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan said
	stderr bytes.Buffer
	calls  int
	all    []said
}

func (sdk nodeSDK) start(t *testing.T, broker string, dev emulator.DeviceSecret, env ...string) *nodeDevice {
	t.Helper()
	d := &nodeDevice{t: t, lines: make(chan said, 1000)}
	d.cmd = exec.CommandContext(sdk.ctx, sdk.node, "device.js")
	d.cmd.Dir, d.cmd.Stderr, d.cmd.WaitDelay = sdk.dir, &d.stderr, time.Second
	d.cmd.Env = append(os.Environ(), "ALIIOT_NODE_BROKER="+broker, "ALIIOT_NODE_PRODUCT_KEY="+dev.ProductKey,
		"ALIIOT_NODE_DEVICE_NAME="+dev.DeviceName, "ALIIOT_NODE_DEVICE_SECRET="+string(dev.Secret))
	d.cmd.Env = append(d.cmd.Env, env...)
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.in = in
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(d.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var s said
			if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
				s = said{Event: "garbage", Text: scan.Text()}
			}
			select {
			case d.lines <- s:
			case <-sdk.ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill()
			<-ended
			_ = d.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the SDK said %+v\n%s", d.all, &d.stderr)
		}
	})
	return d
}

// until waits for a line, and passes over others.
func (d *nodeDevice) until(what string, is func(said) bool) said {
	d.t.Helper()
	enough := time.After(patience)
	for {
		select {
		case s, ok := <-d.lines:
			if !ok {
				d.t.Fatalf("the SDK ended before %s", what)
			}
			d.all = append(d.all, s)
			if is(s) {
				return s
			}
		case <-enough:
			d.t.Fatalf("the SDK never said %s", what)
		}
	}
}

func (d *nodeDevice) event(name string) said {
	d.t.Helper()
	return d.until(name, func(s said) bool { return s.Event == name })
}

// call makes a call without waiting for its callback.
func (d *nodeDevice) call(name string, args ...any) (n int) {
	d.t.Helper()
	d.calls++
	line, err := json.Marshal(map[string]any{"call": name, "n": d.calls, "args": args})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		d.t.Fatalf("calling %s: %v", name, err)
	}
	return d.calls
}

// back waits for a call's callback.
func (d *nodeDevice) back(name string, n int) said {
	d.t.Helper()
	return d.until("the callback of "+name, func(s said) bool { return s.Event == name && s.N == n })
}

func (d *nodeDevice) do(name string, args ...any) said {
	d.t.Helper()
	s := d.back(name, d.call(name, args...))
	if s.Text != "" {
		d.t.Errorf("%s: the SDK says %q", name, s.Text)
	}
	return s
}

// end ends the device as an application does, and its process with it.
func (d *nodeDevice) end() {
	d.t.Helper()
	_ = d.in.Close()
	d.event("end")
	for s := range d.lines {
		d.all = append(d.all, s)
	}
	if err := d.cmd.Wait(); err != nil || d.stderr.Len() > 0 {
		d.t.Errorf("the process ended with %v, and said %q", err, &d.stderr)
	}
}
