package main

import (
	"fmt"
	"time"
)

// traffic is what the device's process has sent, and had back, in its life.
type traffic struct {
	Sent    uint64 `json:"sent"`    // posts that have gone; at QoS 1 with the broker's PUBACK
	Replied uint64 `json:"replied"` // posts that the platform answered
}

// hints finds out why reports wait, where the reason is not the link, and says so
// once in a while.
type hints struct {
	reply bool    // a reply is what counts
	quota float64 // posts a second, 0 for none

	seen     []sample
	sentAt   time.Time // the first post
	noReply  bool      // told
	heldBack bool      // told, for this backlog
}

type sample struct {
	at   time.Time
	sent uint64
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
	return h.held(now, online, waiting, t)
}

// unanswered: a broker that takes posts need not be an Alink platform. Where the
// reply is what counts, posts go at QoS 0, so that the broker has no word in it.
func (h *hints) unanswered(now time.Time, waiting int64, t traffic) string {
	if t.Sent > 0 && h.sentAt.IsZero() {
		h.sentAt = now
	}
	if !h.reply || h.noReply || t.Replied > 0 || waiting == 0 || h.sentAt.IsZero() || now.Sub(h.sentAt) < replyPatience {
		return ""
	}
	h.noReply = true
	return fmt.Sprintf("the broker takes what we send (%s), but nobody has replied; if it is no Alink platform, --confirm puback counts the broker's word",
		count(t.Sent, "post"))
}

// belowQuota is by how much less than the quota the device sends: it leaves room
// for a burst, and for what else a session says.
const belowQuota = 3

// held: more waits than two seconds can take, and what goes goes at the quota's pace.
func (h *hints) held(now time.Time, online bool, waiting int64, t traffic) string {
	if n := len(h.seen); !online || n > 0 && t.Sent < h.seen[n-1].sent { // another process counts anew
		h.seen = nil
	}
	h.seen = append(h.seen, sample{now, t.Sent})
	for len(h.seen) > 1 && now.Sub(h.seen[1].at) >= quotaWindow {
		h.seen = h.seen[1:]
	}
	if float64(waiting) < h.quota {
		h.heldBack = false
	}
	span := now.Sub(h.seen[0].at)
	if h.quota == 0 || h.heldBack || span < quotaWindow || float64(waiting) < 2*h.quota {
		return ""
	}
	pace := float64(t.Sent-h.seen[0].sent) / span.Seconds()
	if pace < h.quota-belowQuota {
		return ""
	}
	h.heldBack = true
	return fmt.Sprintf("the platform's quota of %g posts a second holds the backlog back: %s, about %.0f go in a second", h.quota, wait(waiting), pace)
}
