package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/internal/disk"
)

// Whom makeQuarantined's folder belongs to.
var tester = aliiot.DeviceSecret{ProductKey: "a1ScriptKey", DeviceName: "tester", Secret: "0123"}

// platform is an emulator that knows the tester, with what it writes down.
func platform(t *testing.T) (*emulator.Emulator, *bytes.Buffer) {
	t.Helper()
	var arrived bytes.Buffer
	cloud, err := emulator.New(emulator.Options{MQTT: "127.0.0.1:0", Journal: &arrived})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := cloud.AddDevice(tester.ProductKey, tester.DeviceName, string(tester.Secret)); err != nil {
		t.Fatal(err)
	}
	return cloud, &arrived
}

// live is one life of the tester: it connects, reports, and ends with nothing left
// that can be sent.
func live(t *testing.T, cloud *emulator.Emulator, dir string, reports ...aliiot.Item) aliiot.Ledger {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dev, err := aliiot.Open(ctx, aliiot.Config{Identity: tester, Server: cloud.MQTT(), Dir: dir, AllowVolatile: true, DrainTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	dev.Connect()
	for _, what := range reports {
		if _, err := dev.Report(ctx, what); err != nil {
			t.Error(err)
		}
	}
	if err := dev.WaitOnline(ctx); err != nil {
		t.Error(err)
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	var l aliiot.Ledger
	if err := json.Unmarshal([]byte(aliiotRun(t, exitOK, "ledger", "--json", dir)), &l); err != nil {
		t.Fatal(err)
	}
	if !l.Balances() {
		t.Errorf("the ledger does not balance: %+v", l)
	}
	return l
}

// arrivals are the contents that the platform saw under each id.
func arrivals(t *testing.T, journal *bytes.Buffer) map[string]map[string]bool {
	t.Helper()
	seen := map[string]map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(journal.Bytes())); dec.More(); {
		var l emulator.Line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if id := l.ID.String(); seen[id] == nil {
			seen[id] = map[string]bool{l.Hash: true}
		} else {
			seen[id][l.Hash] = true
		}
	}
	return seen
}

// A device does what the operator has said: what is set aside stays, what was released
// goes, what was dropped never does.
func TestADeviceAfterItsOperator(t *testing.T) {
	cloud, journal := platform(t)
	dir := filepath.Join(t.TempDir(), "device")
	if err := makeQuarantined(dir); err != nil {
		t.Fatal(err)
	}
	if l := live(t, cloud, dir); l.Confirmed != 3 || l.Pending != 2 || l.Quarantined != 2 {
		t.Errorf("with two set aside: %+v", l.Counts)
	}
	wantText(t, aliiotRun(t, exitOK, "quarantine", "release", dir, "3"), "1 report released")
	wantText(t, aliiotRun(t, exitOK, "quarantine", "drop", "--yes", dir, "2"), "1 report dropped")
	if l := live(t, cloud, dir); l.Confirmed != 4 || l.Pending != 0 || l.Evicted != 1 || l.EvictedBy.Operator != 1 || l.Lanes["alarm"].Evicted != 1 {
		t.Errorf("after the operator: %+v", l.Counts)
	}
	seen := arrivals(t, journal)
	if seen["1"] == nil || seen["3"] == nil || seen["4"] == nil || seen["2"] != nil || len(seen) != 3 {
		t.Errorf("the platform saw %v", seen)
	}
}

// A device that is restored from a backup and jumps uses no id for two contents, as the
// platform's own record says.
func TestARestoredFolderThatJumps(t *testing.T) {
	cloud, journal := platform(t)
	dir := filepath.Join(t.TempDir(), "device")
	live(t, cloud, dir, aliiot.Properties{"n": 1}, aliiot.Properties{"n": 2})
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	live(t, cloud, dir, aliiot.Properties{"n": 3}, aliiot.Properties{"n": 4})

	wantText(t, aliiotRun(t, exitOK, "journal", "jump", "--yes", backup), "would have been 3; it will be 16777219")
	l := live(t, cloud, backup, aliiot.Properties{"n": 5}, aliiot.Properties{"n": 6})
	if l.Accepted != 4 || l.Confirmed != 4 {
		t.Errorf("the restored folder: %+v", l.Counts)
	}
	seen := arrivals(t, journal)
	for id, contents := range seen {
		if len(contents) > 1 {
			t.Errorf("id %s stood for %d contents", id, len(contents))
		}
	}
	if len(seen) != 6 || seen["16777219"] == nil {
		t.Errorf("the platform saw %v", seen)
	}
}

// Beside a living device an operator may change nothing, and disturbs nothing.
func TestALivingDeviceKeepsItsFolder(t *testing.T) {
	cloud, _ := platform(t)
	dir := filepath.Join(t.TempDir(), "device")
	ctx := t.Context()
	dev, err := aliiot.Open(ctx, aliiot.Config{Identity: tester, Server: cloud.MQTT(), Dir: dir, AllowVolatile: true, DrainTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = ownFolder(dir)
	var locked *disk.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("the folder of a living device: %v", err)
	}
	for _, args := range [][]string{{"quarantine", "drop", "--yes", dir}, {"quarantine", "release", dir}, {"journal", "jump", "--yes", dir}} {
		wantText(t, aliiotRun(t, exitFailed, args...), "stop the device first")
	}
	if _, err := dev.Report(ctx, aliiot.Properties{"n": 1}); err != nil {
		t.Errorf("the device was disturbed: %v", err)
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	wantText(t, aliiotRun(t, exitOK, "journal", "jump", "--yes", dir), "would have been 2")
}
