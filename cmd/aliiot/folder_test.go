package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/emulator"
)

// aliiotRun runs one command line in this process.
func aliiotRun(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(context.Background(), args, &out, &errs); got != want {
		t.Errorf("aliiot %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &errs)
	}
	return out.String() + errs.String()
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
}

// TestALookIntoAFolder looks beside a living device, and after it, and after the
// medium has lost some bytes.
func TestALookIntoAFolder(t *testing.T) {
	cloud := emulator.Start(t)
	id := cloud.NewDevice()
	dir := filepath.Join(t.TempDir(), "device")
	ctx := context.Background()
	dev, err := aliiot.Open(ctx, aliiot.Config{
		Identity: aliiot.DeviceSecret{ProductKey: id.Device.ProductKey, DeviceName: id.Device.DeviceName, Secret: id.Secret},
		Server:   cloud.MQTT(), Dir: dir, AllowVolatile: true, Audit: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	dev.Connect()
	sent, err := dev.Report(ctx, aliiot.Properties{"energy": 87})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sent.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := dev.Disconnect(ctx); err != nil {
		t.Fatal(err)
	}
	waiting, err := dev.Report(ctx, aliiot.Event{ID: "sos_alarm", Output: map[string]int{"level": 3}}, aliiot.Alarm)
	if err != nil {
		t.Fatal(err)
	}
	aliiotRun(t, exitOK, "ledger", dir) // beside a living device
	aliiotRun(t, exitOK, "journal", "verify", dir)
	if _, err := dev.Report(ctx, aliiot.Properties{"energy": 86}); err != nil {
		t.Errorf("the device was disturbed: %v", err)
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}

	wantText(t, aliiotRun(t, exitOK, "ledger", dir), id.Device.DeviceName, "default", "alarm", "confirmed")
	var l actors.Ledger
	if err := json.Unmarshal([]byte(aliiotRun(t, exitOK, "ledger", "--json", dir)), &l); err != nil {
		t.Fatal(err)
	}
	if !l.Balances() || l.Accepted != 3 || l.Confirmed != 1 || l.Lanes["alarm"].Pending != 1 {
		t.Errorf("the ledger: %+v", l)
	}
	wantText(t, aliiotRun(t, exitOK, "journal", "verify", dir), "Every report that waits is there")
	wantText(t, aliiotRun(t, exitOK, "explain", dir, "1"), "confirmed", "energy", "the audit log")
	if sent.Seq() != 1 || waiting.Seq() != 2 {
		t.Fatalf("the numbers are %d and %d", sent.Seq(), waiting.Seq())
	}
	wantText(t, aliiotRun(t, exitOK, "explain", dir, "2"), "pending", "sos_alarm", "level")
	wantText(t, aliiotRun(t, exitNone, "explain", dir, "99"), "there is no report 99; the next one will be 4")
	aliiotRun(t, exitUsage, "explain", dir, "zero")
	aliiotRun(t, exitFailed, "ledger", filepath.Join(dir, "nowhere"))
	aliiotRun(t, exitFailed, "ledger", t.TempDir())

	loseBytes(t, dir, `"level":3`)
	wantText(t, aliiotRun(t, exitFailed, "journal", "verify", dir), "the journal is damaged", "1 stretch that cannot be read", "the ledger calls 1 damaged")
}

// loseBytes changes the medium under a text that was synced.
func loseBytes(t *testing.T, dir, text string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(data, []byte(text)); i >= 0 {
			data[i] ^= 0x40
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
