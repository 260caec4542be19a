package clock

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// System is the clock of this machine. Rand is seeded by the runtime, anew in
// each process.
func System() Clock {
	return Clock{
		Wall:         time.Now,
		Boot:         bootTime,
		BootID:       bootID(),
		Synchronised: synchronised,
		Rand:         rand.Uint64,
	}
}

// hashID folds the text of a boot's identity into the 64 bits that stamps carry.
// Stamps lie on the disk and are compared over versions: FNV-1a, never another.
func hashID(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(strings.TrimSpace(text)))
	return h.Sum64()
}
