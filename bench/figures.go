package main

import (
	"fmt"
	"math"

	"github.com/aliiot/aliiot/bench/contest"
	"github.com/aliiot/aliiot/bench/measure"
)

// figure is one row of the table.
type figure struct {
	// Key names it; before the slash it is the number that README.md explains.
	Key, What string
	// Unit is "" for a ratio to the limit of the same slices.
	Unit   string
	Target string
	Meets  func(v float64) bool // nil: shown, not judged
	// Peers is the key under which peers have the same figure.
	Peers string
	// Test holds a counted figure, which does not depend on the machine.
	Test string
	// Held is what the test holds, where that is not the target yet.
	Held string
}

func atLeast(v float64) func(float64) bool { return func(got float64) bool { return got >= v } }
func atMost(v float64) func(float64) bool  { return func(got float64) bool { return got <= v } }

func ratio(key, what string, least float64, peers string) figure {
	return figure{Key: key, What: what, Target: fmt.Sprintf("≥ %g", least), Meets: atLeast(least), Peers: peers}
}

func bound(key, what, unit string, most float64, peers string) figure {
	target := fmt.Sprintf("≤ %g", most)
	if unit != "" {
		target += " " + unit
	}
	return figure{Key: key, What: what, Unit: unit, Target: target, Meets: atMost(most), Peers: peers}
}

func shown(key, what, peers string) figure { return figure{Key: key, What: what, Peers: peers} }

func counted(key, what, target, test string) figure {
	return figure{Key: key, What: what, Target: target, Test: test}
}

func held(key, what, target, test, now string) figure {
	return figure{Key: key, What: what, Target: target, Test: test, Held: now}
}

