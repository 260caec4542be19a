package journal

import (
	"encoding/binary"
	"errors"
	"math"
	"sort"
	"time"

	"github.com/aliiot/aliiot/internal/outbox"
)

// The block is a segment's header and a checkpoint's payload: who the segment
// is, what the state was, and which older segments still count.
const (
	blockFixed   = 16 // magic, version, reserved, check value: these for ever
	blockVersion = 1
	pageSize     = 4096
	maxBlock     = 32 << 20
)

var blockMagic = [8]byte{0x89, 'a', 'l', 'i', 'j', 'n', 'l', 0x0a}

// block is a decoded header or checkpoint.
type block struct {
	self     segment
	epoch    uint64
	writer   uint64
	identity string
	step     int64 // checkpoints stand at multiples of this
	// asOf is where a replay on top of the ledger begins: the ledger holds all
	// that counts before it. It may be believed if all that is durable.
	asOf place
	// sure is what was durable when the block was written, and sureOrds the next
	// ordinals there.
	sure     place
	sureOrds [outbox.MaxLanes]uint64
	ledger   *ledger
	rows     []segment
}

var (
	errNoBlock    = errors.New("no segment header")
	errNewVersion = errors.New("a newer format")
)

func appendOrds(b []byte, ords, base *[outbox.MaxLanes]uint64) []byte {
	var mask uint16
	for i := range ords {
		if ords[i] != base[i] {
			mask |= 1 << i
		}
	}
	b = binary.LittleEndian.AppendUint16(b, mask)
	for i := range ords {
		if mask&(1<<i) != 0 {
			b = appendInt(b, int64(ords[i]-base[i]))
		}
	}
	return b
}

func (d *decoder) ords(base *[outbox.MaxLanes]uint64) (ords [outbox.MaxLanes]uint64) {
	mask := uint16(d.byte()) | uint16(d.byte())<<8
	for i := range ords {
		ords[i] = base[i]
		if mask&(1<<i) != 0 {
			ords[i] += uint64(d.int())
		}
	}
	return ords
}

var firstOrds = newLedger().ords()

func (bl *block) encode() []byte {
	u := appendUint
	b := make([]byte, 0, 1024)
	b = append(b, blockMagic[:]...)
	b = binary.LittleEndian.AppendUint16(b, blockVersion)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, crc(0, b[:12]))
	b = binary.LittleEndian.AppendUint32(b, 0) // the length, below
	b = binary.LittleEndian.AppendUint32(b, 0) // reserved
	b = binary.LittleEndian.AppendUint64(b, bl.self.id)
	b = binary.LittleEndian.AppendUint64(b, bl.self.salt)
	b = binary.LittleEndian.AppendUint64(b, bl.epoch)
	b = binary.LittleEndian.AppendUint64(b, bl.writer)
	b = appendText(b, bl.identity)
	b = u(b, uint64(bl.step))
	b = u(b, uint64(bl.self.start))
	b = u(b, bl.self.baseSeq)
	b = appendOrds(b, &bl.self.base, &firstOrds)
	b = u(u(b, bl.asOf.seg), uint64(bl.asOf.off))
	b = u(u(b, bl.sure.seg), uint64(bl.sure.off))
	b = appendOrds(b, &bl.sureOrds, &bl.self.base)
	b = bl.ledger.append(b)
	b = appendRows(b, bl.rows)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(b)+4))
	return binary.LittleEndian.AppendUint32(b, crc(0, b))
}

func appendRows(b []byte, rows []segment) []byte {
	u := appendUint
	b = u(b, uint64(len(rows)))
	prev := segment{base: firstOrds}
	for i := range rows {
		r := &rows[i]
		flags := byte(0)
		if r.copied {
			flags = 1
		}
		b = u(b, r.id-prev.id)
		b = append(b, flags)
		b = binary.LittleEndian.AppendUint64(b, r.salt)
		b = u(u(u(b, uint64(r.start)), uint64(r.sure)), uint64(r.fence))
		b = u(b, r.baseSeq-prev.baseSeq)
		b = appendOrds(b, &r.base, &prev.base)
		prev = *r
	}
	return b
}

// blockLength reads the length of a block from its first bytes.
func blockLength(p []byte) (int, error) {
	if len(p) < blockFixed+4 || [8]byte(p[:8]) != blockMagic || crc(0, p[:12]) != binary.LittleEndian.Uint32(p[12:]) {
		return 0, errNoBlock
	}
	if binary.LittleEndian.Uint16(p[8:]) > blockVersion {
		return 0, errNewVersion
	}
	n := binary.LittleEndian.Uint32(p[16:])
	if n < blockFixed+48 || n > maxBlock {
		return 0, errNoBlock
	}
	return int(n), nil
}

