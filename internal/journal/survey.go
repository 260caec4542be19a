package journal

import "encoding/binary"

// rec is a frame that a survey found.
type rec struct {
	seg   *segment
	off   int64
	h     head
	body  []byte
	whole bool // it belongs to a group that is whole
	bad   bool // the header is good, the payload is not
}

func (r *rec) at() place { return place{r.seg.id, r.off} }

// hole is a stretch of a segment where frames should be and are not.
type hole struct {
	seg        *segment
	from, to   int64
	unreadable bool
}

// watermark is what a group says of what had been synced before it was written.
type watermark struct {
	sure place
	ords []laneOrd
}

type laneOrd struct {
	lane uint8
	next uint64
}

// survey is all that is found in a stretch of a segment.
type survey struct {
	recs  []rec
	holes []hole
	marks []watermark
	end   int64 // of the last good frame
}

// reach is how far behind the last good frame a survey of a segment without a
// known end looks for another one. What lies farther off was never acknowledged.
const reach = 64 << 10

// surveyFrames walks the frames of [from, limit). Where the end is not known
// (open), it is where nothing good follows for a while, but not below top.
func surveyFrames(w *window, s *segment, from, limit, top int64, open bool) survey {
	sv := survey{end: from}
	g := groupWalk{}
	for p := from; ; {
		h, raw, f := w.frame(s, p, limit)
		if f == faultNone {
			r := rec{seg: s, off: p, h: h, body: append([]byte(nil), raw[frameHeader:]...)}
			if h.kind == kindGroup {
				g.begin(&sv, p, h, r.body)
				if m, ok := readWatermark(s, h, r.body); ok {
					sv.marks = append(sv.marks, m)
				}
			} else {
				g.add(p, raw[20:24])
			}
			sv.recs = append(sv.recs, r)
			p += int64(frameSize(int(h.size)))
			sv.end = p
			g.close(&sv, p)
			continue
		}
		if f == faultEnd {
			return sv
		}
		g.ok = false
		if f == faultBody {
			sv.recs = append(sv.recs, rec{seg: s, off: p, h: h, bad: true})
		}
		stop := limit
		if open {
			stop = min(limit, max(sv.end+reach, top+frameHeader))
		}
		next, unreadable := w.resync(s, p+frameAlign, stop)
		if next >= stop && open && f == faultHeader && sv.end == p && !unreadable {
			return sv // the end of the log, not a hole
		}
		sv.holes = append(sv.holes, hole{s, p, next, unreadable || f == faultUnreadable})
		if next >= stop {
			return sv
		}
		p = next
	}
}

// groupWalk checks that all frames of a group are there.
type groupWalk struct {
	ok    bool
	first int
	end   int64
	want  uint32
	have  uint32
}

func (g *groupWalk) begin(sv *survey, off int64, h head, body []byte) {
	*g = groupWalk{ok: len(body) >= 4, first: len(sv.recs), end: off + int64(h.b)}
	if g.ok {
		g.want = binary.LittleEndian.Uint32(body)
	}
}

func (g *groupWalk) add(off int64, check []byte) {
	if off >= g.end {
		g.ok = false
	}
	g.have = crc(g.have, check)
}

func (g *groupWalk) close(sv *survey, off int64) {
	if !g.ok || off < g.end {
		return
	}
	if off == g.end && g.have == g.want {
		for i := g.first; i < len(sv.recs); i++ {
			sv.recs[i].whole = true
		}
	}
	g.ok = false
}

func readWatermark(s *segment, h head, body []byte) (watermark, bool) {
	m := watermark{sure: place{s.id, int64(h.a)}}
	d := decoder{p: body}
	if len(d.p) < 4 {
		return m, false
	}
	d.p = d.p[4:]
	if h.flags&flagEarlier != 0 {
		if len(d.p) < 4 {
			return m, false
		}
		m.sure.seg = s.id - uint64(binary.LittleEndian.Uint32(d.p))
		d.p = d.p[4:]
	}
	for len(d.p) > 0 {
		l := laneOrd{d.byte(), d.uint()}
		if d.bad || int(l.lane) >= len(s.base) {
			return m, false
		}
		m.ords = append(m.ords, l)
	}
	return m, true
}
