package storetest_test

import (
	"errors"
	"testing"

	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/internal/outbox/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Suite(t, func(*testing.T) (outbox.Store, func() outbox.Store) {
		m := storetest.NewMemory()
		return m, func() outbox.Store { m = m.Reopen(); return m }
	})
}

func entry(seq uint64) outbox.Entry { return outbox.Entry{Seq: seq, Ord: seq, Body: []byte("body")} }

func run(t *testing.T, m *storetest.Memory) outbox.Result {
	t.Helper()
	j := m.Sync()
	if j == nil {
		t.Fatal("nothing to sync")
	}
	j.Run()
	return m.Done(j)
}

func appendOne(t *testing.T, m *storetest.Memory, seq uint64) {
	t.Helper()
	if err := m.Append(m.State().Writer, []outbox.Entry{entry(seq)}); err != nil {
		t.Fatal(err)
	}
}

var errDisk = errors.New("the disk says no")

func TestMemoryFaults(t *testing.T) {
	t.Run("fsync-fails", func(t *testing.T) {
		m := storetest.NewMemory()
		appendOne(t, m, 1)
		m.FailSync(storetest.Refuse, errDisk)
		if res := run(t, m); len(res.Refused) != 1 || !errors.Is(res.Err, errDisk) {
			t.Fatalf("%+v", res)
		}
		if p := m.State().Lanes[0].Pending(); p != 0 {
			t.Fatalf("%d pending after the refusal", p)
		}
		if p := m.Reopen().State().Lanes[0].Pending(); p != 0 {
			t.Fatalf("%d pending after reopening", p)
		}
	})
	t.Run("fsync-fails, unknown", func(t *testing.T) {
		m := storetest.NewMemory()
		appendOne(t, m, 1)
		m.FailSync(storetest.Forget, errDisk)
		if res := run(t, m); len(res.Unknown) != 1 {
			t.Fatalf("%+v", res)
		}
		if p := m.State().Lanes[0].Pending(); p != 0 {
			t.Fatalf("%d pending while unknown", p)
		}
		if p := m.Reopen().State().Lanes[0].Pending(); p != 1 {
			t.Fatalf("%d pending after reopening, want the one that rises", p)
		}
	})
	t.Run("fsync-slow", func(t *testing.T) {
		m := storetest.NewMemory()
		appendOne(t, m, 1)
		release := m.HangSync()
		j := m.Sync()
		go j.Run()
		select {
		case <-j.Ended():
			t.Fatal("a hanging sync ended")
		default:
		}
		release()
		<-j.Ended()
		if res := m.Done(j); res.Durable != 1 {
			t.Fatalf("%+v", res)
		}
	})
	t.Run("power-cut", func(t *testing.T) {
		m := storetest.NewMemory()
		appendOne(t, m, 1)
		run(t, m)
		appendOne(t, m, 2)
		m.Settle([]outbox.Settlement{
			{Seq: 1, Ord: 1, Outcome: outbox.ConfirmedReply, Bytes: 4},
			{Seq: 2, Ord: 2, Outcome: outbox.ConfirmedReply, Bytes: 4},
		})
		c := m.PowerCut().State().Lanes[0]
		if c.Accepted != 1 || c.Pending() != 1 || c.PendingBytes != 4 {
			t.Fatalf("%+v: want the synced report back without its end, and nothing else", c)
		}
	})
	t.Run("disk-full", func(t *testing.T) {
		m := storetest.NewMemory()
		m.RefuseAppend(outbox.ErrNoSpace)
		if err := m.Append(m.State().Writer, []outbox.Entry{entry(1)}); !errors.Is(err, outbox.ErrNoSpace) {
			t.Fatal(err)
		}
		m.RefuseAppend(nil)
		appendOne(t, m, 1)
	})
	t.Run("bit-flip and read-eio", func(t *testing.T) {
		m := storetest.NewMemory()
		for seq := range uint64(3) {
			appendOne(t, m, seq+1)
		}
		run(t, m)
		m.Damage(1)
		m.Unreadably(2, errDisk)
		l, err := m.Load(0, 0, 10, 100)
		if err != nil || len(l.Lost) != 1 || len(l.Entries) != 1 || l.Entries[0].Seq != 3 || m.Unreadable() != 1 {
			t.Fatalf("%+v %v", l, err)
		}
		if c := m.State().Lanes[0]; c.Ends[outbox.Damaged] != 1 || c.Pending() != 2 {
			t.Fatalf("%+v", c)
		}
	})
	t.Run("a slow disk fills up", func(t *testing.T) {
		m := storetest.NewMemory()
		m.LimitUnsynced(8)
		appendOne(t, m, 1)
		appendOne(t, m, 2)
		if err := m.Append(m.State().Writer, []outbox.Entry{entry(3)}); !errors.Is(err, outbox.ErrBacklog) {
			t.Fatal(err)
		}
		run(t, m)
		appendOne(t, m, 3)
	})
}
