package outbox

import "time"

// window is how many bytes may be unanswered. It doubles with each round trip
// until it has met a limit, then grows by a little; a throttle or a silence
// halves it, a single answer that does not come takes an eighth (after RFC 5681).
type window struct {
	size, threshold int64
	least, most     int64
	first           int64
	shrunkAt        time.Duration
	shrunk          bool
	full            bool // it was the limit since it last grew
}

// growth is what a window in its slow phase gains with each round trip.
const growth = 1 << 10

func (w *window) start(cfg *Config) {
	*w = window{size: cfg.WindowBytes, threshold: cfg.WindowMax, least: cfg.WindowMin, most: cfg.WindowMax, first: cfg.WindowBytes}
}

// again is for a new session: what the old link could carry says little.
func (w *window) again() {
	w.threshold = max(w.size, w.first)
	w.size = min(w.size, w.first)
}

// answered grows the window by an answer, if it was the limit.
func (w *window) answered(bytes int64) {
	if !w.full {
		return
	}
	if w.size < w.threshold {
		w.size += bytes
	} else {
		w.size += max(bytes*growth/w.size, 1)
	}
	w.size = min(w.size, w.most)
	w.full = false
}

// halve and trim shrink the window for something sent at sent, once for each
// round trip.
func (w *window) halve(now, sent time.Duration) { w.shrink(now, sent, w.size/2) }
func (w *window) trim(now, sent time.Duration)  { w.shrink(now, sent, w.size-w.size/8) }

func (w *window) shrink(now, sent time.Duration, to int64) {
	if w.shrunk && sent <= w.shrunkAt {
		return
	}
	w.size = min(w.size, max(to, w.least))
	w.threshold = w.size
	w.shrunk, w.shrunkAt = true, now
}

// bucket is a token bucket over boot time; a rate of 0 is no bound.
type bucket struct {
	rate, burst, tokens float64
	at                  time.Duration
	keep                bool // one token is kept for who asks with keep 0
}

func newBucket(rate float64, reserve bool) bucket {
	b := bucket{rate: rate, burst: 1}
	if reserve {
		b.burst, b.keep = Burst, true
	}
	b.tokens = b.burst
	return b
}

func (b *bucket) fill(now time.Duration) {
	if now > b.at {
		b.tokens = min(b.tokens+b.rate*(now-b.at).Seconds(), b.burst)
		b.at = now
	}
}

// slack forgives the rounding of fractions of tokens.
const slack = 1e-9

// take takes a token if keep more are there.
func (b *bucket) take(now time.Duration, keep float64) bool {
	if b.rate <= 0 {
		return true
	}
	b.fill(now)
	if b.tokens+slack < b.need(keep) {
		return false
	}
	b.tokens--
	return true
}

func (b *bucket) need(keep float64) float64 {
	if !b.keep {
		return 1
	}
	return 1 + keep
}

// nextAt is when take will succeed.
func (b *bucket) nextAt(now time.Duration, keep float64) time.Duration {
	b.fill(now)
	missing := b.need(keep) - b.tokens
	return now + max(time.Duration(missing/b.rate*float64(time.Second)), 0) + time.Microsecond // rounded up
}
