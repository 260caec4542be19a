package journal

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Options are what Open needs to know. The zero value of a field means its
// default.
type Options struct {
	// SegmentBytes is where a segment ends: 4 MiB, at least 64 KiB. A single
	// write that is larger makes its segment larger.
	SegmentBytes int64
	// MaxUnsynced bounds the bytes that wait for a sync: 4 MiB.
	MaxUnsynced int64
	// Spares is how many empty segments are kept ready, blocks written: 1. They
	// are the ballast that lets a full disk record ends.
	Spares int
	// Rand gives 64 random bits for salts and epochs. Required.
	Rand func() uint64
	// Identity names the device; a folder with another's name is refused. At
	// most MaxIdentity bytes.
	Identity string
	// Log hears of damage, of degraded times and of their end. Nil: nobody does.
	Log *slog.Logger
}

// Bounds and defaults of Options.
const (
	MinSegmentBytes     = 64 << 10
	MaxSegmentBytes     = 1 << 30
	DefaultSegmentBytes = 4 << 20
	DefaultMaxUnsynced  = 4 << 20
	MaxIdentity         = 255
)

func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.MaxUnsynced == 0 {
		o.MaxUnsynced = DefaultMaxUnsynced
	}
	if o.Spares == 0 {
		o.Spares = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.SegmentBytes < MinSegmentBytes || o.SegmentBytes > MaxSegmentBytes:
		return o, fmt.Errorf("journal: SegmentBytes %d: want %d to %d", o.SegmentBytes, MinSegmentBytes, MaxSegmentBytes)
	case o.MaxUnsynced < 0 || o.Spares < 0:
		return o, fmt.Errorf("journal: MaxUnsynced %d, Spares %d: must not be negative", o.MaxUnsynced, o.Spares)
	case o.Rand == nil:
		return o, fmt.Errorf("journal: Rand is required")
	case len(o.Identity) > MaxIdentity:
		return o, fmt.Errorf("journal: Identity of %d bytes: at most %d", len(o.Identity), MaxIdentity)
	}
	o.SegmentBytes = roundUp(o.SegmentBytes, pageSize)
	return o, nil
}

func (o *Options) step() int64 { return min(max(o.SegmentBytes/32, minStep), maxStep) }

// Journal is an outbox.Store on a disk. Like every Store it has one owner at a
// time; only its jobs run elsewhere, and they touch nothing of it.
type Journal struct {
	fs  disk.FS
	o   Options
	log *slog.Logger

	epoch, writer uint64
	closed        bool
	lost          uint64 // reports that this opening missed

	// now is the state with all that was appended and settled; durable is the
	// state at the watermark, and follows it frame by frame.
	now, durable *ledger
	// sure is the watermark: all that counts before it is on the medium.
	sure place

	rows   []segment // sealed segments that still count, in order
	active *active   // nil while there is nowhere to write
	behind []*active // sealed ones whose last bytes no sync has covered
	tail   []*chunk  // what was written behind the watermark, oldest first
	loose  int64     // its bytes
	held   []note    // notes that are not written yet
	names  int       // counts changes of names; named of them are durable
	named  int

	syncing *syncJob // the sync that has been handed out
	stage   stage    // how far a failed sync has been dealt with
	broken  error    // why there is nowhere to write
	backoff backoff  // between attempts to go on after failed syncs

	keep    upkeep
	reader  reader
	unread  [outbox.MaxLanes]map[uint64]struct{} // pending, not readable when last tried
	nextID  uint64
	buffers [][]byte
}

// chunk is one write behind the watermark: what a failed sync leaves in doubt is
// written again from here.
type chunk struct {
	seg  segment // where its frames were written
	off  int64
	buf  []byte
	ents int // how many reports it holds
	// inherited: found by this process at its opening, promised by an earlier one.
	// Where it was found still counts until it has been copied.
	inherited bool
	items     []item // of an inherited one, in place of buf
}

// item is a report, a copy or a list of notes.
type item struct {
	kind  frameKind
	entry outbox.Entry
	notes []byte
	at    place
}

// State implements outbox.Store.
func (j *Journal) State() outbox.State {
	s := j.now.state(j.epoch, j.writer)
	s.Lost = j.lost
	return s
}

// Has implements outbox.Store.
func (j *Journal) Has(lane uint8, ord uint64) bool {
	return lane < outbox.MaxLanes && j.now.pending(key{lane, ord})
}

// Unreadable implements outbox.Store.
func (j *Journal) Unreadable() uint64 {
	n := 0
	for _, m := range j.unread {
		n += len(m)
	}
	return uint64(n)
}

// Dirty implements outbox.Store.
func (j *Journal) Dirty() (entries, settles bool) {
	for _, c := range j.tail {
		entries = entries || c.ents > 0 && !c.inherited
		settles = settles || c.ents == 0 || c.inherited
	}
	return entries, settles || len(j.held) > 0
}

// each hands a chunk's items to f. Their bodies are the chunk's own bytes.
func (c *chunk) each(f func(*item)) {
	for i := range c.items {
		f(&c.items[i])
	}
	var it item
	for off := 0; off < len(c.buf); {
		h := rawHead(c.buf[off:])
		body := c.buf[off+frameHeader : off+frameHeader+int(h.size)]
		var ok bool
		if it, ok = c.seg.item(h, body, c.off+int64(off)); ok {
			f(&it)
		}
		off += frameSize(int(h.size))
	}
}

// replay applies an item to a ledger.
func (l *ledger) replay(it *item) {
	e := &it.entry
	switch it.kind {
	case kindReport:
		l.accept(key{e.Lane, e.Ord}, e.Seq, int64(len(e.Body)))
	case kindCopy:
		l.move(key{e.Lane, e.Ord}, it.at)
	case kindNotes:
		decodeNotes(it.notes, func(n *note) { l.apply(n) })
	}
}

// rebuild makes the present state from the durable one and what is not durable
// yet, after a write that failed half way.
func (j *Journal) rebuild() {
	l := j.durable.clone()
	for _, c := range j.tail {
		c.each(func(it *item) {
			l.gap(it)
			l.replay(it)
		})
	}
	for i := range j.held {
		l.apply(&j.held[i])
	}
	j.now = l
}

func (j *Journal) takeBuffer() []byte {
	if n := len(j.buffers); n > 0 {
		b := j.buffers[n-1]
		j.buffers = j.buffers[:n-1]
		return b[:0]
	}
	return nil
}

// giveBuffer keeps a few buffers of ordinary size for the next writes.
func (j *Journal) giveBuffer(b []byte) {
	if cap(b) > 0 && cap(b) <= 128<<10 && len(j.buffers) < 3 {
		j.buffers = append(j.buffers, b)
	}
}

// block is the segment's header or a checkpoint in it, with the state l that
// holds all before asOf.
func (j *Journal) block(a *active, l *ledger, asOf place) *block {
	return &block{self: a.segment, epoch: j.epoch, writer: j.writer, identity: j.o.Identity, step: a.step,
		asOf: asOf, sure: j.sure, sureOrds: j.durable.ords(), ledger: l, rows: slices.Clone(j.rows)}
}
