package aliiot

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func t0() context.Context { return context.Background() }

func TestFault_report_bad_value(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"] = cycle
	inBubble(t, func(r *rig) {
		r.open()
		for name, it := range map[string]Item{
			"NaN": Properties{"a": math.NaN()}, "deep Inf": Properties{"a": map[string]any{"b": []float64{math.Inf(1)}}},
			"bad UTF-8": Properties{"a": "\xff"}, "cycle": Properties(cycle), "channel": Properties{"a": make(chan int)},
			"empty": Properties{}, "nil item": nil, "nil map": Properties(nil), "reserved name": Properties{"time": 1},
			"bad name": Properties{"a b": 1}, "too large": Properties{"a": strings.Repeat("x", 300<<10)},
			"event without a name": Event{}, "event set": Event{ID: "set"}, "event of a number": Event{ID: "e", Output: 3},
		} {
			_, err := r.dev.Report(t0(), it)
			if err == nil {
				t.Errorf("%s: taken", name)
				continue
			}
			var (
				value *ValueError
				av    *alink.ValueError
				an    *alink.NameError
				large *TooLargeError
				form  *alink.EnvelopeError
			)
			if !errors.As(err, &form) && !errors.As(err, &value) && !errors.As(err, &av) && !errors.As(err, &an) && !errors.As(err, &large) {
				t.Errorf("%s: the error has no type: %v", name, err)
			}
		}
		for name, o := range map[string]Option{"no such lane": InLane("nowhere"), "no TTL": TTL(0), "no time": At(time.Time{})} {
			if _, err := r.dev.Report(t0(), Properties{"a": 1}, o); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		if l := r.ledger(); l.Accepted != 0 {
			t.Errorf("something was stored: %+v", l.Counts)
		}
	})
}

func TestFault_report_burst(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.cfg.Lanes = []Lane{
			{Name: "default", Budget: 100 << 10, Policy: EvictOldest},
			{Name: "full", Budget: 20 << 10, Policy: RefuseNew},
		}
		r.cfg.Audit = false
		r.syncTakes = time.Millisecond
		r.open()
		var wg sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		syncs := r.disk.Fault(disktest.Fault{Kind: disktest.Sync, Times: disktest.Always}) // counts, and breaks nothing
		all := 10_000
		if os.Getenv("ALIIOT_LONG") != "" {
			all = 100_000
		}
		for range 64 {
			wg.Go(func() {
				for i := range all / 64 {
					lane := "default"
					if i%4 == 0 {
						lane = "full"
					}
					_, err := r.dev.Report(t0(), Properties{"n": i, "text": "a report of some size"}, InLane(lane))
					switch {
					case err == nil:
					case errors.Is(err, ErrFull) && lane == "full":
						mu.Lock()
						refused++
						mu.Unlock()
					default:
						t.Errorf("in lane %s: %v", lane, err)
					}
				}
			})
		}
		wg.Wait()
		l := r.ledger()
		if got := l.Accepted + uint64(refused); got != uint64(all/64*64) {
			t.Errorf("%d accepted and %d refused of %d", l.Accepted, refused, all/64*64)
		}
		if d := l.Lanes["default"]; d.PendingBytes > 100<<10 || d.EvictedBy.Budget == 0 {
			t.Errorf("the budget of the lane: %+v", d)
		}
		if f := l.Lanes["full"]; f.PendingBytes > 20<<10 || f.Evicted != 0 {
			t.Errorf("the lane that refuses: %+v", f)
		}
		if n := syncs.Hits(); n > all/8 {
			t.Errorf("%d syncs for %d reports of 64 callers: no group commit", n, all)
		}
	})
}

func TestLatestOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		for i := range 20 {
			for _, name := range []string{"speed", "battery"} {
				if _, err := r.dev.Report(t0(), Properties{name: i}, InLane("latest")); err != nil {
					t.Fatal(err)
				}
			}
		}
		l := r.ledger()
		if l.Pending != 2 || l.EvictedBy.Newer != 38 {
			t.Errorf("the ledger: %+v", l.Counts)
		}
		r.kill()
		r.open()
		if _, err := r.dev.Report(t0(), Properties{"speed": 99}, InLane("latest")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if l := r.ledger(); l.Pending != 2 || l.EvictedBy.Newer != 39 {
			t.Errorf("after a restart: %+v", l.Counts)
		}
	})
}

func TestAlarmsComeFirstAndInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		r.reports(500)
		for range 10 {
			r.report(Alarm)
		}
		r.dev.Connect()
		r.wantWhole(time.Hour)
		r.cloud.mu.Lock()
		defer r.cloud.mu.Unlock()
		last, at := "", 0
		for i, key := range r.cloud.order {
			if r.kept[key].Lane() != "alarm" {
				continue
			}
			if len(key) < len(last) || len(key) == len(last) && key < last {
				t.Errorf("%s came after %s", key, last)
			}
			last, at = key, i
		}
		if at > 100 {
			t.Errorf("the last of ten alarms was number %d to arrive", at)
		}
	})
}

