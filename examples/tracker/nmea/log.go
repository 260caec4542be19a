// Package nmea reads what a GNSS receiver says (NMEA 0183) and makes epochs of
// it: one moment each, with a position or without.
package nmea

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	gonmea "github.com/adrianmo/go-nmea"
)

// Epoch is one moment of a receiver.
type Epoch struct {
	// Elapsed is the time since the log's first epoch.
	Elapsed time.Duration
	// Fix says whether there is a position; without one the rest is zero.
	Fix                 bool
	Latitude, Longitude float64 // degrees, north and east positive
	Altitude            float64 // metres above mean sea level, 0 if not told
	Speed               float64 // metres a second over ground
	Course              float64 // degrees from true north
	Satellites          int     // in use, 0 if not told
}

// Log is a whole recording.
type Log struct {
	Epochs []Epoch
	// Sentences were understood, Comments are lines that start with #, Skipped
	// are sentences of a kind that the library does not know (proprietary ones,
	// mostly), and Broken are lines that are no sentence or fail their checksum.
	Sentences, Comments, Skipped, Broken int
}

// Duration is the time from the first epoch to the last.
func (l Log) Duration() time.Duration {
	if len(l.Epochs) == 0 {
		return 0
	}
	return l.Epochs[len(l.Epochs)-1].Elapsed
}

// Append puts another log behind this one, a second later.
func (l *Log) Append(o Log) {
	gap := time.Duration(0)
	if len(l.Epochs) > 0 {
		gap = l.Duration() + usualStep
	}
	for _, e := range o.Epochs {
		e.Elapsed += gap
		l.Epochs = append(l.Epochs, e)
	}
	l.Sentences += o.Sentences
	l.Comments += o.Comments
	l.Skipped += o.Skipped
	l.Broken += o.Broken
}

// ErrNoEpochs says that a log has no sentence with a position or a time.
var ErrNoEpochs = errors.New("there is no RMC, GGA, GNS or GLL sentence in it")

// usualStep is the time between two epochs where the receiver does not tell.
const usualStep = time.Second

// Read reads a log to its end. Lines that cannot be understood are counted and
// passed over, as a tracker must do with a real receiver; the errors are those
// of r, and ErrNoEpochs.
func Read(r io.Reader) (Log, error) {
	var (
		log Log
		a   assembler
		br  = bufio.NewReader(r)
	)
	for {
		line, more, err := br.ReadLine()
		for more && err == nil { // no sentence is that long: its beginning is enough to say so
			_, more, err = br.ReadLine()
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Log{}, fmt.Errorf("reading an NMEA log: %w", err)
		}
		text := strings.TrimSpace(string(line))
		switch {
		case text == "":
			continue
		case text[0] == '#':
			log.Comments++
			continue
		}
		sentence, err := gonmea.Parse(text)
		var unknown *gonmea.NotSupportedError
		switch {
		case errors.As(err, &unknown):
			log.Skipped++
		case err != nil:
			log.Broken++
		default:
			log.Sentences++
			if e, ok := a.take(sentence); ok {
				log.Epochs = append(log.Epochs, e)
			}
		}
	}
	if e, ok := a.last(); ok {
		log.Epochs = append(log.Epochs, e)
	}
	if len(log.Epochs) == 0 {
		return Log{}, fmt.Errorf("reading an NMEA log: %w", ErrNoEpochs)
	}
	return log, nil
}
