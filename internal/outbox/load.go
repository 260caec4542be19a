package outbox

import "time"

// How long a lane waits after a load that failed, and how often reports that
// could not be read are tried again.
const (
	loadRetryMin = time.Second
	loadRetryMax = time.Minute
	rereadEvery  = 5 * time.Minute
)

// loadWhatIsWanted asks the store for more where something waits that could be
// used: on the link, for a budget, or for an index.
func (c *Core) loadWhatIsWanted() {
	for _, l := range c.order {
		c.reread(l)
		if !l.more || l.loading {
			continue
		}
		if c.now.At < l.loadAt {
			c.wakeBy(l.loadAt)
			continue
		}
		sending := c.link.up && l.loaded.len < loadCount/4 && l.roomFor(1)
		evicting := l.overBudget()
		if !sending && !l.indexing && !((evicting || l.sweeping) && l.oldest() == nil) {
			continue
		}
		l.loading, l.loadAfter = true, l.cursor
		c.out.Load = append(c.out.Load, LoadRequest{Lane: l.index, After: l.cursor, N: loadCount, MaxBytes: loadBytes})
	}
}

// Loaded takes the answer to a LoadRequest, or its error.
func (c *Core) Loaded(now Now, lane uint8, got Loaded, err error) {
	c.observe(now)
	l := c.lanes[lane]
	l.loading = false
	for _, s := range got.Lost {
		c.lost(l, s)
	}
	if err != nil || len(got.Entries)+len(got.Lost) == 0 && !got.End {
		l.loadAt = c.now.At + backoff(loadRetryMin, loadRetryMax, l.loadFails)
		l.loadFails++
		return
	}
	l.loadFails = 0
	if l.cursor != l.loadAfter {
		return // rewound meanwhile: what lies between would be passed over
	}
	for _, e := range got.Entries {
		if e.Seq > c.durable {
			// It is not accepted yet. Synced looks again.
			l.more, l.stopped = false, true
			c.indexed(l)
			return
		}
		l.cursor = e.Ord
		c.take(l, e)
	}
	if got.End {
		l.more = false
		c.indexed(l)
		c.hide(l)
		if l.rereadAt == 0 && c.unreadable(l) > 0 {
			l.rereadAt = c.now.At + rereadEvery
		}
	}
}

// reread has what could not be read tried again, now and then, and brings what was
// let go.
func (c *Core) reread(l *lane) {
	if l.rereadAt == 0 || l.more || !c.link.up {
		return
	}
	if c.now.At < l.rereadAt {
		c.wakeBy(l.rereadAt)
		return
	}
	l.rereadAt = 0
	if l.letGo > 0 || c.unreadable(l) > 0 {
		l.rewind(0)
	}
}

// take decides about one loaded entry.
func (c *Core) take(l *lane, e Entry) {
	if r := c.held[e.Seq]; r != nil {
		l.old.insert(r)
		return
	}
	m := Mark{Seq: e.Seq, Ord: e.Ord, Lane: l.index, Bytes: int64(len(e.Body))}
	if _, aside := c.aside[e.Seq]; aside {
		return
	}
	it, err := DecodeItem(e.Body)
	if err != nil {
		l.found(m.Ord, m.Bytes)
		c.quarantine(m)
		return
	}
	if l.indexing {
		c.supersede(l, it.Key, m)
		return
	}
	r := c.newReport(l, m.Seq, m.Ord, m.Bytes, it)
	if m.Ord <= l.letGoTop {
		r.retries = letGoRetries
	}
	l.found(m.Ord, m.Bytes)
	c.hold(r, &l.old, &l.loaded)
	switch {
	case c.yes.take(e.Seq):
		c.end(r, ConfirmedReply, 0)
	case l.superseded(r):
		c.end(r, EvictedNewer, 0)
	case c.expired(&r.item):
		c.end(r, Expired, 0)
	}
}

// indexed ends the first pass over a LatestOnly lane: the second one sends.
func (c *Core) indexed(l *lane) {
	if l.indexing {
		l.indexing = false
		l.cursor = 0
		l.more = l.counts.Pending() > l.aside
	}
}

// lost counts a report that the store found destroyed.
func (c *Core) lost(l *lane, s Settlement) {
	if r := c.held[s.Seq]; r != nil {
		if l.latest != nil {
			l.forgetKey(r.item.Key, r.seq)
		}
		c.drop(r)
	} else {
		l.forgetSeq(s.Seq)
		if !c.forgetAside(s.Seq) {
			l.found(s.Ord, s.Bytes)
		}
	}
	c.count(s, Stamp{})
}

// unreadable is how many pending reports no load has brought, though it came to
// the end: the store cannot read them for now. While another pass is under way they
// are those of the last that it has not brought yet.
func (c *Core) unreadable(l *lane) uint64 {
	known := uint64(l.holding) + l.aside
	if !l.more && !l.stopped {
		known += l.letGo
	}
	switch {
	case l.counts.Pending() < known:
		return 0
	case l.more || l.stopped:
		return min(l.hidden, l.counts.Pending()-known)
	}
	return l.counts.Pending() - known
}

// hide remembers at the end of a pass what it has not brought.
func (c *Core) hide(l *lane) {
	l.hidden, l.hiddenBytes, l.hiddenTop = 0, 0, l.nextOrd-1
	if l.more {
		return
	}
	if l.hidden = c.unreadable(l); l.hidden > 0 {
		l.hiddenBytes = max(0, l.counts.PendingBytes-l.holdingBytes-l.asideBytes-l.letGoLen)
	}
}

// found counts a report as hidden no more, if it was.
func (l *lane) found(ord uint64, bytes int64) {
	if l.hidden > 0 && ord <= l.hiddenTop {
		l.hidden--
		l.hiddenBytes = max(0, l.hiddenBytes-bytes)
		if l.hidden == 0 {
			l.hiddenBytes = 0
		}
	}
}

// rewind has the lane load again from behind ord on.
func (l *lane) rewind(ord uint64) {
	if l.letGo > 0 {
		l.letGo, l.letGoLen, ord = 0, 0, 0
	}
	l.cursor = min(l.cursor, ord)
	l.more = true
}

// backoff is base·2^n, at most top.
func backoff(base, top time.Duration, n int) time.Duration {
	if n > 20 {
		return top
	}
	return min(base<<n, top)
}
