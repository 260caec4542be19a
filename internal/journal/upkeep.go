package journal

import "github.com/aliiot/aliiot/internal/outbox"

// upkeep is what is known of files that hold nothing that counts: spares, and
// segments on their way out.
type upkeep struct {
	want    int
	number  uint64 // of the next spare
	spares  []spare
	full    bool // the disk had no room when last asked
	wait    backoff
	stale   bool // the watermark has moved since the table was looked at
	turn    int  // where the look for stragglers goes on
	leaving []leaving
	job     *upkeepJob
}

// recycled is how many settled segments are kept beyond the spares that are
// wanted: where one comes free for each that is begun, none need be filled.
const recycled = 1

// leaving is a segment that the table leaves out. Its file may go once the
// header or checkpoint that leaves it out is durable, at the latest at `at`;
// without one (zero) not yet.
type leaving struct {
	id    uint64
	at    place
	stray bool // found in the folder: it may be somebody else's
}

func (u *upkeep) open(r *recovery, o Options) {
	u.want, u.spares = o.Spares, r.spares
	for _, s := range r.spares {
		if n, ok := parseName(s.name, "spare-"); ok && n >= u.number {
			u.number = n + 1
		}
	}
	if r.last == nil {
		return
	}
	for _, id := range r.strays {
		u.leaving = append(u.leaving, leaving{id: id, at: place{r.last.self.id, max(r.lastMark, r.last.self.start)}, stray: true})
	}
	u.stale = true
}

func (u *upkeep) takeNumber() uint64 {
	u.number++
	return u.number - 1
}

func (u *upkeep) drop(id uint64) { u.leaving = append(u.leaving, leaving{id: id}) }

// excluded notes that the table that ends at `at` leaves all of them out.
func (u *upkeep) excluded(at place) {
	for i := range u.leaving {
		if u.leaving[i].at.seg == 0 {
			u.leaving[i].at = at
		}
	}
}

// undo forgets tables that were written behind the watermark.
func (u *upkeep) undo(sure place) {
	for i := range u.leaving {
		if sure.less(u.leaving[i].at) {
			u.leaving[i].at = place{}
		}
	}
}

func (u *upkeep) unlisted() bool {
	for i := range u.leaving {
		if u.leaving[i].at.seg == 0 {
			return true
		}
	}
	return false
}

// exclude takes the segments out of the table in which nothing counts any more.
// It judges by the durable state alone (faults.md 1.6.9).
func (j *Journal) exclude() {
	rows := j.rows[:0]
	for i := range j.rows {
		if r := j.rows[i]; j.free(i) {
			j.keep.drop(r.id)
			j.reader.drop(r.id)
			continue
		}
		rows = append(rows, j.rows[i])
	}
	j.rows = rows
}

// free says whether all that is natively in row i has a durable end or a durable
// copy elsewhere, and no copy lives in it. Rows above i are not yet compacted.
func (j *Journal) free(i int) bool {
	r := &j.rows[i]
	if j.sure.less(place{r.id, r.fence}) || r.pin.ord != 0 && j.pins(r.pin) {
		return false
	}
	for lane := range uint8(outbox.MaxLanes) {
		ln := &j.durable.lanes[lane]
		end := min(j.nativeEnd(i, lane), ln.next)
		for o := ln.ended.missing(max(r.base[lane], 1)); o < end; o = ln.ended.missing(o + 1) {
			if k := (key{lane, o}); j.pins(k) {
				r.pin = k
				return false
			}
		}
	}
	for _, l := range []*ledger{j.durable, j.now} {
		for _, p := range l.moved {
			if p.seg == r.id {
				return false
			}
		}
	}
	return true
}

func (j *Journal) pins(k key) bool {
	_, moved := j.durable.moved[k]
	return !moved && j.durable.pending(k)
}

// nativeEnd is where the numbers of a lane begin that are no longer in row i, as
// home sees it: what an opening has copied lies in a segment whose numbers begin
// below those of the rows before it.
func (j *Journal) nativeEnd(i int, lane uint8) uint64 {
	end := j.durable.lanes[lane].next
	if j.active != nil {
		end = j.active.base[lane]
	}
	for k := i + 1; k < len(j.rows); k++ {
		end = min(end, j.rows[k].base[lane])
	}
	return end
}

// Upkeep implements outbox.Store.
func (j *Journal) Upkeep() *outbox.Job {
	if j.closed || j.keep.job != nil || j.stage != stageWell || j.active == nil {
		return nil
	}
	if j.keep.stale {
		j.keep.stale = false
		j.copyForward()
		j.exclude()
		if j.keep.unlisted() {
			j.writeTable()
		}
	}
	return j.startUpkeep()
}

// writeTable writes a checkpoint, so that what it leaves out may be freed.
func (j *Journal) writeTable() {
	if j.ensure(maxPad, forNotes) != nil || !j.keep.unlisted() {
		return // a new segment's header has just done it
	}
	b := j.begin()
	b.notes(j.held, j.now)
	b.checkpoint(0, j.now)
	if j.commit(b, 0) == nil {
		j.keep.excluded(place{j.active.id, j.active.off})
	}
}

func (j *Journal) startUpkeep() *outbox.Job {
	k := &upkeepJob{fs: j.fs, want: j.o.SegmentBytes}
	fs, identity, epoch := j.fs, j.o.Identity, j.epoch
	k.owner = func(id uint64) bool { return ours(fs, id, identity, epoch) }
	rest := j.keep.leaving[:0]
	for _, l := range j.keep.leaving {
		if l.at.seg != 0 && !j.sure.less(l.at) {
			k.free = append(k.free, l)
		} else {
			rest = append(rest, l)
		}
	}
	j.keep.leaving = rest
	ready := j.keep.spares[:0]
	for _, s := range j.keep.spares {
		if s.size < k.want && j.keep.wait.skip == 0 {
			k.partial = append(k.partial, s)
		} else {
			ready = append(ready, s)
		}
	}
	j.keep.spares = ready
	k.trim = j.wasted()
	lack := j.keep.want - len(ready)
	if len(k.free) == 0 && len(k.trim) == 0 && (lack <= 0 || !j.keep.wait.ready()) {
		return nil
	}
	k.have, k.least = len(ready), j.keep.want
	for range max(lack, 0) + min(len(k.free), recycled) {
		k.names = append(k.names, spareName(j.keep.takeNumber()))
	}
	k.job = outbox.NewJob(j, k.run)
	j.keep.job = k
	return k.job
}

// wasted finds what trimming is worth. Each segment is tried once.
func (j *Journal) wasted() (list []trim) {
	for i := range j.rows {
		r := &j.rows[i]
		size := roundUp(r.fence, pageSize)
		if r.alloc-size > j.o.SegmentBytes/2 && !j.sure.less(place{r.id, r.fence}) {
			list = append(list, trim{r.id, size})
			r.alloc = size
		}
	}
	return list
}

// kept takes over what an upkeep job has done.
func (j *Journal) kept() {
	k := j.keep.job
	j.keep.job = nil
	j.keep.spares = append(j.keep.spares, k.spares...)
	if k.err != nil {
		j.keep.wait.failed()
		if noSpace(k.err) {
			j.keep.full = true
		}
		j.log.Warn("no spare segment could be made", "err", k.err)
		return
	}
	j.keep.wait.well()
	if k.filled {
		j.keep.full = false
	}
}
