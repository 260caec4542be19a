package actors

import (
	"testing"
	"time"
)

func TestKeepAliveLearns(t *testing.T) {
	k := keepAlive{most: 5 * time.Minute, now: 5 * time.Minute}
	for i, s := range []struct {
		quiet time.Duration // of the session that died of silence
		ok    bool          // the first attempt after it
		want  time.Duration
	}{
		{310 * time.Second, false, 300 * time.Second}, // a tunnel
		{20 * time.Second, true, 300 * time.Second},   // it was busy: nobody forgets such a flow
		{310 * time.Second, true, 150 * time.Second},
		{160 * time.Second, true, 75 * time.Second},
		{20 * time.Second, true, 75 * time.Second},
		{85 * time.Second, true, 37500 * time.Millisecond},
		{50 * time.Second, true, 30 * time.Second},
		{40 * time.Second, true, 30 * time.Second}, // the platform takes no less
	} {
		k.died(s.quiet)
		learned := k.now > s.want
		if k.tried(s.ok) != learned || k.next() != s.want {
			t.Errorf("step %d: %v, want %v", i, k.next(), s.want)
		}
	}
	if k.tried(true) || k.next() != 30*time.Second {
		t.Error("a session that ended otherwise teaches nothing")
	}
	if k.elsewhere(); k.next() != 5*time.Minute {
		t.Error("another network starts anew")
	}
}
