package faultproxy

import (
	"encoding/binary"
	"io"
	"net"
	"time"
)

// verdict is what becomes of one packet or chunk.
type verdict struct {
	lost  bool
	data  []byte // what passes
	at    time.Time
	rate  int
	cut   bool
	how   Cut
	stall <-chan struct{} // wait for it before anything else
}

// judge decides over what came from one side.
func (p *Proxy) judge(l *link, dir int, data []byte, mqtt bool) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := verdict{data: data, at: time.Now(), rate: p.f.rate[dir]}
	if p.f.stall && dir == up {
		v.stall = p.healed
		return v
	}
	if p.f.forgetAfter > 0 && v.at.Sub(l.moved) > p.f.forgetAfter {
		l.dead = Both
	}
	l.moved = v.at
	if d := p.f.delay[dir]; d != nil {
		v.at = v.at.Add(d())
	}
	if mqtt {
		p.judgeMQTT(l, dir, &v)
	} else if h := p.f.biggestHello; h > 0 && dir == up && !l.greeted && len(data) >= 5 && data[0] == 0x16 {
		if 5+int(binary.BigEndian.Uint16(data[3:])) > h {
			l.dead = Both
		}
	}
	l.greeted = l.greeted || dir == up
	if p.f.biggest > 0 && len(data) > p.f.biggest {
		l.dead |= direction(dir)
	}
	if n := p.f.flip[dir]; n > 0 {
		if n > len(v.data) {
			p.f.flip[dir] -= len(v.data)
		} else {
			p.f.flip[dir] = 0
			v.data[n-1] ^= 0x10
		}
	}
	if p.deadIn(l, dir) {
		v.lost = true
	}
	if v.lost {
		p.swallowed.Add(1)
	}
	return v
}

// deadIn says whether nothing passes in a direction, and remembers the hole; the
// caller holds the lock.
func (p *Proxy) deadIn(l *link, dir int) bool {
	if (l.dead|p.f.swallow)&direction(dir) == 0 {
		return false
	}
	l.holed = true
	return true
}

// silent is deadIn for ends of connections.
func (p *Proxy) silent(l *link, dir int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deadIn(l, dir)
}

func (p *Proxy) judgeMQTT(l *link, dir int, v *verdict) {
	kind := v.data[0] >> 4
	if dir == down {
		switch {
		case kind == puback && p.f.pubackLost,
			kind == publish && p.f.lost != nil && p.f.lost(topicOf(v.data)):
			v.lost = true
		}
		return
	}
	if kind != publish {
		return
	}
	l.publishes++
	if p.f.deadAfter > 0 && l.publishes >= p.f.deadAfter {
		l.dead = Both
	}
	if n := p.f.cutAfter; n > 0 && l.publishes >= n {
		v.cut, v.how = true, p.f.cutHow
		if p.f.cutOnce {
			p.f.cutAfter = 0
		}
	}
	if b := p.f.midPacket; b > 0 && b < len(v.data) {
		v.cut, v.data, v.how = true, v.data[:b], FIN
		if p.f.midOnce {
			p.f.midPacket = 0
		}
	}
}

func direction(dir int) Direction { return Direction(1 << dir) }

// stalling reads nothing while a stall lasts: a packet larger than the buffers
// between is stuck in its middle.
type stalling struct {
	*link
	from io.Reader
}

func (s stalling) Read(b []byte) (int, error) {
	for {
		s.proxy.mu.Lock()
		stall, healed := s.proxy.f.stall, s.proxy.healed
		s.proxy.mu.Unlock()
		if !stall {
			return s.from.Read(b)
		}
		select {
		case <-healed:
		case <-s.done:
			return 0, net.ErrClosed
		}
	}
}
