package audit_test

import (
	"testing"

	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

func end(seq uint64, o outbox.Outcome) outbox.Ended {
	return outbox.Ended{Settlement: outbox.Settlement{Seq: seq, Outcome: o, Sends: 2}}
}

func folder(t *testing.T) disk.FS {
	t.Helper()
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func open(t *testing.T, fs disk.FS, o audit.Options) *audit.Log {
	t.Helper()
	l, err := audit.Open(fs, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFindsTheLastEndAcrossRestarts(t *testing.T) {
	fs := folder(t)
	l := open(t, fs, audit.Options{})
	l.Record("default", end(1, outbox.ConfirmedReply))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, fs, audit.Options{})
	l.Record("alarm", end(2, outbox.Rejected))
	if err := l.Syncer()(); err != nil {
		t.Fatal(err)
	}
	for seq, want := range map[uint64]string{1: "confirmed", 2: "rejected"} {
		r, ok, err := audit.Find(fs, seq)
		if err != nil || !ok || r.Outcome != want || r.Sends != 2 {
			t.Errorf("report %d: %+v %v %v, want %s", seq, r, ok, err, want)
		}
	}
	if _, ok, _ := audit.Find(fs, 3); ok {
		t.Error("a report that never was is found")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStaysWithinItsBounds(t *testing.T) {
	fs := folder(t)
	l := open(t, fs, audit.Options{FileBytes: 1000, Files: 3})
	for seq := range uint64(1000) {
		l.Record("default", end(seq+1, outbox.Expired))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := fs.List("test")
	if err != nil || len(list) != 3 {
		t.Fatalf("%d files, want 3 (%v)", len(list), err)
	}
	for _, e := range list {
		if e.Size > 1200 {
			t.Errorf("%s has %d bytes", e.Name, e.Size)
		}
	}
	if _, ok, _ := audit.Find(fs, 1000); !ok {
		t.Error("the newest end is gone")
	}
	if _, ok, _ := audit.Find(fs, 1); ok {
		t.Error("the oldest end is still there")
	}
}

func TestATornLineHidesNoOther(t *testing.T) {
	fs := folder(t)
	l := open(t, fs, audit.Options{})
	l.Record("default", end(1, outbox.ConfirmedReply))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	list, _ := fs.List("test")
	f, err := fs.Open("test", list[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt("test", []byte(`{"seq":2,"la`), list[0].Size); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	l = open(t, fs, audit.Options{})
	l.Record("default", end(3, outbox.ConfirmedReply))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for seq, want := range map[uint64]bool{1: true, 2: false, 3: true} {
		if _, ok, err := audit.Find(fs, seq); ok != want || err != nil {
			t.Errorf("report %d found: %v (%v)", seq, ok, err)
		}
	}
}
