package fsm

import (
	"slices"
	"time"
)

// told is a notice that was given and is not repeated until a CONNACK.
type told struct {
	notice ConnNotice
	code   byte
}

func (s *step) tellOnce(t Tell) {
	key := told{t.Notice, t.Code}
	if slices.Contains(s.c.told, key) {
		return
	}
	s.c.told = append(slices.Clone(s.c.told), key)
	s.do(t)
}

// unreachable counts since when there is no platform.
type unreachable struct {
	since, toldAt time.Duration
	attempts      int
}

func (s *step) tellUnreachable(detail string) {
	u := &s.c.unreachable
	if u.attempts == 0 {
		u.since, u.toldAt = s.now, s.now
	}
	u.attempts++
	if s.now-u.toldAt < s.m.policy.UnreachableAfter {
		return
	}
	u.toldAt = s.now
	s.do(Tell{Notice: NoticeUnreachable, Detail: detail, RetryAt: s.c.RetryAt, Since: u.since, Attempts: u.attempts})
}
