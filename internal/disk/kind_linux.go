package disk

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// kinds are the numbers of statfs(2), from linux/magic.h.
var kinds = map[uint32]Kind{
	0xEF53:     Ext4,
	0xF2F52010: F2FS,
	0x24051905: UBIFS,
	0x794C7630: Overlay,
	0x01021994: Tmpfs,
	0x858458F6: Tmpfs, // ramfs
	0x4D44:     FAT,
	0x2011BAB0: ExFAT,
	0x6969:     NFS,
	0x01021997: Remote, // 9p
	0xFF534D42: Remote, // CIFS
	0xFE534D42: Remote, // SMB2
	0x65735546: Remote, // FUSE
}

// Inspect finds out what a folder lies on.
func Inspect(dir string) (Info, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return Info{}, &Error{Op: "inspect", Call: "open", Name: dir, Err: err}
	}
	info := Info{Kind: Other, ReadOnly: st.Flags&unix.ST_RDONLY != 0}
	// The field is 32 or 64 bits wide, signed or not, by architecture.
	if k, known := kinds[uint32(st.Type)]; known {
		info.Kind = k
	}
	if info.Kind != Overlay {
		return info, nil
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return info, nil // the kind stands, the upper stays unknown
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return info, nil
	}
	defer mounts.Close()
	info.Upper, info.SyncsAreLies = overlayOf(mounts, abs)
	if info.Upper != "" && retry(func() error { return unix.Statfs(info.Upper, &st) }) == nil {
		info.UpperKind = Other
		if k, known := kinds[uint32(st.Type)]; known {
			info.UpperKind = k
		}
	}
	return info, nil
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// overlayOf reads the options of the overlay mount that holds dir, from the
// format of proc_pid_mountinfo(5): "… root mountpoint options … - type source
// superoptions". The last mount of the longest mount point is the visible one.
func overlayOf(mountinfo io.Reader, dir string) (upper string, volatile bool) {
	longest := -1
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20) // a container's list of lower folders is long
	for lines.Scan() {
		front, back, found := strings.Cut(lines.Text(), " - ")
		fields, rest := strings.Fields(front), strings.Fields(back)
		if !found || len(fields) < 5 || len(rest) < 3 {
			continue
		}
		point := unescape(fields[4])
		if len(point) < longest || !within(dir, point) {
			continue
		}
		longest, upper, volatile = len(point), "", false
		if rest[0] != "overlay" {
			continue
		}
		for _, o := range strings.Split(rest[2], ",") {
			if v, is := strings.CutPrefix(o, "upperdir="); is {
				upper = unescape(v)
			}
			volatile = volatile || o == "volatile"
		}
	}
	return upper, volatile
}

func within(dir, point string) bool {
	return dir == point || point == "/" || strings.HasPrefix(dir, point+"/")
}

// unescape undoes the octal escapes of mountinfo: blank, tab, newline, backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
