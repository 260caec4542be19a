package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/examples/tracker/nmea"
)

// Lanes that the tracker uses: positions may give way to newer ones when room
// runs out, alarms never do.
const (
	lanePosition = "default"
	laneAlarm    = "alarm"
)

// positionTTL is how long a position is worth sending.
const positionTTL = 24 * time.Hour

// report is one report that the tracker wants to make: it goes through the pipe
// to the device's process, which makes an item of it.
type report struct {
	Lane string    `json:"lane"`
	N    int       `json:"n"` // running number within its lane, from 1
	Made time.Time `json:"made"`

	Position *position `json:"position,omitempty"`
	Alarm    *alarm    `json:"alarm,omitempty"`
}

// position is the platform's own type for a place (GeoLocation).
type position struct {
	Longitude        float64
	Latitude         float64
	Altitude         float64
	CoordinateSystem int // 1 is WGS 84
}

// alarm is an event of the thing model.
type alarm struct {
	ID    string   `json:"id"`
	Fence string   `json:"fence,omitempty"`
	Enter bool     `json:"enter,omitempty"`
	Where position `json:"where"`
}

// key names a report in the records.
func (r report) key() string { return fmt.Sprintf("%s/%d", r.Lane, r.N) }

func (r report) ttl() time.Duration {
	if r.Position != nil {
		return positionTTL
	}
	return 0
}

// item is what the device reports. Every report carries its lane and its number,
// so that whoever receives it can count.
func (r report) item() aliiot.Item {
	if r.Position != nil {
		return aliiot.Properties{"GeoLocation": *r.Position, "lane": r.Lane, "n": r.N}
	}
	output := map[string]any{"lane": r.Lane, "n": r.N}
	switch r.Alarm.ID {
	case eventGeofence:
		output["fence"], output["enter"], output["where"] = r.Alarm.Fence, r.Alarm.Enter, r.Alarm.Where
	case eventFixFound:
		output["where"] = r.Alarm.Where
	}
	return aliiot.Event{ID: r.Alarm.ID, Output: output}
}

// content is the report's parameters as the application knows them.
func (r report) content() any {
	switch it := r.item().(type) {
	case aliiot.Properties:
		return map[string]any(it)
	case aliiot.Event:
		return it.Output
	}
	return nil
}

func (r report) hash() string {
	raw, err := json.Marshal(r.content())
	if err != nil {
		return "" // nothing in a report of ours can fail
	}
	return bodyHash(raw)
}

// bodyHash is the same for bodies that mean the same: it knows no order of
// members, no spelling of numbers, and none of the {"value": …, "time": …} in
// which the protocol wraps each value of a property post and an event's output.
func bodyHash(raw []byte) string {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return "not JSON"
	}
	if m, ok := v.(map[string]any); ok {
		if inner, ok := m["value"].(map[string]any); ok && wrapped(m) {
			v = inner // an event's
		} else {
			for k, value := range m {
				if w, ok := value.(map[string]any); ok && wrapped(w) {
					m[k] = w["value"]
				}
			}
		}
	}
	same, err := json.Marshal(v) // sorts members
	if err != nil {
		return "not JSON"
	}
	sum := sha256.Sum256(same)
	return hex.EncodeToString(sum[:12])
}

func wrapped(m map[string]any) bool {
	_, value := m["value"]
	_, timed := m["time"]
	return value && (len(m) == 1 || len(m) == 2 && timed)
}

// reportsOf makes the reports of one epoch. They are numbered when they are made.
func reportsOf(e nmea.Epoch, made time.Time, w *watch) []report {
	here := position{Longitude: e.Longitude, Latitude: e.Latitude, Altitude: e.Altitude, CoordinateSystem: 1}
	var out []report
	for _, h := range w.see(e) {
		out = append(out, report{Lane: laneAlarm, Made: made, Alarm: &alarm{ID: h.id, Fence: h.fence, Enter: h.enter, Where: here}})
	}
	if e.Fix {
		out = append(out, report{Lane: lanePosition, Made: made, Position: &here})
	}
	return out
}

// says tells of an alarm in words.
func (a alarm) says() string {
	switch {
	case a.ID == eventFixLost:
		return "the fix is lost"
	case a.ID == eventFixFound:
		return fmt.Sprintf("fix at %.4f, %.4f", a.Where.Latitude, a.Where.Longitude)
	case a.Enter:
		return "entered " + a.Fence
	}
	return "left " + a.Fence
}
