package outbox

import "strconv"

var kindNames = [...]string{"", "property", "event", "answer", "custom", "inform", "progress"}

// String is the kind's name, as the tools show it.
func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}
