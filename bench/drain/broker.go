// Package drain is how a backlog goes up: a broker that answers each post, and the
// bare loop of paho, which any device is measured against.
package drain

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/bench/measure"
)

// The broker answers CONNECT, SUBSCRIBE and PINGREQ with yes, a PUBLISH of QoS 1
// with its PUBACK, and each post with the platform's reply by its id. It does
// nothing else, so that the client is what is measured. It runs in a process of
// its own: see StartBroker.

const brokerJob = "broker"

type address struct{ Addr string }

// Broker is a broker in a process of its own.
type Broker struct {
	child *measure.Child
	// Addr is host:port.
	Addr string
}

// StartBroker starts this program again as a broker. End it with Close.
func StartBroker() (*Broker, error) {
	child, err := measure.Start(brokerJob, nil)
	if err != nil {
		return nil, err
	}
	var a address
	if err := child.Hear(&a); err != nil {
		child.Kill()
		return nil, err
	}
	return &Broker{child, a.Addr}, nil
}

// Close ends the broker's process.
func (b *Broker) Close() error { return b.child.End() }

// Jobs are what this package starts its program again for.
var Jobs = measure.Jobs{brokerJob: serve}

func serve(json.RawMessage) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := measure.Say(address{l.Addr().String()}); err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = talk(c) // a client that has gone is no error
			}()
		}
	}()
	measure.AwaitEnd()
	return l.Close()
}

// Types of MQTT 3.1.1, in the high half of the first byte.
const (
	connect     = 0x10
	publish     = 0x30
	subscribe   = 0x80
	unsubscribe = 0xA0
	pingreq     = 0xC0
	disconnect  = 0xE0
)

func talk(c net.Conn) error {
	in, out := bufio.NewReaderSize(c, 64<<10), bufio.NewWriterSize(c, 64<<10)
	var body, scratch []byte
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		first, err := in.ReadByte()
		if err != nil {
			return err
		}
		n, err := binary.ReadUvarint(in) // the same form as MQTT's remaining length
		if err != nil {
			return err
		}
		if n > 1<<20 {
			return errors.New("the packet is too large")
		}
		if cap(body) < int(n) {
			body = make([]byte, n)
		}
		body = body[:n]
		if _, err := io.ReadFull(in, body); err != nil {
			return err
		}
		switch first & 0xF0 {
		case connect:
			scratch = append(scratch[:0], 0x20, 2, 0, 0)
		case subscribe:
			scratch = suback(scratch[:0], body)
		case unsubscribe:
			scratch = append(scratch[:0], 0xB0, 2, body[0], body[1])
		case pingreq:
			scratch = append(scratch[:0], 0xD0, 0)
		case publish:
			if scratch, err = answer(scratch[:0], first, body); err != nil {
				return err
			}
		case disconnect:
			return nil
		default: // a PUBACK
			continue
		}
		if _, err := out.Write(scratch); err != nil {
			return err
		}
	}
}

func suback(to, body []byte) []byte {
	var codes []byte
	for rest := body[2:]; len(rest) > 2; {
		n := 2 + int(binary.BigEndian.Uint16(rest)) + 1
		if n > len(rest) {
			break
		}
		codes = append(codes, 0)
		rest = rest[n:]
	}
	to = append(to, 0x90)
	to = binary.AppendUvarint(to, uint64(2+len(codes)))
	return append(append(to, body[:2]...), codes...)
}

// answer acknowledges a post and replies to it.
func answer(to []byte, first byte, body []byte) ([]byte, error) {
	if len(body) < 2 {
		return nil, io.ErrUnexpectedEOF
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	head := n
	if first&0x06 != 0 {
		head += 2
	}
	if head > len(body) {
		return nil, io.ErrUnexpectedEOF
	}
	if first&0x06 != 0 {
		to = append(to, 0x40, 2, body[n], body[n+1])
	}
	id := postID(body[head:])
	if id == nil {
		return to, nil
	}
	topic := body[2:n]
	payload := fmt.Appendf(nil, `{"code":200,"data":{},"id":"%s","message":"success","version":"1.0"}`, id)
	to = append(to, publish)
	to = binary.AppendUvarint(to, uint64(2+len(topic)+len(replySuffix)+len(payload)))
	to = binary.BigEndian.AppendUint16(to, uint16(len(topic)+len(replySuffix)))
	to = append(append(to, topic...), replySuffix...)
	return append(to, payload...), nil
}

const replySuffix = "_reply"

var idKey = []byte(`"id":"`)

// postID is the envelope's id, which our posts have at the beginning.
func postID(payload []byte) []byte {
	_, rest, ok := bytes.Cut(payload, idKey)
	if !ok {
		return nil
	}
	id, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return nil
	}
	return id
}

// Device is who drains.
var Device = alink.Device{ProductKey: "a1BenchPeer", DeviceName: "drain"}

// Secret is the device's; the broker takes any.
const Secret alink.Secret = "0123456789abcdef0123456789abcdef"

// patience bounds how long a drain may wait for one answer.
const patience = 20 * time.Second
