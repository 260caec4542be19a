package journal

import (
	"errors"
	"fmt"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Load implements outbox.Store. What is durable is read from the disk, checked;
// what is not yet durable comes from memory.
func (j *Journal) Load(lane uint8, after uint64, n int, maxBytes int) (outbox.Loaded, error) {
	var out outbox.Loaded
	switch {
	case j.closed:
		return out, outbox.ErrClosed
	case lane >= outbox.MaxLanes:
		return out, fmt.Errorf("loading lane %d: %w", lane, errLane)
	}
	for _, o := range j.reader.windows {
		o.w.hope()
	}
	ln := &j.now.lanes[lane]
	var loose map[uint64]outbox.Entry
	size := 0
	for o := after; ; {
		if o = ln.ended.missing(o + 1); o >= ln.next {
			out.End = true
			break
		}
		k := key{lane, o}
		if _, aside := j.now.aside[k]; aside {
			continue
		}
		if len(out.Entries) > 0 && len(out.Entries) >= n {
			break
		}
		var e outbox.Entry
		st := fetched
		if o < j.durable.lanes[lane].next {
			e, st = j.fetch(k)
		} else {
			if loose == nil {
				loose = j.looseEntries(lane)
			}
			e = loose[o]
			e.Body = append([]byte(nil), e.Body...)
		}
		if st != fetched {
			continue
		}
		if len(out.Entries) > 0 && size+len(e.Body) > maxBytes {
			break
		}
		size += len(e.Body)
		out.Entries = append(out.Entries, e)
	}
	out.Lost = j.reader.lost
	j.reader.lost = nil
	if len(out.Lost) > 0 {
		j.flush()
	}
	return out, nil
}

// looseEntries are a lane's reports that no sync has covered.
func (j *Journal) looseEntries(lane uint8) map[uint64]outbox.Entry {
	m := map[uint64]outbox.Entry{}
	for _, c := range j.tail {
		c.each(func(it *item) {
			if it.kind == kindReport && it.entry.Lane == lane {
				m[it.entry.Ord] = it.entry
			}
		})
	}
	return m
}

// status is how the reading of a report went.
type status int

const (
	fetched status = iota
	gone           // destroyed, and settled so
	unreadable
)

// cursor is where a lane's reading goes on.
type cursor struct {
	seg uint64
	off int64
	ord uint64 // nothing below it lies behind
}

// reader has the segments open that were read last.
type reader struct {
	fs      disk.FS
	windows []*openSegment // most recently used last
	cursors [outbox.MaxLanes]cursor
	judged  map[uint64]bool // segments whose damage has been counted
	lost    []outbox.Settlement
}

type openSegment struct {
	id uint64
	w  *window
}

const maxOpen = 3

func (r *reader) window(id uint64, size int64) (*window, error) {
	for i, o := range r.windows {
		if o.id == id {
			r.windows = append(append(r.windows[:i], r.windows[i+1:]...), o)
			return o.w, o.w.clip(size)
		}
	}
	f, err := r.fs.OpenRead(opLoad, segName(id))
	if err != nil {
		return nil, err
	}
	w, err := newWindow(f, opLoad)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if len(r.windows) >= maxOpen {
		_ = r.windows[0].w.f.Close()
		w.buf = r.windows[0].w.buf
		r.windows = append(r.windows[:0], r.windows[1:]...)
	}
	r.windows = append(r.windows, &openSegment{id, w})
	return w, w.clip(size)
}

func (r *reader) drop(id uint64) {
	for i, o := range r.windows {
		if o.id == id {
			_ = o.w.f.Close()
			r.windows = append(r.windows[:i], r.windows[i+1:]...)
			return
		}
	}
}

func (r *reader) forget() {
	for _, o := range r.windows {
		_ = o.w.f.Close()
	}
	r.windows, r.cursors = nil, [outbox.MaxLanes]cursor{}
}

// home is the segment in which a durable report natively lies, and where it ends.
func (j *Journal) home(k key) (*segment, int64) {
	if a := j.active; a != nil && k.ord >= a.base[k.lane] {
		return &a.segment, a.off
	}
	for i := len(j.rows) - 1; i >= 0; i-- {
		if r := &j.rows[i]; k.ord >= r.base[k.lane] {
			return r, r.fence
		}
	}
	return nil, 0
}

// fetch reads one durable, pending report.
func (j *Journal) fetch(k key) (outbox.Entry, status) {
	if p, moved := j.now.moved[k]; moved {
		if p.seg == 0 {
			return outbox.Entry{}, unreadable
		}
		return j.fetchCopy(k, p)
	}
	s, limit := j.home(k)
	if s == nil {
		return outbox.Entry{}, j.lose(k, outbox.Settlement{})
	}
	w, err := j.reader.window(s.id, limit)
	if err != nil {
		if errors.Is(err, disk.ErrNotExist) {
			j.judge(s, nil, limit)
			return outbox.Entry{}, gone
		}
		return outbox.Entry{}, j.cannotRead(k, err)
	}
	e, st := j.seek(k, s, w, limit)
	if st == fetched {
		delete(j.unread[k.lane], k.ord)
	}
	return e, st
}

// seek reads on from where the lane was read last, or from the nearest
// checkpoint.
func (j *Journal) seek(k key, s *segment, w *window, limit int64) (outbox.Entry, status) {
	c := &j.reader.cursors[k.lane]
	if c.seg != s.id || c.ord > k.ord {
		*c = cursor{seg: s.id, off: nearest(w, s, k, limit, j.o.step())}
	}
	skipped := false
	for p := c.off; ; {
		h, raw, f := w.frame(s, p, limit)
		switch f {
		case faultNone:
			if h.kind == kindReport && h.lane == k.lane {
				it, ok := s.item(h, raw[frameHeader:], p)
				if ok && it.entry.Ord == k.ord {
					c.off, c.ord = p, k.ord
					it.entry.Body = append([]byte(nil), it.entry.Body...)
					return it.entry, fetched
				}
				if ok && it.entry.Ord > k.ord {
					return outbox.Entry{}, j.absent(k, s, w, limit, skipped)
				}
			}
			p += int64(frameSize(int(h.size)))
		case faultEnd:
			return outbox.Entry{}, j.absent(k, s, w, limit, skipped)
		default:
			var bad bool
			p, bad = w.resync(s, p+frameAlign, limit)
			skipped = skipped || bad || f == faultUnreadable
			if !j.reader.judged[s.id] && !skipped {
				j.judge(s, w, limit)
				if !j.now.pending(k) {
					return outbox.Entry{}, gone
				}
			}
		}
	}
}

// nearest is the last checkpoint from which a report must follow.
func nearest(w *window, s *segment, k key, limit, step int64) int64 {
	lo, hi := s.start/step, (limit-1)/step
	best := s.start
	for lo < hi {
		mid := (lo + hi + 1) / 2
		bl := readMark(w, s, mid*step, limit)
		if bl != nil && bl.ledger.lanes[k.lane].next <= k.ord {
			best, lo = mid*step, mid
		} else {
			hi = mid - 1
		}
	}
	return max(best, s.start)
}

// absent is the verdict over a report that is not where it must be.
func (j *Journal) absent(k key, s *segment, w *window, limit int64, skipped bool) status {
	if skipped {
		return j.cannotRead(k, errPart)
	}
	j.judge(s, w, limit)
	if j.now.pending(k) {
		return j.cannotRead(k, errPart)
	}
	return gone
}

var errPart = errors.New("a part of the segment cannot be read")

func (j *Journal) fetchCopy(k key, p place) (outbox.Entry, status) {
	s, limit := j.segment(p.seg)
	if s == nil {
		return outbox.Entry{}, j.lose(k, outbox.Settlement{})
	}
	w, err := j.reader.window(s.id, limit)
	if errors.Is(err, disk.ErrNotExist) {
		return outbox.Entry{}, j.lose(k, outbox.Settlement{})
	}
	if err != nil {
		return outbox.Entry{}, j.cannotRead(k, err)
	}
	h, raw, f := w.frame(s, p.off, limit)
	if f == faultUnreadable {
		return outbox.Entry{}, j.cannotRead(k, errPart)
	}
	if f == faultNone && h.kind == kindCopy {
		if it, ok := s.item(h, raw[frameHeader:], p.off); ok && it.entry.Ord == k.ord && it.entry.Lane == k.lane {
			it.entry.Body = append([]byte(nil), it.entry.Body...)
			delete(j.unread[k.lane], k.ord)
			return it.entry, fetched
		}
	}
	j.setAside(s.id, p.off, min(p.off+pageSize, limit))
	return outbox.Entry{}, j.lose(k, outbox.Settlement{})
}

func (j *Journal) segment(id uint64) (*segment, int64) {
	if a := j.active; a != nil && a.id == id {
		return &a.segment, a.off
	}
	if i := j.row(id); i >= 0 {
		return &j.rows[i], j.rows[i].fence
	}
	return nil, 0
}
