package transporttest

import "github.com/aliiot/aliiot/transport"

type kind uint8

const (
	kindOther kind = iota
	kindPublish
	kindPuback
	kindSubscribe
	kindSuback
	kindPing
	kindPong
	kindDisconnect
)

// frame is one MQTT packet, parsed.
type frame struct {
	kind    kind
	id      uint16
	topic   string
	payload []byte
	qos     byte
	dup     bool
	filters []transport.Filter
	codes   []byte
}

// size is the packet's length on the wire (MQTT 3.1.1, 2.2 and 3).
func (f frame) size() int {
	body := 0
	switch f.kind {
	case kindPublish:
		body = 2 + len(f.topic) + len(f.payload) + 2*int(min(f.qos, 1))
	case kindPuback:
		body = 2
	case kindSuback:
		body = 2 + len(f.codes)
	case kindSubscribe:
		body = 2
		for _, one := range f.filters {
			body += 3 + len(one.Topic)
		}
	}
	return withHeader(body)
}

func connectSize(c transport.Connect) int {
	body := 10 + 2 + len(c.ClientID)
	if c.Username != "" {
		body += 2 + len(c.Username)
	}
	if c.Password != "" {
		body += 2 + len(c.Password)
	}
	return withHeader(body)
}

func withHeader(body int) int {
	n := 2
	for rest := body >> 7; rest > 0; rest >>= 7 {
		n++
	}
	return n + body
}
