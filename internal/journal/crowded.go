package journal

const (
	// roomyShare: the log may be so many times as large as what is pending in it,
	// and slackSegments more; then it is thinned out.
	roomyShare    = 2
	slackSegments = 2
	// frameRoom is what a report takes beside its bytes when it is synced alone.
	frameRoom = 60
	// maxAmplified: of so many bytes that are written at most one is a copy for this,
	// so that an estimate that is wrong costs no more than that.
	maxAmplified = 2
)

// thin copies on the pending reports of the emptiest segment, whatever their
// share, where the log takes too much room for what is pending in it: a lane
// whose reports end at once, beside one whose reports wait, leaves each segment
// pinned by a few too many to be stragglers. Once begun it goes on for a while:
// copies that follow each other make segments full of what stays, which need not
// be copied again. It returns how many reports it took on.
func (j *Journal) thin() int {
	used, pending := j.room()
	slack := slackSegments * j.o.SegmentBytes
	over := used > roomyShare*pending+slack
	switch {
	case over:
		j.keep.crowded = true
	case used <= pending+pending/2+slack:
		j.keep.crowded = false
	}
	// On a full disk the ballast is for ends.
	if !j.keep.crowded || j.keep.full || maxAmplified*j.keep.copied > j.keep.written+j.o.SegmentBytes {
		return 0
	}
	best, least := -1, 0.5
	if over {
		least = 2
	}
	for i := range j.rows[:len(j.rows)-1] {
		r := &j.rows[i]
		if j.sure.less(place{r.id, r.fence}) {
			break
		}
		if r.stuck {
			continue
		}
		if share := float64(j.alive(i)) / float64(max(r.fence-r.start, 1)); share < least {
			best, least = i, share
		}
	}
	if best < 0 {
		j.keep.crowded = false
		for i := range j.rows {
			j.rows[i].stuck = false
		}
		return 0
	}
	id, keys := j.rows[best].id, j.stragglers(best, copyStep)
	if len(keys) > 0 && j.mayMove(keys) && j.copyReports(keys) {
		return len(keys)
	}
	if i := j.row(id); i >= 0 {
		j.rows[i].stuck = true
	}
	return 0
}

// room is what the segments that count take on the disk, and what would do for
// the reports that are pending.
func (j *Journal) room() (used, pending int64) {
	used = j.active.alloc
	for i := range j.rows {
		used += max(j.rows[i].alloc, j.rows[i].fence)
	}
	for i := range j.durable.lanes {
		c := &j.durable.lanes[i].counts
		pending += c.PendingBytes + int64(c.Pending())*frameRoom
	}
	return used, pending
}
