package contest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/aliiot/aliiot/bench/measure"
)

// DeviceTrial counts the bytes that reach the medium (D6, D7), at a loop device
// with a file system of its own: what a process thinks it wrote is not that.
func DeviceTrial(c Contestant) measure.Trial {
	return measure.Trial{
		Keys: []string{"D6/appended", "D6/life", "D7/life"}, Once: true,
		Round: c.deviceRound,
	}
}

func (c Contestant) deviceRound(dir string, s measure.Scale) (map[string]measure.Round, error) {
	most := func(n int) int {
		if c.MaxWaiting > 0 { // a file each: a small file system has few
			return min(n, c.MaxWaiting/4)
		}
		return n
	}
	got := map[string]measure.Round{}
	for key, how := range map[string]struct {
		group, n int
		settle   bool
	}{
		"D6/appended": {64, most(measure.Pick(s, 100_000, 1_000)), false},
		"D6/life":     {64, most(measure.Pick(s, 100_000, 1_000)), true},
		"D7/life":     {1, measure.Pick(s, 10_000, 200), true},
	} {
		bytes, err := c.onLoop(dir, most(measure.Pick(s, 60_000, 1_000)), how.group, how.n, how.settle)
		if err != nil {
			return nil, err
		}
		got[key] = measure.Round{Values: []float64{bytes}}
	}
	return got, nil
}

// onLoop is how many bytes the device got for a record of 256, after so many that
// are not counted: a first pass over fresh blocks happens once in a life.
func (c Contestant) onLoop(dir string, before, group, n int, settle bool) (per float64, err error) {
	l, err := newLoop(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	folder := filepath.Join(l.mount, "store")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return 0, err
	}
	store, err := c.Open(folder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := pass(store, 64, before, true); err != nil {
		return 0, err
	}
	start, err := l.written()
	if err != nil {
		return 0, err
	}
	if err := pass(store, group, n, settle); err != nil {
		return 0, err
	}
	after, err := l.written()
	return float64(after-start) / float64(n/group*group), err
}

// pass appends in groups, and settles each behind itself.
func pass(s Store, group, n int, settle bool) error {
	all := records(group, 256)
	for range n / group {
		if err := s.Append(all); err != nil {
			return err
		}
		if !settle {
			continue
		}
		for left := group; left > 0; {
			done, err := settleNext(s, left)
			if err != nil {
				return err
			}
			left -= done
		}
	}
	return nil
}

// loop is a block device on a file, with ext4 on it.
type loop struct {
	file, device, mount string
	ended               chan struct{}
}

const loopBytes = 512 << 20

func newLoop(dir string) (l loop, err error) {
	if os.Geteuid() != 0 {
		return l, &measure.SkipError{Why: "skipped: needs root and loop devices"}
	}
	l.file, l.mount = filepath.Join(dir, "loop.img"), filepath.Join(dir, "loop")
	defer func() {
		if err != nil {
			_ = l.close() // what there is of it
			err = &measure.SkipError{Why: "skipped: needs root and loop devices: " + err.Error()}
		}
	}()
	if err = os.MkdirAll(l.mount, 0o755); err != nil {
		return l, err
	}
	f, err := os.Create(l.file)
	if err != nil {
		return l, err
	}
	if err = errors.Join(f.Truncate(loopBytes), f.Close()); err != nil {
		return l, err
	}
	if l.device, err = command("losetup", "--find", "--show", l.file); err != nil {
		return l, err
	}
	// No lazy initialisation: it would write while we count.
	if _, err = command("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", l.device); err != nil {
		return l, err
	}
	if _, err = command("mount", "-o", "noatime", l.device, l.mount); err == nil {
		l.ended = make(chan struct{})
		go l.closeOnSignal()
	}
	return l, err
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out)), nil
}

// closeOnSignal leaves no mount behind where the benchmark is told to stop.
func (l loop) closeOnSignal() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(told)
	select {
	case <-l.ended:
	case s := <-told:
		_, _ = command("umount", "--lazy", l.mount) // its files are open
		_, _ = command("losetup", "--detach", l.device)
		signal.Reset(s)
		if n, ok := s.(syscall.Signal); ok {
			_ = syscall.Kill(os.Getpid(), n)
		}
	}
}

func (l loop) close() error {
	if l.ended != nil {
		close(l.ended)
	}
	if l.device == "" {
		return nil
	}
	var errs []error
	if mounts, err := os.ReadFile("/proc/mounts"); err == nil && strings.Contains(string(mounts), l.device+" ") {
		_, err := command("umount", l.mount)
		errs = append(errs, err)
	}
	_, err := command("losetup", "--detach", l.device)
	return errors.Join(append(errs, err, os.Remove(l.file))...)
}

// written is how many bytes the device has got since it was made: the seventh
// field of its stat, in sectors of 512.
func (l loop) written() (int64, error) {
	if _, err := command("sync", "--file-system", l.mount); err != nil {
		return 0, err
	}
	text, err := os.ReadFile("/sys/block/" + filepath.Base(l.device) + "/stat")
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(text))
	if len(f) < 7 {
		return 0, fmt.Errorf("the stat of %s has %d fields", l.device, len(f))
	}
	sectors, err := strconv.ParseInt(f[6], 10, 64)
	return sectors * 512, err
}
