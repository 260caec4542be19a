package outbox

import (
	"testing"
	"time"
)

// T28
func TestAYesForAQuarantinedReport(t *testing.T) {
	c := NewCore(Config{Lanes: []Lane{{Name: "default"}}}, State{}, false)
	now := Now{Boot: 1, At: time.Hour, Wall: 1_800_000_000_000, Trusted: true}
	c.Up(now, 1, false)
	seq, err := c.Submit(now, 0, Item{Kind: KindProperty, Params: []byte(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	all := func() (sent int) {
		for {
			r := c.Ready()
			if r.Empty() {
				return
			}
			sent += len(r.Send)
			if len(r.Append) > 0 {
				c.Appended(now, nil)
			}
			for _, q := range r.Load {
				c.Loaded(now, q.Lane, Loaded{End: true}, nil)
			}
		}
	}
	all()
	c.Synced(now, Result{Durable: seq})
	if all() != 1 {
		t.Fatal("not sent")
	}
	c.Poison(now, seq)
	all()
	c.Replied(now, 1, IDOf(seq), OK, 200)
	all()
	l := c.Ledger().Lanes[0]
	if l.Ends[ConfirmedReply] != 1 {
		t.Errorf("the platform has it and said so; the ledger: %+v", l)
	}
}
