package journal

import (
	"encoding/binary"
	"errors"
	"io/fs"

	"github.com/aliiot/aliiot/internal/outbox"
)

// judge finds out, once, which durable and pending reports a segment has lost:
// those that a survey of all of it does not find. Where a part cannot be read,
// what is missing may be there, and nothing is lost yet.
func (j *Journal) judge(s *segment, w *window, limit int64) {
	if j.reader.judged == nil {
		j.reader.judged = map[uint64]bool{}
	}
	j.reader.judged[s.id] = true
	present := map[key]bool{}
	known := map[key]outbox.Settlement{} // lost, but for their headers
	hidden := false
	if w != nil {
		sv := surveyFrames(w, s, s.start, limit, 0, false)
		for i := range sv.recs {
			c := &sv.recs[i]
			if it, ok := s.item(c.h, c.body, c.off); ok && it.kind == kindReport {
				k := key{it.entry.Lane, it.entry.Ord}
				if present[k] = !c.bad; c.bad {
					known[k] = outbox.Settlement{Seq: it.entry.Seq, Bytes: int64(c.h.size)}
				}
			}
		}
		for _, h := range sv.holes {
			hidden = hidden || h.unreadable
			if !h.unreadable {
				j.log.Error("damage in the journal", "segment", segName(s.id), "from", h.from, "to", h.to)
				j.setAside(s.id, h.from, h.to)
			}
		}
	}
	for lane := range uint8(outbox.MaxLanes) {
		end := min(j.after(s.id, lane), j.durable.lanes[lane].next)
		j.now.eachPending(lane, s.base[lane], end, func(from, to uint64) {
			for o := from; o < to; o++ {
				k := key{lane, o}
				if _, moved := j.now.moved[k]; moved || present[k] {
					continue
				}
				if hidden {
					j.cannotRead(k, errPart)
				} else {
					j.lose(k, known[k])
				}
			}
		})
	}
}

// after is where the numbers of a lane begin that lie in later segments.
func (j *Journal) after(id uint64, lane uint8) uint64 {
	if j.active != nil && j.active.id == id {
		return j.durable.lanes[lane].next
	}
	return j.nativeEnd(j.row(id), lane)
}

// lose settles a report as damaged; the next Load tells of it. Its seq and size
// are zero where its frame's header is gone, too.
func (j *Journal) lose(k key, s outbox.Settlement) status {
	s.Ord, s.Lane, s.Outcome = k.ord, k.lane, outbox.Damaged
	if j.end(&s) {
		j.reader.lost = append(j.reader.lost, s)
	}
	return gone
}

func (j *Journal) cannotRead(k key, err error) status {
	if j.unread[k.lane] == nil {
		j.unread[k.lane] = map[uint64]struct{}{}
	}
	if _, known := j.unread[k.lane][k.ord]; !known {
		j.log.Warn("a report cannot be read for now", "lane", k.lane, "ord", k.ord, "err", err)
	}
	j.unread[k.lane][k.ord] = struct{}{}
	return unreadable
}

const (
	asideChunk = 64 << 10
	asideMax   = 1 << 20
)

// setAside keeps the bytes of a damaged stretch for whoever wants to look: for
// each segment a file of pieces, each behind its offset and length, up to 1 MiB.
// It is a courtesy: no error of it matters.
func (j *Journal) setAside(id uint64, from, to int64) {
	src, err := j.fs.OpenRead(opKeep, segName(id))
	if err != nil {
		return
	}
	defer func() { _ = src.Close() }()
	f, err := j.fs.Create(opKeep, asideName(id))
	if errors.Is(err, fs.ErrExist) {
		f, err = j.fs.Open(opKeep, asideName(id))
	}
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size(opKeep)
	if err != nil || size >= asideMax {
		return
	}
	p := make([]byte, 16+min(to-from, asideChunk))
	n, _ := src.ReadAt(opKeep, p[16:], from)
	binary.LittleEndian.PutUint64(p, uint64(from))
	binary.LittleEndian.PutUint64(p[8:], uint64(n))
	_, _ = f.WriteAt(opKeep, p[:16+n], size)
}
