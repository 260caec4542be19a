// Package recording keeps a run of package oracle in a folder, so that an old one
// can be judged again.
package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aliiot/aliiot/bench/oracle"
)

// The files of a recording's folder.
const (
	scenarioFile  = "scenario.json"
	callsFile     = "w.jsonl"
	eventsFile    = "e.jsonl"
	snapshotsFile = "l.jsonl"
	resourcesFile = "r.jsonl"
	statesFile    = "t.jsonl"
	saidFile      = "s.jsonl"
)

// ReadDir reads a recording from a folder: scenario.json, and w.jsonl, e.jsonl,
// l.jsonl, r.jsonl, t.jsonl, s.jsonl, of which each may be missing. An error names
// the file, and the line where it is one of JSON.
func ReadDir(dir string) (oracle.Recording, error) { return ReadFS(os.DirFS(dir)) }

// ReadFS reads a recording from a file system, as [ReadDir] does from a folder.
func ReadFS(dir fs.FS) (oracle.Recording, error) {
	var r oracle.Recording
	b, err := fs.ReadFile(dir, scenarioFile)
	if err != nil {
		return r, fmt.Errorf("recording: reading the scenario: %w", err)
	}
	if err := json.Unmarshal(b, &r.Scenario); err != nil {
		return r, fmt.Errorf("recording: %s: %w", scenarioFile, err)
	}
	return r, errors.Join(
		readFile(dir, callsFile, &r.Calls), readFile(dir, eventsFile, &r.Events), readFile(dir, snapshotsFile, &r.Snapshots),
		readFile(dir, resourcesFile, &r.Resources), readFile(dir, statesFile, &r.States), readFile(dir, saidFile, &r.Said))
}

func readFile[T any](dir fs.FS, name string, to *[]T) error {
	f, err := dir.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if *to, err = oracle.Read[T](f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// WriteDir writes a recording into a folder, which it makes. What is there under
// the same names is replaced; a witness without lines gets no file.
func WriteDir(dir string, r oracle.Recording) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	b, err := json.MarshalIndent(r.Scenario, "", "  ")
	if err != nil {
		return fmt.Errorf("recording: the scenario: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, scenarioFile), append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return errors.Join(
		writeFile(dir, callsFile, r.Calls), writeFile(dir, eventsFile, r.Events), writeFile(dir, snapshotsFile, r.Snapshots),
		writeFile(dir, resourcesFile, r.Resources), writeFile(dir, statesFile, r.States), writeFile(dir, saidFile, r.Said))
}

func writeFile[T any](dir, name string, lines []T) error {
	name = filepath.Join(dir, name)
	if len(lines) == 0 {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("recording: %w", err)
		}
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	buf := bufio.NewWriter(f)
	w := oracle.NewWriter[T](buf)
	for _, l := range lines {
		w.Write(l)
	}
	if err := errors.Join(w.Err(), buf.Flush(), f.Close()); err != nil {
		return fmt.Errorf("recording: writing %s: %w", name, err)
	}
	return nil
}
