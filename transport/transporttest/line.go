package transporttest

import (
	"sync"
	"time"
)

// line is one direction of a connection: what is under way, each after its delay
// and never before its predecessor. One goroutine runs it.
type line struct {
	mu     sync.Mutex
	wake   chan struct{}
	queue  []underWay
	closed bool
}

type underWay struct {
	at      time.Time
	arrives func()
}

func newLine() *line { return &line{wake: make(chan struct{}, 1)} }

// put sends something on its way; on a closed line it is lost.
func (l *line) put(delay time.Duration, arrives func()) {
	l.change(func() { l.add(delay, arrives) })
}

// close lets what is under way arrive, then last, and ends the line.
func (l *line) close(last func()) {
	l.change(func() {
		l.add(0, last)
		l.closed = true
	})
}

// drop loses what is under way; last arrives at once, and the line ends.
func (l *line) drop(last func()) {
	l.change(func() {
		l.queue = nil
		l.add(0, last)
		l.closed = true
	})
}

// change does nothing to a line that has closed, and wakes its goroutine.
func (l *line) change(f func()) {
	l.mu.Lock()
	if !l.closed {
		f()
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *line) add(delay time.Duration, arrives func()) {
	if arrives != nil {
		l.queue = append(l.queue, underWay{time.Now().Add(delay), arrives})
	}
}

// next is what to do now, or how long to wait; done when the line has ended.
func (l *line) next() (arrives func(), wait time.Duration, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, time.Hour, l.closed
	}
	first := l.queue[0]
	if wait = time.Until(first.at); wait > 0 {
		return nil, wait, false
	}
	l.queue[0] = underWay{}
	l.queue = l.queue[1:]
	return first.arrives, 0, false
}

func (l *line) run() {
	for {
		arrives, wait, done := l.next()
		switch {
		case done:
			return
		case wait > 0:
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-l.wake:
				t.Stop()
			}
		case arrives != nil:
			arrives()
		}
	}
}
