package disk

// Kind is the sort of file system that a folder lies on.
type Kind string

// The file systems that make a difference to a journal.
const (
	Ext4    Kind = "ext4" // and ext2, ext3, which share its number
	F2FS    Kind = "f2fs"
	UBIFS   Kind = "ubifs"
	Overlay Kind = "overlay"
	Tmpfs   Kind = "tmpfs"
	FAT     Kind = "fat"
	ExFAT   Kind = "exfat"
	NFS     Kind = "nfs"
	Remote  Kind = "remote" // 9p, SMB, FUSE
	Other   Kind = "other"
)

// Info is what Inspect found.
type Info struct {
	Kind Kind
	// Upper is the folder that an overlay writes to, UpperKind what it lies on.
	// Upper is "" where it cannot be seen, as inside most containers.
	Upper     string
	UpperKind Kind
	// SyncsAreLies: the mount turns every sync into nothing (overlay's option
	// "volatile").
	SyncsAreLies bool
	// ReadOnly is the mount's flag. A probe is the better question.
	ReadOnly bool
}

// Volatile says that all is gone after a reboot. Open refuses unless told.
func (i Info) Volatile() bool {
	return i.Kind == Tmpfs || i.Kind == Overlay && (i.UpperKind == Tmpfs || i.SyncsAreLies)
}

// Weak says that a rename is not atomic and a synced file may come back empty.
// Open refuses unless told.
func (i Info) Weak() bool { return i.Kind == FAT || i.Kind == ExFAT }

// Unsure says that the promises of a sync or of a lock depend on somebody else:
// worth a warning.
func (i Info) Unsure() bool {
	return i.Kind == NFS || i.Kind == Remote || i.Kind == Overlay
}
