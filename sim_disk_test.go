package aliiot

import (
	"github.com/aliiot/aliiot/internal/disk"
)

// blackBox keeps the audit log on a disk that nothing befalls: the product promises
// nothing of the log on a failing disk, and the oracle must know every end.
type blackBox struct {
	disk.FS
	log disk.FS
}

func (r *rig) withBlackBox(fs disk.FS) disk.FS {
	if r.blackBox == nil {
		return fs
	}
	return blackBox{fs, r.blackBox.FS()}
}

// auditFS is where the audit log is.
func (r *rig) auditFS() disk.FS {
	if r.blackBox == nil {
		return r.disk.FS()
	}
	return r.blackBox.FS()
}

func (b blackBox) of(op disk.Op) disk.FS {
	if op == "audit" {
		return b.log
	}
	return b.FS
}

func (b blackBox) Create(op disk.Op, name string) (disk.File, error) {
	return b.of(op).Create(op, name)
}
func (b blackBox) Open(op disk.Op, name string) (disk.File, error) { return b.of(op).Open(op, name) }
func (b blackBox) OpenRead(op disk.Op, name string) (disk.File, error) {
	return b.of(op).OpenRead(op, name)
}
func (b blackBox) Rename(op disk.Op, from, to string) error { return b.of(op).Rename(op, from, to) }
func (b blackBox) Remove(op disk.Op, name string) error     { return b.of(op).Remove(op, name) }
func (b blackBox) List(op disk.Op) ([]disk.Entry, error)    { return b.of(op).List(op) }
func (b blackBox) SyncDir(op disk.Op) error                 { return b.of(op).SyncDir(op) }
