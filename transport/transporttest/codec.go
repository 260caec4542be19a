package transporttest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aliiot/aliiot/transport"
)

var errMalformed = errors.New("transporttest: malformed packet")

// maxPacket is the largest that a client may send; the platform's is 256 KB.
const maxPacket = 1 << 20

// readPacket reads one packet: its first byte and its body.
func readPacket(r *bufio.Reader) (first byte, body []byte, err error) {
	if first, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	size, err := binary.ReadUvarint(r) // MQTT's length is the same, of four bytes at most
	if err != nil {
		return 0, nil, err
	}
	if size > maxPacket {
		return 0, nil, fmt.Errorf("%w: %d bytes", errMalformed, size)
	}
	body = make([]byte, size)
	_, err = io.ReadFull(r, body)
	return first, body, err
}

// fields reads the fields of a body.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) take(n int) []byte {
	if n > len(f.rest) {
		f.bad, f.rest = true, nil
		return make([]byte, min(n, 8))
	}
	out := f.rest[:n]
	f.rest = f.rest[n:]
	return out
}

func (f *fields) uint16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) string() string { return string(f.take(int(f.uint16()))) }

// parseConnect reads a CONNECT (MQTT 3.1.1, 3.1).
func parseConnect(body []byte) (transport.Connect, error) {
	f := fields{rest: body}
	protocol, level, flags := f.string(), f.take(1)[0], f.take(1)[0]
	c := transport.Connect{CleanSession: flags&2 != 0}
	c.KeepAlive = time.Duration(f.uint16()) * time.Second
	c.ClientID = f.string()
	if flags&4 != 0 { // a will, which nobody here has
		f.string()
		f.string()
	}
	if flags&0x80 != 0 {
		c.Username = f.string()
	}
	if flags&0x40 != 0 {
		c.Password = transport.Secret(f.string())
	}
	if f.bad || protocol != "MQTT" || level != 4 {
		return c, fmt.Errorf("%w: CONNECT of %q %d", errMalformed, protocol, level)
	}
	return c, nil
}

// parse reads what a client may send after CONNECT.
func parse(first byte, body []byte) (frame, error) {
	in := fields{rest: body}
	f := frame{qos: first >> 1 & 3, dup: first&8 != 0}
	switch first >> 4 {
	case 3:
		f.kind, f.topic = kindPublish, in.string()
		if f.qos > 0 {
			f.id = in.uint16()
		}
		f.payload = in.rest
	case 4:
		f.kind, f.id = kindPuback, in.uint16()
	case 8:
		f.kind, f.id = kindSubscribe, in.uint16()
		for len(in.rest) > 0 {
			f.filters = append(f.filters, transport.Filter{Topic: in.string(), QoS: in.take(1)[0]})
		}
	case 12:
		f.kind = kindPing
	case 14:
		f.kind = kindDisconnect
	default:
		return f, fmt.Errorf("%w: type %d", errMalformed, first>>4)
	}
	if in.bad {
		return f, fmt.Errorf("%w: type %d too short", errMalformed, first>>4)
	}
	return f, nil
}

// encode writes what a broker sends.
func (f frame) encode() []byte {
	var body []byte
	first := byte(0)
	switch f.kind {
	case kindPublish:
		first = 3<<4 | f.qos<<1
		if f.dup {
			first |= 8
		}
		body = binary.BigEndian.AppendUint16(nil, uint16(len(f.topic)))
		body = append(body, f.topic...)
		if f.qos > 0 {
			body = binary.BigEndian.AppendUint16(body, f.id)
		}
		body = append(body, f.payload...)
	case kindPuback:
		first, body = 4<<4, binary.BigEndian.AppendUint16(nil, f.id)
	case kindSuback:
		first, body = 9<<4, append(binary.BigEndian.AppendUint16(nil, f.id), f.codes...)
	case kindPong:
		first = 13 << 4
	}
	out := binary.AppendUvarint([]byte{first}, uint64(len(body)))
	return append(out, body...)
}
