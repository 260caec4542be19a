package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// blocks are the fenced blocks of docs/operations.md in one language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("docs/operations.md has no %s", language)
	}
	return all
}

// TestOperationsCommands runs what docs/operations.md tells an operator to type, each
// block on a folder with reports that were set aside.
func TestOperationsCommands(t *testing.T) {
	ran := 0
	for _, block := range blocks(t, "sh") {
		dir := filepath.Join(t.TempDir(), "tracker")
		if err := makeQuarantined(dir); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			command, ours := strings.CutPrefix(line, "sudo -u tracker aliiot ")
			switch {
			case ours:
				aliiotRun(t, exitOK, strings.Fields(strings.ReplaceAll(command, "/var/lib/tracker", dir))...)
				ran++
			case line != "sudo systemctl stop tracker" && line != "sudo systemctl start tracker":
				t.Errorf("not tried by this test: %s", line)
			}
		}
	}
	if ran < 8 {
		t.Errorf("only %d commands", ran)
	}
}

// TestOperationsUnit has systemd read the unit, where there is one.
func TestOperationsUnit(t *testing.T) {
	units := blocks(t, "ini")
	if len(units) != 1 || !strings.Contains(units[0], "Type=notify\n") || !strings.Contains(units[0], "WatchdogSec=") {
		t.Fatalf("%d units", len(units))
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	unit := strings.Replace(units[0], "ExecStart=/usr/bin/tracker", "ExecStart=/bin/true", 1)
	file := filepath.Join(t.TempDir(), "tracker.service")
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), "tracker.service:") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOperationsLinks: what the document points to is there.
func TestOperationsLinks(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(text), -1) {
		anchor := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		headings["#"+regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(anchor, "")] = true
	}
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if target := m[1]; strings.HasPrefix(target, "#") {
			if !headings[target] {
				t.Errorf("no heading for %s", target)
			}
		} else if _, err := os.Stat(filepath.Join("../../docs", target)); err != nil {
			t.Error(err)
		}
	}
}
