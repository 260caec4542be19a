package transport

import (
	"encoding/binary"
	"fmt"
)

// next waits for the header of the next packet, judges it, and returns the
// size of the whole packet. It looks ahead and takes nothing.
func (w *wire) next() (int, error) {
	head, err := w.r.Peek(1)
	if err != nil {
		return 0, err
	}
	if !w.greeted {
		w.greeted = true
		return 4, w.connack(head[0])
	}
	first, headLen, body := head[0], 1, 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return 0, &ProtocolError{What: "a length of more than four bytes"}
		}
		headLen++
		if head, err = w.r.Peek(headLen); err != nil {
			return 0, err
		}
		b := head[headLen-1]
		body |= int(b&127) << shift
		if b < 128 {
			break
		}
	}
	if headLen+body > w.max {
		return 0, &ProtocolError{What: fmt.Sprintf("a packet of %d bytes, above the limit of %d", headLen+body, w.max)}
	}
	return headLen + body, w.judge(first, headLen, body)
}

// connack judges the first packet, which must be a CONNACK (MQTT 3.1.1, 3.2).
func (w *wire) connack(first byte) error {
	if first == 0x20 {
		head, err := w.r.Peek(2)
		if err != nil {
			return err
		}
		if head[1] == 2 {
			if head, err = w.r.Peek(4); err != nil {
				return err
			}
			if head[3] != 0 {
				return &RefusedError{Code: head[3]}
			}
			w.sessionPresent.Store(head[2]&1 == 1)
			return nil
		}
	}
	got, _ := w.r.Peek(min(w.r.Buffered(), 64))
	return &NotServerError{Got: append([]byte(nil), got...)}
}

// judge looks at a packet after CONNACK whose body has not been read yet.
func (w *wire) judge(first byte, headLen, body int) error {
	switch kind := first >> 4; {
	case kind == typePublish:
		return w.judgePublish(first, headLen, body)
	case kind == typePuback && body == 2:
		id, err := w.peekUint16(headLen)
		if err == nil {
			w.events.acked(id)
		}
		return err
	case kind == typeSuback && body > 2:
		return w.judgeSuback(headLen, body)
	case kind == typePingresp && body == 0:
		w.mu.Lock()
		if w.ping != nil {
			w.ping.Stop()
		}
		w.mu.Unlock()
		return nil
	case kind == typeDisconnect:
		return ErrDisconnected
	}
	return &ProtocolError{What: fmt.Sprintf("a packet 0x%02x of %d bytes that no broker sends here", first, body)}
}

func (w *wire) judgePublish(first byte, headLen, body int) error {
	qos := first >> 1 & 3
	if qos > 1 {
		return &ProtocolError{What: fmt.Sprintf("a PUBLISH with QoS %d", qos)}
	}
	fixed := 2 + 2*int(qos)
	if body < fixed {
		return &ProtocolError{What: "a PUBLISH without a topic"}
	}
	n, err := w.peekUint16(headLen)
	if err != nil {
		return err
	}
	if n == 0 || fixed+int(n) > body {
		return &ProtocolError{What: fmt.Sprintf("a PUBLISH of %d bytes with a topic of %d", body, n)}
	}
	return nil
}

// judgeSuback: paho indexes by the number of codes, and takes any code for a yes.
func (w *wire) judgeSuback(headLen, body int) error {
	id, err := w.peekUint16(headLen)
	if err != nil {
		return err
	}
	w.mu.Lock()
	asked, ok := w.subscribes[id]
	delete(w.subscribes, id)
	w.mu.Unlock()
	if !ok || asked != body-2 {
		return &ProtocolError{What: fmt.Sprintf("a SUBACK with %d codes for %d filters", body-2, asked)}
	}
	all, err := w.r.Peek(headLen + body)
	if err != nil {
		return err
	}
	for _, code := range all[headLen+2:] {
		if code > 1 && code < 0x80 {
			return &ProtocolError{What: fmt.Sprintf("a SUBACK with code %d", code)}
		}
	}
	return nil
}

func (w *wire) peekUint16(at int) (uint16, error) {
	b, err := w.r.Peek(at + 2)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b[at:]), nil
}

// publishID is the QoS and the packet id of a whole PUBLISH of our own.
func publishID(p []byte) (qos byte, id uint16) {
	qos = p[0] >> 1 & 3
	if qos == 0 {
		return 0, 0
	}
	at := bodyStart(p)
	at += 2 + int(binary.BigEndian.Uint16(p[at:]))
	return qos, binary.BigEndian.Uint16(p[at:])
}

// subscribeShape is the packet id of a SUBSCRIBE of our own, and how many filters it has.
func subscribeShape(p []byte) (id uint16, filters int) {
	at := bodyStart(p)
	id = binary.BigEndian.Uint16(p[at:])
	for at += 2; at < len(p); at += 3 + int(binary.BigEndian.Uint16(p[at:])) {
		filters++
	}
	return id, filters
}

func bodyStart(p []byte) int {
	at := 1
	for p[at]&0x80 != 0 {
		at++
	}
	return at + 1
}
