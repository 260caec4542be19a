package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/emulator"
)

// TestMinimal builds the program and runs it, as the README says, against the
// platform on this machine.
func TestMinimal(t *testing.T) {
	cloud := emulator.Start(t)
	dev := cloud.NewDevice()
	cmd := minimal(t, cloud, dev, string(dev.Secret))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the platform says: confirmed") {
		t.Fatalf("%v\n%s", err, out)
	}
	if items := cloud.Accepted(dev.Device); len(items) != 1 {
		t.Errorf("the platform has %d reports", len(items))
	}
}

// TestMinimalIsNotSilent: with a wrong secret it says why it waits.
func TestMinimalIsNotSilent(t *testing.T) {
	cloud := emulator.Start(t)
	cmd := minimal(t, cloud, cloud.NewDevice(), "wrong")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(out); !strings.Contains(said, "refuse") && lines.Scan(); {
		said += lines.Text() + "\n"
	}
	_ = cmd.Process.Kill() // it would wait for a minute
	_ = cmd.Wait()
	if !strings.Contains(said, "refuse") {
		t.Errorf("it says only\n%s", said)
	}
	t.Log(said)
}

func minimal(t *testing.T, cloud *emulator.Emulator, dev emulator.DeviceSecret, secret string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "minimal")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(),
		"ALIIOT_SERVER="+cloud.MQTT(),
		"ALIIOT_PRODUCT_KEY="+dev.Device.ProductKey,
		"ALIIOT_DEVICE_NAME="+dev.Device.DeviceName,
		"ALIIOT_DEVICE_SECRET="+secret)
	return cmd
}
