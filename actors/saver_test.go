package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/fsm"
)

// slowConnects hangs in its first Save until it is let go.
type slowConnects struct {
	hang  chan struct{}
	saved chan uint64
}

func (s *slowConnects) Load() fsm.ConnRecord { return fsm.ConnRecord{} }
func (s *slowConnects) Save(r fsm.ConnRecord) {
	<-s.hang
	s.saved <- r.Boot
}

func TestTheNewestRecordOfConnectsIsSavedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slowConnects{hang: make(chan struct{}), saved: make(chan uint64, 100)}
		s := saver{next: make(chan fsm.ConnRecord, 1)}
		for n := range uint64(100) {
			s.save(to, fsm.ConnRecord{Boot: n})
			time.Sleep(time.Second)
		}
		close(to.hang)
		synctest.Wait()
		if n := len(to.saved); n != 2 {
			t.Errorf("%d saves of a disk that hung over a hundred records, want the first and the last", n)
		}
		if first, last := <-to.saved, <-to.saved; first != 0 || last != 99 {
			t.Errorf("saved %d and %d", first, last)
		}
	})
}
