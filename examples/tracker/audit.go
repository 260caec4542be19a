package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aliiot/aliiot/bench/oracle"
)

// auditLine is what this example reads of a line of the device's audit log
// (docs/json.md): how one report ended.
type auditLine struct {
	Seq     uint64 `json:"seq"`
	Lane    string `json:"lane"`
	Outcome string `json:"end"`
	Code    int    `json:"code"`
	Sends   int    `json:"sends"`
	Bytes   int64  `json:"bytes"`
}

// readAudit reads the audit log of a device's folder: the last end of each
// report. A report that ended just before the process was killed may end again.
func readAudit(dir string) (map[uint64]auditLine, error) {
	names, err := filepath.Glob(filepath.Join(dir, "audit-*.log"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	ends := map[uint64]auditLine{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var l auditLine
			if json.Unmarshal(lines.Bytes(), &l) == nil && l.Seq != 0 { // a kill may have cut the last one
				ends[l.Seq] = l
			}
		}
		err = lines.Err()
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
	}
	return ends, nil
}

// states says what became of every report of this run that the device has kept:
// the ends from the audit log, everything else is pending.
func states(calls []oracle.Call, kept map[string]bool, ends map[uint64]auditLine) []oracle.Report {
	seqOf := map[string]uint64{}
	claimed := map[uint64]bool{}
	for _, c := range calls {
		if c.Seq != 0 {
			seqOf[c.Key] = c.Seq
			claimed[c.Seq] = true
		}
	}
	reports := []oracle.Report{}
	done := map[string]bool{}
	for _, c := range calls {
		if done[c.Key] || !kept[c.Key] {
			continue
		}
		done[c.Key] = true
		seq := seqOf[c.Key]
		if seq == 0 {
			// Its call never came back with a number: within a lane, numbers are in
			// the order of the calls, so it is the one that nobody else has.
			seq = unclaimed(c.Lane, calls, c.N, seqOf, claimed, ends)
			claimed[seq] = true
		}
		reports = append(reports, stateOf(c, seq, ends))
	}
	return reports
}

func unclaimed(lane string, calls []oracle.Call, n int, seqOf map[string]uint64, claimed map[uint64]bool, ends map[uint64]auditLine) uint64 {
	var low, high uint64 // of the neighbours in the lane
	for _, c := range calls {
		if s := seqOf[c.Key]; c.Lane == lane && s != 0 {
			if c.N < n {
				low = max(low, s)
			} else if high == 0 || s < high {
				high = s
			}
		}
	}
	var found uint64
	for seq, l := range ends {
		if l.Lane == lane && !claimed[seq] && seq > low && (high == 0 || seq < high) && (found == 0 || seq < found) {
			found = seq
		}
	}
	return found
}

func stateOf(c oracle.Call, seq uint64, ends map[uint64]auditLine) oracle.Report {
	r := oracle.Report{Seq: seq, Key: c.Key, Lane: c.Lane, State: oracle.Pending}
	l, ended := ends[seq]
	if !ended || seq == 0 {
		return r
	}
	r.Code, r.Attempts, r.Bytes = l.Code, l.Sends, l.Bytes
	switch l.Outcome {
	case "confirmed":
		r.State, r.Level = oracle.Confirmed, oracle.ByReply
	case "confirmed-puback":
		r.State, r.Level = oracle.Confirmed, oracle.ByPuback
	case "evicted-budget", "evicted-newer", "evicted-thinned", "evicted-operator":
		r.State, r.Reason = oracle.Evicted, oracle.Reason(strings.TrimPrefix(l.Outcome, "evicted-"))
	default: // rejected, expired, damaged; what else it may say is for the oracle
		r.State = oracle.State(l.Outcome)
	}
	return r
}
