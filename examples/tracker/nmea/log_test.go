package nmea

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	gonmea "github.com/adrianmo/go-nmea"
)

func TestRecorded(t *testing.T) {
	log, err := Recorded()
	if err != nil {
		t.Fatal(err)
	}
	fixes := 0
	for i, e := range log.Epochs {
		if e.Fix {
			fixes++
			if e.Latitude < 36 || e.Latitude > 53 || e.Longitude < 5 || e.Longitude > 32 {
				t.Errorf("epoch %d is at %f, %f", i, e.Latitude, e.Longitude)
			}
		} else if e != (Epoch{Elapsed: e.Elapsed}) {
			t.Errorf("epoch %d has no fix, but %+v", i, e)
		}
		if i > 0 && e.Elapsed <= log.Epochs[i-1].Elapsed {
			t.Errorf("epoch %d is at %v, the one before at %v", i, e.Elapsed, log.Epochs[i-1].Elapsed)
		}
	}
	if len(log.Epochs) != 60+146 || len(log.Epochs)-fixes != 37 {
		t.Errorf("%d epochs, %d of them without a fix", len(log.Epochs), len(log.Epochs)-fixes)
	}
	if log.Comments != 18 || log.Skipped != 146+146 || log.Broken != 0 {
		t.Errorf("%d comments, %d skipped, %d broken", log.Comments, log.Skipped, log.Broken)
	}
	if d := log.Duration().Round(time.Second); d != 59*time.Second+time.Second+147*time.Second {
		t.Errorf("it lasts %v", d)
	}
	vessel := log.Epochs[60]
	if vessel.Satellites != 12 || math.Abs(vessel.Speed-5.6*knot) > 0.01 || vessel.Altitude != -4 || vessel.Course != 230.5 {
		t.Errorf("the vessel's first epoch is %+v", vessel)
	}
}

// sum puts the checksum behind a sentence.
func sum(s string) string { return "$" + s + "*" + gonmea.Checksum(s) }

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  Log
	}{
		{"a log without RMC is cut where the time changes", []string{
			sum("GPGGA,235959,5251.0094,N,00518.8172,E,1,12,0.60,-4,M,46.8,M,,"),
			sum("GPGLL,5251.0093,N,00518.8170,E,235959,A,A"),
			sum("GPGGA,000001,5251.0094,N,00518.8172,E,0,0,0.60,-4,M,46.8,M,,"),
		}, Log{Epochs: []Epoch{
			{Fix: true, Latitude: 52.850155, Longitude: 5.313617, Altitude: -4, Satellites: 12},
			{Elapsed: 2 * time.Second},
		}, Sentences: 3}},
		{"an RMC without a time is a second after the one before, and the next time is kept", []string{
			sum("GPRMC,120000,A,5251.0094,N,00518.8172,E,0.0,0.0,200818,,,A"),
			sum("GPRMC,,V,,,,,,,,,,N"),
			sum("GPRMC,120003,A,5251.0094,N,00518.8172,E,0.0,0.0,200818,,,A"),
		}, Log{Epochs: []Epoch{
			{Fix: true, Latitude: 52.850157, Longitude: 5.313620},
			{Elapsed: time.Second},
			{Fix: true, Latitude: 52.850157, Longitude: 5.313620, Elapsed: 3 * time.Second},
		}, Sentences: 3}},
		{"a receiver that finds its clock does not jump by hours", []string{
			sum("GPRMC,230000,V,,,,,,,,,,N"),
			sum("GPRMC,120000,V,,,,,,,,,,N"),
		}, Log{Epochs: []Epoch{{}, {Elapsed: time.Second}}, Sentences: 2}},
		{"rubbish is counted and passed over", []string{
			"# a note", "no sentence", "$GPRMC,120000,V,,,,,,,,,,N*00",
			"$GPXXX" + strings.Repeat(",longer than any buffer", 1000), sum("PQGSV,1"), sum("GPRMC,120000,V,,,,,,,,,,N"), "",
		}, Log{Epochs: []Epoch{{}}, Sentences: 1, Comments: 1, Skipped: 1, Broken: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(strings.Join(c.lines, "\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Epochs) != len(c.want.Epochs) {
				t.Fatalf("%d epochs: %+v", len(got.Epochs), got.Epochs)
			}
			for i, e := range got.Epochs {
				w := c.want.Epochs[i]
				if math.Abs(e.Latitude-w.Latitude) > 1e-5 || math.Abs(e.Longitude-w.Longitude) > 1e-5 {
					t.Errorf("epoch %d is at %f, %f", i, e.Latitude, e.Longitude)
				}
				e.Latitude, e.Longitude, w.Latitude, w.Longitude = 0, 0, 0, 0
				if e != w {
					t.Errorf("epoch %d is %+v, want %+v", i, e, w)
				}
			}
			if got.Sentences != c.want.Sentences || got.Comments != c.want.Comments || got.Skipped != c.want.Skipped || got.Broken != c.want.Broken {
				t.Errorf("%d understood, %d comments, %d skipped, %d broken", got.Sentences, got.Comments, got.Skipped, got.Broken)
			}
		})
	}
}

func TestReadNothing(t *testing.T) {
	if _, err := Read(strings.NewReader("# only a note\n")); !errors.Is(err, ErrNoEpochs) {
		t.Errorf("error %v", err)
	}
}
