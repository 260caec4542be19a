package journal

import "github.com/aliiot/aliiot/internal/outbox"

const (
	// maxMoved bounds the copies that are alive: each takes some bytes of memory
	// and of every header. Beyond it a pinned segment just stays.
	maxMoved = 512
	// copyStep bounds what one call copies.
	copyStep      = 64
	copyStepBytes = 256 << 10
	// stragglerShare: a segment is worth emptying when what is pending in it
	// takes at most this share of a segment's bytes.
	stragglerShare = 16
	rowsAtATime    = 8
)

// copyForward copies the few reports that keep an old segment alive into the one
// that is written, their numbers kept. The newest sealed one is left alone: what
// is pending there is mostly on its way.
func (j *Journal) copyForward() {
	n := len(j.rows) - 1
	if n < 1 {
		return
	}
	if j.keep.turn++; j.keep.turn*rowsAtATime >= n {
		j.keep.turn = 0
	}
	seen := 0
	for i := 0; i < len(j.rows)-1; i++ { //nolint:intrange // a copy may begin a segment and shorten the table
		if i >= rowsAtATime && (i < j.keep.turn*rowsAtATime || i >= (j.keep.turn+1)*rowsAtATime) {
			continue
		}
		r := &j.rows[i]
		if j.sure.less(place{r.id, r.fence}) {
			return
		}
		keys, worth := j.stragglers(i, copyStep-seen)
		if !worth || len(keys) == 0 {
			continue
		}
		if len(j.now.moved)+len(keys) > maxMoved {
			return
		}
		if seen += len(keys); !j.copyReports(keys) || seen >= copyStep {
			return
		}
	}
}

// stragglers are pending reports of row i, native or copied there, at most n,
// and whether copying all of them is worth it.
func (j *Journal) stragglers(i, n int) (keys []key, worth bool) {
	r := &j.rows[i]
	total, pending := uint64(1), uint64(0)
	for lane := range uint8(outbox.MaxLanes) {
		from, end := max(r.base[lane], 1), min(j.nativeEnd(i, lane), j.durable.lanes[lane].next)
		if from >= end {
			continue
		}
		total += end - from
		pending += end - from - j.durable.lanes[lane].ended.count(from, end)
	}
	used := uint64(r.fence - r.start)
	if used/total*pending > uint64(j.o.SegmentBytes)/stragglerShare || n <= 0 {
		return nil, false
	}
	for lane := range uint8(outbox.MaxLanes) {
		end := min(j.nativeEnd(i, lane), j.durable.lanes[lane].next)
		j.now.eachPending(lane, r.base[lane], end, func(from, to uint64) {
			for o := from; o < to && len(keys) < n; o++ {
				if _, moved := j.now.moved[key{lane, o}]; !moved {
					keys = append(keys, key{lane, o})
				}
			}
		})
	}
	for k, p := range j.now.moved {
		if p.seg == r.id && len(keys) < n {
			keys = append(keys, k)
		}
	}
	return keys, true
}

// copyReports writes copies of reports; they count as moved once a sync covers them.
func (j *Journal) copyReports(keys []key) bool {
	var list []outbox.Entry
	size := int64(boundaryRoom)
	for _, k := range keys {
		e, st := j.fetch(k)
		if st != fetched {
			continue
		}
		list = append(list, e)
		if size += int64(frameSize(16 + len(e.Body))); size > copyStepBytes {
			break
		}
	}
	if len(list) == 0 || j.ensure(size, forNotes) != nil {
		return false
	}
	b := j.begin()
	b.notes(j.held, j.now)
	for i := range list {
		b.copy(&list[i], j.now)
	}
	if j.commit(b, 0) != nil {
		j.rebuild()
		return false
	}
	return true
}
