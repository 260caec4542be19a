package main

import (
	"math"

	"github.com/aliiot/aliiot/examples/tracker/nmea"
)

// fence is a circle on the ground.
type fence struct {
	name                string
	latitude, longitude float64 // degrees
	radius              float64 // metres
}

// fences lie on the way of the recorded logs; another log may meet none.
var fences = []fence{
	{"Manavgat", 36.7644, 31.4108, 150},
	{"fairway", 52.8496, 5.3124, 60},
	{"anchorage", 52.8487, 5.3103, 50},
}

func (f fence) holds(e nmea.Epoch) bool {
	return distance(f.latitude, f.longitude, e.Latitude, e.Longitude) <= f.radius
}

const earthRadius = 6_371_000 // metres

// distance is the great circle between two places, in metres (haversine).
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	const degree = math.Pi / 180
	lat1, lon1, lat2, lon2 = lat1*degree, lon1*degree, lat2*degree, lon2*degree
	h := hav(lat2-lat1) + math.Cos(lat1)*math.Cos(lat2)*hav(lon2-lon1)
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

func hav(x float64) float64 { s := math.Sin(x / 2); return s * s }

// happening is something that a dispatcher wants to hear at once.
type happening struct {
	id    string // the event's identifier in the thing model
	fence string // of a geofence event
	enter bool
}

const (
	eventGeofence = "geofence"
	eventFixLost  = "fix_lost"
	eventFixFound = "fix_found"
)

// watch turns a stream of epochs into happenings.
type watch struct {
	fix    bool
	inside map[string]bool
}

// see looks at the next epoch. A fence is neither left nor entered while there
// is no fix: nobody knows.
func (w *watch) see(e nmea.Epoch) []happening {
	var out []happening
	if e.Fix != w.fix {
		w.fix = e.Fix
		id := eventFixLost
		if e.Fix {
			id = eventFixFound
		}
		out = append(out, happening{id: id})
	}
	if !e.Fix {
		return out
	}
	if w.inside == nil {
		w.inside = map[string]bool{}
	}
	for _, f := range fences {
		if in := f.holds(e); in != w.inside[f.name] {
			w.inside[f.name] = in
			out = append(out, happening{id: eventGeofence, fence: f.name, enter: in})
		}
	}
	return out
}
