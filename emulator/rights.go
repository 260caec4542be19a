package emulator

import (
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aliiot/aliiot/alink"
)

// subRefused is SUBACK's code for a filter that is not granted.
const subRefused = 0x80

// subscribe decides about the filters of one SUBSCRIBE and writes the codes.
func (e *Emulator) subscribe(s *session, filters packets.Subscriptions, codes []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for i, f := range filters {
		entry := Subscribe{At: now, Device: s.dev.id, Session: s.n, Filter: f.Filter, QoS: min(f.Qos, 1)}
		sub := subscription{qos: entry.QoS, from: now}
		_, known := s.subs[f.Filter]
		switch bad := e.hit(SubackBad, Message{Device: s.dev.id, Topic: f.Filter}); {
		case codes[i] > 2: // the broker could not read it
			entry.Reason = "malformed"
		case len(filters) > alink.MaxFiltersPerSubscribe:
			entry.Reason = "more than 8 filters"
		case !known && len(s.subs) >= alink.MaxSubscriptions:
			entry.Reason = "more than 100 subscriptions"
		case !ownFilter(s.dev.id, f.Filter):
			entry.Reason = "not the device's own"
			e.record.trouble(Trouble{At: now, Device: s.dev.id, Code: alink.CodeTopicRight, Topic: f.Filter, Text: "subscribe"})
		case bad != nil && bad.delay == 0:
			entry.Reason = SubackBad
		case bad != nil:
			sub.from = now.Add(bad.delay)
		}
		codes[i] = subRefused
		if entry.Reason == "" {
			codes[i] = sub.qos
			s.subs[f.Filter] = sub
		}
		if entry.Reason != "" {
			e.log.Info("not subscribed", "device", s.dev.id.String(), "filter", f.Filter, "reason", entry.Reason)
		}
		entry.Code = codes[i]
		e.record.subscribe(entry)
	}
	e.signal()
}

func (e *Emulator) unsubscribe(s *session, filters packets.Subscriptions) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.over {
		return // the broker tidies up after a connection; what is kept is ours
	}
	for _, f := range filters {
		delete(s.subs, f.Filter)
	}
}

// ownFilter tells whether a filter names the device in so many words. A wildcard
// in the place of a product key or a device name reaches for others.
func ownFilter(d alink.Device, filter string) bool {
	part := strings.Split(filter, "/")
	if len(part) < 3 || part[0] != "" {
		return false
	}
	part = part[1:]
	at := func(i int, want string) bool { return i < len(part) && part[i] == want }
	own := func(i int) bool { return at(i, d.ProductKey) && at(i+1, d.DeviceName) }
	switch part[0] {
	case "sys":
		return own(1) && len(part) > 3
	case "shadow":
		return own(2)
	case "ota":
		return at(1, "device") && own(3)
	case "broadcast":
		return at(1, d.ProductKey) && len(part) > 2
	case "ext":
		switch part[1] {
		case "ntp", "error", "session":
			return own(2)
		case "register", "regnwl", "auth":
			return true
		case "rrpc":
			// Behind the message id stands a topic; the platform's own must be the device's.
			return len(part) > 3 && (!at(3, "sys") || own(4))
		}
		return false
	}
	return own(0) && len(part) > 2
}

// mayPublish tells whether a topic is the device's own and one that it may speak
// on. RRPC on a topic of the application's invention names nobody.
func mayPublish(d alink.Device, t alink.Topic) bool {
	if t.Kind.Direction()&alink.Up == 0 {
		return false
	}
	return t.Device == d || t.Kind == alink.ExtRRPC && t.Device.IsZero()
}

// matches tells whether a topic is meant by an MQTT filter.
func matches(filter, topic string) bool {
	for {
		f, restF, moreF := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, restT, moreT := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !moreF && !moreT:
			return true
		case !moreT:
			return restF == "#" // a/# means a too
		case !moreF:
			return false
		}
		filter, topic = restF, restT
	}
}