// figures are what the product is held to, in the order of their numbers.
var figures = []figure{
	ratio("D1/store", "durable append of 256 B, 1 caller ÷ L0: journal", 0.95, "D1/store"),
	ratio("D1/face", "the same through the face and the actors", 0.88, "D1/store"),
	ratio("D1/face-slow", "the same where a sync takes 2 ms more", 0.97, ""),
	ratio("D2/store", "64 callers ÷ L0 in groups of 64: journal", 0.60, "D2/store"),
	ratio("D2/face", "the same through the face and the actors", 0.55, "D2/store"),
	ratio("D2/L1", "the same ÷ a file that grows", 0.9, ""),
	ratio("D2/best", "the same ÷ the best strict peer's", 1.3, ""),
	ratio("D3/store", "1 KB, 1 caller ÷ L0: journal", 0.90, "D3/store"),
	ratio("D3/store-64", "1 KB, 64 callers: journal", 0.50, "D3/store-64"),
	shown("D3/face", "1 KB, 1 caller, through the face", "D3/store"),
	shown("D3/face-64", "1 KB, 64 callers, through the face", "D3/store-64"),
	bound("D4/store-p50", "append at 100/s beside a drain of 1,000/s, p50 ÷ bare: journal", "", 1.15, "D4/store-p50"),
	bound("D4/store-p99", "p99 ÷ bare", "", 1.25, "D4/store-p99"),
	bound("D4/store-worst", "worst − bare worst", "ms", 3, "D4/store-worst"),
	bound("D4/face-p50", "the same, a whole device draining to a broker: p50 ÷ bare", "", 1.15, "D4/store-p50"),
	bound("D4/face-p99", "p99 ÷ bare", "", 1.25, "D4/store-p99"),
	bound("D4/face-worst", "worst − bare worst", "ms", 3, "D4/store-worst"),
	counted("D5/group", "syncs a group, directory operations", "1 sync, 0", "internal/journal TestSyncsPerGroup"),
	counted("D5/settles", "syncs of ends that no report carries", "≤ 1 a second", "TestCountedSettlesAlone"),
	bound("D6/appended", "device bytes for 256 B, groups of 64, backlog growing", "B", 346, "D6/appended"),
	bound("D6/life", "the same, whole life", "B", 358, "D6/life"),
	bound("D7/life", "device bytes for 256 B, strict singles", "B", 4500, "D7/life"),
	bound("D8/store", "open + read + append, most waiting ÷ fewest, closed", "", 1.3, "D8/store"),
	bound("D8/best", "that with most waiting ÷ the faster of bbolt and SQLite", "", 1.0, ""),
	bound("D9/store", "the same after SIGKILL in full write ÷ D8", "", 1.5, "D9/store"),
	counted("D9/reads", "bytes read to open", "header + 256 KB", "internal/journal TestOpenReads"),
	bound("D10/store", "live heap that opening adds, most waiting", "KB", 256, "D10/store"),
	bound("D10/store-rss", "RssAnon that it adds", "MB", 1, "D10/store-rss"),
	counted("D10/heap", "live heap of 10 n waiting ÷ of n", "does not grow", "internal/journal TestHeapDoesNotGrow"),
	bound("D11/store", "CPU for a durable report, 64 callers: journal", "µs", 5, "D11/store"),
	bound("D11/face", "the same through the face, less the caller's encoding", "µs", 5, "D11/store"),
	held("D11/allocations", "allocations for it beyond the caller's encoding", "≤ 3", "TestCountedAllocations, internal/journal TestAllocs", "8"),
	ratio("D12/face", "64 callers, budget full and evicting ÷ roomy", 0.8, ""),
	ratio("W1/qos0", "drain, window 64, QoS 0 and reply ÷ bare paho with the same", 0.92, "W1/store-100"),
	shown("W1/qos0-100", "the same ÷ bare paho with a window of 100", "W1/store-100"),
	ratio("W1/qos1", "drain, window 64, QoS 1 and PUBACK ÷ bare paho with the same", 0.92, "W1/store-100"),
	ratio("W1/qos0-of-qos1", "drain by QoS 0 and reply ÷ bare paho by QoS 1 and reply", 1.25, ""),
	ratio("W1/store-20", "the journal drained by bare paho, window 20", 0.92, "W1/store-20"),
	ratio("W1/store-100", "the same, window 100", 0.92, "W1/store-100"),
	bound("W3/qos0", "CPU for a drained report ÷ bare, QoS 0", "", 1.2, "W3/store-100"),
	bound("W3/qos1", "the same, QoS 1 and PUBACK", "", 1.2, "W3/store-100"),
	counted("W4/quota", "a backlog under the quota ÷ its bound, dropped", "≤ 1.10, 0", "internal/outbox TestBacklogUnderTheQuota"),
	counted("W5/bytes", "bytes of a live report, both ways", "the minimal packets", "TestCountedBytesOfALiveReport"),
	counted("W9/trips", "round trips from dial to the first confirmed report", "5", "TestCountedRoundTrips"),
	counted("W10/pings", "keepalives: while reports flow, while nothing does", "0, 1 an interval", "TestCountedKeepalives"),
	counted("W11/silence", "a dead link is suspected, given up; false alarms", "12 s, 27 s; 0", "internal/outbox TestSilenceIsFound, TestSlowLinkIsNoSilence"),
	counted("I4/hops", "messages between actors a report: append, settle", "≤ 2, ≤ 4", "TestCountedHops"),
	ratio("I5/device", "device-days in virtual time ÷ three bare protoactors", 0.4, ""),
	bound("I5/idle", "an idle offline day ÷ an active one", "", 0.02, ""),
	bound("I6/core", "a report in the pure core, Submit to Settle", "µs", 1.5, ""),
	counted("I6/allocations", "allocations for it", "≤ 4", "internal/outbox TestAllocationsPerReport"),
	bound("I7/outbox", "a panicked outbox is away, beyond an opening (D8), most waiting", "ms", 1, ""),
	bound("I7/connection", "a panicked connection is away", "ms", 1, ""),
	bound("F1/arm", "examples/minimal, stripped, arm v7", "MB", 9.8, ""),
	bound("F1/mipsle", "mipsle softfloat", "MB", 11.0, ""),
	bound("F1/amd64", "amd64", "MB", 10.2, ""),
	bound("F1/gzip", "the largest of them by gzip -9", "MB", 4, ""),
	bound("F2/rss", "RSS of a device, idle and connected", "MB", 15, ""),
	bound("F2/anon", "RssAnon of it", "MB", 7.5, ""),
	bound("F2/drain", "peak beyond that while a million drain", "MB", 6, ""),
	bound("F3/wakeups", "wake-ups of its process while idle", "a minute", 90, ""),
	counted("F3/ours", "of these by our actors; tickers", "≤ 6 a minute, none", "TestCountedWakeups, TestCountedTickers"),
	counted("F4/goroutines", "goroutines of an idle device", "≤ 24", "TestCountedFleet"),
	held("F4/heap", "heap of one more simulated device", "≤ 120 KB", "TestCountedFleet", "136 KB"),
}

// derive makes the figures that need the peers' as well.
func derive(mine map[string]measure.Summary, rivals []contest.Result) {
	best := func(key string, better func(a, b float64) float64, only ...string) (float64, bool) {
		v, found := math.NaN(), false
		for _, p := range rivals {
			s, has := p.Figures[key]
			if !has || p.Class != contest.Strict || len(only) > 0 && p.Name != only[0] && p.Name != only[1] {
				continue
			}
			if !found {
				v, found = s.Median, true
			}
			v = better(v, s.Median)
		}
		return v, found
	}
	over := func(to, key string, by float64, ok bool) {
		s, has := mine[key]
		if !has || !ok {
			return
		}
		mine[to] = measure.Summary{Median: s.Median / by, Q1: s.Q1 / by, Q3: s.Q3 / by, Low: s.Low / by, High: s.High / by, Rounds: s.Rounds}
	}
	fastest, ok := best("D2/store", math.Max)
	over("D2/best", "D2/face", fastest, ok)
	soonest, ok := best("D8/store-ms", math.Min, "bbolt", "SQLite")
	over("D8/best", "D8/store-ms", soonest, ok)
}
