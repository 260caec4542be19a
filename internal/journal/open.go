package journal

import (
	"fmt"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Open opens the journal in a folder that the caller has locked, or begins one.
// It trusts nothing that it merely reads: what was not known to be on the disk
// is copied into a new segment and synced before it counts as durable. It needs
// no space: on a full or failing disk it opens and delivers, refuses reports,
// and takes up writing as soon as it can.
//
// Errors: *IdentityError, *FormatError, *RuinError, or the disk's.
func Open(fs disk.FS, o Options) (*Journal, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r, err := readFolder(fs, opOpen, o.Identity)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &Journal{fs: fs, o: o, log: o.Log, nextID: r.maxID + 1}
	j.keep.open(r, o)
	j.reader.fs = fs
	if r.fresh {
		err = j.found()
	} else {
		err = j.resume(r)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return j, nil
}

// found makes the first segment under another name and only then gives it its
// own: a segment without a header that can be read is then always a ruin.
func (j *Journal) found() error {
	j.epoch, j.writer = max(j.o.Rand(), 1), 1
	j.now, j.durable = newLedger(), newLedger()
	if len(j.keep.spares) == 0 {
		name := spareName(j.keep.takeNumber())
		s, err := fill(j.fs, name, 0, j.o.SegmentBytes)
		if err != nil { // a disk that is nearly full, or takes no filling: a file that grows
			f, e := j.fs.Create(opCreate, name)
			if e != nil {
				return typed(e)
			}
			_ = f.Close()
			s = spare{name: name}
		}
		j.keep.spares = append(j.keep.spares, s)
	}
	s := j.keep.spares[0]
	f, err := j.fs.Open(opCreate, s.name)
	if err != nil {
		return typed(err)
	}
	a := &active{segment: segment{id: 1, salt: j.o.Rand(), start: 2 * pageSize, baseSeq: 1, base: firstOrds, alloc: s.size},
		f: f, step: j.o.step(), limit: j.o.SegmentBytes}
	a.seed = saltSeed(a.id, a.salt)
	j.sure = place{1, a.start}
	err = j.head(a, j.now, place{1, 0})
	if err == nil {
		err = f.Sync(opCreate)
	}
	if err == nil {
		err = j.fs.Rename(opCreate, s.name, segName(1))
	}
	if err == nil {
		err = j.fs.SyncDir(opCreate)
	}
	if err != nil {
		_ = f.Close()
		return typed(err)
	}
	j.keep.spares = j.keep.spares[1:]
	j.active, j.nextID = a, 2
	j.mark()
	return nil
}

// resume goes on with what was found.
func (j *Journal) resume(r *recovery) error {
	j.epoch, j.writer = r.last.epoch, r.writer+1
	j.durable, j.sure, j.rows = r.ledger, r.sure, r.rows
	r.last.self.alloc = r.sizes[r.last.self.id]
	for i := range j.rows {
		j.rows[i].alloc = r.sizes[j.rows[i].id]
	}
	j.now = j.durable.clone()
	j.keep.undo(j.sure)
	for _, h := range r.holes {
		j.log.Error("damage in the journal", "segment", segName(h.seg.id), "from", h.from, "to", h.to, "unreadable", h.unreadable)
		if !h.unreadable {
			j.setAside(h.seg.id, h.from, h.to)
		}
	}
	if j.lost = r.lost; r.lost > 0 {
		j.log.Error("reports that were on the disk are gone", "reports", r.lost)
	}
	if r.clean {
		f, err := j.fs.Open(opOpen, segName(r.last.self.id))
		if err == nil {
			s := r.last.self
			s.fence, s.sure = 0, 0
			j.active = &active{segment: s, f: f, off: j.sure.off, step: r.last.step,
				limit: max(j.o.SegmentBytes, s.start+MinSegmentBytes/2), lastMark: r.lastMark}
			j.held = append(j.held, note{kind: noteWriter, seq: j.writer})
			return nil
		}
		j.log.Warn("the journal cannot be written", "err", err)
	}
	last := r.last.self
	last.sure = last.start
	if j.sure.seg == last.id {
		last.sure = min(j.sure.off, last.fence)
	}
	j.rows = append(j.rows, last)
	for i := range j.rows {
		if j.rows[i].id >= j.sure.seg && len(r.items) > 0 {
			j.rows[i].copied = true
		}
	}
	if len(r.items) > 0 {
		j.tail = []*chunk{{inherited: true, items: r.items}}
		j.rebuild()
	}
	j.start()
	return nil
}

// start writes the new segment of an opening and waits until it is durable. A
// disk that does not let it is no reason not to open.
func (j *Journal) start() {
	err := j.restart(j.tailSize(), forNotes)
	if err == nil {
		err = j.rewrite()
	}
	if err == nil {
		job := j.startSync()
		job.Run()
		if res := j.synced(); res.Next == nil && res.Err == nil {
			j.mark()
			return
		}
		// The rescue of a failed sync is the next opening of the same log.
		for job = j.runningSync(); job != nil; job = j.runningSync() {
			job.Run()
			j.synced()
		}
		return
	}
	_ = j.degrade(err)
	j.log.Warn("the journal opens without being able to write", "err", err)
}

func (j *Journal) runningSync() *outbox.Job {
	if j.syncing == nil {
		return nil
	}
	return j.syncing.job
}

// tailSize is what writing all that is not durable anew may take.
func (j *Journal) tailSize() int64 {
	n := j.loose + j.loose/4 + boundaryRoom
	for _, c := range j.tail {
		for i := range c.items {
			n += int64(frameSize(16 + len(c.items[i].entry.Body) + len(c.items[i].notes)))
		}
	}
	return n
}

// mark names the watermark in a group of its own, so that whoever opens the
// folder next finds nothing above it.
func (j *Journal) mark() {
	if j.active == nil || len(j.tail) > 0 || j.sure != (place{j.active.id, j.active.off}) {
		return
	}
	a := j.active
	b := j.begin()
	buf := b.finish(j.now)
	// It is written over by what comes next: it says nothing that is not true
	// for ever.
	if _, err := a.f.WriteAt(opAppend, buf, a.off); err == nil {
		a.alloc = max(a.alloc, a.off+int64(len(buf)))
	}
	j.giveBuffer(buf)
}
