package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/examples/tracker/nmea"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct{ lat1, lon1, lat2, lon2, want float64 }{
		{0, 0, 0, 0, 0},
		{0, 0, 0, 1, 111_195},          // a degree of the equator
		{60, 0, 60, 1, 55_597},         // half of it at 60 degrees, nearly
		{0, 179.5, 0, -179.5, 111_195}, // over the date line
		{90, 0, -90, 0, 20_015_087},    // from pole to pole
	} {
		if got := distance(c.lat1, c.lon1, c.lat2, c.lon2); math.Abs(got-c.want) > 1 {
			t.Errorf("from %v,%v to %v,%v it is %.0f m, want %.0f", c.lat1, c.lon1, c.lat2, c.lon2, got, c.want)
		}
	}
}

func TestWatch(t *testing.T) {
	in := nmea.Epoch{Fix: true, Latitude: fences[0].latitude, Longitude: fences[0].longitude}
	out := nmea.Epoch{Fix: true, Latitude: fences[0].latitude + 1, Longitude: fences[0].longitude}
	none := nmea.Epoch{}
	var w watch
	var got []string
	for _, e := range []nmea.Epoch{none, none, out, in, in, none, out, none, in} {
		var now []string
		for _, h := range w.see(e) {
			now = append(now, fmt.Sprint(h.id, h.enter))
		}
		got = append(got, strings.Join(now, "+"))
	}
	want := []string{"", "", "fix_foundfalse", "geofencetrue", "", "fix_lostfalse", "fix_foundfalse+geofencefalse", "fix_lostfalse", "fix_foundfalse+geofencetrue"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// The recorded logs lead through every fence, so that a newcomer sees it happen.
func TestFencesAreMet(t *testing.T) {
	log, err := nmea.Recorded()
	if err != nil {
		t.Fatal(err)
	}
	var w watch
	met := map[string]int{}
	for _, e := range log.Epochs {
		for _, h := range w.see(e) {
			met[h.id]++
			if h.id == eventGeofence {
				met[fmt.Sprint(h.fence, h.enter)]++
			}
		}
	}
	for _, f := range fences {
		if met[f.name+"true"] == 0 || met[f.name+"false"] == 0 {
			t.Errorf("fence %s is not entered and left: %v", f.name, met)
		}
	}
	if met[eventFixFound] != 3 || met[eventFixLost] != 2 {
		t.Errorf("the fix was found and lost otherwise: %v", met)
	}
	t.Log(met)
}
