package journal

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// recovery is what a folder's segments say, read and never written: the newest
// believable state, what is known to be durable, and what may be.
type recovery struct {
	fs disk.FS
	op disk.Op

	fresh  bool // there is no journal yet
	maxID  uint64
	spares []spare
	strays []uint64         // files named like segments that no longer count
	sizes  map[uint64]int64 // of the segments that count

	last     *block // the newest segment's header
	rows     []segment
	writer   uint64
	ledger   *ledger // at the watermark
	sure     place
	lastMark int64  // the newest segment's last checkpoint, or where its frames begin
	items    []item // what is whole above the watermark: reports, then the rest
	clean    bool   // nothing lies above it but its own name: go on in place
	holes    []hole // damage below it
	lost     uint64 // reports that were below it and are not there

	sureOrds [outbox.MaxLanes]uint64
	surveys  map[uint64]*survey
}

// spare is a file kept for its space.
type spare struct {
	name string
	size int64
}

func readFolder(fs disk.FS, op disk.Op, identity string) (*recovery, error) {
	r := &recovery{fs: fs, op: op, sizes: map[uint64]int64{}, surveys: map[uint64]*survey{}}
	if err := r.list(identity); err != nil || r.fresh {
		return r, err
	}
	chosen, err := r.snapshot()
	if err != nil {
		return r, err
	}
	r.replay(chosen)
	r.collect()
	r.missing()
	return r, nil
}

// list finds the newest segment that a header vouches for.
func (r *recovery) list(identity string) error {
	entries, err := r.fs.List(r.op)
	if err != nil {
		return err
	}
	var ids []uint64
	for _, e := range entries {
		if id, ok := parseName(e.Name, ""); ok && id > 0 {
			ids = append(ids, id)
			r.sizes[id] = e.Size
		} else if _, ok := parseName(e.Name, "spare-"); ok {
			r.spares = append(r.spares, spare{e.Name, e.Size})
		}
	}
	if len(ids) == 0 {
		r.fresh = true
		return nil
	}
	sort.Slice(ids, func(a, b int) bool { return ids[a] > ids[b] })
	r.maxID = ids[0]
	var foreign *IdentityError
	for _, id := range ids {
		bl, err := r.header(id)
		switch {
		case errors.Is(err, errNewVersion):
			return &FormatError{File: segName(id)}
		case errors.Is(err, errNoBlock):
			continue
		case err != nil:
			return fmt.Errorf("reading the newest header: %w", err)
		case bl.identity != identity && (r.op != opView || identity != ""):
			foreign = &IdentityError{Want: identity, Found: bl.identity}
			continue
		}
		r.last, r.rows = bl, bl.rows
		break
	}
	if r.last == nil {
		if foreign != nil {
			return foreign
		}
		var names []string
		for _, id := range ids {
			names = append(names, segName(id))
		}
		return &RuinError{Files: names}
	}
	for _, id := range ids {
		if id < r.last.self.id && r.row(id) < 0 {
			r.strays = append(r.strays, id)
		}
	}
	r.last.self.fence = r.sizes[r.last.self.id]
	r.writer = r.last.writer
	return nil
}

func (r *recovery) row(id uint64) int {
	return slices.IndexFunc(r.rows, func(s segment) bool { return s.id == id })
}

// header reads a segment's header and believes it only if it names its own file.
func (r *recovery) header(id uint64) (*block, error) {
	var bl *block
	err := r.with(id, func(w *window) (err error) {
		w.step = headerAhead
		bl, err = readBlock(w)
		return err
	})
	if err == nil && bl.self.id != id {
		return nil, errNoBlock
	}
	return bl, err
}

func (r *recovery) with(id uint64, f func(*window) error) error {
	file, err := r.fs.OpenRead(r.op, segName(id))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	w, err := newWindow(file, r.op)
	if err != nil {
		return err
	}
	return f(w)
}

// snapshot finds the newest state that may be believed: one whose every
// predecessor is durable. On the way it learns the watermark.
func (r *recovery) snapshot() (*block, error) {
	r.sure, r.sureOrds = r.last.sure, r.last.sureOrds
	for i := len(r.rows); i >= 0; i-- {
		s, h := &r.last.self, r.last
		if i < len(r.rows) {
			s, h = &r.rows[i], nil
		}
		var found *block
		err := r.with(s.id, func(w *window) error {
			found = r.probe(w, s)
			if found == nil && h == nil {
				if b, err := readBlock(w); err == nil && b.self.id == s.id {
					h = b
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, disk.ErrNotExist) {
			return nil, err
		}
		if found != nil {
			return found, nil
		}
		if h != nil && !r.sure.less(h.asOf) {
			return h, r.surveyFrom(h.asOf)
		}
	}
	// Only damage leads here: the newest header's word is the best there is.
	return r.last, nil
}

// probe looks for checkpoints from the top down and surveys from each on, ever
// farther apart, until one is found to be below the watermark.
func (r *recovery) probe(w *window, s *segment) *block {
	open, limit := s == &r.last.self, min(s.fence, w.size)
	step, top := r.last.step, int64(0)
	stride := step
	for b := (limit - 1) / step * step; b > s.start; {
		bl := readMark(w, s, b, limit)
		if bl == nil {
			b -= step
			continue
		}
		top = max(top, b)
		r.survey(w, s, b, limit, top, open)
		if !r.sure.less(place{s.id, b}) {
			return bl
		}
		b -= stride
		stride *= 2
	}
	r.survey(w, s, s.start, limit, top, open)
	return nil
}

func (r *recovery) survey(w *window, s *segment, from, limit, top int64, open bool) {
	sv := surveyFrames(w, s, from, limit, top, open)
	r.surveys[s.id] = &sv
	for _, m := range sv.marks {
		if r.sure.less(m.sure) {
			r.sure, r.sureOrds = m.sure, s.base
			for _, l := range m.ords {
				r.sureOrds[l.lane] = l.next
			}
		}
	}
}

// surveyFrom reads what a state that begins in an earlier segment does not hold.
func (r *recovery) surveyFrom(from place) error {
	for i := range r.rows {
		s := &r.rows[i]
		if s.id < from.seg || r.surveys[s.id] != nil {
			continue
		}
		at, limit := s.start, s.fence
		if s.id == from.seg {
			at = from.off
		}
		if s.copied && s.id < r.sure.seg {
			limit = s.sure // what lies behind stands further on, and is durable there
		}
		if at >= limit {
			continue
		}
		err := r.with(s.id, func(w *window) error {
			r.survey(w, s, at, min(limit, w.size), 0, false)
			return nil
		})
		if err != nil && !errors.Is(err, disk.ErrNotExist) {
			return err
		}
	}
	return nil
}

// segments are all that count, in the order of the log.
func (r *recovery) segments() []*segment {
	var all []*segment
	for i := range r.rows {
		all = append(all, &r.rows[i])
	}
	return append(all, &r.last.self)
}
