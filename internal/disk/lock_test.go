package disk_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
)

func TestLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	held, err := disk.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	var locked *disk.LockedError
	if _, err := disk.Lock(dir); !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Dir != dir {
		t.Errorf("the second: %v, want this process named", err)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		t.Errorf("the lock file must stay: %v", err)
	}
	again, err := disk.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// lockChild is what the test binary does when it is started as the holder.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DISK_TEST_LOCK"); dir != "" {
		if _, err := disk.Lock(dir); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("locked\n")
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

func TestLockOfAKilledProcessIsNoObstacle(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "DISK_TEST_LOCK="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the child says %q: %v", line, err)
	}
	var locked *disk.LockedError
	if _, err := disk.Lock(dir); !errors.As(err, &locked) || locked.PID != child.Process.Pid {
		t.Errorf("while it lives: %v, want process %d named", err, child.Process.Pid)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed"
	held, err := disk.Lock(dir)
	if err != nil {
		t.Fatalf("after its death: %v", err)
	}
	defer held.Release()
	text, err := os.ReadFile(filepath.Join(dir, "lock"))
	if err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("the file names %q, %v", text, err)
	}
}

func TestLockWithoutAPlace(t *testing.T) {
	var e *disk.Error
	if _, err := disk.Lock(filepath.Join(t.TempDir(), "none")); !errors.As(err, &e) || !errors.Is(err, disk.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}
