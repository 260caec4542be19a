package aliiot

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliiot/aliiot/bench/oracle"
)

// TestFault_kill_loop kills a process soon after each of its starts, as a watchdog
// that loses its patience does. Nothing piles up in the folder, the platform sees five
// connects a minute at most, and all that was kept is delivered when the loop is over.
func TestFault_kill_loop(t *testing.T) {
	starts := 12
	if long() {
		starts = 50
	}
	k := newKillRun(t, 1)
	files := make([]int, starts)
	for n := range starts {
		k.live(n, death{kind: "loop", word: wordOpen, after: 250 * time.Millisecond, patience: time.Minute,
			order: killOrder{Limited: true, Pause: 300 * time.Millisecond}})
		entries, err := os.ReadDir(k.dir)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = len(entries)
	}
	t.Logf("files after each death: %v", files)
	if slices.Max(files) > 12 { // four records, the audit log, spares, and segments on their way out
		t.Errorf("files pile up")
	}
	manners := k.scenario(1)
	manners.Limits = oracle.Limits{} // the platform's
	for _, v := range (oracle.Recording{Scenario: manners, Calls: k.calls, Events: k.events(), Snapshots: k.snapshots}).Check() {
		t.Error(v)
	}
	if n := k.cloud.Stats().Connects; n == 0 {
		t.Error("it never connected")
	}
	k.finish() // without the limits, which the oracle has judged
	for _, v := range oracle.Check(k.calls, k.events(), k.snapshots, nil, k.scenario(1)) {
		t.Error(v)
	}
	k.tell(starts, 2*starts)
}

// When all has been delivered, the segments of earlier lives go, also where nothing
// happens any more that could remind the device of them.
func TestAnIdleDeviceFreesWhatIsSettled(t *testing.T) {
	for starts := 1; starts < 6; starts++ {
		inBubble(t, func(r *rig) {
			for range starts {
				r.open()
				r.reports(5)
				r.kill()
			}
			r.online()
			r.drain(time.Hour)
			time.Sleep(time.Minute)
			list, err := r.disk.FS().List("test")
			if err != nil {
				t.Fatal(err)
			}
			segments := 0
			for _, e := range list {
				if strings.HasSuffix(e.Name, ".seg") {
					segments++
				}
			}
			if segments > 3 { // the one that is written, a spare, and one that was recycled
				t.Errorf("%d segments and spares a minute after the last end of %d lives", segments, starts)
			}
		})
	}
}
