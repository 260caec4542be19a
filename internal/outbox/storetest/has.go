package storetest

import "github.com/aliiot/aliiot/internal/outbox"

// Has implements outbox.Store.
func (m *Memory) Has(lane uint8, ord uint64) bool {
	if lane >= outbox.MaxLanes || ord == 0 {
		return false
	}
	l := &m.med.lanes[lane]
	i := l.after(ord - 1)
	return i < len(l.list) && l.list[i].Ord == ord && !l.list[i].gone
}
