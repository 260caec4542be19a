package outbox

import "time"

// link is what the core knows of the connection.
type link struct {
	up      bool
	session uint64
	// quietUntil: nothing is sent before, to tell a takeover from a poison report.
	quietUntil time.Duration
	// pausedUntil: the platform asked for less. throttles counts how often running.
	pausedUntil time.Duration
	throttles   int
	relogin     bool // a report has asked for a new login in this session
}

// Up says that a session is ready for posts. quiet asks for nothing to be sent
// for Config.Quiet. What was in flight goes again first, oldest first.
func (c *Core) Up(now Now, session uint64, quiet bool) {
	c.observe(now)
	if c.link.up && c.link.session == session {
		return
	}
	if c.link.up {
		c.down(false)
	}
	c.link.up, c.link.session = true, session
	c.link.quietUntil, c.link.relogin = 0, false
	if quiet || c.suspect > 0 {
		c.link.quietUntil = c.now.At + c.cfg.Quiet
	}
	c.replies.begin()
	c.window.again()
	c.clocks.reached(c.now.At, c.cfg.ClockWait)
	for r := c.resend.head; r != nil; r = r.next {
		r.tries = 0
	}
	// A new session is what a failed publish and a login were waiting for; what
	// the platform asked to retry later keeps its time.
	for r := c.parked.head; r != nil; {
		next := r.next
		r.tries = 0
		if r.retries == 0 {
			c.resend.insert(r)
		}
		r = next
	}
}

// Down says that a session has ended, and whether the peer ended it. Facts about
// an older session move nothing.
func (c *Core) Down(now Now, session uint64, byPeer bool) {
	c.observe(now)
	if c.link.up && session == c.link.session {
		c.down(byPeer)
	}
}

func (c *Core) down(byPeer bool) {
	c.link.up = false
	c.blame(byPeer)
	for r := c.flight.head; r != nil; {
		next := r.next
		c.land(r)
		c.resend.insert(r)
		r = next
	}
}
