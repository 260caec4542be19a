package faultproxy

import (
	"math/rand/v2"
	"time"
)

// Fault is one disturbance. Different ones add up, a second of the same kind
// replaces the first, Heal ends all. Names are those of faults.md, part 5.
type Fault struct {
	Name  string
	apply func(p *Proxy) error
}

// Cut is how a connection is closed.
type Cut uint8

const (
	// FIN closes after what has passed; RST throws away what is under way.
	FIN Cut = iota
	RST
)

// Direction is seen from the device.
type Direction uint8

const (
	Up Direction = 1 << iota
	Down
	Both = Up | Down
)

// Dead says what Heal does with links that have lost something.
type Dead uint8

const (
	// CloseDead resets links from which anything was swallowed: a TCP stream
	// with a hole does not exist, so this is what a real network ends in.
	CloseDead Dead = iota
	// KeepDead leaves links that were killed for good silent, and lets the others go on.
	KeepDead
)

// faults is the state that they set; the proxy's mutex guards it.
type faults struct {
	cutAfter     int
	cutHow       Cut
	cutOnce      bool
	midPacket    int
	midOnce      bool
	swallow      Direction
	deadAfter    int
	stall        bool
	blackhole    bool
	rate         [2]int // bytes a second, 0 for no limit
	delay        [2]func() time.Duration
	pubackLost   bool
	lost         func(topic string) bool
	portal       bool
	flip         [2]int // which byte from now on, counted from 1
	forgetAfter  time.Duration
	biggestHello int
	biggest      int
}

func plain(name string, f func(s *faults)) Fault {
	return Fault{name, func(p *Proxy) error { f(&p.f); return nil }}
}

// CutAfterPublish closes a connection behind its n-th PUBLISH, or behind the next
// one when it has passed more; with once, only the first connection that it meets.
func CutAfterPublish(how Cut, n int, once bool) Fault {
	return plain("cut-after-publish", func(s *faults) { s.cutAfter, s.cutHow, s.cutOnce = n, how, once })
}

// CutMidPacket closes a connection after byte b of a PUBLISH that is longer; with
// once, only the first connection that it meets.
func CutMidPacket(b int, once bool) Fault {
	return plain("cut-mid-packet", func(s *faults) { s.midPacket, s.midOnce = b, once })
}

// HalfOpen swallows all of a direction, closes included; nothing fails. Clients
// that dial are accepted and hear nothing.
func HalfOpen(d Direction) Fault {
	return plain("half-open", func(s *faults) { s.swallow = d })
}

// ReplayBlackhole kills a connection silently, and for good, at its n-th PUBLISH.
func ReplayBlackhole(n int) Fault {
	return plain("replay-blackhole", func(s *faults) { s.deadAfter = n })
}

// StallWrite reads nothing more from the device: its window closes, its writes block.
func StallWrite() Fault {
	return Fault{"stall-write", func(p *Proxy) error {
		p.f.stall = true
		for l := range p.links {
			setReadBuffer(l.client, 4<<10) // else the kernel takes megabytes
		}
		return nil
	}}
}

// DialBlackhole answers nobody who dials. TCP itself connects, since that is the
// kernel's doing.
func DialBlackhole() Fault {
	return plain("dial-fails(blackhole)", func(s *faults) { s.blackhole = true })
}

// DialRefused answers a SYN with a reset. What is connected lives on.
func DialRefused() Fault {
	return Fault{"dial-fails(refused)", func(p *Proxy) error { return p.refuseDials(true) }}
}

// Trickle lets one byte a second pass, each way.
func Trickle() Fault { return named("trickle", Bandwidth(1, 1)) }

// Bandwidth limits each direction, in bytes a second; 0 is no limit.
func Bandwidth(upward, downward int) Fault {
	return plain("bandwidth", func(s *faults) { s.rate = [2]int{upward, downward} })
}

// Latency delays each packet of a direction; the order stays. nil is no delay.
func Latency(upward, downward func() time.Duration) Fault {
	return plain("latency", func(s *faults) { s.delay = [2]func() time.Duration{upward, downward} })
}

// Slow2G is 20 kbit/s with a round trip of two seconds, give or take one, and
// now and then a stall of ten.
func Slow2G(r *rand.Rand) Fault {
	one := func() time.Duration { // called under the proxy's lock
		if r.IntN(100) == 0 {
			return 10 * time.Second
		}
		return 500*time.Millisecond + time.Duration(r.Int64N(int64(time.Second)))
	}
	return Fault{"slow-2g", func(p *Proxy) error {
		p.f.rate = [2]int{2500, 2500}
		p.f.delay = [2]func() time.Duration{one, one}
		return nil
	}}
}

// PubackLost swallows the broker's PUBACKs.
func PubackLost() Fault {
	return plain("puback-lost", func(s *faults) { s.pubackLost = true })
}

// ReplyLost swallows what the broker publishes on topics that match says yes to.
func ReplyLost(match func(topic string) bool) Fault {
	return plain("reply-lost", func(s *faults) { s.lost = match })
}

// CaptivePortal answers new connections with an HTTP redirect.
func CaptivePortal() Fault {
	return plain("captive-portal", func(s *faults) { s.portal = true })
}

// ByteFlip changes one bit of the n-th byte that passes from now on, once, on
// whatever connection and in whatever packet that is.
func ByteFlip(d Direction, n int) Fault {
	return plain("byte-flip-wire", func(s *faults) {
		if d&Up != 0 {
			s.flip[up] = n
		}
		if d&Down != 0 {
			s.flip[down] = n
		}
	})
}

// NATForget kills a connection silently, and for good, after an idle time.
func NATForget(idle time.Duration) Fault {
	return plain("nat-forget", func(s *faults) { s.forgetAfter = idle })
}

// BigClientHello stalls a TLS connection whose ClientHello is longer than limit
// bytes (1,400 fit in one segment).
func BigClientHello(limit int) Fault {
	return plain("big-clienthello", func(s *faults) { s.biggestHello = limit })
}

// MTUBlackhole stalls a direction for good at the first packet above size bytes:
// TCP would send that segment again and again.
func MTUBlackhole(size int) Fault {
	return plain("mtu-blackhole", func(s *faults) { s.biggest = size })
}

func named(name string, f Fault) Fault {
	f.Name = name
	return f
}

// Inject switches faults on, for the connections there are and those to come.
func (p *Proxy) Inject(list ...Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range list {
		if err := f.apply(p); err != nil {
			return err
		}
	}
	return nil
}

// Heal ends every fault. An error says that the address could not be listened on again.
func (p *Proxy) Heal(dead Dead) error {
	p.mu.Lock()
	if p.f.stall {
		for l := range p.links {
			setReadBuffer(l.client, 128<<10)
		}
	}
	p.f = faults{}
	close(p.healed)
	p.healed = make(chan struct{})
	err := p.refuseDials(false)
	var broken []*link
	for l := range p.links {
		if dead == CloseDead && (l.holed || l.dead != 0) {
			broken = append(broken, l)
		}
	}
	p.mu.Unlock()
	for _, l := range broken {
		l.cut(RST)
	}
	return err
}
