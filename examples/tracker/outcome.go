package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// outcome is the end of a run as JSON (docs/json.md).
type outcome struct {
	Ledger ledger `json:"ledger"`
	// With an emulator only:
	Platform   *account `json:"platform,omitempty"`
	Agree      *bool    `json:"agree,omitempty"`
	Judged     []string `json:"judged,omitempty"`
	Violations []string `json:"violations,omitempty"`
	Faults     []string `json:"faults,omitempty"`
}

func (o outcome) write(path string) error {
	raw, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
