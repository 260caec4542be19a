package main

import (
	"os"
	"time"

	"github.com/aliiot/aliiot/examples/tracker/nmea"
)

// With --fast a log takes fastFeed where faults need their time. At a platform that
// may have a quota of ten a second it takes serverFeed at most, and the rest of 40
// seconds belongs to the drain. Of a long log no more than fastEpochs are used.
const (
	fastFeed   = 16 * time.Second
	serverFeed = 18 * time.Second
	fastEpochs = 250
)

// longest is how long a log may last to keep its own pace. The times of a longer
// one are drawn together: its positions would be stale before they were made.
const longest = 6 * time.Hour

// replay is a log on its way through time.
type replay struct {
	name   string
	log    nmea.Log
	epochs []nmea.Epoch
	every  int           // of the log's epochs, the ones that are used
	feed   time.Duration // how long it takes
}

func loadReplay(o options) (replay, error) {
	r := replay{name: "quectel-eg25-g.log and moving-vessel.log", every: 1}
	var err error
	if o.log == "" {
		r.log, err = nmea.Recorded()
	} else {
		r.name = o.log
		var f *os.File
		if f, err = os.Open(o.log); err != nil {
			return r, &flagError{Flag: "--log " + o.log, Cause: err}
		}
		defer f.Close()
		r.log, err = nmea.Read(f)
	}
	if err != nil {
		return r, &flagError{Flag: "--log " + r.name, Cause: err, Do: "it takes NMEA 0183, one sentence a line"}
	}
	r.epochs, r.feed = r.log.Epochs, r.log.Duration()
	if !o.real {
		r.feed = fastFeed
		if !o.emulated() {
			r.feed = min(r.log.Duration(), serverFeed)
		}
		r.every = (len(r.epochs) + fastEpochs - 1) / fastEpochs
		r.epochs = nil
		for i := 0; i < len(r.log.Epochs); i += r.every {
			r.epochs = append(r.epochs, r.log.Epochs[i])
		}
	}
	return r, nil
}

// due is when an epoch is fed, after the replay's start.
func (r replay) due(e nmea.Epoch) time.Duration {
	if d := r.log.Duration(); d > 0 {
		return time.Duration(float64(r.feed) * (float64(e.Elapsed) / float64(d)))
	}
	return 0
}

// made is the time that an epoch is given: the log keeps its own pace, and its
// last epoch is fed at its own time. So a log that is replayed faster began
// before the replay did, and no time lies ahead.
func (r replay) made(start time.Time, e nmea.Epoch) time.Time {
	if r.log.Duration() > longest {
		return start.Add(r.due(e)).Truncate(time.Millisecond)
	}
	return start.Add(r.feed - r.log.Duration() + e.Elapsed).Truncate(time.Millisecond)
}
