package oracle

import "slices"

// call is what W says about one key, all its calls together.
type call struct {
	lane     string
	value    string
	n        int
	outcome  Outcome
	started  int64
	returned int64 // of the call that was ok, or of the last refusal
	made     int64
	hashes   []string
	ttl      int64
	seq      uint64
}

// byKey reduces W. One ok makes a key ok; without one, a call that did not
// return or returned unknown makes it unknown; else it was refused.
func byKey(w []Call) map[string]*call {
	m := map[string]*call{}
	open := map[string]int{}
	unknown := map[string]bool{}
	for _, line := range w {
		if line.Step != StepStart && line.Step != StepReturn {
			continue
		}
		k := m[line.Key]
		if k == nil {
			k = &call{lane: line.Lane, value: line.Value, n: line.N, started: line.At, made: line.Made, ttl: line.TTL, outcome: Unknown}
			m[line.Key] = k
		}
		if line.Step == StepStart {
			open[line.Key]++
			if !slices.Contains(k.hashes, line.Hash) {
				k.hashes = append(k.hashes, line.Hash)
			}
			continue
		}
		if open[line.Key]--; open[line.Key] == 0 {
			delete(open, line.Key)
		}
		switch line.Outcome {
		case OK:
			k.outcome, k.returned, k.seq = OK, line.At, line.Seq
		case Refused:
			if k.outcome != OK {
				k.outcome, k.returned = Refused, line.At
			}
		default:
			unknown[line.Key] = true
		}
	}
	for key, k := range m {
		if k.outcome != OK && (open[key] > 0 || unknown[key]) {
			k.outcome = Unknown
		}
	}
	return m
}

// item is what E says about one key.
type item struct {
	accepted []*Event // each arrival that was stored
	replies  []*Event // that were sent
	puback   bool
	declined []*Event // refused, with a code
}

func (i *item) isAccepted() bool { return i != nil && len(i.accepted) > 0 }

// first is the arrival number under which it came first.
func (i *item) first() uint64 {
	first := i.accepted[0].Arrival
	for _, a := range i.accepted {
		first = min(first, a.Arrival)
	}
	return first
}

func byItem(e []Event) map[string]*item {
	m := map[string]*item{}
	for n := range e {
		ev := &e[n]
		if ev.Key == "" {
			continue
		}
		i := m[ev.Key]
		if i == nil {
			i = &item{}
			m[ev.Key] = i
		}
		switch ev.What {
		case Accepted:
			i.accepted = append(i.accepted, ev)
		case ReplySent:
			i.replies = append(i.replies, ev)
		case PubackSent:
			i.puback = true
		case Declined:
			i.declined = append(i.declined, ev)
		}
	}
	return m
}

// lost says that a reply is known not to have reached the device.
func (e *Event) lost() bool { return e.Heard != nil && !*e.Heard }

// arrival is one message that came, with its members.
type arrival struct {
	at      int64
	id      string
	qos     byte
	bytes   int64
	members []*Event // accepted, refused or dropped
}

// came says that a line of E is about a report that came.
func (e *Event) came() bool { return e.What == Accepted || e.What == Declined || e.What == QuotaDrop }

// postsOf joins the items of E, which is in order, to the messages that they came in.
func postsOf(e []Event) []arrival {
	items := 0
	for i := range e {
		if e[i].came() {
			items++
		}
	}
	out, members := make([]arrival, 0, items), make([]*Event, 0, items)
	at := map[uint64]int{}
	for n := range e {
		ev := &e[n]
		if !ev.came() {
			continue
		}
		i, met := at[ev.Post]
		if !met || ev.Post == 0 {
			i = len(out)
			out = append(out, arrival{at: ev.At, id: ev.ID, qos: ev.QoS, members: members[len(members):len(members):items]})
			if ev.Post != 0 {
				at[ev.Post] = i
			}
		}
		out[i].bytes = max(out[i].bytes, ev.Bytes)
		if ev.Key == "" {
			continue
		}
		if i == len(out)-1 { // its members stand together, in one array for all
			members = append(members, ev)
			out[i].members = out[i].members[:len(out[i].members)+1]
		} else {
			out[i].members = append(slices.Clip(out[i].members), ev)
		}
	}
	return out
}
