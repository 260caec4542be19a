package journal

import (
	"encoding/binary"
	"math"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// active is the segment that is being written. Blocks below alloc have been
// written before.
type active struct {
	segment
	f        disk.File
	off      int64 // where the next write goes
	alloc    int64 // blocks below it have been written before
	limit    int64 // where the next segment begins to be preferred
	step     int64
	lastMark int64 // the last checkpoint, or where frames begin
	markSize int64 // its size
}

const (
	minStep = 8 << 10
	maxStep = 64 << 10
	maxPad  = 4 << 10
	// boundaryRoom is what a write leaves before a boundary, so that the group
	// frame of the next one does not stand across it.
	boundaryRoom = 512
	// markShare bounds what checkpoints cost: one for so many times their size.
	markShare = 24
	maxNotes  = 32 << 10
)

// batch builds one write: a group frame and all that belongs to it. At or above
// the watermark its frames count together or not at all.
type batch struct {
	j    *Journal
	a    *active
	buf  []byte
	crcs uint32
	mark place // the watermark it names
	head int   // the length of the group's payload
	last int64 // its last checkpoint, or -1
	size int64 // that checkpoint's size
}

// begin starts a write at the end of the active segment.
func (j *Journal) begin() *batch {
	a := j.active
	b := &batch{j: j, a: a, buf: j.takeBuffer(), mark: j.sure, last: -1}
	b.buf = append(b.buf, make([]byte, frameHeader+4)...)
	if j.sure.seg != a.id {
		b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(a.id-j.sure.seg))
	}
	for i := range j.durable.lanes {
		if n := j.durable.lanes[i].next; n != a.base[i] {
			b.buf = append(b.buf, byte(i))
			b.buf = appendUint(b.buf, n)
		}
	}
	b.head = len(b.buf) - frameHeader
	b.align()
	return b
}

func (b *batch) at() int64 { return b.a.off + int64(len(b.buf)) }

func (b *batch) align() {
	for len(b.buf)%frameAlign != 0 {
		b.buf = append(b.buf, 0)
	}
}

// put seals the frame that began at from, whose payload stands there already.
func (b *batch) put(from int, h head) {
	h.size = uint32(len(b.buf) - from - frameHeader)
	b.align()
	seal(b.buf[from:], b.a.seed, b.a.off+int64(from), h)
	b.crcs = crc(b.crcs, b.buf[from+20:from+24])
}

func (b *batch) open() int {
	from := len(b.buf)
	b.buf = append(b.buf, make([]byte, frameHeader)...)
	return from
}

// due says whether a checkpoint at that boundary is worth its bytes.
func (b *batch) due(boundary int64) bool {
	last, size := b.a.lastMark, b.a.markSize
	if b.last >= 0 {
		last, size = b.last, b.size
	}
	return boundary-last >= max(b.a.step, markShare*size)
}

// room makes way for a frame of that size: where it would stand across a
// boundary, the rest before it is padded and a checkpoint put there.
func (b *batch) room(size int64, l *ledger) {
	p := b.at()
	boundary := roundUp(p, b.a.step)
	gap := boundary - p
	if size == gap || size <= gap-frameHeader || gap > maxPad || !b.due(boundary) {
		return
	}
	b.checkpoint(gap, l)
}

func (b *batch) checkpoint(gap int64, l *ledger) {
	if gap > 0 {
		if gap < frameHeader {
			return
		}
		from := b.open()
		b.buf = append(b.buf, make([]byte, gap-frameHeader)...)
		b.put(from, head{kind: kindPad})
	}
	at := b.at()
	from := b.open()
	b.buf = append(b.buf, b.j.block(b.a, l, place{b.a.id, at}).encode()...)
	b.put(from, head{kind: kindCheckpoint})
	b.last, b.size = at, b.at()-at
}

// report adds a report and counts it into l. It returns false where its number
// is used already. A gap before it is made void.
func (b *batch) report(e *outbox.Entry, l *ledger) bool {
	ln := &l.lanes[e.Lane]
	if e.Ord < ln.next {
		return false
	}
	if e.Ord > ln.next {
		v := note{kind: noteVoid, lane: e.Lane, ord: e.Ord, seq: e.Seq}
		b.notes([]note{v}, l)
		l.apply(&v)
	}
	h := head{kind: kindReport, lane: e.Lane}
	seq, ord := e.Seq-b.a.baseSeq, e.Ord-b.a.base[e.Lane]
	extra := 0
	if seq > math.MaxUint32 || ord > math.MaxUint32 {
		h.flags, extra = flagAbsolute, 16
	} else {
		h.a, h.b = uint32(seq), uint32(ord)
	}
	b.room(int64(frameSize(extra+len(e.Body))), l)
	b.body(h, e)
	l.accept(key{e.Lane, e.Ord}, e.Seq, int64(len(e.Body)))
	return true
}

// copy adds a copy of a pending report.
func (b *batch) copy(e *outbox.Entry, l *ledger) {
	b.room(int64(frameSize(16+len(e.Body))), l)
	at := place{b.a.id, b.at()}
	b.body(head{kind: kindCopy, lane: e.Lane, flags: flagAbsolute}, e)
	l.move(key{e.Lane, e.Ord}, at)
}

func (b *batch) body(h head, e *outbox.Entry) {
	from := b.open()
	if h.flags&flagAbsolute != 0 {
		b.buf = binary.LittleEndian.AppendUint64(b.buf, e.Seq)
		b.buf = binary.LittleEndian.AppendUint64(b.buf, e.Ord)
	}
	b.buf = append(b.buf, e.Body...)
	b.put(from, h)
}

// notes adds notes, runs of equal ends as one. They have been applied to l.
func (b *batch) notes(list []note, l *ledger) {
	for len(list) > 0 {
		b.room(maxPad/2, l)
		from := b.open()
		for len(list) > 0 && len(b.buf)-from < maxNotes {
			n := b.run(list)
			one := list[0]
			for _, m := range list[1:n] {
				one.kind, one.to = noteEnds, m.ord+1
				one.bytes += m.bytes
			}
			b.buf = one.append(b.buf)
			list = list[n:]
		}
		b.put(from, head{kind: kindNotes})
	}
}

// run is how many notes at the head of the list are one run of ends. Only
// reports that are durable are counted into it: the sum of their bytes is then
// the sum of what a replay finds pending.
func (b *batch) run(list []note) int {
	f := &list[0]
	n := 1
	if f.kind != noteEnd {
		return n
	}
	next := b.j.durable.lanes[f.lane].next
	for ; n < len(list); n++ {
		m := &list[n]
		if m.kind != noteEnd || m.lane != f.lane || m.outcome != f.outcome || m.code != f.code ||
			m.sends != f.sends || m.ord != f.ord+uint64(n) || m.ord >= next {
			break
		}
	}
	return n
}

// finish closes the batch and returns the bytes to be written.
func (b *batch) finish(l *ledger) []byte {
	p := b.at()
	if boundary := roundUp(p, b.a.step); boundary-p < boundaryRoom && b.due(boundary) {
		b.checkpoint(boundary-p, l)
	}
	h := head{kind: kindGroup, size: uint32(b.head), a: uint32(b.mark.off), b: uint32(len(b.buf))}
	if b.mark.seg != b.a.id {
		h.flags = flagEarlier
	}
	binary.LittleEndian.PutUint32(b.buf[frameHeader:], b.crcs)
	seal(b.buf, b.a.seed, b.a.off, h)
	return b.buf
}
