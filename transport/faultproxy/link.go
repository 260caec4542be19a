package faultproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// The directions as indices.
const (
	up = iota
	down
)

// inFlight is how many packets of one direction the proxy holds.
const inFlight = 16

// dialWait bounds the connection to the broker.
const dialWait = 10 * time.Second

// link is one connection through the proxy.
type link struct {
	proxy          *Proxy
	client, broker net.Conn

	done  chan struct{} // closed at the end
	once  sync.Once
	known chan struct{} // closed when the client's first byte has come
	mqtt  bool          // set before known is closed
	// gentle says how the end goes; set before done is closed.
	gentle bool

	// Guarded by the proxy's mutex.
	dead      Direction // for good
	holed     bool      // something was swallowed
	greeted   bool
	publishes int
	moved     time.Time
}

// parcel is what waits to be written.
type parcel struct {
	data []byte
	at   time.Time
	rate int
	cut  bool // after it
	how  Cut
	end  bool // the sender has closed
}

// serve runs the connection until its end.
func (l *link) serve() {
	defer l.leave()
	p := l.proxy
	p.mu.Lock()
	f, healed := p.f, p.healed
	if f.stall {
		setReadBuffer(l.client, 4<<10)
	}
	p.mu.Unlock()
	switch {
	case f.blackhole, f.swallow != 0:
		select {
		case <-healed: // a dial that hung until now is dead
		case <-l.done:
		}
		l.cut(RST)
		return
	case f.portal:
		l.answerAsPortal()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialWait)
	broker, err := p.broker(ctx)
	cancel()
	if err != nil {
		l.cut(RST)
		return
	}
	p.mu.Lock()
	l.broker = broker
	p.mu.Unlock()
	select {
	case <-l.done: // cut meanwhile, without knowing of the broker
		reset(l.broker)
		return
	default:
	}
	var pumps sync.WaitGroup
	for dir, ends := range [2][2]net.Conn{up: {l.client, l.broker}, down: {l.broker, l.client}} {
		way := make(chan parcel, inFlight)
		pumps.Go(func() { l.take(dir, ends[0], way) })
		pumps.Go(func() { l.give(dir, ends[1], way) })
	}
	pumps.Wait()
}

// answerAsPortal waits for the first bytes and sends the browser elsewhere.
func (l *link) answerAsPortal() {
	if _, err := l.client.Read(make([]byte, chunk)); err != nil {
		return
	}
	_, _ = io.WriteString(l.client, "HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/login\r\nContent-Length: 0\r\n\r\n")
}

// take reads one side and judges.
func (l *link) take(dir int, from net.Conn, way chan<- parcel) {
	defer close(way)
	p := l.proxy
	r := bufio.NewReaderSize(from, chunk)
	if dir == up {
		r = bufio.NewReaderSize(stalling{l, from}, chunk)
		first, err := r.Peek(1)
		l.mqtt = err == nil && first[0] == connect<<4
		close(l.known)
	} else {
		select {
		case <-l.known:
		case <-l.done:
			return
		}
	}
	mqtt := l.mqtt
	for {
		data, err := l.read(r, mqtt)
		if len(data) > 0 {
			if dir == up {
				p.counts[up].add(data, mqtt)
			}
			v := p.judge(l, dir, data, mqtt)
			for v.stall != nil {
				select {
				case <-v.stall:
				case <-l.done:
					return
				}
				v = p.judge(l, dir, data, mqtt)
			}
			if !v.lost && !l.send(way, parcel{data: v.data, at: v.at, rate: v.rate, cut: v.cut, how: v.how}) {
				return
			}
			if v.lost && v.cut {
				l.cut(v.how)
			}
		}
		if err != nil {
			l.sideEnded(dir, err, way)
			return
		}
	}
}

func (l *link) read(r *bufio.Reader, mqtt bool) ([]byte, error) {
	if mqtt {
		return readPacket(r)
	}
	return readChunk(r)
}

// sideEnded hands a close on, unless the direction is dead: then nobody hears of it.
func (l *link) sideEnded(dir int, err error, way chan<- parcel) {
	switch {
	case l.proxy.silent(l, dir):
		<-l.done
	case errors.Is(err, io.EOF):
		l.send(way, parcel{at: time.Now(), end: true})
	default:
		l.cut(RST)
	}
}

func (l *link) send(way chan<- parcel, one parcel) bool {
	select {
	case way <- one:
		return true
	case <-l.done:
		return false
	}
}

// give writes what was let through, when its time has come.
func (l *link) give(dir int, to net.Conn, way <-chan parcel) {
	for one := range way {
		if !l.sleep(time.Until(one.at)) {
			break
		}
		if err := l.write(dir, to, one); err != nil {
			// Whoever has gone may be a ghost to the other side.
			if !l.proxy.silent(l, 1-dir) {
				l.cut(RST)
			}
			break
		}
		if one.cut {
			l.cut(one.how)
		}
		if one.end {
			l.cut(FIN)
		}
	}
	for range way { // let the taker come to its end
	}
}

func (l *link) write(dir int, to net.Conn, one parcel) error {
	step := len(one.data)
	if one.rate > 0 {
		step = max(1, one.rate/10)
	}
	whole := one.data
	for rest := whole; len(rest) > 0; {
		n := min(step, len(rest))
		if one.rate > 0 && !l.sleep(time.Duration(n)*time.Second/time.Duration(one.rate)) {
			return net.ErrClosed
		}
		if _, err := to.Write(rest[:n]); err != nil {
			return err
		}
		if dir == down {
			l.proxy.counts[down].bytes.Add(uint64(n))
		}
		rest = rest[n:]
	}
	if dir == down && len(whole) > 0 && l.mqtt {
		l.proxy.counts[down].packets[whole[0]>>4].Add(1)
	}
	return nil
}

func (c *counter) add(data []byte, mqtt bool) {
	c.bytes.Add(uint64(len(data)))
	if mqtt {
		c.packets[data[0]>>4].Add(1)
	}
}

// sleep is false when the link has ended.
func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// cut ends the link on both sides, once. With FIN the sockets stay until serve
// has drained them: a close with unread bytes would go out as a reset.
func (l *link) cut(how Cut) {
	l.once.Do(func() {
		p := l.proxy
		p.mu.Lock()
		delete(p.links, l)
		broker := l.broker
		l.gentle = how == FIN && !p.closed
		close(l.done)
		p.mu.Unlock()
		for _, c := range []net.Conn{l.client, broker} {
			switch {
			case c == nil:
			case l.gentle:
				endGently(c)
			default:
				reset(c)
			}
		}
	})
}

// drainWait bounds how long a gentle end waits for the other sides' own.
const drainWait = 300 * time.Millisecond

// leave closes what cut left open.
func (l *link) leave() {
	l.cut(FIN)
	if !l.gentle {
		return
	}
	for _, c := range []net.Conn{l.client, l.broker} {
		if c != nil {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
}
