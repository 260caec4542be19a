package measure

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Memory is what a process holds, in bytes. A mapped file shows in RSS and not in
// Anon; both are given.
type Memory struct {
	Heap int64 `json:"heap"` // live, of this process only
	Anon int64 `json:"anon"`
	RSS  int64 `json:"rss"`
	Peak int64 `json:"peak"` // VmHWM
}

// Settled collects garbage, gives back what is free, and says what is left.
func Settled() (Memory, error) {
	runtime.GC()
	debug.FreeOSMemory()
	m, err := MemoryOf(os.Getpid())
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.Heap = int64(stats.HeapAlloc)
	return m, err
}

// MemoryOf reads what the kernel says of a process. Linux only.
func MemoryOf(pid int) (Memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, &SkipError{"this system has no /proc"}
	}
	defer f.Close()
	var m Memory
	fields := map[string]*int64{"RssAnon:": &m.Anon, "VmRSS:": &m.RSS, "VmHWM:": &m.Peak}
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) == 3 && fields[w[0]] != nil {
			kb, err := strconv.ParseInt(w[1], 10, 64)
			if err != nil {
				return m, fmt.Errorf("/proc/%d/status: %w", pid, err)
			}
			*fields[w[0]] = kb << 10
		}
	}
	return m, nil
}

// Wakeups is how often the threads of a process have gone to sleep of their own
// accord, since each began: each of them was woken again.
func Wakeups(pid int) (int64, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return 0, &SkipError{"this system has no /proc"}
	}
	var n int64
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				k, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
				if err != nil {
					return 0, fmt.Errorf("%s: %w", name, err)
				}
				n += k
			}
		}
	}
	return n, nil
}

// CPU is what this process has used of it.
func CPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// WithCPU is a slice whose rate is what one takes of the CPU, in microseconds.
func WithCPU(s Slice) Slice {
	return func(d time.Duration) (float64, error) {
		start, cpu := time.Now(), CPU()
		rate, err := s(d)
		if err != nil || rate == 0 {
			return 0, err
		}
		n := rate * time.Since(start).Seconds()
		return float64(CPU()-cpu) / float64(time.Microsecond) / n, nil
	}
}
