package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/folder"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/internal/outbox"
)

// quarantined DIR makes a device's folder with the reports 1 to 5: 2, of the lane
// alarm, and 3 are quarantined, 5 is confirmed, and the audit log says so.
func quarantined(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: quarantined DIR")
	}
	ts.Check(makeQuarantined(ts.MkAbs(args[0])))
}

func makeQuarantined(dir string) error {
	fs, err := disk.Make(dir)
	if err != nil {
		return err
	}
	if err := folder.SaveLaneNames(fs, []string{"default", "alarm"}); err != nil {
		return err
	}
	j, err := journal.Open(fs, journal.Options{Identity: "a1ScriptKey/tester", Rand: clock.System().Rand})
	if err != nil {
		return err
	}
	made := outbox.Stamp{Wall: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixMilli(), Trusted: true}
	var ord [2]uint64
	for seq := uint64(1); seq <= 5; seq++ {
		it := outbox.Item{Kind: outbox.KindProperty, Params: fmt.Appendf(nil, `{"energy":%d}`, seq), Made: made}
		lane := uint8(0)
		if seq == 2 {
			it, lane = outbox.Item{Kind: outbox.KindEvent, Name: "sos_alarm", Params: []byte(`{"level":3}`), Made: made}, 1
		}
		body, err := it.AppendBinary(nil)
		if err != nil {
			return err
		}
		ord[lane]++
		err = j.Append(j.State().Writer, []outbox.Entry{{Seq: seq, Ord: ord[lane], Lane: lane, Body: body}})
		if err != nil {
			return err
		}
		if seq == 2 || seq == 3 {
			err := j.Quarantine(outbox.Mark{Seq: seq, Ord: ord[lane], Lane: lane, Bytes: int64(len(body))}, true)
			if err != nil {
				return err
			}
		}
		if seq < 5 {
			continue
		}
		end := outbox.Settlement{Seq: seq, Ord: ord[lane], Lane: lane, Outcome: outbox.ConfirmedReply, Sends: 1, Bytes: int64(len(body))}
		j.Settle([]outbox.Settlement{end})
		log, err := audit.Open(fs, audit.Options{})
		if err != nil {
			return err
		}
		log.Record("default", outbox.Ended{Settlement: end})
		if err := log.Close(); err != nil {
			return err
		}
	}
	return j.Close()
}

// hold DIR locks a device's folder, as a living device does, until letgo.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold DIR")
	}
	held, err := disk.Lock(ts.MkAbs(args[0]))
	ts.Check(err)
	holds[ts] = held
}

func letgo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 || holds[ts] == nil {
		ts.Fatalf("usage: letgo, after hold")
	}
	ts.Check(holds[ts].Release())
	delete(holds, ts)
}

// holds are the locks of the one script that has any.
var holds = map[*testscript.TestScript]*disk.Held{}

// What root writes into another user's folder, the device could not open.
func TestAnothersFolderIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := filepath.Join(t.TempDir(), "device")
	if err := makeQuarantined(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 54321, 54321); err != nil {
		t.Skip(err)
	}
	before, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"quarantine", "drop", "--yes", dir}, {"quarantine", "release", dir}, {"journal", "jump", "--yes", dir}} {
		wantText(t, aliiotRun(t, exitFailed, args...), "belongs to user 54321", "sudo -u '#54321'")
	}
	after, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || strings.Join(before, " ") != strings.Join(after, " ") {
		t.Errorf("%v, before %v, after %v", err, before, after)
	}
	wantText(t, aliiotRun(t, exitOK, "quarantine", "list", dir), "2 reports quarantined")
}

// A folder without an audit log is not given one, and is served as well.
func TestDropWithoutAnAuditLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "device")
	if err := makeQuarantined(dir); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "audit-*"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	if err := os.Remove(logs[0]); err != nil {
		t.Fatal(err)
	}
	wantText(t, aliiotRun(t, exitOK, "quarantine", "drop", "--yes", dir), "2 reports dropped")
	if logs, err := filepath.Glob(filepath.Join(dir, "audit-*")); err != nil || len(logs) != 0 {
		t.Error(logs, err)
	}
	wantText(t, aliiotRun(t, exitOK, "explain", dir, "2"), "evicted-operator")
}

// A report whose bytes are gone is listed, and can be dropped.
func TestListOfAnUnreadableReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "device")
	if err := makeQuarantined(dir); err != nil {
		t.Fatal(err)
	}
	loseBytes(t, dir, `"level":3`)
	text := aliiotRun(t, exitOK, "quarantine", "list", dir)
	if bytes.Contains([]byte(text), []byte("level")) {
		t.Errorf("bytes that are damaged are shown:\n%s", text)
	}
	aliiotRun(t, exitOK, "quarantine", "drop", "--yes", dir)
	wantText(t, aliiotRun(t, exitOK, "quarantine", "list", dir), "0 reports quarantined")
}
