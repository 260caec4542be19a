package clock

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// System is the clock of this machine.
func System() Clock {
	return Clock{Wall: time.Now, Boot: bootTime, BootID: bootID(), Synchronised: synchronised, Rand: rand.Uint64}
}

// Where the kernel says which boot this is, and where one is made up for all
// processes of a boot when it does not (a sandbox without /proc).
const kernelBootID = "/proc/sys/kernel/random/boot_id"

var madeUpBootID = []string{"/run/aliiot-boot-id", filepath.Join(os.TempDir(), "aliiot-boot-id")}

func bootID() uint64 {
	if id, err := os.ReadFile(kernelBootID); err == nil && len(id) > 0 {
		return hashID(strings.TrimSpace(string(id)))
	}
	for _, name := range madeUpBootID {
		if id, err := os.ReadFile(name); err == nil && len(id) == 8 {
			return binary.LittleEndian.Uint64(id)
		}
	}
	id := rand.Uint64()
	for _, name := range madeUpBootID { // the first folder that takes it; /run ends with the boot
		if os.WriteFile(name, binary.LittleEndian.AppendUint64(nil, id), 0o644) == nil {
			break
		}
	}
	return id
}

func hashID(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum64()
}
