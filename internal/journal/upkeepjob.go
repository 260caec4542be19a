package journal

import (
	"errors"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// upkeepJob frees files and prepares spares. It touches only this.
type upkeepJob struct {
	job     *outbox.Job
	fs      disk.FS
	free    []leaving
	owner   func(id uint64) bool // for strays: is it ours?
	trim    []trim               // files whose rest is given back
	names   []string             // for what becomes a spare
	have    int                  // spares there are
	least   int                  // spares there should be
	partial []spare              // spares to be filled up
	want    int64                // a spare's size

	spares []spare
	filled bool // there was room to fill one
	err    error
}

func (k *upkeepJob) run() {
	changed := false
	for _, l := range k.free {
		if l.stray && !k.owner(l.id) {
			continue
		}
		changed = true
		if k.recycle(segName(l.id)) {
			continue
		}
		if err := k.fs.Remove(opFree, segName(l.id)); err != nil && !errors.Is(err, disk.ErrNotExist) {
			k.err = err
		}
	}
	for _, t := range k.trim {
		t.run(k.fs)
	}
	for _, s := range k.partial {
		k.fillUp(s)
		changed = true
	}
	for k.have+len(k.spares) < k.least && len(k.names) > 0 && k.err == nil {
		k.fillUp(spare{name: k.takeName()})
		changed = true
	}
	if changed {
		if err := k.fs.SyncDir(opFree); err != nil && k.err == nil {
			k.err = err
		}
	}
}

// trim is a sealed segment of which more than half was never used: openings in a
// row leave such behind.
type trim struct {
	id   uint64
	size int64
}

func (t trim) run(fs disk.FS) {
	f, err := fs.Open(opFree, segName(t.id))
	if err != nil {
		return
	}
	// An error leaves the file as long as it was, and so may a power cut.
	_ = f.Truncate(opFree, t.size)
	_ = f.Close()
}

func (k *upkeepJob) takeName() string {
	name := k.names[0]
	k.names = k.names[1:]
	return name
}

func (k *upkeepJob) fillUp(s spare) {
	s, err := fill(k.fs, s.name, s.size, k.want)
	if err != nil {
		k.err = err
		return
	}
	k.spares, k.filled = append(k.spares, s), true
}

// recycle makes a spare of a segment whose blocks are all written.
func (k *upkeepJob) recycle(name string) bool {
	if len(k.names) == 0 || k.have+len(k.spares) >= k.least+recycled {
		return false
	}
	f, err := k.fs.OpenRead(opFree, name)
	if err != nil {
		return false
	}
	size, err := f.Size(opFree)
	_ = f.Close()
	if err != nil || size < k.want || size > 2*k.want {
		return false
	}
	to := k.takeName()
	if k.fs.Rename(opFree, name, to) != nil {
		return false
	}
	k.spares = append(k.spares, spare{to, size})
	return true
}

// fill makes a file whose blocks have been written once, so that later syncs
// need not change the file system's own records. A file that cannot be filled is
// taken away again.
func fill(fs disk.FS, name string, from, to int64) (spare, error) {
	open := fs.Create
	if from > 0 {
		open = fs.Open
	}
	f, err := open(opFill, name)
	if err != nil {
		return spare{}, err
	}
	zeros := make([]byte, min(to, 256<<10))
	for off := from; off < to && err == nil; off += int64(len(zeros)) {
		if _, err = f.WriteAt(opFill, zeros[:min(int64(len(zeros)), to-off)], off); err == nil {
			err = f.Sync(opFill) // in steps: the device's queue stays short for others
		}
	}
	err = disk.Join(err, f.Close())
	if err != nil {
		return spare{}, disk.Join(err, fs.Remove(opFill, name))
	}
	return spare{name, to}, nil
}

// ours says whether a stray file is a segment of this journal, or a spare of it
// that lost its header on the way to becoming one. Anything else is kept.
func ours(fs disk.FS, id uint64, identity string, epoch uint64) bool {
	f, err := fs.OpenRead(opFree, segName(id))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	w, err := newWindow(f, opFree)
	if err != nil {
		return false
	}
	bl, err := readBlock(w)
	if err == nil {
		return bl.identity == identity && bl.epoch == epoch
	}
	if !errors.Is(err, errNoBlock) {
		return false
	}
	p, err := w.view(0, pageSize)
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return err == nil
}
