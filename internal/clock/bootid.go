package clock

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// keptName is the file that names this boot where the kernel does not.
const keptName = "aliiot-boot-id"

// keptBootID is for a system without a boot id of its own (no /proc in a
// container): a random one, kept in the first of the folders that takes it, so
// that the next process of this boot finds it. Such a folder may outlive a boot,
// so the file holds the boot time too: one from the future is of an earlier
// boot. If nothing can be kept, each process counts as a boot: stamps of the
// last one are then of unknown age, which is the safe mistake.
func keptBootID(dirs []string, now time.Duration) uint64 {
	fresh := rand.Uint64()
	for _, dir := range dirs {
		path := filepath.Join(dir, keptName)
		for range 2 {
			if id, made, ok := readKept(path); ok && made <= now {
				return id
			} else if ok {
				_ = os.Remove(path)
			}
			// O_EXCL: two processes at once agree on one, and no link is followed.
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				continue // made meanwhile by another: read it
			}
			_, err = fmt.Fprintf(f, "%016x %d\n", fresh, now)
			if f.Close() == nil && err == nil {
				return fresh
			}
			_ = os.Remove(path)
		}
	}
	return fresh
}

func readKept(path string) (id uint64, made time.Duration, ok bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0, 0, false
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(string(text), "%x %d", &id, &made)
	return id, made, n == 2 && err == nil
}
