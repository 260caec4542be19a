package journal

import (
	"fmt"

	"github.com/aliiot/aliiot/internal/outbox"
)

// Append implements outbox.Store. The whole call is one write; its frames count
// together or, until a sync has covered them, not at all, so that a write that
// came back short has left nothing (see FORMAT.md).
func (j *Journal) Append(writer uint64, entries []outbox.Entry) error {
	switch {
	case j.closed:
		return outbox.ErrClosed
	case writer != j.writer:
		return outbox.ErrStaleWriter
	case len(entries) == 0:
		return nil
	}
	size, err := j.measure(entries)
	if err != nil {
		return err
	}
	if j.loose > 0 && j.loose+size > j.o.MaxUnsynced {
		return fmt.Errorf("appending to the journal: %w", outbox.ErrBacklog)
	}
	if err := j.ensure(size, forReports); err != nil {
		return fmt.Errorf("appending to the journal: %w", typed(err))
	}
	b := j.begin()
	b.notes(j.held, j.now)
	for i := range entries {
		b.report(&entries[i], j.now)
	}
	if err := j.commit(b, len(entries)); err != nil {
		j.rebuild()
		return fmt.Errorf("appending to the journal: %w", typed(err))
	}
	return nil
}

// measure checks the numbers of entries and returns what they take in a segment.
func (j *Journal) measure(entries []outbox.Entry) (int64, error) {
	ords, seq := [outbox.MaxLanes]uint64{}, j.now.nextSeq
	size := int64(boundaryRoom)
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Lane >= outbox.MaxLanes:
			return 0, fmt.Errorf("lane %d: %w", e.Lane, errLane)
		case e.Seq < seq || e.Ord < max(ords[e.Lane], j.now.lanes[e.Lane].next):
			return 0, fmt.Errorf("report %d of lane %d: %w", e.Seq, e.Lane, errOrder)
		case len(e.Body) > maxPayload-16:
			return 0, fmt.Errorf("report %d of %d bytes: %w", e.Seq, len(e.Body), errTooBig)
		}
		seq, ords[e.Lane] = e.Seq+1, e.Ord+1
		size += int64(frameSize(len(e.Body)))
	}
	return size, nil
}

// commit writes a batch. After an error nothing of it counts and the segment
// goes on at the same offset.
func (j *Journal) commit(b *batch, reports int) error {
	a := b.a
	buf := b.finish(j.now)
	if _, err := a.f.WriteAt(opAppend, buf, a.off); err != nil {
		return err
	}
	j.tail = append(j.tail, &chunk{seg: a.segment, off: a.off, buf: buf, ents: reports})
	j.loose += int64(len(buf))
	a.off += int64(len(buf))
	a.alloc = max(a.alloc, a.off)
	if b.last >= 0 {
		a.lastMark, a.markSize = b.last, b.size
	}
	j.held = j.held[:0]
	return nil
}

// purpose is what a write is for.
type purpose int

const (
	forReports purpose = iota
	forNotes           // ends above all: they may use what is kept for a full disk
)

// ensure sees to it that the active segment has room for size bytes.
func (j *Journal) ensure(size int64, p purpose) error {
	if j.stage == stageFence {
		return fmt.Errorf("%w: %w", errFenced, j.broken)
	}
	if j.active == nil {
		return j.revive(size, p)
	}
	a := j.active
	if a.off == a.start || a.off+size <= j.roomIn(a, p) {
		return nil
	}
	return j.roll(size, p)
}

// roomIn is how far a segment may be filled. Where no spare stands behind it, the
// last quarter of what is allocated belongs to ends: on a disk that turns out to
// be full they free space, reports do not.
func (j *Journal) roomIn(a *active, p purpose) int64 {
	if p == forReports && len(j.keep.spares) == 0 && a.alloc >= a.limit {
		return a.limit / 4 * 3
	}
	return a.limit
}
