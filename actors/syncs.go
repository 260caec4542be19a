package actors

import (
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

// syncing says whether a sync is under way: the store hands out one at a time.
func (o *outboxActor) syncing() bool { return o.keep.sync != nil }

// sync starts a sync where entries wait for one, and sees to it that settles
// alone wait for one second at most.
func (o *outboxActor) sync() {
	if o.syncing() || !o.appended && o.newClock == nil && o.settle != nil {
		return // settles alone have their timer
	}
	k := o.keep
	entries, settles := k.store.Dirty()
	switch {
	case entries || o.newClock != nil || settles && o.settle == nil && k.settleDue:
		k.settleDue, o.appended = false, false
		var job *outbox.Job
		k.guard(func() { job = k.store.Sync() })
		if o.newClock != nil {
			o.clockJob = job
		}
		if job != nil {
			k.sync = job
			o.run(job)
		} else if o.newClock != nil { // it is there already, or nothing can be written
			o.believe()
			o.perform()
		}
	case settles && o.settle == nil:
		root, self := o.root, o.self
		k.settleDue = true
		o.settle = time.AfterFunc(settleWithin, func() { root.Send(self, settleDue{}) })
	}
}

// upkeep frees what is settled. The ends must be in the audit log for good
// before the segment that held the reports goes.
func (o *outboxActor) upkeep() {
	var job *outbox.Job
	o.keep.guard(func() { job = o.keep.store.Upkeep() })
	if job == nil {
		o.sync() // what it has written frees nothing before it is durable
		return
	}
	before := func() error { return nil }
	if o.tree.opts.Audit != nil {
		before = o.tree.opts.Audit.Syncer()
	}
	o.beside(job, func() {
		if err := before(); err != nil {
			o.tree.log.Warn("the audit log could not be synced", "err", err)
		}
		job.Run()
	})
}

// run performs a sync beside the mailbox.
func (o *outboxActor) run(job *outbox.Job) {
	started := time.Now()
	o.beside(job, func() {
		job.Run()
		o.tree.syncTime.Store(int64(time.Since(started)))
	})
}

// beside runs a job in a goroutine that ends by saying so. A job that panics
// has ended without a result, which the store takes for a failure.
func (o *outboxActor) beside(job *outbox.Job, run func()) {
	log, root, self := o.tree.log, o.root, o.self
	o.keep.jobs[job] = time.Now()
	go func() {
		defer func() {
			if r := recover(); r != nil {
				log.Error("a job of the store panicked", "err", r)
			}
			root.Send(self, jobEnded{job})
		}()
		run()
	}()
}

// await has a job that an incarnation before started come back to this one.
func (o *outboxActor) await(job *outbox.Job) {
	root, self := o.root, o.self
	go func() {
		<-job.Ended()
		root.Send(self, jobEnded{job})
	}()
}

func (o *outboxActor) jobEnded(job *outbox.Job) {
	k := o.keep
	delete(k.jobs, job)
	var res outbox.Result
	k.guard(func() { res = k.store.Done(job) })
	if k.sync == job {
		k.sync = nil
	}
	if res.Next != nil {
		k.sync = res.Next
		o.run(res.Next)
	}
	if o.clockJob == job {
		if o.clockJob = res.Next; res.Next == nil {
			o.believe()
		}
	}
	if res.Err != nil {
		o.tree.log.Error("the disk failed", "err", res.Err, "refused", len(res.Refused), "unknown", len(res.Unknown))
		k.setDegraded(res.Err)
	} else if res.Durable > 0 {
		k.setDegraded(nil)
	}
	o.core.Synced(o.now(), res)
	o.answerOld(res)
}

// answerOld answers who asked an incarnation before: its core is gone.
func (o *outboxActor) answerOld(res outbox.Result) {
	if len(o.keep.waiters) == 0 {
		return
	}
	for _, e := range res.Refused {
		o.answerOne(e.Seq, Appended{Err: res.Err})
	}
	for _, e := range res.Unknown {
		o.answerOne(e.Seq, Appended{Err: ErrOutcomeUnknown})
	}
	for seq := range o.keep.waiters {
		if seq < o.first && seq <= res.Durable {
			o.answerOne(seq, Appended{})
		}
	}
}
