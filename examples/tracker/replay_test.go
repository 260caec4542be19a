package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReplayTimes(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, real := range []bool{false, true} {
		r, err := loadReplay(options{real: real})
		if err != nil {
			t.Fatal(err)
		}
		first, last := r.epochs[0], r.epochs[len(r.epochs)-1]
		if r.due(first) != 0 || r.due(last) != r.feed {
			t.Errorf("real %v: fed from %v to %v, in %v", real, r.due(first), r.due(last), r.feed)
		}
		if got := r.made(start, last); !got.Equal(start.Add(r.feed).Truncate(time.Millisecond)) {
			t.Errorf("real %v: the last epoch is fed at %v and made at %v", real, start.Add(r.feed), got)
		}
		for _, e := range r.epochs {
			// Half a millisecond is what rounding may do.
			if ahead := r.made(start, e).Sub(start.Add(r.due(e))); ahead > time.Millisecond/2 {
				t.Fatalf("real %v: an epoch is made %v after it was fed", real, ahead)
			}
		}
		if got := r.made(start, last).Sub(r.made(start, first)); got.Round(10*time.Millisecond) != r.log.Duration().Round(10*time.Millisecond) {
			t.Errorf("real %v: the log lasts %v and was made to last %v", real, r.log.Duration(), got)
		}
	}
}

func TestReplayOfOnesOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.log")
	one := "$GPGLL,5251.0093,N,00518.8170,E,094736,A,A*43\n"
	if err := os.WriteFile(path, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := loadReplay(options{log: path})
	if err != nil || len(r.epochs) != 1 || r.due(r.epochs[0]) != 0 {
		t.Errorf("%+v, error %v", r, err)
	}
	// A long log is thinned, so that --fast stays fast.
	long := strings.Repeat("$GPRMC,,V,,,,,,,,,,N*53\n", 10*fastEpochs+1)
	if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = loadReplay(options{log: path}); err != nil || len(r.epochs) > fastEpochs || r.every != 11 {
		t.Errorf("%d epochs, every %d, error %v", len(r.epochs), r.every, err)
	}
	if r, err = loadReplay(options{log: path, real: true}); err != nil || len(r.epochs) != 10*fastEpochs+1 {
		t.Errorf("%d epochs in real time, error %v", len(r.epochs), err)
	}
	if _, err := loadReplay(options{log: path + ".not"}); err == nil {
		t.Error("a log that is not there was read")
	}
}
