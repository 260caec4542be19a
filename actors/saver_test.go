package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/transport"
)

// slowConnects hangs in its first Save until it is let go.
type slowConnects struct {
	hang  chan struct{}
	saved chan uint64
}

func (s *slowConnects) Load() fsm.ConnRecord { return fsm.ConnRecord{} }
func (s *slowConnects) Save(r fsm.ConnRecord) error {
	<-s.hang
	s.saved <- r.Boot
	return nil
}

func TestTheNewestRecordOfConnectsIsSavedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slowConnects{hang: make(chan struct{}), saved: make(chan uint64, 100)}
		s := newSaver()
		var saved []<-chan error
		for n := range uint64(100) {
			saved = append(saved, s.save(to, fsm.ConnRecord{Boot: n}))
			time.Sleep(time.Second)
		}
		if await(t.Context(), saved[0], 5) {
			t.Error("a record was waited for to the end, and the disk hangs")
		}
		close(to.hang)
		synctest.Wait()
		for n, s := range saved {
			if !await(t.Context(), s, 5) {
				t.Errorf("who waits for record %d is never told", n)
			}
		}
		if n := len(to.saved); n != 2 {
			t.Errorf("%d saves of a disk that hung over a hundred records, want the first and the last", n)
		}
		if first, last := <-to.saved, <-to.saved; first != 0 || last != 99 {
			t.Errorf("saved %d and %d", first, last)
		}
	})
}

// lateConnects takes its time to save.
type lateConnects struct {
	takes time.Duration
	saved chan fsm.ConnRecord
}

func (l *lateConnects) Load() fsm.ConnRecord { return fsm.ConnRecord{} }
func (l *lateConnects) Save(r fsm.ConnRecord) error {
	<-time.After(l.takes)
	l.saved <- r
	return nil
}

// watchedDialer says what was on the disk when each dial began.
type watchedDialer struct {
	transport.Dialer
	dialling func()
}

func (d watchedDialer) Dial(ctx context.Context, c transport.Connect, s transport.Sink) (transport.Session, error) {
	d.dialling()
	return d.Dialer.Dial(ctx, c, s)
}

func TestADialIsOnTheDiskBeforeItBegins(t *testing.T) {
	late := &lateConnects{takes: time.Second, saved: make(chan fsm.ConnRecord, 100)}
	var dials atomic.Int64
	inBubble(t, func(_ *rig, o *Options) {
		o.Connects = late
		o.Dialer = watchedDialer{o.Dialer, func() {
			if n := dials.Add(1); len(late.saved) == 0 {
				t.Errorf("dial %d began before its record was saved: a kill now would forget it", n)
			}
		}}
	}, func(r *rig) {
		r.tree.Connect()
		time.Sleep(time.Minute)
		if dials.Load() == 0 {
			t.Error("no dial was made")
		}
	})
}

func TestADiskThatHangsDoesNotKeepTheDeviceOffline(t *testing.T) {
	var dials atomic.Int64
	hung := &lateConnects{takes: 10 * time.Minute, saved: make(chan fsm.ConnRecord, 100)}
	inBubble(t, func(_ *rig, o *Options) {
		o.Connects = hung
		o.Dialer = watchedDialer{o.Dialer, func() { dials.Add(1) }}
	}, func(r *rig) {
		r.tree.Connect()
		time.Sleep(time.Minute)
		if dials.Load() == 0 || len(hung.saved) > 0 {
			t.Error("a hung disk keeps the device from dialling")
		}
		time.Sleep(time.Hour) // the saver's goroutine ends
	})
}
