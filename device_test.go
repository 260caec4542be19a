package aliiot

import (
	"context"
	"errors"
	"testing"
	"time"
)

func isUnknown(err error) bool { return errors.Is(err, ErrOutcomeUnknown) }

func TestReportsReachThePlatform(t *testing.T) {
	inBubble(t, func(r *rig) {
		dev := r.open()
		r.reports(3) // before the first connect they wait
		if l := r.ledger(); l.Pending != 3 {
			t.Errorf("before the first connect: %+v", l.Counts)
		}
		dev.Connect()
		r.waitOnline()
		r.reports(20)
		_, receipt, err := r.report(Alarm)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		end, err := receipt.Wait(ctx)
		if err != nil || end.Outcome != Confirmed {
			t.Errorf("the receipt says %+v, %v", end, err)
		}
		r.drain(time.Minute)
		l := r.ledger()
		if l.Accepted != 24 || l.Confirmed != 24 || l.ConfirmedBy.Reply != 24 || l.Lanes["alarm"].Confirmed != 1 {
			t.Errorf("the ledger: %+v", l)
		}
		r.wantNothingLost()
		r.cloud.wantSteady(t)
		if total, keys := r.cloud.arrivals(); total != 24 || keys != 24 {
			t.Errorf("%d arrivals of %d reports", total, keys)
		}
		r.close()
		r.open()
		if again := r.ledger(); again.Counts != l.Counts {
			t.Errorf("after opening again %+v, before %+v", again.Counts, l.Counts)
		}
	})
}
