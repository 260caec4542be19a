package fsm

import (
	"slices"
	"sort"
	"time"
)

// ConnRecord is what a new process must know of the one before: when it dialled.
// It is a handful of numbers, kept in a small file by SaveAttempt.
type ConnRecord struct {
	// Boot is the boot that the times belong to.
	Boot uint64 `json:"boot"`
	// Connects are boot times in nanoseconds, oldest first.
	Connects []time.Duration `json:"connects"`
}

// on is the record as this boot sees it. What happened in another boot happened
// before this one began, and nothing has happened in the future. How the last
// attempt of the process before ended is not known: it took deadline at most.
func (r ConnRecord) on(boot uint64, now, deadline time.Duration, limit int) []time.Duration {
	connects := slices.Clone(r.Connects[max(0, len(r.Connects)-limit):])
	for i, at := range connects {
		if r.Boot != boot {
			at = 0
		}
		connects[i] = min(max(at, 0), now)
	}
	if n := len(connects); n > 0 && r.Boot == boot {
		connects[n-1] = min(connects[n-1]+deadline, now)
	}
	sort.Slice(connects, func(a, b int) bool { return connects[a] < connects[b] })
	return connects
}

func (s *step) record() ConnRecord {
	return ConnRecord{Boot: s.c.bootID, Connects: slices.Clone(s.c.connects)}
}

// begun counts an attempt that begins now. Where no bound is set none is kept.
func (s *step) begun() {
	keep := s.m.policy.ConnectsPerMinute
	all := append(slices.Clone(s.c.connects), s.now)
	s.c.connects = all[max(0, len(all)-keep):]
}

// over moves the last attempt's time to its end: its CONNECT left at some moment
// until now, and the platform counts by when it came.
func (s *step) over() {
	if len(s.c.connects) == 0 {
		return
	}
	s.c.connects = slices.Clone(s.c.connects)
	s.c.connects[len(s.c.connects)-1] = s.now
}
