package main

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/emulator"
	"github.com/aliiot/aliiot/transport/faultproxy"
)

// The tracker's identity at the emulator. It is always the same, so that a kept
// folder belongs to the same device in the next run.
var emulated = alink.Device{ProductKey: "a1TrackerEx", DeviceName: "tracker-01"}

// cloud is the platform of a run without --server: the emulator, and the proxy in
// front of it that breaks the link.
type cloud struct {
	*emulator.Emulator
	proxy  *faultproxy.Proxy
	secret string
}

func startCloud(seed uint64) (*cloud, error) {
	e, err := emulator.New(emulator.Options{MQTT: "127.0.0.1:0", Seed: seed})
	if err != nil {
		return nil, fmt.Errorf("starting the emulator: %w", err)
	}
	c := &cloud{Emulator: e, secret: rand.Text()}
	if err := e.AddDevice(emulated.ProductKey, emulated.DeviceName, c.secret); err != nil {
		_ = e.Close()
		return nil, fmt.Errorf("registering the tracker: %w", err)
	}
	if c.proxy, err = faultproxy.New("127.0.0.1:0", e.MQTT()[len("mqtt://"):]); err != nil {
		_ = e.Close()
		return nil, fmt.Errorf("starting the fault proxy: %w", err)
	}
	return c, nil
}

func (c *cloud) close() {
	c.proxy.Close()
	_ = c.Emulator.Close() // nothing of it is needed any more
}

// account is what the platform received, for the report.
type account struct {
	// Received counts posts that were accepted, Reports the different reports in
	// them, Refused the posts that were answered with another code than 200.
	Received   int64                  `json:"received"`
	Reports    int64                  `json:"reports"`
	Duplicates int64                  `json:"duplicates"`
	Refused    int64                  `json:"refused"`
	Connects   int64                  `json:"connects"`
	Lanes      map[string]laneAccount `json:"lanes"`
}

type laneAccount struct {
	Received int64 `json:"received"`
	Reports  int64 `json:"reports"`
}

// inOrder joins the emulator's lists: what happened within one millisecond has an
// order too.
func inOrder(e []oracle.Event, at []time.Time) []oracle.Event {
	order := make([]int, len(e))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return at[a].Compare(at[b]) })
	out := make([]oracle.Event, len(e))
	for i, n := range order {
		out[i] = e[n]
	}
	return out
}

// look reads the emulator's record into E and an account. Reports up to base in
// their lane were made by earlier runs on the same folder; they are accounted for
// in earlier, and judged by nobody.
func (c *cloud) look(base map[string]int64) (e []oracle.Event, a account, earlier int64) {
	a.Lanes = map[string]laneAccount{}
	var at []time.Time           // of each of e
	keyOf := map[string]string{} // by the id of the message
	note := func(t time.Time, ev oracle.Event) {
		ev.At = t.UnixMilli()
		e, at = append(e, ev), append(at, t)
	}
	seen := map[string]bool{}
	take := func(it emulator.Item, what oracle.EventKind) {
		if it.Lane != "" && int64(it.Number) <= base[it.Lane] {
			earlier++
			return
		}
		key := fmt.Sprintf("%s/%d", it.Lane, it.Number)
		keyOf[it.ID.String()] = key
		note(it.At, oracle.Event{What: what, Key: key, ID: it.ID.String(), Arrival: uint64(it.Arrival), Hash: bodyHash(it.Params),
			Wire: it.WireTime, Code: int(it.Code), QoS: it.QoS, Session: it.Session, Bytes: int64(len(it.Params))})
		if what == oracle.Declined {
			a.Refused++
			return
		}
		lane := a.Lanes[it.Lane]
		a.Received++
		lane.Received++
		if seen[key] {
			a.Duplicates++
		} else {
			seen[key] = true
			a.Reports++
			lane.Reports++
		}
		a.Lanes[it.Lane] = lane
	}
	for _, it := range c.Accepted(emulated) {
		take(it, oracle.Accepted)
	}
	for _, it := range c.Emulator.Refused(emulated) {
		take(it, oracle.Declined)
	}
	for _, r := range c.Replies(emulated) {
		key, ok := keyOf[r.ID.String()]
		if !ok {
			continue // not about a report
		}
		what := oracle.ReplySent
		if !r.Sent {
			what = oracle.ReplySuppressed
		}
		note(r.At, oracle.Event{What: what, Key: key, ID: r.ID.String(), Code: int(r.Code)})
	}
	for _, x := range c.Connects(emulated) {
		a.Connects++
		note(x.At, oracle.Event{What: oracle.Connected, Session: x.Session, Code: int(x.Code)})
		if !x.Ended.IsZero() {
			note(x.Ended, oracle.Event{What: oracle.Disconnected, Session: x.Session, In: x.BytesIn, Out: x.BytesOut})
		}
	}
	return inOrder(e, at), a, earlier
}
