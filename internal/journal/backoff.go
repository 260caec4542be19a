package journal

// backoff spreads attempts out without a clock: after the n-th failure in a row
// the next 2^n−1 wishes are turned down, at most 255.
type backoff struct{ failures, skip int }

func (b *backoff) ready() bool {
	if b.skip > 0 {
		b.skip--
		return false
	}
	return true
}

func (b *backoff) failed() {
	b.failures = min(b.failures+1, 8)
	b.skip = 1<<b.failures - 1
}

func (b *backoff) well() { *b = backoff{} }
