package actors

import (
	"sync/atomic"

	"github.com/aliiot/aliiot/fsm"
)

// saver writes the record of connects beside the connection: a hung disk must
// not keep the device offline. At most one goroutine does, and only the newest
// record waits for it.
type saver struct {
	next    chan fsm.ConnRecord // room for one
	running atomic.Bool
}

// save belongs to the connection alone.
func (s *saver) save(to Connects, r fsm.ConnRecord) {
	select {
	case <-s.next: // older, and not begun
	default:
	}
	s.next <- r
	if s.running.CompareAndSwap(false, true) {
		go s.run(to)
	}
}

func (s *saver) run(to Connects) {
	for {
		select {
		case r := <-s.next:
			to.Save(r)
		default:
			s.running.Store(false)
			if len(s.next) == 0 || !s.running.CompareAndSwap(false, true) {
				return
			}
		}
	}
}
