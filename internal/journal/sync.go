package journal

import (
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// stage is how far a failed sync has been dealt with (faults.md 1.4).
type stage int

const (
	stageWell   stage = iota
	stageRescue       // what was in doubt is written anew behind a fence
	stageFence        // that failed too: a fence alone is being synced
)

// syncJob is one sync: the files with bytes that no sync has covered, oldest
// first, and the folder where names have changed. The job touches only this.
type syncJob struct {
	job     *outbox.Job
	fs      disk.FS
	files   []disk.File
	dir     bool
	target  place // what is durable when it succeeds: the end when it began
	names   int
	stale   bool        // its segments have been given up meanwhile
	release []disk.File // to be closed when it has ended
	ended   bool
	err     error
}

func (s *syncJob) run() {
	for _, f := range s.files {
		if s.err = f.Sync(opSync); s.err != nil {
			break
		}
	}
	if s.err == nil && s.dir {
		s.err = s.fs.SyncDir(opSync)
	}
	s.ended = true
}

// Sync implements outbox.Store.
func (j *Journal) Sync() *outbox.Job {
	if j.closed || j.syncing != nil {
		return nil
	}
	j.flush()
	if j.active == nil && (len(j.tail) > 0 || len(j.held) > 0) {
		if err := j.revive(0, forNotes); err != nil {
			return j.hopeless(err)
		}
		j.flush()
	}
	if j.active == nil || len(j.tail) == 0 && j.names == j.named {
		return nil
	}
	return j.startSync()
}

func (j *Journal) startSync() *outbox.Job {
	s := &syncJob{fs: j.fs, dir: j.names != j.named, names: j.names, target: place{j.active.id, j.active.off}}
	for _, a := range j.behind {
		s.files = append(s.files, a.f)
	}
	s.files = append(s.files, j.active.f)
	s.job = outbox.NewJob(j, s.run)
	j.syncing = s
	return s.job
}

// hopeless returns a job for reports that wait and cannot be written: its result
// is that their fate is unknown. Where none waits there is nothing to say.
func (j *Journal) hopeless(err error) *outbox.Job {
	if e, _ := j.Dirty(); !e {
		return nil
	}
	s := &syncJob{err: err, ended: true}
	s.job = outbox.NewJob(j, func() {})
	j.syncing, j.stage = s, stageFence
	return s.job
}

// Running implements outbox.Store.
func (j *Journal) Running() []*outbox.Job {
	var r []*outbox.Job
	if j.syncing != nil {
		r = append(r, j.syncing.job)
	}
	if j.keep.job != nil {
		r = append(r, j.keep.job.job)
	}
	return r
}

// Done implements outbox.Store.
func (j *Journal) Done(job *outbox.Job) outbox.Result {
	switch {
	case job == nil || j.closed:
	case j.syncing != nil && j.syncing.job == job:
		return j.synced()
	case j.keep.job != nil && j.keep.job.job == job:
		j.kept()
	}
	return outbox.Result{}
}

func (j *Journal) synced() outbox.Result {
	s := j.syncing
	j.syncing = nil
	for _, f := range s.release {
		_ = f.Close()
	}
	if s.stale {
		j.stage = stageWell
		return outbox.Result{Durable: j.durable.nextSeq - 1}
	}
	err := s.err
	if !s.ended {
		err = errNoJob
	}
	if err == nil {
		return j.advance(s)
	}
	j.log.Error("a sync failed: what it should have covered is in doubt", "err", err, "stage", int(j.stage))
	switch j.stage {
	case stageWell:
		return j.rescue(err)
	case stageRescue:
		return j.fence(err)
	default:
		return j.giveUp(err)
	}
}

// advance moves the watermark to where the log ended when the sync began.
func (j *Journal) advance(s *syncJob) outbox.Result {
	j.named = s.names
	if j.stage == stageFence {
		return j.refuse(s.target)
	}
	n := 0
	for ; n < len(j.tail); n++ {
		c := j.tail[n]
		if (place{s.target.seg, s.target.off}).less(place{c.seg.id, c.off + int64(len(c.buf))}) {
			break
		}
		c.each(j.durable.replay)
		j.loose -= int64(len(c.buf))
		j.giveBuffer(c.buf)
	}
	j.tail = append(j.tail[:0], j.tail[n:]...)
	j.moveSure(s.target)
	if j.stage == stageRescue {
		j.log.Info("what a failed sync left in doubt is on the disk", "segment", segName(s.target.seg))
	}
	j.stage, j.broken = stageWell, nil
	j.backoff.well()
	return outbox.Result{Durable: j.durable.nextSeq - 1}
}

// moveSure sets the watermark and lets go of the files that it has passed.
func (j *Journal) moveSure(to place) {
	j.sure = to
	j.keep.stale = true
	n := 0
	for _, a := range j.behind {
		if a.id >= to.seg {
			j.behind[n] = a
			n++
			continue
		}
		_ = a.f.Close()
	}
	j.behind = j.behind[:n]
	for i := range j.rows {
		if r := &j.rows[i]; r.id < to.seg && !r.copied {
			r.sure = r.fence
		}
	}
}

// rescue opens a new segment whose header fences off all that is in doubt,
// writes it anew behind that, and has it synced.
func (j *Journal) rescue(err error) outbox.Result {
	j.stage = stageRescue
	j.abandon(err)
	if e := j.restart(j.tailSize(), forNotes); e != nil {
		return j.fence(e)
	}
	if e := j.rewrite(); e != nil {
		return j.fence(e)
	}
	return outbox.Result{Next: j.startSync()}
}

// fence opens a new segment with nothing but its header, so that what is refused
// cannot rise at the next opening.
func (j *Journal) fence(err error) outbox.Result {
	j.stage = stageFence
	j.abandon(err)
	if e := j.restart(0, forNotes); e != nil {
		return j.giveUp(e)
	}
	return outbox.Result{Next: j.startSync()}
}

// refuse is the honest no: the fence is durable.
func (j *Journal) refuse(target place) outbox.Result {
	res := outbox.Result{Err: typed(j.broken)}
	res.Refused = j.countOut()
	j.stage, j.broken = stageWell, nil
	j.backoff.well()
	if len(j.tail) == 0 {
		j.moveSure(target)
	} else if err := j.rewrite(); err != nil {
		_ = j.degrade(err)
	}
	res.Durable = j.durable.nextSeq - 1
	return res
}

// giveUp is for when not even a fence can be made durable.
func (j *Journal) giveUp(err error) outbox.Result {
	j.abandon(err)
	res := outbox.Result{Err: typed(err)}
	res.Unknown = j.countOut()
	res.Durable = j.durable.nextSeq - 1
	j.stage = stageWell
	_ = j.degrade(err)
	return res
}

// countOut takes what is not durable out of the state and returns the reports
// among it. Ends of durable reports stay, to be written again; numbers are never
// used twice. What an earlier process has promised stays in the tail.
func (j *Journal) countOut() []outbox.Entry {
	var out []outbox.Entry
	var notes []note
	l := j.durable.clone()
	tail := j.tail[:0]
	for _, c := range j.tail {
		if c.inherited {
			c.each(func(it *item) {
				l.gap(it)
				l.replay(it)
			})
			tail = append(tail, c)
			continue
		}
		c.each(func(it *item) {
			switch it.kind {
			case kindReport:
				e := it.entry
				e.Body = append([]byte(nil), e.Body...)
				out = append(out, e)
			case kindNotes:
				decodeNotes(it.notes, func(n *note) { notes = append(notes, *n) })
			}
		})
	}
	held := j.held
	j.held, j.tail, j.loose = nil, tail, 0
	for _, c := range tail {
		j.loose += int64(len(c.buf))
	}
	for _, list := range [][]note{notes, held} {
		for i := range list {
			if n := &list[i]; n.kind != noteWriter && l.apply(n) {
				j.held = append(j.held, *n)
			}
		}
	}
	for _, e := range out {
		v := note{kind: noteVoid, lane: e.Lane, ord: e.Ord + 1, seq: e.Seq + 1}
		if l.apply(&v) {
			j.held = append(j.held, v)
		}
	}
	j.now = l
	return out
}