func TestBadConfigurations(t *testing.T) {
	good := Config{Identity: DeviceSecret{ProductKey: testPK, DeviceName: testDN, Secret: testSecret}, Server: "mqtt://localhost", Dir: t.TempDir()}
	for name, change := range map[string]func(*Config){
		"no identity":    func(c *Config) { c.Identity = nil },
		"no secret":      func(c *Config) { c.Identity = DeviceSecret{ProductKey: testPK, DeviceName: testDN} },
		"bad name":       func(c *Config) { c.Identity = DeviceSecret{ProductKey: testPK, DeviceName: "a/b", Secret: "s"} },
		"no server":      func(c *Config) { c.Server = "" },
		"scheme":         func(c *Config) { c.Server = "http://x" },
		"path":           func(c *Config) { c.Server = "mqtt://x/y" },
		"port":           func(c *Config) { c.Server = "mqtt://x:65536" },
		"port zero":      func(c *Config) { c.Server = "mqtt://x:0" },
		"second server":  func(c *Config) { c.MoreServers = []string{"ftp://x"} },
		"small payload":  func(c *Config) { l := PlatformLimits(); l.Payload = 4096; c.Limits = &l },
		"negative rate":  func(c *Config) { l := PlatformLimits(); l.RateQoS0 = -1; c.Limits = &l },
		"no folder":      func(c *Config) { c.Dir = "" },
		"keepalive":      func(c *Config) { c.KeepAlive = time.Second },
		"no lanes":       func(c *Config) { c.Lanes = []Lane{} },
		"lane twice":     func(c *Config) { c.Lanes = append(DefaultLanes(), DefaultLanes()...) },
		"lane of nobody": func(c *Config) { c.Lanes = []Lane{{Name: "x", Budget: 1, Policy: RefuseNew}} },
		"policy":         func(c *Config) { c.Lanes = []Lane{{Name: "default", Budget: 1, Policy: "none"}} },
	} {
		c := good
		c.AllowVolatile = true
		change(&c)
		_, err := Open(t0(), c)
		var conf *ConfigError
		if !errors.As(err, &conf) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), string(testSecret)) {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}

func TestServerURL(t *testing.T) {
	for in, want := range map[string]string{
		"iot-as-mqtt.cn-shanghai.aliyuncs.com":               "mqtts://" + testPK + ".iot-as-mqtt.cn-shanghai.aliyuncs.com:1883",
		testPK + ".iot-as-mqtt.cn-shanghai.aliyuncs.com:443": "mqtts://" + testPK + ".iot-as-mqtt.cn-shanghai.aliyuncs.com:443",
		"iot-060a70tq.mqtt.iothub.aliyuncs.com":              "mqtts://iot-060a70tq.mqtt.iothub.aliyuncs.com:1883",
		"mqtt://127.0.0.1:1883":                              "mqtt://127.0.0.1:1883",
		"mqtts://broker.example":                             "mqtts://broker.example:1883",
	} {
		if got, err := serverURL(in, testPK); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
}

// TestFault_backlog_million counts what a backlog costs instead of timing it: memory
// and opening do not grow with it. A million with ALIIOT_LONG; else enough to see.
func TestFault_backlog_million(t *testing.T) {
	small, large := uint64(5_000), uint64(40_000)
	if os.Getenv("ALIIOT_LONG") != "" {
		small, large = 100_000, 1_000_000
	}
	opened := map[uint64]disktest.Stats{}
	held := map[uint64]uint64{}
	for _, n := range []uint64{small, large} {
		inBubble(t, func(r *rig) {
			r.cfg.Lanes = []Lane{{Name: "default", Budget: 1 << 30, Policy: RefuseNew}}
			r.cfg.Audit, r.excused = false, []string{"O2", "O4", "O5"} // nobody writes down a million
			r.syncTakes = time.Millisecond
			r.open()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					for range n / 100 {
						if _, err := r.dev.Report(t0(), Properties{"n": 1}); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			r.kill()
			r.syncTakes = 0
			r.disk.ResetStats()
			before := heapInUse() // the disk with it
			r.open()
			opened[n] = r.disk.Stats()
			if l := r.ledger(); l.Pending != n {
				t.Errorf("%d reported, after opening %+v", n, l.Counts)
			}
			r.dev.Connect()
			r.waitOnline()
			time.Sleep(time.Minute)
			held[n] = max(heapInUse(), before) - before
			if l := r.ledger(); l.Confirmed < 20*50 || l.Confirmed > 30*61 {
				t.Errorf("in a minute of the platform's quota: %+v", l.Counts)
			}
		})
	}
	a, b := opened[small], opened[large]
	segments := int64(large-small)*80>>22 + 2 // of 4 MiB
	if more := b.Reads - a.Reads; more > 20+4*segments {
		t.Errorf("opening reads %d times for %d reports, %d times for %d", a.Reads, small, b.Reads, large)
	}
	if more := b.ReadBytes - a.ReadBytes; more > 1<<20+segments*64<<10 {
		t.Errorf("opening reads %d bytes for %d reports, %d for %d", a.ReadBytes, small, b.ReadBytes, large)
	}
	if held[large] > held[small]+2<<20 {
		t.Errorf("what waits takes %d bytes of memory for %d reports, %d for %d", held[small], small, held[large], large)
	}
	t.Logf("opening: %d and %d reads, %d and %d bytes; heap %d and %d", a.Reads, b.Reads, a.ReadBytes, b.ReadBytes, held[small], held[large])
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
