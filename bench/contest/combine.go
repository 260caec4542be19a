package contest

import (
	"runtime"
	"sync"
)

// Combiner stands in front of a store that takes groups: what callers bring while
// one group is written becomes the next, and all are answered at once. A group that
// follows a large one waits a few turns of the scheduler, so that whoever was just
// answered can come again.
type Combiner struct {
	write func([][]byte) error

	mu     sync.Mutex
	next   *group
	wake   *sync.Cond
	closed bool
	ended  chan struct{}
}

type group struct {
	records [][]byte
	done    chan struct{}
	err     error
}

const (
	largeGroup = 8
	turns      = 8
)

// NewCombiner starts the writer of a combiner. Close it.
func NewCombiner(write func([][]byte) error) *Combiner {
	c := &Combiner{write: write, next: newGroup(), ended: make(chan struct{})}
	c.wake = sync.NewCond(&c.mu)
	go c.run()
	return c
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// Append returns when the record is durable.
func (c *Combiner) Append(record []byte) error {
	c.mu.Lock()
	g := c.next
	g.records = append(g.records, record)
	if len(g.records) == 1 {
		c.wake.Signal()
	}
	c.mu.Unlock()
	<-g.done
	return g.err
}

// Close ends the writer. Nobody may be in Append.
func (c *Combiner) Close() {
	c.mu.Lock()
	c.closed = true
	c.wake.Signal()
	c.mu.Unlock()
	<-c.ended
}

func (c *Combiner) run() {
	defer close(c.ended)
	for last := 0; ; {
		c.mu.Lock()
		for len(c.next.records) == 0 && !c.closed {
			c.wake.Wait()
		}
		if last >= largeGroup {
			for i := 0; i < turns && len(c.next.records) < last; i++ {
				c.mu.Unlock()
				runtime.Gosched()
				c.mu.Lock()
			}
		}
		g := c.next
		c.next = newGroup()
		closed := c.closed
		c.mu.Unlock()
		if len(g.records) > 0 {
			g.err = c.write(g.records)
		}
		last = len(g.records)
		close(g.done)
		if closed {
			return
		}
	}
}
