package alink

import (
	"strings"
	"unicode/utf8"
)

// ParseTopic finds the topic that s is: the most literal row of the catalogue, so
// that property/set is never a service and a reply never an identifier. It
// allocates nothing; the parts are parts of s. The error is a *TopicError: the
// platform has no such topic, or s could not be a topic at all.
func ParseTopic(s string) (Topic, error) {
	t, reason := parseTopic(s)
	if reason != "" {
		return Topic{}, &TopicError{Topic: s, Reason: reason}
	}
	return t, nil
}

func parseTopic(s string) (Topic, string) {
	switch {
	case s == "" || s[0] != '/':
		return Topic{}, "does not begin with a slash"
	case strings.ContainsAny(s, "+#\x00"):
		return Topic{}, "has a wildcard or a zero in it"
	case !utf8.ValidString(s):
		return Topic{}, "is not UTF-8"
	}
	var buf [maxSegments]string
	parts, whole := splitInto(buf[:0], s[1:])
	if whole {
		for _, k := range byLength[len(parts)] {
			if t, ok := shapes[k].match(k, parts, s); ok {
				return t, ""
			}
		}
	}
	for _, k := range open {
		t, ok := shapes[k].match(k, parts, s)
		if !ok || (k == Custom || k == CustomLegacy) && reserved(t.Device.ProductKey) {
			continue
		}
		if k == CustomLegacy && parts[2] == "user" {
			continue // "/{pk}/{dn}/user" names no topic
		}
		if k == ExtRRPC && !strings.HasPrefix(t.Name, "/ext/rrpc/") {
			if inner, reason := parseTopic(t.Name); reason == "" {
				t.Device = inner.Device
			}
		}
		return t, ""
	}
	return Topic{}, "is none of the platform's"
}

// splitInto cuts s at its slashes into dst as far as dst has room, and tells
// whether that was all of it.
func splitInto(dst []string, s string) ([]string, bool) {
	for len(dst) < cap(dst) {
		part, rest, more := strings.Cut(s, "/")
		dst = append(dst, part)
		if !more {
			return dst, true
		}
		s = rest
	}
	return dst, false
}

func (sh shape) match(k Kind, parts []string, s string) (Topic, bool) {
	if len(parts) < len(sh.segments) {
		return Topic{}, false
	}
	t := Topic{Kind: k}
	at := 0 // where the segment's slash is in s
	for i, seg := range sh.segments {
		part := parts[i]
		if part == "" && seg.kind != segRest {
			return Topic{}, false
		}
		switch seg.kind {
		case segLiteral:
			if part != seg.text {
				return Topic{}, false
			}
		case segProduct:
			t.Device.ProductKey = part
		case segDevice:
			t.Device.DeviceName = part
		case segMessage:
			t.MessageID = part
		case segName:
			name, ok := strings.CutSuffix(part, seg.text)
			if !ok || name == "" {
				return Topic{}, false
			}
			t.Name = name
		case segRest:
			t.Name = s[at+1:]
			if k == ExtRRPC {
				t.Name = s[at:]
			}
			return t, t.Name != "" && t.Name != "/"
		}
		at += 1 + len(part)
	}
	return t, true
}
