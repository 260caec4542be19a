package journal

import "fmt"

// roll goes on in a new segment. The old one is sealed where it ends: its last
// bytes may wait for a sync still, and the new header says so.
func (j *Journal) roll(size int64, p purpose) error {
	old := j.active
	a, err := j.prepare(size, p)
	if err != nil {
		return err
	}
	j.seal(old)
	j.behind, j.active = append(j.behind, old), nil
	j.exclude()
	a.baseSeq, a.base = j.now.nextSeq, j.now.ords()
	// The durable state, not the present one: exclude may have taken out the segment
	// that holds the last state which is proven, and an opening must find one.
	if err := j.head(a, j.durable, j.sure); err != nil {
		_ = a.f.Close()
		j.keep.drop(a.id)
		j.abandon(err)
		return err
	}
	j.active = a
	return nil
}

// restart goes on in a new segment after a failed sync: its header fences off
// all behind the watermark, and its frames begin from the durable state.
func (j *Journal) restart(size int64, p purpose) error {
	a, err := j.prepare(size, p)
	if err != nil {
		return err
	}
	j.exclude()
	a.baseSeq, a.base = j.durable.nextSeq, j.durable.ords()
	if err := j.head(a, j.durable, j.sure); err != nil {
		_ = a.f.Close()
		j.keep.drop(a.id)
		return err
	}
	j.active = a
	return nil
}

// revive tries to go on where there was nowhere to write.
func (j *Journal) revive(size int64, p purpose) error {
	if !j.backoff.ready() {
		return j.broken
	}
	if err := j.restart(size+j.tailSize(), p); err != nil {
		return j.degrade(err)
	}
	if err := j.rewrite(); err != nil {
		return j.degrade(err)
	}
	j.log.Info("the journal goes on in a new segment", "segment", segName(j.active.id))
	return nil
}

// degrade notes that there is nowhere to write for now, and why.
func (j *Journal) degrade(err error) error {
	if j.active != nil {
		j.abandon(err)
	}
	if !noSpace(err) {
		// A full disk costs nothing to try; a failing one leaves files behind.
		j.backoff.failed()
	}
	j.broken = fmt.Errorf("going on in a new segment: %w", err)
	return j.broken
}

// rewrite writes all that is not durable into the active segment, the promises
// of an earlier process first, and makes the present state anew from it.
func (j *Journal) rewrite() error {
	old, l := j.tail, j.durable.clone()
	j.tail, j.loose, j.now = nil, 0, l
	held := j.held
	j.held = nil
	undo := func(err error) error {
		j.tail, j.held, j.loose = old, held, 0
		for _, c := range old {
			j.loose += int64(len(c.buf))
		}
		j.rebuild()
		return err
	}
	for _, inherited := range []bool{true, false} {
		b, n := j.begin(), 0
		empty := len(b.buf)
		for _, c := range old {
			if c.inherited != inherited {
				continue
			}
			c.each(func(it *item) { n += b.again(it, l) })
		}
		if len(b.buf) == empty {
			continue
		}
		if err := j.commit(b, n); err != nil {
			return undo(err)
		}
		j.tail[len(j.tail)-1].inherited = inherited
	}
	j.held = held
	for i := range j.held {
		l.apply(&j.held[i])
	}
	return nil
}

// again adds an item of an older chunk and applies it; it returns 1 for a report.
func (b *batch) again(it *item, l *ledger) int {
	switch it.kind {
	case kindReport:
		if b.report(&it.entry, l) {
			return 1
		}
	case kindCopy:
		if l.pending(key{it.entry.Lane, it.entry.Ord}) {
			b.copy(&it.entry, l)
		}
	case kindNotes:
		var list []note
		decodeNotes(it.notes, func(n *note) {
			if n.kind != noteWriter && l.apply(n) {
				list = append(list, *n)
			}
		})
		b.notes(list, l)
	}
	return 0
}

// seal makes the active segment a row of the table.
func (j *Journal) seal(a *active) {
	r := a.segment
	r.fence, r.sure, r.alloc = a.off, a.start, a.alloc
	switch {
	case j.sure.seg == a.id:
		r.sure = j.sure.off
	case j.sure.seg > a.id:
		r.sure = a.off
	}
	j.rows = append(j.rows, r)
}

