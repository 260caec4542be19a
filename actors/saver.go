package actors

import (
	"context"
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
	saved  []chan error // room for one each
}

// saveWait is how long a dial waits for the record that counts it.
const saveWait = 2 * time.Second

func newSaver() *saver { return &saver{next: make(chan saving, 1)} }

// save belongs to the connection alone. What it returns says when the
// record has been saved, or why it was not.
func (s *saver) save(to Connects, r fsm.ConnRecord) <-chan error {
	saved := make(chan error, 1)
	n := saving{r, []chan error{saved}}
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
			err := to.Save(n.record)
			for _, c := range n.saved {
				c <- err
			}
		default:
			s.running.Store(false)
			if len(s.next) == 0 || !s.running.CompareAndSwap(false, true) {
				return
			}
		}
	}
}

// await waits for the record that counts a dial. Where the disk hangs or does not
// take it, the dial must not be put off for ever: it then waits for as long as keeps
// the limit even if the process is killed after each dial. It says whether all is well.
func await(ctx context.Context, saved <-chan error, perMinute int) bool {
	if saved == nil {
		return true
	}
	patience := time.NewTimer(saveWait)
	defer patience.Stop()
	select {
	case err := <-saved:
		if err == nil {
			return true
		}
	case <-patience.C:
	case <-ctx.Done():
		return false
	}
	if perMinute > 0 {
		patience.Reset(time.Minute / time.Duration(perMinute))
		select {
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	return false
}
