package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// The frame: 24 bytes of header and a payload, aligned to 8. FORMAT.md has the
// picture. Every check value is seeded with the segment's salt and the frame's
// offset, so that neither an old life of the same blocks, nor another segment,
// nor a copy of a frame inside a payload ever passes for a frame.
const (
	frameMagic  = 0xA5 // not zero: zeros must not parse
	frameHeader = 24
	frameAlign  = 8
	maxPayload  = 64 << 20
)

// frameKind is what a frame holds. The numbers are on the disk.
type frameKind uint8

const (
	kindGroup      frameKind = 1 // the first frame of every write
	kindReport     frameKind = 2
	kindCopy       frameKind = 3 // a report carried forward, its numbers kept
	kindNotes      frameKind = 4 // a list of notes: ends and all that is not a report
	kindCheckpoint frameKind = 5 // the state so far, as in a segment's header
	kindPad        frameKind = 6
)

const (
	// flagAbsolute: the payload begins with the absolute seq and ord.
	flagAbsolute = 1
	// flagEarlier: the group's watermark lies in an earlier segment, and the
	// payload says how many ids back.
	flagEarlier = 2
)

// head is a frame's header. What a and b mean depends on the kind: for a report
// the distance of seq and ord from the segment's base, for a group the
// watermark's offset and the length of the whole write.
type head struct {
	kind  frameKind
	lane  uint8
	flags uint8
	size  uint32
	a, b  uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crc(seed uint32, p []byte) uint32 { return crc32.Update(seed, castagnoli, p) }

// saltSeed is what all check values of a segment begin with.
func saltSeed(id, salt uint64) uint32 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], id)
	binary.LittleEndian.PutUint64(b[8:], salt)
	return crc(0, b[:])
}

func offsetSeed(seed uint32, off int64) uint32 {
	return seed ^ uint32(off/frameAlign)*0x9E3779B1
}

// frameSize is how many bytes a frame with such a payload takes.
func frameSize(payload int) int {
	return (frameHeader + payload + frameAlign - 1) &^ (frameAlign - 1)
}

// seal fills in the header of the frame that begins at p[0] with its payload
// behind it.
func seal(p []byte, seed uint32, off int64, h head) {
	p[0], p[1], p[2], p[3] = frameMagic, byte(h.kind), h.lane, h.flags
	le := binary.LittleEndian
	le.PutUint32(p[4:], h.size)
	le.PutUint32(p[8:], h.a)
	le.PutUint32(p[12:], h.b)
	hc := crc(offsetSeed(seed, off), p[:16])
	le.PutUint32(p[16:], hc)
	le.PutUint32(p[20:], crc(hc, p[frameHeader:frameHeader+int(h.size)]))
}

// parseHead reads a header and checks it; the length is then trustworthy.
func parseHead(p []byte, seed uint32, off int64) (head, bool) {
	if len(p) < frameHeader || p[0] != frameMagic || p[1] == 0 || p[1] > byte(kindPad) {
		return head{}, false
	}
	le := binary.LittleEndian
	if crc(offsetSeed(seed, off), p[:16]) != le.Uint32(p[16:]) {
		return head{}, false
	}
	h := rawHead(p)
	return h, h.size <= maxPayload
}

// rawHead reads the header of bytes that this process made itself.
func rawHead(p []byte) head {
	le := binary.LittleEndian
	return head{kind: frameKind(p[1]), lane: p[2], flags: p[3], size: le.Uint32(p[4:]), a: le.Uint32(p[8:]), b: le.Uint32(p[12:])}
}

// checkBody says whether the payload behind a good header is whole.
func checkBody(p []byte, h head) bool {
	le := binary.LittleEndian
	return crc(le.Uint32(p[16:]), p[frameHeader:frameHeader+int(h.size)]) == le.Uint32(p[20:])
}
