package faultproxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// MQTT 3.1.1 packet types (2.2.1).
const (
	connect = 1
	publish = 3
	puback  = 4
)

// maxPacket is what the proxy holds of one packet; the platform's limit is 256 KB.
const maxPacket = 1 << 20

// chunk is how much of a stream that is not MQTT passes at once.
const chunk = 16 << 10

var errTooLarge = errors.New("faultproxy: a packet above 1 MiB")

// readPacket reads one whole MQTT packet.
func readPacket(r *bufio.Reader) ([]byte, error) {
	head := make([]byte, 1, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	size, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return nil, unexpected(err)
		}
		head = append(head, b)
		size |= int(b&127) << shift
		if b < 128 {
			break
		}
		if shift += 7; shift > 21 {
			return nil, errTooLarge
		}
	}
	if size > maxPacket {
		return nil, errTooLarge
	}
	whole := make([]byte, len(head)+size)
	copy(whole, head)
	if _, err := io.ReadFull(r, whole[len(head):]); err != nil {
		return nil, unexpected(err)
	}
	return whole, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readChunk reads what is there.
func readChunk(r *bufio.Reader) ([]byte, error) {
	buf := make([]byte, chunk)
	n, err := r.Read(buf)
	return buf[:n], err
}

// topicOf is the topic of a PUBLISH, "" when it is malformed.
func topicOf(packet []byte) string {
	at := 1
	for at < len(packet) && packet[at]&0x80 != 0 {
		at++
	}
	at++
	if at+2 > len(packet) {
		return ""
	}
	n := int(binary.BigEndian.Uint16(packet[at:]))
	if at+2+n > len(packet) {
		return ""
	}
	return string(packet[at+2 : at+2+n])
}
