package journal

import (
	"errors"
	"io"

	"github.com/aliiot/aliiot/internal/disk"
)

const (
	readAhead   = 64 << 10 // of frames
	headerAhead = 8 << 10  // of a header
)

// window reads a file in steps. A view is good until the next one.
type window struct {
	f    disk.File
	op   disk.Op
	size int64
	step int // how much is read at a time
	buf  []byte
	at   int64
	n    int
	// bad are the pages that gave an error: the medium takes seconds over each, so
	// it is asked again only after hope.
	bad map[int64]bool
}

var errBadPage = errors.New("a part of it could not be read just now")

// hope has what could not be read tried again.
func (w *window) hope() { w.bad = nil }

func newWindow(f disk.File, op disk.Op) (*window, error) {
	size, err := f.Size(op)
	return &window{f: f, op: op, size: size, step: readAhead}, err
}

// clip ends the window at limit or at the file's end: what lies behind the end of
// a log that grows must not be read ahead, it would be stale when it is needed.
func (w *window) clip(limit int64) error {
	if limit > w.size {
		size, err := w.f.Size(w.op)
		if err != nil {
			return err
		}
		w.size = size
	}
	w.size = min(w.size, limit)
	return nil
}

// view returns n bytes at off, or fewer at the file's end. A read that fails in
// them is tried once more, alone; one that fails behind them is none of theirs.
func (w *window) view(off int64, n int) ([]byte, error) {
	if off < 0 || off >= w.size {
		return nil, nil
	}
	n = int(min(int64(n), w.size-off))
	if off >= w.at && off+int64(n) <= w.at+int64(w.n) {
		return w.buf[off-w.at:][:n], nil
	}
	if w.bad[off/pageSize] || w.bad[(off+int64(n)-1)/pageSize] {
		return nil, errBadPage
	}
	want := int(min(max(int64(n), int64(w.step)), w.size-off))
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.n = 0
	got, err := w.f.ReadAt(w.op, w.buf[:want], off)
	if err != nil && !errors.Is(err, io.EOF) && got < n {
		if got, err = w.f.ReadAt(w.op, w.buf[:n], off); err != nil && !errors.Is(err, io.EOF) {
			if w.bad == nil {
				w.bad = map[int64]bool{}
			}
			w.bad[(off+int64(got))/pageSize] = true
			return nil, err
		}
	}
	w.at, w.n = off, got
	return w.buf[:min(got, n)], nil
}

// peek is view without reading ahead, for a few bytes here and there.
func (w *window) peek(off int64, n int) []byte {
	if off >= w.at && off+int64(n) <= w.at+int64(w.n) {
		return w.buf[off-w.at:][:n]
	}
	p := make([]byte, n)
	got, _ := w.f.ReadAt(w.op, p, off)
	return p[:got]
}

// fault is what is wrong with the bytes at an offset.
type fault int

const (
	faultNone       fault = iota
	faultEnd              // nothing can begin here any more
	faultHeader           // no frame
	faultBody             // a good header before a payload that is not
	faultUnreadable       // the disk did not give the bytes
)

// frame reads the frame at off. The bytes are header and payload.
func (w *window) frame(s *segment, off, limit int64) (head, []byte, fault) {
	if off+frameHeader > limit {
		return head{}, nil, faultEnd
	}
	p, err := w.view(off, frameHeader)
	if err != nil {
		return head{}, nil, faultUnreadable
	}
	h, ok := parseHead(p, s.seed, off)
	if !ok || off+int64(frameSize(int(h.size))) > limit {
		return head{}, nil, faultHeader
	}
	p, err = w.view(off, frameHeader+int(h.size))
	switch {
	case err != nil:
		return h, nil, faultUnreadable
	case len(p) < frameHeader+int(h.size) || !checkBody(p, h):
		return h, nil, faultBody
	}
	return h, p, faultNone
}

// resync looks for the next whole frame at or above off, and says whether a part
// on the way could not be read.
func (w *window) resync(s *segment, off, limit int64) (at int64, unreadable bool) {
	for off+frameHeader <= limit {
		p, err := w.view(off, frameHeader)
		if err != nil {
			unreadable = true
			off = (off/pageSize + 1) * pageSize
			continue
		}
		if len(p) == frameHeader && p[0] == frameMagic {
			_, _, f := w.frame(s, off, limit)
			if f == faultNone {
				return off, unreadable
			}
			unreadable = unreadable || f == faultUnreadable
		}
		off += frameAlign
	}
	return limit, unreadable
}

// readBlock reads the header of a segment, either copy of it.
func readBlock(w *window) (*block, error) {
	var broken error
	for i := range int64(17) {
		p, err := w.view(i*pageSize, pageSize)
		if err != nil {
			broken = err
			continue
		}
		n, err := blockLength(p)
		if errors.Is(err, errNewVersion) {
			return nil, err
		}
		if err != nil {
			continue
		}
		if p, err = w.view(i*pageSize, n); err != nil {
			broken = err
			continue
		}
		if bl, err := decodeBlock(p); err == nil && (i == 0 || bl.self.start == 2*i*pageSize) {
			return bl, nil
		}
	}
	if broken != nil {
		return nil, broken
	}
	return nil, errNoBlock
}

// readMark reads the checkpoint at off, or returns nil.
func readMark(w *window, s *segment, off, limit int64) *block {
	if h, ok := parseHead(w.peek(off, frameHeader), s.seed, off); !ok || h.kind != kindCheckpoint {
		return nil
	}
	h, p, f := w.frame(s, off, limit)
	if f != faultNone || h.kind != kindCheckpoint {
		return nil
	}
	bl, err := decodeBlock(p[frameHeader:])
	if err != nil || bl.self.id != s.id || bl.asOf != (place{s.id, off}) {
		return nil
	}
	return bl
}