// prepare finds a file for a new segment and makes sure of its space; nothing
// that it does commits to anything. The zeros are for a file that grows: once
// they are written, the header cannot run out of space.
func (j *Journal) prepare(size int64, p purpose) (*active, error) {
	a := &active{segment: segment{id: j.nextID, salt: j.o.Rand()}, step: j.o.step(), limit: j.o.SegmentBytes}
	j.nextID++
	a.seed = saltSeed(a.id, a.salt)
	a.start = j.headRoom(a)
	a.limit = max(a.limit, a.start+MinSegmentBytes/2)
	name := segName(a.id)
	if p == forNotes || !j.keep.full || len(j.keep.spares) > 1 {
		if j.takeSpare(a, name) {
			return a, nil
		}
	}
	f, err := j.fs.Create(opCreate, name)
	if err != nil {
		j.keep.full = j.keep.full || noSpace(err)
		return nil, err
	}
	j.names++
	a.f, a.alloc = f, a.start+size
	zeros := make([]byte, min(a.alloc, 256<<10))
	for off := int64(0); off < a.alloc; off += int64(len(zeros)) {
		if _, err := f.WriteAt(opCreate, zeros[:min(int64(len(zeros)), a.alloc-off)], off); err != nil {
			_ = f.Close()
			_ = j.fs.Remove(opCreate, name)
			j.keep.full = j.keep.full || noSpace(err)
			return nil, err
		}
	}
	if j.keep.full && p == forReports {
		j.keep.full = false
		j.log.Info("the disk has room again")
	}
	return a, nil
}

// headRoom is what two copies of a header take, whichever of the two states it
// will hold.
func (j *Journal) headRoom(a *active) int64 {
	size := 0
	for _, l := range []*ledger{j.now, j.durable} {
		probe := j.block(a, l, j.sure)
		probe.rows = append(probe.rows, a.segment) // the one that is about to be sealed
		size = max(size, len(probe.encode()))
	}
	return 2 * roundUp(int64(size+512), pageSize)
}

// takeSpare makes a spare the new segment by giving it the name.
func (j *Journal) takeSpare(a *active, name string) bool {
	for len(j.keep.spares) > 0 {
		n := len(j.keep.spares) - 1
		s := j.keep.spares[n]
		j.keep.spares = j.keep.spares[:n]
		if j.fs.Rename(opCreate, s.name, name) != nil {
			continue
		}
		j.names++
		f, err := j.fs.Open(opCreate, name)
		if err != nil {
			_ = j.fs.Remove(opCreate, name)
			continue
		}
		a.f, a.alloc = f, s.size
		return true
	}
	return false
}

// head writes a new segment's header, twice. From the first byte of it on the
// old segment may not grow: the header that says where it ends may be found.
func (j *Journal) head(a *active, l *ledger, asOf place) error {
	a.off, a.lastMark = a.start, a.start
	b := j.block(a, l, asOf).encode()
	half := a.start / 2
	if int64(len(b)) > half {
		return fmt.Errorf("journal: a header of %d bytes in %d", len(b), half)
	}
	a.markSize = int64(frameSize(len(b)))
	p := make([]byte, a.start)
	copy(p, b)
	copy(p[half:], b)
	if _, err := a.f.WriteAt(opCreate, p, 0); err != nil {
		return err
	}
	j.keep.excluded(place{a.id, a.start})
	return nil
}

// abandon gives up all that this process has written behind the watermark. What
// of it is wanted is in the tail.
func (j *Journal) abandon(err error) {
	j.broken = err
	if j.syncing != nil {
		j.syncing.stale = true
	}
	if j.active != nil {
		j.seal(j.active)
		j.behind = append(j.behind, j.active)
		j.active = nil
	}
	for _, a := range j.behind {
		if j.syncing == nil {
			_ = a.f.Close()
		} else {
			j.syncing.release = append(j.syncing.release, a.f)
		}
		i := j.row(a.id)
		if i < 0 {
			continue // nothing in it counts any more
		}
		if a.id == j.sure.seg {
			j.rows[i].sure, j.rows[i].fence = j.sure.off, j.sure.off
			continue
		}
		j.rows = append(j.rows[:i], j.rows[i+1:]...)
		j.keep.drop(a.id)
	}
	j.behind = nil
	j.keep.undo(j.sure)
	j.reader.forget()
}

// row is the index of a segment in the table, or -1.
func (j *Journal) row(id uint64) int {
	for i := len(j.rows) - 1; i >= 0; i-- {
		if j.rows[i].id == id {
			return i
		}
	}
	return -1
}
