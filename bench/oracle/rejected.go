package oracle

// rejectedIsTrue is O7: the code that the ledger names is one that the platform
// sent for that report alone, and a final one.
func (c *court) rejectedIsTrue() {
	alone := map[*Event]bool{}
	for _, p := range c.arrivals {
		if len(p.members) == 1 && p.members[0].What == Declined {
			alone[p.members[0]] = true
		}
	}
	for n, s := range c.snapshots {
		for _, r := range s.Reports {
			if r.State != Rejected {
				continue
			}
			sent, narrowed := false, false
			if at := c.platform[r.Key]; at != nil {
				for _, no := range at.declined {
					if no.Code == r.Code && no.At <= s.At {
						sent = true
						narrowed = narrowed || alone[no]
					}
				}
			}
			switch {
			case !sent:
				c.say("O7", r.Key, n, "rejected with code %d, which the platform never gave it", r.Code)
			case !narrowed:
				c.say("O7", r.Key, n, "rejected with code %d, which the platform gave to a pack that it was in", r.Code)
			case !final(r.Code):
				c.say("O7", r.Key, n, "rejected with code %d, which asks to try again", r.Code)
			}
		}
	}
}

// final says that a code ends a report that came alone: the platform's documents
// do not call it worth a retry, nor ask for a new login (520).
func final(code int) bool {
	switch code {
	case 200, 428, 429, 500, 520, 1901, 1902, 1950, 5159, 5160, 5161, 6205, 6313, 6314, 6316, 6318, 6323, 6329, 6452, 6661,
		6760, 9324, 26010:
		return false
	}
	return true
}
