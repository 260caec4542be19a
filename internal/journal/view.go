package journal

import (
	"errors"
	"fmt"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Viewed is what a folder holds, read beside a device that may be writing it:
// it is one consistent moment, perhaps a little old.
type Viewed struct {
	State    outbox.State
	Identity string
	// Segments are those that count, oldest first.
	Segments []SegmentReport
	// Unsynced are reports that State counts though nothing on the disk says yet
	// that they are durable: the next opening copies them.
	Unsynced int
	// Spares are files kept for their space, Strays segments that no longer count.
	Spares, Strays int

	fs       disk.FS
	segments []segment
	moved    map[key]place
	durable  *ledger
}

// SegmentReport is what verifying one segment found.
type SegmentReport struct {
	File    string
	Bytes   int64 // of the file
	Used    int64 // up to where the log goes
	Reports int   // reports and copies that are whole
	Pending int   // reports natively in it that have no end
	Missing int   // of the pending ones, those that are not there
	Holes   []Hole
	// Err says why the segment could not be read.
	Err error
}

// Hole is a stretch below the watermark in which frames should be and are not.
type Hole struct {
	From, To   int64
	Unreadable bool // the disk did not give the bytes
}

// View reads a journal without changing anything: no lock, no new segment. With
// an identity of "" it takes whatever device the folder belongs to. Where a
// living device frees a segment meanwhile, it begins again.
//
// Errors: disk.ErrNotExist where there is no journal, else as Open's.
func View(fs disk.FS, identity string) (*Viewed, error) {
	for try := 0; ; try++ {
		v, err := viewOnce(fs, identity)
		if err == nil || try == 3 || !errors.Is(err, disk.ErrNotExist) || errors.Is(err, errNoJournal) {
			return v, err
		}
	}
}

var errNoJournal = fmt.Errorf("no journal here: %w", disk.ErrNotExist)

func viewOnce(fs disk.FS, identity string) (*Viewed, error) {
	r, err := readFolder(fs, opView, identity)
	if err != nil {
		return nil, fmt.Errorf("viewing the journal: %w", err)
	}
	if r.fresh {
		return nil, errNoJournal
	}
	for i := range r.items {
		r.ledger.gap(&r.items[i])
		r.ledger.replay(&r.items[i])
	}
	v := &Viewed{State: r.ledger.state(r.last.epoch, r.writer), Identity: r.last.identity, Spares: len(r.spares),
		Strays: len(r.strays), fs: fs, moved: r.ledger.moved, durable: r.ledger}
	for i := range r.items {
		if r.items[i].kind == kindReport {
			v.Unsynced++
		}
	}
	for _, s := range r.segments() {
		v.segments = append(v.segments, *s)
	}
	return v, nil
}

// Verify reads every frame of every segment and reports what it found. It
// returns the number of pending reports that are missing.
func (v *Viewed) Verify() (missing int) {
	v.Segments = nil
	for i := range v.segments {
		s := &v.segments[i]
		rep := SegmentReport{File: segName(s.id), Used: s.fence}
		var sv survey
		rep.Err = v.survey(s, &rep.Bytes, &sv)
		there := map[key]bool{}
		for j := range sv.recs {
			c := &sv.recs[j]
			if it, ok := s.item(c.h, c.body, c.off); ok && !c.bad && it.kind != kindNotes {
				rep.Reports++
				if it.kind == kindReport {
					there[key{it.entry.Lane, it.entry.Ord}] = true
				}
			}
		}
		for _, h := range sv.holes {
			if h.from < s.sure || i < len(v.segments)-1 && h.from < s.fence {
				rep.Holes = append(rep.Holes, Hole{h.from, h.to, h.unreadable})
			}
		}
		if i == len(v.segments)-1 {
			rep.Used = sv.end
		}
		for lane := range uint8(outbox.MaxLanes) {
			v.durable.eachPending(lane, s.base[lane], v.end(i, lane), func(from, to uint64) {
				for o := from; o < to; o++ {
					if _, moved := v.moved[key{lane, o}]; moved {
						continue
					}
					rep.Pending++
					if !there[key{lane, o}] {
						rep.Missing++
					}
				}
			})
		}
		missing += rep.Missing
		v.Segments = append(v.Segments, rep)
	}
	return missing
}

// end is where the numbers of a lane begin that lie behind segment i: see
// Journal.nativeEnd.
func (v *Viewed) end(i int, lane uint8) uint64 {
	end := v.durable.lanes[lane].next
	for k := i + 1; k < len(v.segments); k++ {
		end = min(end, v.segments[k].base[lane])
	}
	return end
}

func (v *Viewed) survey(s *segment, size *int64, sv *survey) error {
	f, err := v.fs.OpenRead(opView, segName(s.id))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w, err := newWindow(f, opView)
	if err != nil {
		return err
	}
	*size = w.size
	*sv = surveyFrames(w, s, s.start, min(s.fence, w.size), 0, false)
	return nil
}

// eachItem gives whatever can be read in the segments that count, with where it is.
func (v *Viewed) eachItem(f func(s *segment, it *item, off int64)) {
	for i := range v.segments {
		s := &v.segments[i]
		var sv survey
		var size int64
		if v.survey(s, &size, &sv) != nil {
			continue
		}
		for j := range sv.recs {
			c := &sv.recs[j]
			if it, ok := s.item(c.h, c.body, c.off); ok && !c.bad {
				f(s, &it, c.off)
			}
		}
	}
}

// Fate is what a journal knows of one report.
type Fate struct {
	Seq, Ord uint64
	Lane     uint8
	// Outcome is Pending for what has no end, or whose end's record is gone with
	// its segment: then Ended is true and the audit log may know more.
	Outcome     outbox.Outcome
	Ended       bool
	Code        int32
	Sends       uint32
	Quarantined bool
	// Body is the report, where it is still there.
	Body []byte
	// File and Offset are where it was found.
	File   string
	Offset int64
}

// Explain looks for a report by its number in all segments that count. It
// returns false for one of which the journal knows nothing any more.
func (v *Viewed) Explain(seq uint64) (Fate, bool) {
	var f Fate
	found := false
	ends := map[key]note{}
	v.eachItem(func(s *segment, it *item, off int64) {
		switch {
		case it.kind == kindNotes:
			decodeNotes(it.notes, func(n *note) {
				if n.kind == noteEnd || n.kind == noteEnds {
					ends[key{n.lane, n.ord}] = *n
				}
			})
		case it.entry.Seq == seq:
			f = Fate{Seq: seq, Ord: it.entry.Ord, Lane: it.entry.Lane, Body: it.entry.Body, File: segName(s.id), Offset: off}
			found = true
		}
	})
	if !found {
		return f, false
	}
	k := key{f.Lane, f.Ord}
	_, f.Quarantined = v.durable.aside[k]
	f.Ended = !v.durable.pending(k) && f.Ord < v.durable.lanes[f.Lane].next
	for _, n := range ends {
		if n.lane == f.Lane && n.ord <= f.Ord && f.Ord < n.to {
			f.Outcome, f.Ended, f.Code, f.Sends = n.outcome, true, n.code, n.sends
		}
	}
	return f, true
}
