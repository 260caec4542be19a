package journal

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

// noteKind is one kind of note. The numbers are on the disk.
type noteKind uint8

const (
	noteEnd     noteKind = 1 // one report ended
	noteEnds    noteKind = 2 // a run of durable reports ended alike
	noteVoid    noteKind = 3 // numbers below ord were never accepted
	noteAside   noteKind = 4 // quarantined
	noteRelease noteKind = 5 // out of quarantine
	noteClock   noteKind = 6
	noteLate    noteKind = 7 // a lane's total of late yeses
	noteWriter  noteKind = 8 // an opening went on in this segment
)

// note is everything a journal records that is not a report. Notes are
// idempotent: totals instead of steps, numbers instead of "the next one".
type note struct {
	kind    noteKind
	lane    uint8
	outcome outbox.Outcome
	ord, to uint64 // noteEnds: [ord, to)
	seq     uint64 // noteVoid: the next seq; noteAside; noteWriter, noteLate: the number
	code    int32
	sends   uint32
	bytes   int64
	clock   outbox.ClockPoint
}

func (n *note) append(b []byte) []byte {
	b = append(b, byte(n.kind), n.lane)
	u := appendUint
	switch n.kind {
	case noteEnd, noteEnds:
		b = append(b, byte(n.outcome))
		b = u(b, n.ord)
		if n.kind == noteEnds {
			b = u(b, n.to-n.ord)
		}
		b = u(b, uint64(n.sends))
		b = u(b, uint64(n.bytes))
		if n.outcome == outbox.Rejected {
			b = appendInt(b, int64(n.code))
		}
	case noteVoid:
		b = u(u(b, n.ord), n.seq)
	case noteAside:
		b = u(u(u(b, n.ord), n.seq), uint64(n.bytes))
	case noteRelease:
		b = u(b, n.ord)
	case noteClock:
		b = binary.LittleEndian.AppendUint64(b, n.clock.Boot)
		b = appendInt(b, int64(n.clock.Offset))
		b = appendText(b, n.clock.Source)
	case noteLate, noteWriter:
		b = u(b, n.seq)
	}
	return b
}

// decodeNotes hands each note of a payload to f and says whether it was sound
// to its end. A kind that this version does not know ends the list.
func decodeNotes(p []byte, f func(*note)) bool {
	d := decoder{p: p}
	for len(d.p) > 0 {
		n := note{kind: noteKind(d.byte()), lane: d.byte()}
		switch n.kind {
		case noteEnd, noteEnds:
			n.outcome = outbox.Outcome(d.byte())
			n.ord = d.uint()
			n.to = n.ord + 1
			if n.kind == noteEnds {
				n.to = n.ord + d.uint()
			}
			n.sends = uint32(d.uint())
			n.bytes = int64(d.uint())
			if n.outcome == outbox.Rejected {
				n.code = int32(d.int())
			}
		case noteVoid:
			n.ord, n.seq = d.uint(), d.uint()
		case noteAside:
			n.ord, n.seq, n.bytes = d.uint(), d.uint(), int64(d.uint())
		case noteRelease:
			n.ord = d.uint()
		case noteClock:
			n.clock = outbox.ClockPoint{Boot: d.fixed64(), Offset: time.Duration(d.int()), Source: d.text(maxSource)}
		case noteLate, noteWriter:
			n.seq = d.uint()
		default:
			return false
		}
		if d.bad || n.lane >= outbox.MaxLanes || n.to < n.ord && n.to != 0 || n.bytes < 0 || n.ord == math.MaxUint64 {
			return false
		}
		f(&n)
	}
	return !d.bad
}

// maxSource bounds the name of a clock's source.
const maxSource = 32

// apply makes a note's change and says whether it changed anything.
func (l *ledger) apply(n *note) bool {
	switch n.kind {
	case noteEnd:
		return l.settle(n.lane, n.ord, n.ord+1, n.outcome, n.bytes) > 0
	case noteEnds:
		return l.settle(n.lane, n.ord, n.to, n.outcome, n.bytes) > 0
	case noteVoid:
		passed := n.seq > l.nextSeq
		l.nextSeq = max(l.nextSeq, n.seq)
		return l.void(n.lane, n.ord) || passed
	case noteAside:
		return l.quarantine(outbox.Mark{Seq: n.seq, Ord: n.ord, Lane: n.lane, Bytes: n.bytes}, true)
	case noteRelease:
		return l.quarantine(outbox.Mark{Ord: n.ord, Lane: n.lane}, false)
	case noteClock:
		return l.clock(n.clock)
	case noteLate:
		return l.late(n.lane, n.seq)
	}
	return false
}
