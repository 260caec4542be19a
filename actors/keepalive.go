package actors

import "time"

// leastKeepAlive is the shortest that the platform takes.
const leastKeepAlive = 30 * time.Second

// keepAlive is how long a session may be quiet before it pings. It learns where
// the network forgets quiet flows (carriers do after 150 s): a session that dies of
// silence after a quiet time, and a link that works at the first new attempt, halve
// it. After a tunnel that attempt fails, and nothing is learned. Another network
// may be better.
type keepAlive struct {
	most, now time.Duration
	silent    bool // the last session died of silence after a quiet time
}

// died hears that a session ended by silence, and since when nothing had come.
func (k *keepAlive) died(quiet time.Duration) { k.silent = quiet >= k.now/2 }

// next is what to connect with now.
func (k *keepAlive) next() time.Duration {
	if k.silent {
		return max(k.now/2, min(leastKeepAlive, k.now))
	}
	return k.now
}

// tried hears how the attempt after it went, and says whether it has learned.
func (k *keepAlive) tried(ok bool) bool {
	before := k.now
	if ok {
		k.now = k.next()
	}
	k.silent = false
	return k.now < before
}

// elsewhere hears of another network.
func (k *keepAlive) elsewhere() { k.now, k.silent = k.most, false }
