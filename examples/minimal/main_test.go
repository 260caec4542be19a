package main

import (
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
	program := filepath.Join(t.TempDir(), "minimal")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(),
		"ALIIOT_SERVER="+cloud.MQTT(),
		"ALIIOT_PRODUCT_KEY="+dev.Device.ProductKey,
		"ALIIOT_DEVICE_NAME="+dev.Device.DeviceName,
		"ALIIOT_DEVICE_SECRET="+string(dev.Secret))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the platform says: confirmed") {
		t.Fatalf("%v\n%s", err, out)
	}
	if items := cloud.Accepted(dev.Device); len(items) != 1 {
		t.Errorf("the platform has %d reports", len(items))
	}
}
