package journal

import (
	"errors"
	"fmt"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Operate opens the journal of a folder that the caller has locked, lets do change
// it, and closes it. Nil means that all of it is on the medium; after an error of
// the disk a part of it may be or not. With an identity of "" the journal may be
// any device's. A folder without a journal is not given one.
//
// Errors: disk.ErrNotExist where there is no journal, else do's, Open's or the
// disk's.
func Operate(fs disk.FS, o Options, do func(*Journal) error) error {
	v, err := View(fs, o.Identity)
	if err != nil {
		return err
	}
	o.Identity = v.Identity
	j, err := Open(fs, o)
	if err != nil {
		return err
	}
	if err := do(j); err != nil {
		return errors.Join(err, j.Close())
	}
	return j.Close()
}

// MaxJump is the longest jump. Ids are numbers modulo 2³¹: a longer one could end
// on an id that was used a moment ago.
const MaxJump = 1 << 30

// maxSpan is how far the next number may be from that of a report that waits, after
// a jump. At 2³¹ one id would stand for both; what is reported meanwhile comes on top.
const maxSpan = 1<<31 - 1<<24

// JumpError says that a jump would bring the next numbers to the ids of a report
// that still waits. Let the device drain first, or drop what is quarantined.
type JumpError struct {
	// Oldest is the lowest number that waits, or where it cannot be read a number
	// that is not above it; By is the longest jump that it allows, perhaps 0.
	Oldest, By uint64
}

func (e *JumpError) Error() string {
	return fmt.Sprintf("report %d still waits, and so far from it a new one could not be told from it by its id: the longest jump is %d now; let the device send what waits first, or drop what is quarantined", e.Oldest, e.By)
}

// Jump passes over the next by numbers, so that none is used that a journal which
// this one is an older copy of may have used. It returns the next number before and
// after. Reports that wait keep theirs: in both journals they are the same reports.
// It is durable with the next sync.
//
// Errors: *JumpError, outbox.ErrClosed, a by that is not within 1 and MaxJump.
func (j *Journal) Jump(by uint64) (from, to uint64, err error) {
	switch {
	case j.closed:
		return 0, 0, outbox.ErrClosed
	case by == 0 || by > MaxJump:
		return 0, 0, fmt.Errorf("journal: a jump by %d: want 1 to %d", by, uint64(MaxJump))
	}
	from = j.now.nextSeq
	to = from + by
	if oldest := j.oldestPending(); to-oldest > maxSpan {
		return 0, 0, fmt.Errorf("journal: a jump by %d: %w", by, &JumpError{Oldest: oldest, By: maxSpan - min(from-oldest, maxSpan)})
	}
	// Below ordinal 1 there is nothing: the note speaks of the number alone.
	n := note{kind: noteVoid, ord: 1, seq: to}
	j.now.apply(&n)
	j.held = append(j.held, n)
	j.flush()
	return from, to, nil
}

// oldestPending is the lowest number of a report that waits, the next one where
// none does. Of one that cannot be read it is where its segment begins to count.
func (j *Journal) oldestPending() uint64 {
	oldest := j.now.nextSeq
	for _, m := range j.now.aside {
		oldest = min(oldest, m.Seq)
	}
	for lane := range uint8(outbox.MaxLanes) {
		got, err := j.Load(lane, 0, 1, 0)
		readable := err == nil && len(got.Entries) > 0
		if readable {
			oldest = min(oldest, got.Entries[0].Seq)
		}
		ln := &j.now.lanes[lane]
		for o := ln.ended.missing(1); o < ln.next; o = ln.ended.missing(o + 1) {
			k := key{lane, o}
			if readable && o == got.Entries[0].Ord {
				break
			}
			if _, aside := j.now.aside[k]; aside {
				continue
			}
			if s, _ := j.home(k); s != nil {
				oldest = min(oldest, s.baseSeq)
			} else {
				oldest = 0
			}
			break
		}
	}
	return oldest
}

// Aside is a quarantined report.
type Aside struct {
	outbox.Mark
	// Body is nil where the report cannot be read.
	Body []byte
}

// Quarantined reads the reports that are set aside, by their numbers.
func (v *Viewed) Quarantined() []Aside {
	all := make([]Aside, 0, len(v.State.Quarantined))
	at := map[key]int{}
	for i, m := range v.State.Quarantined {
		all = append(all, Aside{Mark: m})
		at[key{m.Lane, m.Ord}] = i
	}
	if len(all) == 0 {
		return nil
	}
	v.eachItem(func(_ *segment, it *item, _ int64) {
		if it.kind == kindNotes {
			return
		}
		if n, is := at[key{it.entry.Lane, it.entry.Ord}]; is {
			all[n].Body = it.entry.Body
		}
	})
	return all
}
