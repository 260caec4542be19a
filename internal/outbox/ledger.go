package outbox

// Ledger is the balance. In every lane, at every moment,
// Accepted = ΣEnds + Pending.
type Ledger struct {
	Lanes [MaxLanes]LaneLedger
	// UnknownReplies counts replies that fitted no report.
	UnknownReplies uint64
}

// LaneLedger is the balance of one lane. What is not durable yet is not in it.
type LaneLedger struct {
	Counts
	// Quarantined and Unreadable are parts of Pending.
	Quarantined, Unreadable uint64
}

// Ledger is the balance now.
func (c *Core) Ledger() Ledger {
	l := Ledger{UnknownReplies: c.unknown}
	for i, lane := range c.lanes {
		l.Lanes[i] = LaneLedger{Counts: lane.counts, Quarantined: lane.aside, Unreadable: c.unreadable(lane)}
	}
	return l
}

// Unsynced is how many reports are submitted and not yet durable.
func (c *Core) Unsynced() int {
	n := 0
	for _, l := range c.order {
		n += int(l.unsynced)
	}
	return n
}

// Ends says what became of reports, one for each of seqs, as far as the core
// remembers. A Settlement with the outcome Pending says that the report has no
// end; one with Seq 0 that the core does not know: ask the store or the audit log.
func (c *Core) Ends(seqs []uint64) []Settlement {
	out := make([]Settlement, len(seqs))
	for i, seq := range seqs {
		r := c.held[seq]
		m, aside := c.aside[seq]
		switch {
		case seq == 0:
		case r != nil:
			out[i] = Settlement{Seq: seq, Ord: r.ord, Lane: r.lane.index, Sends: r.attempts, Bytes: r.bytes}
		case aside:
			out[i] = Settlement{Seq: seq, Ord: m.Ord, Lane: m.Lane, Bytes: m.Bytes}
		default:
			if e, ok := c.recent.get(seq); ok {
				out[i] = e.Settlement
			}
		}
	}
	return out
}

// Recent remembers the last ends, a thousand or so, so that a late yes finds its
// lane and a receipt its answer. It belongs to the process: a Core that replaces
// another takes it over by Config.Recent.
type Recent struct {
	ends [1024]recentEnd
}

type recentEnd struct {
	Settlement
	late bool // its late yes has been counted
}

func (r *Recent) slot(seq uint64) *recentEnd { return &r.ends[seq%uint64(len(r.ends))] }

//go:noinline
func (r *Recent) put(s Settlement) { *r.slot(s.Seq) = recentEnd{Settlement: s} }

func (r *Recent) get(seq uint64) (recentEnd, bool) {
	e := *r.slot(seq)
	return e, e.Seq == seq
}

func (r *Recent) heardLate(seq uint64) { r.slot(seq).late = true }
