package outbox

import "strconv"

var outcomeNames = [OutcomeCount]string{"pending", "confirmed", "confirmed-puback", "rejected", "expired",
	"evicted-budget", "evicted-newer", "evicted-thinned", "evicted-operator", "damaged"}

// String is the outcome's name, as the audit log and the tools show it.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "outcome-" + strconv.Itoa(int(o))
}
