package oracle

import "slices"

// Judged names the checks that a recording can answer, at least in part: without a
// witness or a bound there is nothing to ask.
func (r Recording) Judged() []string {
	c := newCourt(r)
	s := r.Scenario
	listing := c.final != nil
	bounds := s.Bounds
	ordered, alarms := false, false
	for _, l := range s.Lanes {
		ordered, alarms = ordered || l.Ordered, alarms || l.Alarm
	}
	can := map[string]bool{
		"O1":  len(r.Snapshots) > 0,
		"O2":  len(r.Calls) > 0 && (listing || c.peer()),
		"O3":  len(r.Calls) > 0 && (listing || len(r.Events) > 0),
		"O4":  len(r.Events) > 0,
		"O5":  listing && len(r.Events) > 0,
		"O6":  listing && len(r.Events) > 0,
		"O7":  listing && len(r.Events) > 0,
		"O8":  listing || len(r.Snapshots) > 0 && len(s.Lanes) > 0,
		"O9":  len(r.Events) > 0 && (ordered || alarms && s.Limits.WindowBytes > 0),
		"O10": len(r.Events) > 0,
		"O11": c.wired(),
		"O12": bounds.Call > 0 || bounds.Alarm > 0 && alarms && c.timed() || bounds.Online > 0 && c.timed() || bounds.Rate > 0 ||
			len(r.States) > 0 && (bounds.Silence > 0 || len(bounds.States) > 0) ||
			slices.ContainsFunc(r.Calls, func(w Call) bool { return w.Deadline > 0 || w.Panicked }),
		"O13": len(r.Resources) > 0,
		"O14": len(r.Events) > 0 && (s.Limits.Connects >= 0 || s.Limits.QoS0 >= 0 || s.Limits.QoS1 >= 0 || s.Limits.BytesPerReport > 0),
		"O16": len(r.Snapshots) > 1,
		"O17": len(s.Secrets) > 0 && len(r.Said) > 0,
		"O18": s.Hash != "",
	}
	var names []string
	for _, check := range Checks {
		if can[check.Name] {
			names = append(names, check.Name)
		}
	}
	return names
}
