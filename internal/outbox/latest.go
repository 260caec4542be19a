package outbox

// supersede makes m the newest report of its key and gives up the one before,
// unless that is on the wire: then it has until its answer, or until it would be
// sent again.
func (c *Core) supersede(l *lane, key string, m Mark) {
	if key == "" {
		return // of a time when the lane was another one: it replaces nothing
	}
	was, ok := l.latest[key]
	if ok && was.Ord > m.Ord {
		c.endUnheld(m, EvictedNewer)
		return
	}
	l.latest[key] = m
	if !ok || was.Seq == m.Seq {
		return
	}
	r := c.held[was.Seq]
	switch {
	case r == nil:
		c.endUnheld(was, EvictedNewer)
	case r.q != &c.flight:
		c.end(r, EvictedNewer, 0)
	}
}

// endUnheld settles a report that is pending but not in memory.
func (c *Core) endUnheld(m Mark, o Outcome) {
	if !c.forgetAside(m.Seq) {
		c.lanes[m.Lane].found(m.Ord, m.Bytes)
	}
	c.settle(Settlement{Seq: m.Seq, Ord: m.Ord, Lane: m.Lane, Outcome: o, Bytes: m.Bytes}, Stamp{})
}

// superseded says that a newer report of the same key is pending.
func (l *lane) superseded(r *report) bool {
	if l.latest == nil {
		return false
	}
	m, ok := l.latest[r.item.Key]
	return ok && m.Ord > r.ord
}

func (l *lane) forgetKey(key string, seq uint64) {
	if m, ok := l.latest[key]; ok && m.Seq == seq {
		delete(l.latest, key)
	}
}

// forgetSeq is forgetKey for a report whose key can no longer be read.
func (l *lane) forgetSeq(seq uint64) {
	for key, m := range l.latest {
		if m.Seq == seq {
			delete(l.latest, key)
		}
	}
}
