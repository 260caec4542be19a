package aliiot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// childDir names the folder in which this test binary, run again as a child,
// lives as a device until it is killed.
const childDir = "ALIIOT_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		liveUntilKilled(dir)
	}
	if order := os.Getenv(killChild); order != "" {
		liveUnderLoad(order)
	}
	if order := os.Getenv(faultChild); order != "" {
		liveWithFault(order)
	}
	os.Exit(m.Run())
}

func folderConfig(dir string) Config {
	return Config{
		Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: testSecret},
		Server:   "mqtt://127.0.0.1:1", Dir: dir, AllowVolatile: true, Audit: true, DrainTimeout: -1,
	}
}

// liveUntilKilled reports for ever and prints each number that it was told, after
// it was told.
func liveUntilKilled(dir string) {
	dev, err := Open(context.Background(), folderConfig(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for {
		r, err := dev.Report(context.Background(), Properties{"energy": 1})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(r.Seq())
	}
}

// TestFault_kill_9_process kills a real process, on a real disk, at an instant
// that nobody chose, and opens the folder again: every yes that was heard counts.
// On the way a second process is refused the folder (two-processes, live), and the
// lock of the dead one is no obstacle (stale).
func TestFault_kill_9_process(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("durability is promised on Linux alone")
	}
	dir := t.TempDir()
	heard := uint64(0)
	for round := range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 40 + 17*round {
			if !lines.Scan() {
				break
			}
			if text := lines.Text(); strings.HasPrefix(text, "error") {
				t.Fatalf("the child: %s", text)
			}
			heard++
		}
		var locked *LockedError
		if _, err := Open(context.Background(), folderConfig(dir)); !errors.As(err, &locked) || locked.PID != child.Process.Pid {
			t.Errorf("beside a living device: %v", err)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had said before it died
			heard++
		}
		_ = child.Wait() // killed, as it should be
		dev, err := Open(context.Background(), folderConfig(dir))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		l, err := dev.Ledger(ctx)
		cancel()
		if err != nil || !l.Balances() || l.Accepted < heard || l.Pending < heard {
			t.Errorf("round %d: %d yeses heard, the ledger: %+v (%v)", round, heard, l.Counts, err)
		}
		heard = l.Accepted // some were kept whose yes nobody heard
		if err := dev.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAForeignFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	dev, err := Open(context.Background(), folderConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	other := folderConfig(dir)
	other.Identity = DeviceSecret{ProductKey: testPK, DeviceName: "device02", Secret: testSecret}
	if _, err := Open(context.Background(), other); err == nil || !strings.Contains(err.Error(), testDN) {
		t.Errorf("another device's folder: %v", err)
	}
	if dev, err = Open(context.Background(), folderConfig(dir)); err != nil { // and the first is unharmed
		t.Fatal(err)
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAVolatileFolderIsRefused(t *testing.T) {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); runtime.GOOS != "linux" || err != nil || !info.IsDir() {
		t.Skip("no tmpfs to try")
	}
	dir, err := os.MkdirTemp(shm, "aliiot-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := folderConfig(dir)
	c.AllowVolatile = false
	if _, err := Open(context.Background(), c); !errors.Is(err, ErrVolatile) {
		t.Errorf("a folder on a tmpfs: %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := folderConfig(t.TempDir())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, testSecret) || strings.Contains(text, fmt.Sprintf("%x", testSecret)) {
			t.Errorf("%s prints the secret: %s", verb, text)
		}
	}
}
