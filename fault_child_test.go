package aliiot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// The faults of a process that end it, or want to. The test binary runs itself again
// as the device, and the parent says what is left of it.

// faultChild holds "how dir" for such a child.
const faultChild = "ALIIOT_TEST_FAULT_CHILD"

// liveWithFault is the child: it reports, says each number that it was told, and
// comes to the end that it was told.
func liveWithFault(order string) {
	how, dir, _ := strings.Cut(order, " ")
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	c := folderConfig(dir)
	switch how {
	case "sigterm":
		fail(endBySignal(c))
		os.Exit(0)
	case "memory":
		debug.SetMemoryLimit(32 << 20)
		fail(floodMemory(c))
	}
	dev, err := Open(context.Background(), c)
	fail(err)
	for n := 0; ; n++ {
		if n == 30 {
			switch how {
			case "exit":
				os.Exit(3)
			case "map":
				go scribble()
				go scribble()
			case "stack":
				debug.SetMaxStack(1 << 20)
				go overflow(0)
			}
		}
		r, err := dev.Report(context.Background(), Properties{"energy": n})
		fail(err)
		fmt.Println(r.Seq())
	}
}

var shared = map[int]int{}

// scribble is a write to a map that somebody else writes to: no recover helps.
func scribble() {
	for n := 0; ; n++ {
		shared[n%8] = n
	}
}

func overflow(n int) int {
	if n < 0 {
		return 0
	}
	return overflow(n+1) + n
}

// endBySignal is a device with a full window and a slow disk that is asked to end.
func endBySignal(c Config) error {
	fs, err := disk.OS(c.Dir)
	if err != nil {
		return err
	}
	silent := transporttest.New()
	defer silent.Close()
	silent.OnPublish = func(*transporttest.Client, transport.Message) bool { return false }
	c.DrainTimeout = 300 * time.Millisecond
	dev, err := open(context.Background(), c, seams{fs: slowDisk{fs, 50 * time.Millisecond}, clock: clock.System(), dialer: silent.Dialer()})
	if err != nil {
		return err
	}
	dev.Connect()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	said := make(chan uint64, 64)
	for range 32 {
		go func() {
			for {
				r, err := dev.Report(context.Background(), Properties{"energy": 1})
				if err != nil {
					if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrOutcomeUnknown) {
						fmt.Println("error", err)
					}
					return
				}
				said <- r.Seq()
			}
		}()
	}
	for {
		select {
		case seq := <-said:
			fmt.Println(seq)
		case <-term:
			start := time.Now()
			err := dev.Close()
			for len(said) > 0 {
				fmt.Println(<-said)
			}
			fmt.Println("closed after", time.Since(start).Milliseconds())
			return err
		}
	}
}

// floodMemory is a device whose disk hangs while all the world reports.
func floodMemory(c Config) error {
	fs, err := disk.OS(c.Dir)
	if err != nil {
		return err
	}
	dev, err := open(context.Background(), c, seams{fs: slowDisk{fs, 50 * time.Millisecond}, clock: clock.System(), dialer: transporttest.New().Dialer()})
	if err != nil {
		return err
	}
	text := strings.Repeat("x", 100<<10)
	full, kept := 0, 0
	answers := make(chan error, 1000)
	for range cap(answers) {
		go func() {
			_, err := dev.Report(context.Background(), Properties{"text": text})
			answers <- err
		}()
		if len(answers) > 0 || runtime.NumGoroutine() > 200 {
			switch err := <-answers; {
			case err == nil:
				kept++
			case errors.Is(err, ErrBacklog):
				full++
			default:
				return err
			}
		}
	}
	fmt.Println("kept", kept, "full", full, "peak", peakKB())
	killed := make(chan os.Signal, 1)
	signal.Notify(killed, syscall.SIGTERM)
	<-killed // by something stronger
	return nil
}

// peakKB is the largest resident set that this process has had.
func peakKB() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

// child starts one, and gives its output line by line.
func child(t *testing.T, how, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("durability is promised on Linux alone")
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), faultChild+"="+how+" "+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c, bufio.NewScanner(out)
}

// openedAgain is the ledger that a dead process has left.
func openedAgain(t *testing.T, dir string) Ledger {
	t.Helper()
	dev, err := Open(context.Background(), folderConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := dev.Ledger(ctx)
	if err != nil || !l.Balances() {
		t.Errorf("%+v, %v", l.Counts, err)
	}
	return l
}

func TestFault_fatal_error(t *testing.T) {
	for how, want := range map[string]int{"exit": 3, "map": 2, "stack": 2} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			c, lines := child(t, how, dir)
			heard := uint64(0)
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "error") {
					t.Fatal(lines.Text())
				}
				heard++
			}
			var end *exec.ExitError
			if err := c.Wait(); !errors.As(err, &end) || end.ExitCode() != want {
				t.Errorf("the child ended with %v, want exit status %d", err, want)
			}
			if l := openedAgain(t, dir); heard < 30 || l.Accepted < heard || l.Pending != l.Accepted || l.Accepted > heard+1 {
				t.Errorf("%d yeses heard, the ledger: %+v", heard, l.Counts)
			}
		})
	}
}

func TestFault_sigterm_busy(t *testing.T) {
	dir := t.TempDir()
	c, lines := child(t, "sigterm", dir)
	heard, took := uint64(0), -1
	for lines.Scan() {
		text := lines.Text()
		if ms, ok := strings.CutPrefix(text, "closed after "); ok {
			took, _ = strconv.Atoi(ms)
			continue
		}
		if strings.HasPrefix(text, "error") {
			t.Fatal(text)
		}
		if heard++; heard == 100 {
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the child ended with %v", err)
	}
	if took < 0 || took > 5000 {
		t.Errorf("Close took %d ms with a drain of 300 ms and syncs of 50 ms", took)
	}
	t.Logf("%d yeses, closed after %d ms", heard, took)
	before := segments(t, dir)
	if l := openedAgain(t, dir); l.Accepted < heard || l.Pending != l.Accepted {
		t.Errorf("%d yeses heard, the ledger: %+v", heard, l.Counts)
	}
	if after := segments(t, dir); after != before {
		t.Errorf("the journal was not left clean: opening it made %s of %s", after, before)
	}
}

// segments names the live segments: one that was not closed well is fenced, and a new
// one follows it.
func segments(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "0*.seg"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for i := range all {
		all[i] = filepath.Base(all[i])
	}
	return strings.Join(all, " ")
}

func TestFault_low_memory(t *testing.T) {
	dir := t.TempDir()
	c, lines := child(t, "memory", dir)
	if !lines.Scan() {
		t.Fatal("the child died")
	}
	var kept, full, peak int
	if _, err := fmt.Sscanf(lines.Text(), "kept %d full %d peak %d", &kept, &full, &peak); err != nil {
		t.Fatal(lines.Text())
	}
	if full == 0 || kept == 0 || peak > 96<<10 && !underRace {
		t.Errorf("kept %d, refused %d, peak %d KB", kept, full, peak)
	}
	t.Logf("kept %d, refused %d, peak %d KB", kept, full, peak)
	_ = c.Process.Kill() // as the kernel does when there is no more
	_ = c.Wait()
	if l := openedAgain(t, dir); l.Accepted < uint64(kept) {
		t.Errorf("%d yeses heard, the ledger: %+v", kept, l.Counts)
	}
}
