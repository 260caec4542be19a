package outbox_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

// platform is what stands at the other end in the property tests: it stores what
// it accepts, and does to replies what the faults do.
type platform struct {
	t    fataler
	g    *rig
	roll func(n int) int
	bad  bool // faults are on
	rate int  // posts a second that are not dropped silently; 0: all

	seen     map[uint32]outbox.Send // by id: never two contents
	accepted map[uint64]bool        // by seq: answered 200, heard or not
	final    map[uint64]int32       // by seq: refused for good with a code
	poison   func(seq uint64) bool
	kill     bool
	replies  []reply
	inSecond int
	second   time.Duration
	firstOf  map[uint8][]uint64 // by lane: the order of first arrivals
}

type reply struct {
	session uint64
	token   uint64
	id      uint32
	qos     byte
	verdict outbox.Verdict
	code    int32
}

func newPlatform(t fataler, g *rig, roll func(int) int) *platform {
	p := &platform{t: t, g: g, roll: roll, bad: true, seen: map[uint32]outbox.Send{}, accepted: map[uint64]bool{},
		final: map[uint64]int32{}, firstOf: map[uint8][]uint64{}, poison: func(uint64) bool { return false }}
	g.onSend = p.take
	return p
}

// take is one post that left the device.
func (p *platform) take(s outbox.Send) {
	if was, ok := p.seen[s.ID]; ok {
		if was.Seq != s.Seq || !bytes.Equal(was.Item.Params, s.Item.Params) || was.Item.Kind != s.Item.Kind {
			p.t.Fatalf("id %d has two contents: %d and %d", s.ID, was.Seq, s.Seq)
		}
		if s.Attempt > 1 && (was.Time != s.Time || was.HasTime != s.HasTime) {
			p.t.Fatalf("id %d carries two times: %d and %d", s.ID, was.Time, s.Time)
		}
	}
	p.seen[s.ID] = s
	if p.kill = p.kill || p.poison(s.Seq); p.kill {
		return // the link is gone, though the device does not know it yet
	}
	if p.rate > 0 {
		if sec := p.g.now.At.Truncate(time.Second); sec != p.second {
			p.second, p.inSecond = sec, 0
		}
		if p.inSecond++; p.inSecond > p.rate {
			return
		}
	}
	r := reply{session: p.g.session, token: s.Token, id: s.ID, qos: s.QoS}
	if p.bad {
		switch p.roll(12) {
		case 0: // the post is lost
			return
		case 1: // the reply is lost
			p.accept(s)
			return
		case 2:
			r.verdict, r.code = outbox.Retry, 500
		case 3:
			r.verdict, r.code = outbox.Throttled, 429
		case 4:
			if !p.accepted[s.Seq] {
				r.verdict, r.code = outbox.Final, 6306
				p.final[s.Seq] = r.code
			}
		case 5:
			r.verdict, r.code = outbox.Login, 520
		case 6: // twice
			p.replies = append(p.replies, r)
		}
	}
	if r.verdict == outbox.OK {
		p.accept(s)
	}
	p.replies = append(p.replies, r)
}

func (p *platform) accept(s outbox.Send) {
	if !p.accepted[s.Seq] {
		p.accepted[s.Seq] = true
		p.firstOf[s.Lane] = append(p.firstOf[s.Lane], s.Seq)
	}
}

// answer delivers n of the waiting replies, in any order while faults are on.
func (p *platform) answer(n int) {
	for range n {
		if len(p.replies) == 0 {
			return
		}
		i := 0
		if p.bad {
			i = p.roll(len(p.replies))
		}
		r := p.replies[i]
		p.replies = append(p.replies[:i], p.replies[i+1:]...)
		if r.qos == 1 {
			if r.verdict == outbox.OK {
				p.g.core.Published(p.g.now, r.session, r.token, outbox.Acked, false)
			} else {
				p.g.core.Published(p.g.now, r.session, r.token, outbox.Written, true)
			}
		} else {
			p.g.core.Replied(p.g.now, r.session, r.id, r.verdict, r.code)
		}
		p.g.perform()
	}
}

// text is for a failed property.
func (p *platform) text() string {
	return fmt.Sprintf("%d ids seen, %d accepted, %d replies wait", len(p.seen), len(p.accepted), len(p.replies))
}
