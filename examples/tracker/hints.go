package main

import (
	"fmt"
	"time"
)

// traffic is what the device's process has sent, and had back, in its life.
type traffic struct {
	Acked   uint64 `json:"acked"`   // posts that the broker took: PUBACK
	Replied uint64 `json:"replied"` // posts that the platform answered
}

// hints finds out why reports wait, where the reason is not the link, and says so
// once in a while.
type hints struct {
	reply bool    // a reply is what counts
	rate  float64 // the quota in posts a second, 0 for none

	seen     []sample
	ackedAt  time.Time // the first PUBACK
	noReply  bool      // told
	heldBack bool      // told, for this backlog
}

type sample struct {
	at    time.Time
	acked uint64
}

const (
	replyPatience = 3 * time.Second // a platform answers within a fraction of it
	quotaWindow   = 2 * time.Second // over which the pace is measured
)

// see looks at the next news and returns what is worth telling, or "".
func (h *hints) see(now time.Time, online bool, waiting int64, t traffic) string {
	if text := h.unanswered(now, waiting, t); text != "" {
		return text
	}
	return h.quota(now, online, waiting, t)
}

// unanswered: a broker that takes posts need not be an Alink platform.
func (h *hints) unanswered(now time.Time, waiting int64, t traffic) string {
	if t.Acked > 0 && h.ackedAt.IsZero() {
		h.ackedAt = now
	}
	if !h.reply || h.noReply || t.Replied > 0 || waiting == 0 || h.ackedAt.IsZero() || now.Sub(h.ackedAt) < replyPatience {
		return ""
	}
	h.noReply = true
	return fmt.Sprintf("the broker has taken %s (PUBACK), but nobody replies; if no Alink platform is behind it, --confirm puback takes the broker's word",
		count(t.Acked, "post"))
}

// quota: more waits than two seconds can take, and what goes goes at the quota's pace.
func (h *hints) quota(now time.Time, online bool, waiting int64, t traffic) string {
	if n := len(h.seen); !online || n > 0 && t.Acked < h.seen[n-1].acked { // another process counts anew
		h.seen = nil
	}
	h.seen = append(h.seen, sample{now, t.Acked})
	for len(h.seen) > 1 && now.Sub(h.seen[1].at) >= quotaWindow {
		h.seen = h.seen[1:]
	}
	if float64(waiting) < h.rate {
		h.heldBack = false
	}
	span := now.Sub(h.seen[0].at)
	if h.rate == 0 || h.heldBack || span < quotaWindow || float64(waiting) < 2*h.rate {
		return ""
	}
	if float64(t.Acked-h.seen[0].acked) < 0.8*h.rate*span.Seconds() {
		return ""
	}
	h.heldBack = true
	return fmt.Sprintf("the quota of %g posts a second holds the backlog back: %s, so some %.0fs at least", h.rate, wait(waiting), float64(waiting)/h.rate)
}
