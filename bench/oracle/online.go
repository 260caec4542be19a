package oracle

import "math"

// sessions are the times in which the device had a connection, as the platform saw
// it: from an accepted CONNECT to its end, or to the next.
func (c *court) sessions() []Span {
	if c.online != nil {
		return c.online
	}
	c.online = []Span{}
	var of int64 // the number of the last connection
	for _, ev := range c.events {
		n := len(c.online)
		open := n > 0 && c.online[n-1].To == math.MaxInt64
		switch {
		case ev.What == Connected && ev.Code == 0:
			if open {
				c.online[n-1].To = ev.At
			}
			c.online, of = append(c.online, Span{ev.At, math.MaxInt64}), ev.Session
		case ev.What == Disconnected && open && ev.Session == of:
			c.online[n-1].To = ev.At
		}
	}
	return c.online
}
