package disk

import (
	"strings"
	"testing"
)

// Lines as proc_pid_mountinfo(5) describes them, cut short.
const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
36 22 0:33 / /data rw shared:2 - overlay overlay rw,lowerdir=/rom,upperdir=/overlay/up\040per,workdir=/overlay/work
37 22 0:34 / /data/plain rw - tmpfs tmpfs rw
38 22 0:35 / /fast rw - overlay overlay rw,lowerdir=/rom,upperdir=/u,workdir=/w,volatile
39 22 0:36 / /lower rw - ext4 /dev/sda rw
40 22 0:37 / /lower rw - overlay overlay rw,lowerdir=/rom,upperdir=/top
broken line
`

func TestTheUpperOfAnOverlay(t *testing.T) {
	for _, c := range []struct {
		dir, upper string
		volatile   bool
	}{
		{dir: "/data", upper: "/overlay/up per"},
		{dir: "/data/tracker", upper: "/overlay/up per"},
		{dir: "/data/plain/x"},
		{dir: "/database"},
		{dir: "/fast/x", upper: "/u", volatile: true},
		{dir: "/lower", upper: "/top"},
		{dir: "/etc"},
	} {
		upper, volatile := overlayOf(strings.NewReader(mountinfo), c.dir)
		if upper != c.upper || volatile != c.volatile {
			t.Errorf("%s: upper %q, volatile %v; want %q, %v", c.dir, upper, volatile, c.upper, c.volatile)
		}
	}
}
