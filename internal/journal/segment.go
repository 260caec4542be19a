package journal

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// The jobs that touch the disk, as [disk.Op] names them.
const (
	opOpen   disk.Op = "journal.open"   // reading at the opening
	opCreate disk.Op = "journal.create" // a new segment: name and header
	opAppend disk.Op = "journal.append" // reports and notes
	opSync   disk.Op = "journal.sync"
	opLoad   disk.Op = "journal.load"
	opFill   disk.Op = "journal.fill" // writing a spare's blocks for the first time
	opFree   disk.Op = "journal.free" // taking settled segments away
	opKeep   disk.Op = "journal.keep" // damaged bytes set aside
	opView   disk.Op = "journal.view" // a tool's reading
)

// segment is what must be known of one file of the log to read it: a row in the
// table of a later segment's header.
type segment struct {
	id    uint64
	salt  uint64
	seed  uint32
	start int64 // where frames begin
	// baseSeq and base are the numbers that its frames count from: nothing below
	// them is natively in it.
	baseSeq uint64
	base    [outbox.MaxLanes]uint64

	// Of a segment that is written no more: nothing at or beyond fence counts;
	// what is bad below sure is damage, and between the two it is nothing.
	sure, fence int64
	// copied: all between sure and fence was written again in a later segment.
	copied bool
	alloc  int64 // the file's size, as far as known
	// pin is a report that was pending when last looked at.
	pin key
}

const segSuffix = ".seg"

//go:noinline
func segName(id uint64) string   { return fmt.Sprintf("%016x%s", id, segSuffix) }
func spareName(n uint64) string  { return fmt.Sprintf("spare-%016x%s", n, segSuffix) }
func asideName(id uint64) string { return fmt.Sprintf("damaged-%016x.bin", id) }

func parseName(name, prefix string) (uint64, bool) {
	hex, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	hex, ok = strings.CutSuffix(hex, segSuffix)
	if !ok || len(hex) != 16 || strings.ToLower(hex) != hex {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 64)
	return id, err == nil
}

// item reads what a frame of the segment means; false for what is no item.
func (s *segment) item(h head, body []byte, off int64) (item, bool) {
	it := item{kind: h.kind, at: place{s.id, off}}
	switch h.kind {
	case kindReport, kindCopy:
		if h.lane >= outbox.MaxLanes {
			return it, false
		}
		it.entry = outbox.Entry{Lane: h.lane, Seq: s.baseSeq + uint64(h.a), Ord: s.base[h.lane] + uint64(h.b), Body: body}
		if h.flags&flagAbsolute != 0 {
			if len(body) < 16 {
				return it, false
			}
			it.entry.Seq, it.entry.Ord = binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:])
			it.entry.Body = body[16:]
		}
		return it, it.entry.Ord > 0 && it.entry.Ord < math.MaxUint64 && it.entry.Seq < math.MaxUint64
	case kindNotes:
		it.notes = body
		return it, true
	}
	return it, false
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
