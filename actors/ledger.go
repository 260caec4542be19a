package actors

import "github.com/aliiot/aliiot/internal/outbox"

// Outcome is how a report ends. A report that has none is pending.
type Outcome string

const (
	Confirmed Outcome = "confirmed" // the platform said yes
	Rejected  Outcome = "rejected"  // the platform refused it for good
	Expired   Outcome = "expired"   // its time to live ran out
	Evicted   Outcome = "evicted"   // its lane's policy, or an operator, gave it up
	Damaged   Outcome = "damaged"   // the medium destroyed bytes that had been synced
)

// Counts is the ledger of one lane, over the life of the journal. At every
// moment, across restarts and power cuts,
//
//	Accepted = Confirmed + Rejected + Expired + Evicted + Damaged + Pending
type Counts struct {
	Accepted  uint64 `json:"accepted"`
	Confirmed uint64 `json:"confirmed"`
	Rejected  uint64 `json:"rejected"`
	Expired   uint64 `json:"expired"`
	Evicted   uint64 `json:"evicted"`
	Damaged   uint64 `json:"damaged"`
	Pending   uint64 `json:"pending"`
	// Late counts a yes that came after another end; it is no end of its own.
	Late        uint64      `json:"late"`
	ConfirmedBy ConfirmedBy `json:"confirmed_by"`
	EvictedBy   EvictedBy   `json:"evicted_by"`
	// Quarantined and Unreadable are parts of Pending: set aside because they
	// break the link, and not readable for now.
	Quarantined uint64 `json:"quarantined"`
	Unreadable  uint64 `json:"unreadable"`
	// PendingBytes is what the pending reports take in the journal.
	PendingBytes int64 `json:"pending_bytes"`
}

// ConfirmedBy says on whose word reports count as confirmed. A PUBACK is weaker:
// a message that the platform's quota drops has one too.
type ConfirmedBy struct {
	Reply  uint64 `json:"reply"`
	Puback uint64 `json:"puback"`
}

// EvictedBy says why reports were given up.
type EvictedBy struct {
	Budget   uint64 `json:"budget"`
	Newer    uint64 `json:"newer"`
	Thinned  uint64 `json:"thinned"`
	Operator uint64 `json:"operator"`
}

// Ledger is the account of every report ever accepted: the sum, and each lane.
type Ledger struct {
	Counts
	Lanes map[string]Counts `json:"lanes"`
}

// Balances says whether the identity holds, in the sum and in every lane.
func (l Ledger) Balances() bool {
	ok := l.Counts.balances()
	for _, c := range l.Lanes {
		ok = ok && c.balances()
	}
	return ok
}

func (c Counts) balances() bool {
	return c.Accepted == c.Confirmed+c.Rejected+c.Expired+c.Evicted+c.Damaged+c.Pending
}

// CountsOf translates the counters of a store.
func CountsOf(c outbox.Counts) Counts {
	e := c.Ends
	return Counts{
		Accepted:    c.Accepted,
		Confirmed:   e[outbox.ConfirmedReply] + e[outbox.ConfirmedPuback],
		Rejected:    e[outbox.Rejected],
		Expired:     e[outbox.Expired],
		Evicted:     e[outbox.EvictedBudget] + e[outbox.EvictedNewer] + e[outbox.EvictedThinned] + e[outbox.EvictedOperator],
		Damaged:     e[outbox.Damaged],
		Pending:     c.Pending(),
		Late:        c.Late,
		ConfirmedBy: ConfirmedBy{Reply: e[outbox.ConfirmedReply], Puback: e[outbox.ConfirmedPuback]},
		EvictedBy: EvictedBy{Budget: e[outbox.EvictedBudget], Newer: e[outbox.EvictedNewer],
			Thinned: e[outbox.EvictedThinned], Operator: e[outbox.EvictedOperator]},
		PendingBytes: c.PendingBytes,
	}
}

// Add sums two accounts.
func (c Counts) Add(o Counts) Counts {
	c.Accepted += o.Accepted
	c.Confirmed += o.Confirmed
	c.Rejected += o.Rejected
	c.Expired += o.Expired
	c.Evicted += o.Evicted
	c.Damaged += o.Damaged
	c.Pending += o.Pending
	c.Late += o.Late
	c.ConfirmedBy.Reply += o.ConfirmedBy.Reply
	c.ConfirmedBy.Puback += o.ConfirmedBy.Puback
	c.EvictedBy.Budget += o.EvictedBy.Budget
	c.EvictedBy.Newer += o.EvictedBy.Newer
	c.EvictedBy.Thinned += o.EvictedBy.Thinned
	c.EvictedBy.Operator += o.EvictedBy.Operator
	c.Quarantined += o.Quarantined
	c.Unreadable += o.Unreadable
	c.PendingBytes += o.PendingBytes
	return c
}

// OutcomeOf translates a store's outcome.
func OutcomeOf(o outbox.Outcome) Outcome {
	switch o {
	case outbox.ConfirmedReply, outbox.ConfirmedPuback:
		return Confirmed
	case outbox.Rejected:
		return Rejected
	case outbox.Expired:
		return Expired
	case outbox.Damaged:
		return Damaged
	}
	return Evicted
}
