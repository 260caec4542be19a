package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// The test binary is the device, too, when the driver starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runDevice(os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// runTracker runs the whole program and returns its exit status, its output and
// its report.
func runTracker(t *testing.T, args ...string) (int, string, outcome) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	var out, errs bytes.Buffer
	status := run(t.Context(), append(args, "--report", path), &out, &errs)
	t.Logf("exit status %d\n%s%s", status, &out, &errs)
	var end outcome
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &end)
	}
	if err != nil && status != exitFailed && status != exitUsage {
		t.Fatalf("the report: %v", err)
	}
	return status, out.String(), end
}

// The main job, as a newcomer runs it: every fault strikes, and the ledger and
// the platform agree.
func TestFast(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 20 seconds")
	}
	t.Setenv("TMPDIR", t.TempDir())
	status, out, end := runTracker(t, "--fast", "--seed", "4")
	if status != exitOK || end.Agree == nil || !*end.Agree || len(end.Violations) > 0 {
		t.Errorf("exit status %d, violations %q", status, end.Violations)
	}
	want := []string{"cut-after-publish", "half-open", "panic-actor", "kill-9", "replay-blackhole"}
	if !slices.Equal(end.Faults, want) {
		t.Errorf("the faults were %q, want %q", end.Faults, want)
	}
	if a := end.Ledger.Lanes[laneAlarm].Accepted; a != 13 {
		t.Errorf("%d alarms, want 13", a)
	}
	if n := end.Ledger.Accepted; n != 182 || end.Ledger.Confirmed != n || end.Platform.Reports != n {
		t.Errorf("%d accepted, %d confirmed, %d at the platform; want 182 of each", n, end.Ledger.Confirmed, end.Platform.Reports)
	}
	for _, says := range []string{"FAULT", "remembers", "The ledger and the platform agree.", "ok      O6 "} {
		if !strings.Contains(out, says) {
			t.Errorf("the output does not say %q", says)
		}
	}
	if strings.Contains(out, "O13") {
		t.Error("a check is shown that this run has nothing to ask about")
	}
	if got := strings.Count(out, "FAULT   "); got != len(want) || !strings.Contains(out, "faults    5, when") || !strings.Contains(out, "5 of 5: ") {
		t.Errorf("%d lines of faults, want as many as the head says", got)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("there are colours in an output that is no terminal")
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "aliiot-tracker-*")); len(left) > 0 {
		t.Errorf("temporary folders are left: %q", left)
	}
}

// Other seeds strike elsewhere.
func TestSeeds(t *testing.T) {
	if os.Getenv("ALIIOT_LONG") != "1" {
		t.Skip("ALIIOT_LONG=1 runs it")
	}
	for seed := range 6 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if status, _, end := runTracker(t, "--seed", fmt.Sprint(seed)); status != exitOK {
				t.Errorf("exit status %d, violations %q", status, end.Violations)
			}
		})
	}
}

// shortLog is a walk of so many epochs, one a second.
func shortLog(t *testing.T, epochs int) string {
	t.Helper()
	var log strings.Builder
	for i := range epochs {
		s := fmt.Sprintf("GPRMC,1200%02d,A,3645.%04d,N,03124.6571,E,1.1,237.0,110922,,,A", i, 8600+i)
		fmt.Fprintf(&log, "$%s*%s\n", s, checksum(s))
	}
	path := filepath.Join(t.TempDir(), "walk.nmea")
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checksum(s string) string {
	var sum byte
	for _, c := range []byte(s) {
		sum ^= c
	}
	return fmt.Sprintf("%02X", sum)
}

func serverArgs(url, dir, log string, more ...string) []string {
	return append([]string{"--server", url, "--product-key", "a1ServerTest", "--device-name", "d1", "--device-secret", "secret",
		"--dir", dir, "--log", log}, more...)
}

// numbers are the marks that a platform received in a lane, each once, sorted.
func numbers(items []emulator.Item, lane string) []uint64 {
	var n []uint64
	for _, it := range items {
		if it.Lane == lane {
			n = append(n, it.Number)
		}
	}
	slices.Sort(n)
	return slices.Compact(n)
}

// With --server the same program reports to a platform that it knows nothing of.
// What it cannot deliver waits in the folder, and goes with the next run; the
// numbers by which a receiver counts go on.
func TestServer(t *testing.T) {
	cloud := emulator.Start(t, emulator.WithDevice("a1ServerTest", "d1", "secret"))
	device := alink.Device{ProductKey: "a1ServerTest", DeviceName: "d1"}
	dir, log := t.TempDir(), shortLog(t, 3)

	deaf := cloud.Inject(emulator.LoseReplies())
	status, out, end := runTracker(t, serverArgs(cloud.MQTT(), dir, log, "--drain", "300ms")...)
	if status != exitPending || end.Ledger.Pending != end.Ledger.Accepted || end.Ledger.Accepted == 0 {
		t.Errorf("without a reply: exit status %d, %d of %d pending", status, end.Ledger.Pending, end.Ledger.Accepted)
	}
	if end.Platform != nil || end.Agree != nil || strings.Contains(out, "FAULT") {
		t.Error("faults or a verdict, where none of the platform is ours")
	}
	first := end.Ledger
	deaf.Stop()

	status, out, end = runTracker(t, serverArgs(cloud.MQTT(), dir, log, "--drain", "30s")...)
	if status != exitOK || end.Ledger.Pending != 0 || end.Ledger.Confirmed != 2*first.Accepted {
		t.Errorf("with replies: exit status %d, %d confirmed, %d pending; the first run made %d", status, end.Ledger.Confirmed, end.Ledger.Pending, first.Accepted)
	}
	if !strings.Contains(out, fmt.Sprintf("%s of earlier runs included", count(first.Accepted, "report"))) {
		t.Error("the ledger does not say that it is that of two runs")
	}
	for _, lane := range []string{lanePosition, laneAlarm} {
		got := numbers(cloud.Accepted(device), lane)
		want := make([]uint64, end.Ledger.Lanes[lane].Accepted)
		for i := range want {
			want[i] = uint64(i + 1)
		}
		if !slices.Equal(got, want) || len(want) != 2*int(first.Lanes[lane].Accepted) {
			t.Errorf("lane %s: numbers %v, want 1 to %d", lane, got, 2*first.Lanes[lane].Accepted)
		}
	}
}

// Any other broker does as well, where its PUBACK is what counts.
func TestServerMosquitto(t *testing.T) {
	mosquitto, err := exec.LookPath("mosquitto")
	if err != nil {
		if mosquitto, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			if os.Getenv("ALIIOT_MOSQUITTO") == "required" {
				t.Fatal("mosquitto is not installed")
			}
			t.Skip("mosquitto is not installed")
		}
	}
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "listener %d 127.0.0.1\nallow_anonymous true\n", port), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	broker := exec.CommandContext(ctx, mosquitto, "-c", config)
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = broker.Wait() // killed
	}()
	url := fmt.Sprintf("mqtt://127.0.0.1:%d", port)
	status, _, end := runTracker(t, serverArgs(url, t.TempDir(), shortLog(t, 3), "--confirm", "puback", "--drain", "30s")...)
	if n := end.Ledger.Accepted; status != exitOK || n == 0 || end.Ledger.ConfirmedBy["puback"] != n {
		t.Errorf("exit status %d, %d accepted, %d confirmed by PUBACK", status, n, end.Ledger.ConfirmedBy["puback"])
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
