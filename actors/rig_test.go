package actors

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/clock/clocktest"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// rig is a tree over a store and a broker in memory, in a bubble.
type rig struct {
	t     *testing.T
	store *storetest.Memory
	net   *transporttest.Server
	tree  *Tree
}

var testDevice = alink.Device{ProductKey: "a1B2c3D4e5F", DeviceName: "device01"}

func inBubble(t *testing.T, change func(*rig, *Options), f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: storetest.NewMemory(), net: transporttest.New()}
		time.Sleep(time.Until(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
		clock := clocktest.New(3)
		clock.SetSynchronised(true)
		time.Sleep(10 * time.Second)
		defer time.Sleep(2 * time.Second) // a dead letter's goroutine lives for one
		defer r.net.Close()
		r.net.OnPublish = func(c *transporttest.Client, m transport.Message) bool {
			topic, err := alink.ParseTopic(m.Topic)
			req, err2 := alink.ParseRequest(m.Payload)
			if to, ok := topic.Reply(); ok && err == nil && err2 == nil {
				c.Push(to.String(), alink.AppendReply(nil, alink.Reply{ID: req.ID, Code: 200, Message: "success", Data: []byte("{}")}), 0)
			}
			return true
		}
		o := Options{
			Device: testDevice, Store: r.store, Lanes: DefaultLanes(), Clock: clock.Clock(),
			Reopen: func() (outbox.Store, error) { r.store = r.store.Reopen(); return r.store, nil },
			Credentials: func(bool) (alink.Credentials, error) {
				return alink.DeviceCredentials(testDevice, "secret", alink.ConnectOptions{SecureMode: alink.SecurePlain})
			},
			Servers: []string{"mqtt://platform.test:1883"}, Dialer: r.net.Dialer(),
		}
		if testing.Verbose() {
			o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		}
		if change != nil {
			change(r, &o)
		}
		tree, err := Start(o)
		if err != nil {
			t.Fatal(err)
		}
		r.tree = tree
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := tree.Stop(ctx); err != nil {
				t.Errorf("stopping: %v", err)
			}
		}()
		f(r)
	})
}

func (r *rig) append(lane string) Appended {
	r.t.Helper()
	a, err := NewAppend(Properties{"energy": 1})
	if err != nil {
		r.t.Fatal(err)
	}
	reply := make(chan Appended, 1)
	a.Lane, a.Reply = lane, reply
	r.tree.Send("outbox", a)
	select {
	case got := <-reply:
		return got
	case <-time.After(time.Hour):
		r.t.Fatal("nobody answers")
		return Appended{}
	}
}

func (r *rig) end(ref Ref) Settled {
	r.t.Helper()
	reply := make(chan Settled, 1)
	r.tree.Send("outbox", AskEnd{Ref: ref, Reply: reply})
	select {
	case got := <-reply:
		return got
	case <-time.After(time.Hour):
		r.t.Fatalf("nobody says how report %d ended", ref.Seq())
		return Settled{}
	}
}

func (r *rig) ledger() Ledger {
	r.t.Helper()
	reply := make(chan Ledger, 1)
	r.tree.Send("outbox", AskLedger{reply})
	select {
	case got := <-reply:
		if !got.Balances() {
			r.t.Errorf("the ledger does not balance: %+v", got)
		}
		return got
	case <-time.After(time.Hour):
		r.t.Fatal("nobody has the ledger")
		return Ledger{}
	}
}
