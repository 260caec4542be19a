package actors

import (
	"errors"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

// perform does what the core asks for, in the order of Ready's fields, until
// there is nothing more, and sets the timer for what time alone will bring.
func (o *outboxActor) perform() {
	o.submit()
	for {
		r := o.core.Ready()
		if r.Empty() {
			o.setTimer(r.WakeAt)
			break
		}
		o.moved = o.moved || len(r.Ended) > 0 || len(r.Quarantine) > 0 || len(r.Load) > 0
		o.audit(r.Ended)
		o.store(r)
		o.answer(r)
		o.send(r.Send)
		o.tell(r)
	}
	o.sync()
	o.upkeep()
	if len(o.drained) > 0 && o.moved { // before the call: its frame would grow the stack of every turn
		o.answerDrained()
	}
}

// store performs what concerns the store.
func (o *outboxActor) store(r *outbox.Ready) {
	k := o.keep
	if len(r.Append) > 0 {
		o.appended = true
		var err error
		k.guard(func() { err = k.store.Append(k.writer, r.Append) })
		o.core.Appended(o.now(), err)
		for _, e := range r.Append {
			if w, ok := k.waiters[e.Seq]; ok {
				w.ref = Ref{e.Seq, e.Ord, e.Lane}
				k.waiters[e.Seq] = w
			}
		}
		if err == nil || errors.Is(err, outbox.ErrBacklog) {
			k.setDegraded(nil)
		} else {
			k.setDegraded(err)
		}
	}
	for _, p := range r.SaveClock {
		var err error
		k.guard(func() { err = k.store.SaveClock(p) })
		if err != nil {
			o.tree.log.Warn("what was learned of the clock could not be kept", "err", err)
		}
	}
	for _, a := range r.Quarantine {
		var err error
		k.guard(func() { err = k.store.Quarantine(a.Mark, a.On) })
		if err != nil {
			o.tree.log.Warn("a report could not be set aside", "seq", a.Seq, "err", err)
		}
	}
	if len(r.Settle) > 0 {
		k.guard(func() { k.store.Settle(r.Settle) })
	}
	for _, lane := range r.Late {
		k.guard(func() { k.store.CountLate(lane) })
	}
	for _, q := range r.Load {
		var got outbox.Loaded
		var err error
		k.guard(func() { got, err = k.store.Load(q.Lane, q.After, q.N, q.MaxBytes) })
		if err != nil {
			o.tree.log.Warn("the journal could not be read", "err", err)
		}
		o.core.Loaded(o.now(), q.Lane, got, err)
	}
}

// answer gives the callers their yes or no.
func (o *outboxActor) answer(r *outbox.Ready) {
	for _, seq := range r.Accept {
		o.answerOne(seq, Appended{})
	}
	for _, f := range r.Refuse {
		o.answerOne(f.Seq, Appended{Err: f.Err})
	}
	for _, seq := range r.Unknown {
		o.answerOne(seq, Appended{Err: ErrOutcomeUnknown})
	}
}

func (o *outboxActor) answerOne(seq uint64, a Appended) {
	w, ok := o.keep.waiters[seq]
	if !ok {
		return
	}
	delete(o.keep.waiters, seq)
	if a.Err == nil {
		o.tree.accepted.Add(1)
	}
	a.Ref = w.ref
	w.answer(o.root, a)
}

// A report whose rendering panicked the outbox this often is set aside.
const poisonAfter = 3

// send renders and publishes. What a report is guilty of is noted before, and
// taken off after, so that the incarnation that follows a panic knows.
func (o *outboxActor) send(sends []outbox.Send) {
	for i := range sends {
		s := &sends[i]
		if o.keep.crashes[s.Seq] >= poisonAfter {
			delete(o.keep.crashes, s.Seq)
			o.core.Poison(o.now(), s.Seq)
			continue
		}
		o.keep.rendering = s.Seq
		topic, payload := o.tree.opts.render(o, s)
		o.keep.rendering = 0
		o.root.Send(o.conn, Publish{Session: o.session, Topic: topic, Payload: payload, QoS: s.QoS, token: s.Token})
		o.tree.sends.Add(1)
	}
}

// audit records the ends before the store has them: an end that a kill takes from
// the store comes again, one that it took from the log would be unexplained.
func (o *outboxActor) audit(ends []outbox.Ended) {
	if a := o.tree.opts.Audit; a != nil {
		for _, e := range ends {
			a.Record(o.laneName(e.Lane), e)
		}
	}
}

// tell hands on what others want to know.
func (o *outboxActor) tell(r *outbox.Ready) {
	for _, e := range r.Ended {
		delete(o.keep.crashes, e.Seq)
		if e.Outcome == outbox.Damaged {
			o.tree.tell(Told{ToldDamaged, "the medium destroyed a report that had been synced"})
		}
		if a, ok := o.keep.ends[e.Seq]; ok {
			a.answer(o.settled(e.Settlement))
		}
		delete(o.keep.ends, e.Seq)
	}
	switch r.Probe {
	case outbox.ProbeAsk:
		o.root.Send(o.conn, Probe{o.session})
	case outbox.ProbeDead:
		o.root.Send(o.conn, Silent{o.session})
	}
	if r.Login {
		o.root.Send(o.conn, LoginAgain{o.session})
	}
	for _, n := range r.Notices {
		o.tree.log.Info("outbox: "+string(n.Kind), "seq", n.Seq, "lane", o.laneName(n.Lane), "code", n.Code)
		switch n.Kind {
		case outbox.NoticeUnknown:
			o.tree.unknownReplies.Add(1)
		case outbox.NoticeQuarantined:
			o.tree.tell(Told{ToldQuarantined, "a report that breaks the link, or the outbox, was set aside"})
		}
	}
}

func (o *outboxActor) setTimer(at time.Duration) {
	if at == o.wakeAt && at != 0 {
		return
	}
	if o.timer != nil {
		o.timer.Stop()
	}
	o.wakeAt = at
	if at == 0 {
		return
	}
	root, self := o.root, o.self
	o.timer = time.AfterFunc(max(at-o.tree.opts.Clock.Boot(), 0), func() { root.Send(self, wake{}) })
}

func (o *outboxActor) answerDrained() {
	o.moved = false
	for _, c := range o.core.Ledger().Lanes {
		if c.Pending() > c.Quarantined+c.Unreadable {
			return
		}
	}
	o.drained.answer(Drained{})
}
