package journal

import (
	"errors"
	"fmt"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Close implements outbox.Store. What is held is written, all is synced, and the
// watermark is named last, so that the next opening has nothing to recover. Jobs
// that are under way must have ended.
func (j *Journal) Close() error {
	if j.closed {
		return nil
	}
	var errs []error
	if s := j.syncing; s != nil {
		<-s.job.Ended()
		if res := j.synced(); res.Err != nil {
			errs = append(errs, res.Err)
		}
	}
	j.backoff.well() // there is no later any more: a disk that is well again must be tried now
	for job := j.Sync(); job != nil; job = j.runningSync() {
		job.Run()
		if res := j.synced(); res.Err != nil {
			errs = append(errs, res.Err)
		}
	}
	if k := j.keep.job; k != nil {
		<-k.job.Ended()
		j.kept()
	}
	if len(j.held) > 0 || len(j.tail) > 0 {
		errs = append(errs, fmt.Errorf("%d ends are not on the disk: %w", len(j.held), disk.Join(j.broken, errHeld)))
	}
	if j.active != nil {
		if len(errs) == 0 {
			j.mark()
			errs = append(errs, j.active.f.Sync(opSync))
		}
		errs = append(errs, j.active.f.Close())
	}
	for _, a := range j.behind {
		errs = append(errs, a.f.Close())
	}
	j.reader.forget()
	j.closed = true
	if err := disk.Join(errs...); err != nil {
		return fmt.Errorf("closing the journal: %w", typed(err))
	}
	return nil
}

var errHeld = errors.New("the disk took no more")

var _ outbox.Store = (*Journal)(nil)
