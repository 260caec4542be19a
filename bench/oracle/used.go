package oracle

// isGivenBack is O13: after Close the process uses what it used before Open; at rest
// its heap is as at the first rest and its journal is small; and at all times both
// keep below their ceilings.
func (c *court) isGivenBack() {
	var before, rest *Resources
	ceilings := c.scenario.Ceilings
	for n := range c.rec.Resources {
		r := &c.rec.Resources[n]
		if ceilings.Resident > 0 && r.Resident > ceilings.Resident {
			c.say("O13", "resident", -1, "%d bytes resident at %d, and the ceiling is %d", r.Resident, r.At, ceilings.Resident)
		}
		if ceilings.Budget > 0 && r.Journal > ceilings.Budget+ceilings.Segment {
			c.say("O13", "journal", -1, "a journal of %d bytes at %d, and its budget is %d with a segment of %d", r.Journal, r.At, ceilings.Budget, ceilings.Segment)
		}
		switch r.Phase {
		case Before:
			if before == nil {
				before = r
			}
		case Closed:
			if before != nil {
				c.givenBack("goroutines", before.Goroutines, r.Goroutines)
				c.givenBack("descriptors", before.Descriptors, r.Descriptors)
				c.givenBack("temporary files", before.Temp, r.Temp)
			}
		case Drained:
			if rest == nil {
				rest = r
			}
			if rest.Heap > 0 && r.Heap > rest.Heap+rest.Heap/10 {
				c.say("O13", "heap", -1, "a heap of %d bytes at rest, and at the first rest it was %d", r.Heap, rest.Heap)
			}
			if r.Live > 2 {
				c.say("O13", "segments", -1, "%d live segments at rest", r.Live)
			}
			if ceilings.Budget > 0 && r.Journal > ceilings.Budget {
				c.say("O13", "journal", -1, "a journal of %d bytes at rest, and its budget is %d", r.Journal, ceilings.Budget)
			}
		}
	}
}

func (c *court) givenBack(what string, before, after int) {
	if after > before {
		c.say("O13", what, -1, "%d %s after Close, and %d before Open", after, what, before)
	}
}
