package journal

import (
	"sort"

	"github.com/aliiot/aliiot/internal/outbox"
)

const (
	// minMoved and movedShare bound the copies that are alive, at one for so many
	// bytes of a segment: each takes some ten bytes of every header and checkpoint,
	// and of memory. Beyond it a pinned segment just stays.
	minMoved   = 512
	movedShare = 2 << 10
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
	seen := j.thin()
	if seen >= copyStep {
		return
	}
	for i := 0; i < len(j.rows)-1; i++ { //nolint:intrange // a copy may begin a segment and shorten the table
		if i >= rowsAtATime && (i < j.keep.turn*rowsAtATime || i >= (j.keep.turn+1)*rowsAtATime) {
			continue
		}
		r := &j.rows[i]
		if j.sure.less(place{r.id, r.fence}) {
			return
		}
		if j.alive(i) > j.o.SegmentBytes/stragglerShare {
			continue
		}
		keys := j.stragglers(i, copyStep-seen)
		if len(keys) == 0 {
			continue
		}
		if !j.mayMove(keys) {
			return
		}
		if seen += len(keys); !j.copyReports(keys) || seen >= copyStep {
			return
		}
	}
}

// mayMove says whether there may be copies of all of these. A copy of a copy takes
// the place of it.
func (j *Journal) mayMove(keys []key) bool {
	n := len(j.now.moved)
	for _, k := range keys {
		if _, is := j.now.moved[k]; !is {
			n++
		}
	}
	return n <= max(minMoved, int(j.o.SegmentBytes/movedShare))
}

// alive estimates how many bytes of row i are of pending reports, native ones and
// copies, by their number: how large each is, the state does not say.
func (j *Journal) alive(i int) int64 {
	r := &j.rows[i]
	total, pending := int64(1), int64(0)
	var ends [outbox.MaxLanes]uint64
	for lane := range uint8(outbox.MaxLanes) {
		from, end := max(r.base[lane], 1), min(j.nativeEnd(i, lane), j.durable.lanes[lane].next)
		if from >= end {
			continue
		}
		ends[lane] = end
		total += int64(end - from)
		pending += int64(end - from - j.durable.lanes[lane].ended.count(from, end))
	}
	for k, p := range j.durable.moved {
		if p.seg == r.id {
			total, pending = total+1, pending+1
		} else if k.ord >= r.base[k.lane] && k.ord < ends[k.lane] {
			pending-- // it was here, and is elsewhere
		}
	}
	return int64(float64(r.fence-r.start) * float64(pending) / float64(total))
}

// stragglers are pending reports of row i, native or copied there, at most n.
func (j *Journal) stragglers(i, n int) (keys []key) {
	r := &j.rows[i]
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
	var again []key
	for k, p := range j.now.moved {
		if p.seg == r.id {
			again = append(again, k)
		}
	}
	sort.Slice(again, func(a, b int) bool { return compareKeys(again[a], again[b]) < 0 })
	return append(keys, again[:min(len(again), n-len(keys))]...)
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
	j.keep.copied += size
	return true
}
