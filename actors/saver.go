package actors

import (
	"sync/atomic"
	"time"

	"github.com/aliiot/aliiot/fsm"
)

// saver writes the record of connects beside the connection's mailbox. At most one
// goroutine does, and only the newest record waits for it.
type saver struct {
	next    chan saving // room for one
	running atomic.Bool
}

// saving is a record and who waits until it, or a newer one, is on the disk.
type saving struct {
	record fsm.ConnRecord
	saved  []chan struct{}
}

// saveWait is how long a dial waits for the record that counts it. A disk that
// hangs for longer must not keep the device offline.
const saveWait = 2 * time.Second

func newSaver() *saver { return &saver{next: make(chan saving, 1)} }

// save belongs to the connection alone. What it returns is closed when the record
// has been saved.
func (s *saver) save(to Connects, r fsm.ConnRecord) <-chan struct{} {
	saved := make(chan struct{})
	n := saving{r, []chan struct{}{saved}}
	select {
	case older := <-s.next: // not begun
		n.saved = append(n.saved, older.saved...)
	default:
	}
	s.next <- n
	if s.running.CompareAndSwap(false, true) {
		go s.run(to)
	}
	return saved
}

func (s *saver) run(to Connects) {
	for {
		select {
		case n := <-s.next:
			to.Save(n.record)
			for _, c := range n.saved {
				close(c)
			}
		default:
			s.running.Store(false)
			if len(s.next) == 0 || !s.running.CompareAndSwap(false, true) {
				return
			}
		}
	}
}

// await waits for a record at most saveWait, and says whether it was saved.
func await(saved <-chan struct{}) bool {
	if saved == nil {
		return true
	}
	patience := time.NewTimer(saveWait)
	defer patience.Stop()
	select {
	case <-saved:
		return true
	case <-patience.C:
		return false
	}
}
