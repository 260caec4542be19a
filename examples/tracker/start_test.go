package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What cannot be had is said in one line before anything else, and changes nothing.
func TestWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no sentence\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none")
	for _, c := range []struct {
		name string
		says string
		args []string
	}{
		{"a flag that is none", "-nonsense (--help shows the flags)", []string{"--nonsense"}},
		{"a log that is not there", "tracker: --log " + none + ": no such file or directory", []string{"--log", none}},
		{"a log that is none", "--log " + file + ": there is no RMC, GGA, GNS or GLL sentence in it: it takes NMEA", []string{"--log", file}},
		{"a log that is a folder", "--log " + dir + ": is a directory", []string{"--log", dir}},
		{"a server that is no address", "the scheme \"http\" is unknown", serverArgs("http://nowhere", none, file)},
		{"a folder that is a file", "tracker: --dir " + file + ": it is a file: choose", []string{"--dir", file}},
		{"a folder within a file", "not a directory", []string{"--dir", filepath.Join(file, "below")}},
		{"a report in no folder", "--report " + filepath.Join(none, "r") + ": no such file or directory", []string{"--report", filepath.Join(none, "r")}},
		{"a report that is a folder", "--report " + dir + ": it is a folder", []string{"--report", dir}},
		{"a report that may not be changed", "", []string{"--report", locked(t)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.says == "" {
				if os.Geteuid() == 0 {
					t.Skip("root may write anywhere")
				}
				c.says = "permission denied"
			}
			var out, errs bytes.Buffer
			status := run(t.Context(), c.args, &out, &errs)
			if status != exitUsage || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), c.says) {
				t.Errorf("exit status %d, want %q\n%s%s", status, c.says, &out, &errs)
			}
			if _, err := os.Stat(none); err == nil {
				t.Error("something was made")
			}
		})
	}
}

func locked(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report")
	if err := os.WriteFile(path, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

// A report's place is looked at, and left as it is.
func TestReportIsLookedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := checkReport(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
	if err := os.WriteFile(path, []byte("the last run"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkReport(path); err != nil {
		t.Error(err)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "the last run" {
		t.Errorf("it holds %q, error %v", raw, err)
	}
}

// The folder is the first tracker's from the first moment to the last, whether its
// device lives or not.
func TestSecondTracker(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	free, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"--dir", dir}, &out, &errs)
	if status != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), "in use by another tracker (process ") {
		t.Errorf("exit status %d\n%s%s", status, &out, &errs)
	}
	var inUse *inUseError
	if _, err := lockFolder(dir); !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("error %v, want this process named", err)
	}
	free()
	if free, err = lockFolder(dir); err != nil {
		t.Fatal("a folder that was given back: ", err)
	}
	free()
}

// In particular not while the first has killed its device and not yet started it again.
func TestSecondTrackerAfterAKill(t *testing.T) {
	dir := t.TempDir()
	first := newDriver(options{dir: dir}, newDisplay(&bytes.Buffer{}, func() {}))
	defer first.cleanUp()
	if _, err := first.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.stopDevice()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"--dir", dir}, &out, &errs); status != exitUsage || !strings.Contains(errs.String(), "in use by another tracker") {
		t.Errorf("exit status %d\n%s%s", status, &out, &errs)
	}
	if err := first.openDevice(t.Context(), openWithin); err != nil {
		t.Errorf("the first cannot go on: %v", err)
	}
}

// A journal that somebody else has open, or that is another device's, is refused
// at once and in one line.
func TestFolderOfAnother(t *testing.T) {
	dir := t.TempDir()
	o := options{dir: dir, server: "mqtt://127.0.0.1:1", productKey: "a1Other", deviceName: "d", deviceSecret: "s", confirm: "reply"}
	first := newDriver(o, newDisplay(&bytes.Buffer{}, func() {}))
	defer first.cleanUp()
	if _, err := first.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.freed() // as if its tracker were none of ours
	refused := func(says string) {
		t.Helper()
		var out, errs bytes.Buffer
		status := run(t.Context(), []string{"--dir", dir}, &out, &errs)
		if status != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), says) || strings.Count(errs.String(), dir) != 1 {
			t.Errorf("exit status %d, want %q\n%s%s", status, says, &out, &errs)
		}
	}
	refused("its journal is in use by process")
	first.stopDevice()
	refused(`the journal belongs to "a1Other/d"`)
}

// Ctrl-C ends the run, the device's process and the temporary folder; it says what
// becomes of what waited.
func TestInterrupted(t *testing.T) {
	kept := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		says []string
	}{
		{"without a folder", nil, []string{"tracker: interrupted: ", "the temporary folder is removed"}},
		{"with one", []string{"--dir", kept}, []string{"tracker: interrupted: ", "in " + kept}},
		{"before it began", nil, []string{"tracker: interrupted: nothing had begun"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			bound := 500 * time.Millisecond
			if strings.HasPrefix(c.name, "before") {
				bound = 0
			}
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			var out, errs bytes.Buffer
			status := run(ctx, c.args, &out, &errs)
			for _, says := range c.says {
				if status != exitFailed || !strings.Contains(errs.String(), says) {
					t.Errorf("exit status %d, want %q\n%s%s", status, says, &out, &errs)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "aliiot-tracker-*")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func TestFate(t *testing.T) {
	for _, c := range []struct {
		dir     string
		waiting int64
		want    string
	}{
		{"", 0, "nothing waited, and the temporary folder is removed"},
		{"", 2, "the temporary folder is removed, and with it 2 reports that waited (--dir DIR keeps them)"},
		{"d", 0, "nothing waits in d"},
		{"d", 1, "1 report waits in d, for the next run on it"},
	} {
		d := &driver{o: options{dir: c.dir}, dir: c.dir}
		if got := d.fate(c.waiting); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// A folder that keeps nothing over a power cut is taken, and said to be one.
func TestFolderInMemory(t *testing.T) {
	for _, c := range []struct{ dir, kind, says string }{
		{"", "", ""},
		{"d", "", ""},
		{"", "tmpfs", "allowed to be"},
		{"d", "tmpfs", "neither a reboot nor a power cut"},
		{"d", "fat", "may damage it"},
	} {
		d := &driver{o: options{dir: c.dir}, volatile: c.kind}
		if _, got := d.aboutFolder(); (got == "") != (c.says == "") || !strings.Contains(got, c.says) || !strings.Contains(got, c.kind) {
			t.Errorf("%+v: %q", c, got)
		}
	}
	shm, err := os.MkdirTemp("/dev/shm", "aliiot-tracker-test-")
	if err != nil {
		t.Skip("there is no /dev/shm: ", err)
	}
	defer os.RemoveAll(shm)
	d := newDriver(options{dir: shm}, newDisplay(&bytes.Buffer{}, func() {}))
	defer d.cleanUp()
	if _, err := d.start(t.Context()); err != nil || d.volatile != "tmpfs" {
		t.Errorf("on %q, error %v", d.volatile, err)
	}
}
