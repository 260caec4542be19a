package disktest

import (
	"fmt"
	"strings"
)

// Level is how much a power cut may do to what was pending.
type Level int

// The levels of the model. A promise must hold at the first four; at Beyond,
// which breaks bytes that had been synced, nothing may be lost in silence.
const (
	// Prefix: the first k operations survive.
	Prefix Level = iota
	// Reorder: any subset of whole writes survives.
	Reorder
	// Torn: writes are split at 512 and at 4,096 bytes of file offset, and any
	// subset of the pieces survives. Two writes to one sector keep their order:
	// the later one's version of the sector contains the earlier one.
	Torn
	// Garbage: a missing piece reads as zeros, as random bytes or as what a
	// deleted file held at that offset, inside the written range alone.
	Garbage
	// Beyond power-safe overwrite: other bytes of a touched sector or a page
	// synced earlier are garbage, or a bit flips anywhere.
	Beyond
)

// Options says which images of a power cut to make. Those of the zero value are
// few: level Prefix.
//
// Besides the pieces of writes, each image chooses for each file a size that it
// had since its last sync (first, last, smallest, largest, a middle one), and which of the
// pending changes of names survive (all subsets of up to four, else none, all,
// each alone, each missing). Equal images of one cut are made once.
type Options struct {
	// Disk is where the workload starts; nil is an empty one. Keep it to add
	// faults, or to Kill and go on with a new FS inside the workload.
	Disk *Disk
	// Level is the highest level; the lower ones are included.
	Level Level
	// Exhaustive is up to how many pending pieces all subsets are made; 0 is 10.
	// Above: none, all, each missing, each alone, every prefix, every suffix,
	// and Seeded random subsets (0 is 64, below 0 none).
	Exhaustive, Seeded int
	// Seed of all that is random here.
	Seed uint64
	// Most, if not 0, is how many images of one cut are made: a seeded sample,
	// with "nothing survives" and "all survives" in it.
	Most int
	// Every, if above 1, cuts at each n-th call only; Seed shifts the phase.
	Every int
	// Looks cuts also at calls that change nothing (open, read, size, list,
	// close). Their images are those of the change before, with what the
	// workload has learned meanwhile.
	Looks bool
	// Kill also gives check, at each cut, a disk whose process has died and whose
	// cache lives: let check open it, and cut the power (Images or Cuts) then.
	Kill bool
	// Key, if set, is a hash of what the workload has been promised so far. Then
	// images are compared over all cuts, and one that was checked under the same
	// key is not checked again.
	Key func() uint64
}

// Cut says what an image is, so that a failure can be understood and repeated.
type Cut struct {
	Call   Call // the power went inside this call; N is 0 after the last one
	Kill   bool // the process died, the power stayed
	Level  Level
	Grain  int64 // pieces are split at multiples of this; 0: whole writes
	Fill   string
	Sizes  string
	Damage []Damage // at level Beyond: what of the synced bytes was destroyed

	pieces []piece
	kept   picks
	names  []nameOp
	named  picks
}

// Damage is a range of synced bytes that an image has destroyed.
type Damage struct {
	Name     string
	Off, Len int64
}

// String describes the cut in one line a piece.
func (c Cut) String() string {
	var b strings.Builder
	at := c.Call.String()
	if c.Call.N == 0 {
		at = "the end"
	}
	if c.Kill {
		return "process dies in " + at
	}
	fmt.Fprintf(&b, "power goes in %s: level %d, grain %d, missing bytes %s, sizes %s", at, c.Level, c.Grain, c.Fill, c.Sizes)
	for _, d := range c.Damage {
		fmt.Fprintf(&b, "\n  destroyed: %s [%d,+%d)", d.Name, d.Off, d.Len)
	}
	const most = 40
	for i, p := range c.pieces {
		if i == most {
			fmt.Fprintf(&b, "\n  … %d pieces more", len(c.pieces)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s: change %d of file %d [%d,+%d)", verb(c.kept.has(i)), p.seq, p.node, p.lo, p.hi-p.lo)
	}
	for i, op := range c.names {
		what := "create " + op.to
		if op.to == "" {
			what = "remove " + op.from
		} else if op.from != "" {
			what = "rename " + op.from + " to " + op.to
		}
		fmt.Fprintf(&b, "\n  %s: %s", verb(c.named.has(i)), what)
	}
	return b.String()
}

func verb(kept bool) string {
	if kept {
		return "kept"
	}
	return "lost"
}
