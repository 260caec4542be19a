package main

import (
	"strings"
	"testing"
	"time"
)

// A broker that takes everything and answers nothing is told of once.
func TestHintOfNoReply(t *testing.T) {
	start := time.Now()
	for _, c := range []struct {
		name  string
		h     hints
		t     traffic
		waits int64
		times int
	}{
		{"no reply", hints{reply: true}, traffic{Sent: 4}, 4, 1},
		{"one reply", hints{reply: true}, traffic{Sent: 4, Replied: 1}, 4, 0},
		{"nobody wants one", hints{}, traffic{Sent: 4}, 4, 0},
		{"nothing goes", hints{reply: true}, traffic{}, 4, 0},
		{"nothing waits", hints{reply: true}, traffic{Sent: 4}, 0, 0},
	} {
		times := 0
		for i := range 50 {
			if text := c.h.see(start.Add(time.Duration(i)*ledgerEvery), true, c.waits, c.t); strings.Contains(text, "--confirm puback") {
				times++
			}
		}
		if times != c.times {
			t.Errorf("%s: told %d times, want %d", c.name, times, c.times)
		}
	}
	early := hints{reply: true}
	for i := range 15 {
		if text := early.see(start.Add(time.Duration(i)*ledgerEvery), true, 4, traffic{Sent: 4}); text != "" {
			t.Errorf("after %v: %s", time.Duration(i)*ledgerEvery, text)
		}
	}
}

// The quota is told of where it is what the backlog waits for, and once for each.
func TestHintOfQuota(t *testing.T) {
	const rate = 10.0
	for _, c := range []struct {
		name   string
		rate   float64
		pace   uint64 // posts in each second
		waits  int64
		online bool
		times  int
	}{
		{"at the device's pace", rate, 8, 60, true, 1},
		{"at the quota's pace", rate, 10, 60, true, 1},
		{"a slow link", rate, 6, 60, true, 0},
		{"no backlog", rate, 10, 15, true, 0},
		{"no quota", 0, 10, 60, true, 0},
		{"offline", rate, 10, 60, false, 0},
	} {
		h, times, start := hints{quota: c.rate}, 0, time.Now()
		for i := range 50 {
			at := time.Duration(i) * ledgerEvery
			text := h.see(start.Add(at), c.online, c.waits, traffic{Sent: uint64(at.Seconds() * float64(c.pace))})
			if strings.Contains(text, "quota of 10 posts a second") {
				times++
			}
		}
		if times != c.times {
			t.Errorf("%s: told %d times, want %d", c.name, times, c.times)
		}
	}
	h, start, at, sent, told := hints{quota: rate}, time.Now(), time.Duration(0), uint64(0), 0
	for _, waits := range []int64{60, 5, 60} { // a backlog, none, and another
		for range 15 {
			at += ledgerEvery
			sent += 2
			if h.see(start.Add(at), true, waits, traffic{Sent: sent}) != "" {
				told++
			}
		}
	}
	if told != 2 {
		t.Errorf("two backlogs: told %d times", told)
	}
}
