package nmea

import (
	"strings"
	"time"

	gonmea "github.com/adrianmo/go-nmea"
)

// assembler makes epochs of sentences. A receiver sends several per epoch, in an
// order of its own, and without a fix most of them are empty. RMC comes once an
// epoch and closes it; a log without any RMC is cut where the time changes.
type assembler struct {
	cur     Epoch
	known   bool          // cur has something in it
	at      time.Duration // time of day of cur, where clocked
	clocked bool

	hasRMC  bool
	started bool
	elapsed time.Duration // of the epoch before
	// The last epoch with a time of day, and when that was: what follows is
	// counted from there.
	anchored bool
	anchorAt time.Duration
	anchor   time.Duration
}

const knot = 1852.0 / 3600 // metres a second

// take takes one sentence, and returns the epoch that it closes.
func (a *assembler) take(s gonmea.Sentence) (e Epoch, closed bool) {
	switch s := s.(type) {
	case gonmea.RMC:
		a.hasRMC = true
		a.clock(s.Time)
		fix := s.Validity == gonmea.ValidRMC
		if fix {
			a.cur.Latitude, a.cur.Longitude = s.Latitude, s.Longitude
			a.cur.Speed, a.cur.Course = s.Speed*knot, s.Course
		}
		a.cur.Fix, a.known = fix, true
		return a.close()
	case gonmea.GGA:
		e, closed = a.change(s.Time)
		a.clock(s.Time)
		a.position(s.FixQuality != gonmea.Invalid && s.FixQuality != "", s.Latitude, s.Longitude)
		a.cur.Altitude, a.cur.Satellites = s.Altitude, max(a.cur.Satellites, int(s.NumSatellites))
	case gonmea.GNS:
		e, closed = a.change(s.Time)
		a.clock(s.Time)
		a.position(strings.Trim(strings.Join(s.Mode, ""), gonmea.NoFixGNS) != "", s.Latitude, s.Longitude)
		a.cur.Satellites = max(a.cur.Satellites, int(s.SVs))
	case gonmea.GLL:
		e, closed = a.change(s.Time)
		a.clock(s.Time)
		a.position(s.Validity == gonmea.ValidGLL, s.Latitude, s.Longitude)
	}
	return e, closed
}

// last returns what no sentence has closed.
func (a *assembler) last() (Epoch, bool) {
	if a.hasRMC || !a.known {
		return Epoch{}, false
	}
	return a.close()
}

func (a *assembler) position(fix bool, lat, lon float64) {
	a.known = true
	if fix {
		a.cur.Fix, a.cur.Latitude, a.cur.Longitude = true, lat, lon
	}
}

// change closes the epoch at a new time of day, in a log without RMC.
func (a *assembler) change(t gonmea.Time) (Epoch, bool) {
	if a.hasRMC || !t.Valid || !a.clocked || ofDay(t) == a.at {
		return Epoch{}, false
	}
	return a.close()
}

func (a *assembler) clock(t gonmea.Time) {
	if t.Valid {
		a.at, a.clocked = ofDay(t), true
	}
}

func (a *assembler) close() (Epoch, bool) {
	if a.started {
		next := a.elapsed + usualStep
		if a.clocked && a.anchored {
			// Over midnight the time of day falls; any other fall, and a gap of many
			// hours, is a receiver that found its clock just now.
			d := (a.at - a.anchorAt + 24*time.Hour) % (24 * time.Hour)
			if d < 12*time.Hour && a.anchor+d > a.elapsed {
				next = a.anchor + d
			}
		}
		a.elapsed = next
	}
	a.started = true
	if a.clocked {
		a.anchored, a.anchorAt, a.anchor = true, a.at, a.elapsed
	}
	e := a.cur
	e.Elapsed = a.elapsed
	if !e.Fix {
		e = Epoch{Elapsed: a.elapsed}
	}
	a.cur, a.known, a.clocked = Epoch{}, false, false
	return e, true
}

func ofDay(t gonmea.Time) time.Duration {
	return time.Duration(t.Hour)*time.Hour + time.Duration(t.Minute)*time.Minute +
		time.Duration(t.Second)*time.Second + time.Duration(t.Millisecond)*time.Millisecond
}
