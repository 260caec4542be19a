package aliiot

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/journal"
)

// contents says what the platform saw under each id, accepted or not.
func (c *cloud) contents() map[string]map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[string]map[string]bool{}
	for _, e := range c.events {
		if e.What != oracle.Accepted && e.What != oracle.Declined {
			continue
		}
		if seen[e.ID] == nil {
			seen[e.ID] = map[string]bool{}
		}
		seen[e.ID][e.Hash] = true
	}
	return seen
}

// ambiguous are the ids that stood for more than one content.
func (c *cloud) ambiguous() (ids []string) {
	for id, contents := range c.contents() {
		if len(contents) > 1 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// A folder that was copied to another device is refused there, by an error that
// names both, and stays as it is.
func TestFault_folder_copied_to_another_device(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.online()
		r.reports(5)
		r.drain(time.Minute)
		r.reports(1)
		r.close()
		before := r.disk.Files()
		r.cfg.Identity = DeviceSecret{ProductKey: testPK, DeviceName: "device02", Secret: testSecret}
		_, err := r.tryOpen()
		var foreign *journal.IdentityError
		if !errors.As(err, &foreign) || foreign.Found != testPK+"/"+testDN || foreign.Want != testPK+"/device02" {
			t.Errorf("another device's folder: %v", err)
		}
		for name, data := range r.disk.Files() {
			if string(before[name]) != string(data) {
				t.Errorf("%s was changed by the device that it does not belong to", name)
			}
		}
		if n := len(r.disk.Files()); n != len(before) {
			t.Errorf("%d files, %d before", n, len(before))
		}
	})
}

// restored lives through a backup that comes back: the device reports, its folder is
// copied with reports waiting in it, it reports on, and then the copy takes the
// folder's place. It returns the reports that waited in the copy.
func restored(r *rig, jump uint64) {
	r.t.Helper()
	r.online()
	r.reports(10)
	r.drain(time.Minute)
	if err := r.dev.Disconnect(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.reports(3)
	r.close()
	backup := r.disk.Clone()

	r.online()
	r.reports(20)
	r.drain(time.Minute)
	r.close()

	r.disk = backup
	if jump > 0 {
		err := journal.Operate(r.disk.FS(), journal.Options{Rand: r.clock.Clock().Rand}, func(j *journal.Journal) error {
			_, _, err := j.Jump(jump)
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.disk.Crash(disktest.Garbage, 1) // what the command has said yes to is on the disk
	}
	r.online()
	r.reports(20)
	r.drain(time.Minute)
	if l := r.ledger(); l.Accepted != 33 || l.Confirmed != 33 {
		r.t.Errorf("the ledger of the restored folder: %+v", l.Counts)
	}
}

// A device that is restored from a backup would use its numbers again. After the
// operator's jump it does not, and what waited in the backup keeps its number: that
// is one report, sent twice.
func TestFault_folder_copied_restored_from_a_backup(t *testing.T) {
	inBubble(t, func(r *rig) {
		restored(r, 1<<24)
		if ids := r.cloud.ambiguous(); len(ids) > 0 {
			t.Errorf("ids with two contents: %v", ids)
		}
		if n := len(r.cloud.contents()); n != 53 {
			t.Errorf("%d ids, want 53: %v", n, slices.Sorted(maps.Keys(r.cloud.contents())))
		}
		r.wantNothingLost()
		r.cloud.wantSteady(t)
		for key := range r.kept {
			if n := r.cloud.count(key); n > 2 {
				t.Errorf("%s came %d times", key, n)
			}
		}
	})
}

// Without the jump the danger is real: this is what the test above would see.
func TestFault_folder_copied_restored_without_a_jump(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.excused = []string{"O2", "O10"} // that is what the jump is for
		restored(r, 0)
		if ids := r.cloud.ambiguous(); len(ids) != 20 {
			t.Errorf("%d ids with two contents, want 20: %v", len(ids), ids)
		}
	})
}
