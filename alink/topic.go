package alink

import (
	"fmt"
	"strings"
)

// Topic is a topic of the platform, taken apart.
type Topic struct {
	Kind Kind
	// Device is whose topic it is. For an [ExtRRPC] it is the device of the inner
	// topic, if that one names any; a [ProductBroadcast] has a product key only.
	Device Device
	// Name is what the pattern calls {id} or {rest}: the identifier of an event or
	// a service, the part of a custom topic behind "user/", the inner topic of an
	// [ExtRRPC] (with its slash in front).
	Name string
	// MessageID is the {mid} of RRPC and broadcast: opaque, up to 64 bits in
	// decimal (D20).
	MessageID string
}

// TopicError is a text that is no topic of the platform, or a topic that could
// not be sent.
type TopicError struct {
	Topic  string
	Reason string
}

func (e *TopicError) Error() string { return fmt.Sprintf("alink: topic %q %s", e.Topic, e.Reason) }

// String builds the topic. It does not judge what it is made of: see
// [Topic.Validate]. The zero Topic is "".
func (t Topic) String() string {
	if t.Kind == 0 || t.Kind > lastKind {
		return ""
	}
	return string(t.Append(make([]byte, 0, MaxTopic)))
}

// Append appends the topic to dst.
func (t Topic) Append(dst []byte) []byte {
	if t.Kind > lastKind {
		return dst
	}
	for _, s := range shapes[t.Kind].segments {
		dst = append(dst, '/')
		switch s.kind {
		case segLiteral:
			dst = append(dst, s.text...)
		case segProduct:
			dst = append(dst, t.Device.ProductKey...)
		case segDevice:
			dst = append(dst, t.Device.DeviceName...)
		case segMessage:
			dst = append(dst, t.MessageID...)
		case segName:
			dst = append(dst, t.Name...)
			dst = append(dst, s.text...)
		case segRest:
			name := t.Name
			if t.Kind == ExtRRPC { // it brings the slash along
				name = strings.TrimPrefix(name, "/")
			}
			dst = append(dst, name...)
		}
	}
	return dst
}

// Reply is the topic that answers t, and whether there is one: for what a device
// asks the platform's reply, for what the platform asks the device's.
func (t Topic) Reply() (Topic, bool) {
	k, ok := t.Kind.Reply()
	t.Kind = k
	if !ok {
		return Topic{}, false
	}
	return t, true
}

// Inner is the topic inside an [ExtRRPC]. It fails for other kinds, and for a
// topic of the application's own invention, which is allowed there (D20, RRPC).
func (t Topic) Inner() (Topic, error) {
	if t.Kind != ExtRRPC {
		return Topic{}, &TopicError{Topic: t.String(), Reason: "has no topic inside"}
	}
	return ParseTopic(t.Name)
}

// Method is the method that belongs to the topic: "thing." and what follows
// /thing/ with dots for slashes, in a reply that of its request (D20). It is ""
// for topics outside of /thing/.
func (t Topic) Method() string {
	if req, ok := t.Kind.Request(); ok {
		t.Kind = req
	}
	_, path, ok := strings.Cut(t.Kind.Pattern(), sys+"thing/")
	if !ok || t.Kind == WiFiProvisioning || t.Kind == LANControl {
		return ""
	}
	path = strings.ReplaceAll(path, "/", ".")
	return "thing." + strings.Replace(path, "{id}", t.Name, 1)
}

// Validate tells whether t can be published: it parses back into itself, is at
// most [MaxTopic] bytes long and, where it is a custom topic, has at most
// [MaxCustomSlashes] slashes. The error is a *TopicError.
func (t Topic) Validate() error {
	s := t.String()
	back, err := ParseTopic(s)
	if err != nil {
		return err
	}
	switch t.Kind {
	case ExtRRPC: // whose the inner topic is need not be said
		back.Device = t.Device
	case Custom, CustomLegacy, ProductBroadcast:
		if strings.Count(s, "/") > MaxCustomSlashes {
			return &TopicError{Topic: s, Reason: fmt.Sprintf("has more than %d slashes", MaxCustomSlashes)}
		}
	}
	if back != t {
		return &TopicError{Topic: s, Reason: "means something else: " + back.Kind.String()}
	}
	if len(s) > MaxTopic {
		return &TopicError{Topic: s, Reason: fmt.Sprintf("is longer than %d bytes", MaxTopic)}
	}
	return nil
}