// decodeBlock reads a whole block. What does not hold together is no block.
func decodeBlock(p []byte) (*block, error) {
	n, err := blockLength(p)
	if err != nil {
		return nil, err
	}
	if n > len(p) || crc(0, p[:n-4]) != binary.LittleEndian.Uint32(p[n-4:]) {
		return nil, errNoBlock
	}
	d := &decoder{p: p[24 : n-4]}
	bl := &block{}
	bl.self.id, bl.self.salt, bl.epoch, bl.writer = d.fixed64(), d.fixed64(), d.fixed64(), d.fixed64()
	bl.identity = d.text(MaxIdentity)
	bl.step, bl.self.start = d.offset(), d.offset()
	bl.self.baseSeq = d.uint()
	bl.self.base = d.ords(&firstOrds)
	bl.asOf = place{d.uint(), d.offset()}
	bl.sure = place{d.uint(), d.offset()}
	bl.sureOrds = d.ords(&bl.self.base)
	bl.ledger = d.ledger()
	bl.rows = d.rows()
	if d.bad || bl.step < minStep || bl.self.id == 0 || !bl.ledger.sound() {
		return nil, errNoBlock
	}
	bl.self.seed = saltSeed(bl.self.id, bl.self.salt)
	for _, r := range bl.rows {
		if r.id >= bl.self.id {
			return nil, errNoBlock
		}
	}
	return bl, nil
}

func (d *decoder) offset() int64 {
	v := d.uint()
	if v > math.MaxInt64 {
		d.bad = true
		return 0
	}
	return int64(v)
}

func (d *decoder) rows() []segment {
	n := d.count(15)
	rows := make([]segment, 0, n)
	prev := segment{base: firstOrds}
	for range n {
		r := segment{id: prev.id + d.uint()}
		r.copied = d.byte()&1 != 0
		r.salt = d.fixed64()
		r.start, r.sure, r.fence = d.offset(), d.offset(), d.offset()
		r.baseSeq = prev.baseSeq + d.uint()
		r.base = d.ords(&prev.base)
		r.seed = saltSeed(r.id, r.salt)
		if r.id <= prev.id || r.sure > r.fence {
			d.bad = true
		}
		if d.bad {
			return nil
		}
		rows = append(rows, r)
		prev = r
	}
	return rows
}

func (l *ledger) append(b []byte) []byte {
	u := appendUint
	b = u(b, l.nextSeq)
	var mask uint16
	for i := range l.lanes {
		if l.lanes[i].next > 1 || l.lanes[i].counts != (outbox.Counts{}) {
			mask |= 1 << i
		}
	}
	b = binary.LittleEndian.AppendUint16(b, mask)
	for i := range l.lanes {
		if mask&(1<<i) == 0 {
			continue
		}
		ln := &l.lanes[i]
		b = u(u(u(u(b, ln.next), ln.counts.Accepted), ln.counts.Late), uint64(ln.counts.PendingBytes))
		b = append(b, outbox.OutcomeCount)
		for _, e := range ln.counts.Ends {
			b = u(b, e)
		}
		b = u(b, uint64(ln.ended.spans()))
		at := uint64(1)
		ln.ended.each(func(s span) {
			b = u(u(b, s.from-at), s.to-s.from)
			at = s.to
		})
	}
	b = u(b, uint64(len(l.moved)))
	moved := make([]key, 0, len(l.moved))
	for k := range l.moved {
		moved = append(moved, k)
	}
	sort.Slice(moved, func(a, b int) bool { return compareKeys(moved[a], moved[b]) < 0 })
	for _, k := range moved {
		p := l.moved[k]
		b = append(b, k.lane)
		b = u(u(u(b, k.ord), p.seg), uint64(p.off))
	}
	b = u(b, uint64(len(l.aside)))
	for _, m := range l.marks() {
		b = append(b, m.Lane)
		b = u(u(u(b, m.Ord), m.Seq), uint64(m.Bytes))
	}
	b = u(b, uint64(len(l.clocks)))
	for _, c := range l.clocks {
		b = binary.LittleEndian.AppendUint64(b, c.Boot)
		b = appendInt(b, int64(c.Offset))
		b = appendText(b, c.Source)
	}
	return b
}

func (d *decoder) ledger() *ledger {
	l := newLedger()
	l.nextSeq = d.uint()
	mask := uint16(d.byte()) | uint16(d.byte())<<8
	for i := range l.lanes {
		if mask&(1<<i) == 0 {
			continue
		}
		ln := &l.lanes[i]
		ln.next, ln.counts.Accepted, ln.counts.Late = d.uint(), d.uint(), d.uint()
		ln.counts.PendingBytes = d.offset()
		if d.byte() != outbox.OutcomeCount {
			d.bad = true
		}
		for e := range ln.counts.Ends {
			ln.counts.Ends[e] = d.uint()
		}
		at := uint64(1)
		for range d.count(2) {
			from := at + d.uint()
			to := from + d.uint()
			if from < at || to <= from || to > ln.next {
				d.bad = true
			}
			if d.bad {
				return l
			}
			ln.ended.add(from, to)
			at = to
		}
	}
	for range d.count(4) {
		k := key{lane: d.byte() % outbox.MaxLanes, ord: d.uint()}
		l.moved[k] = place{d.uint(), d.offset()}
	}
	for range d.count(4) {
		m := outbox.Mark{Lane: d.byte() % outbox.MaxLanes, Ord: d.uint(), Seq: d.uint(), Bytes: d.offset()}
		l.aside[key{m.Lane, m.Ord}] = m
	}
	for range d.count(10) {
		l.clocks = append(l.clocks, outbox.ClockPoint{Boot: d.fixed64(), Offset: time.Duration(d.int()), Source: d.text(maxSource)})
	}
	return l
}
