package alink

import "strconv"

// PostOptions is what a post may say besides its content.
type PostOptions struct {
	// Ack asks for the reply in so many words, sys.ack 1 (DN 89301): the reply is
	// the platform's word, and one source alone says that it comes unasked.
	Ack bool
	// Silent asks for no reply, sys.ack 0; the PUBACK must do then. It wins over Ack.
	Silent bool
}

func (o PostOptions) append(dst []byte) []byte {
	switch {
	case o.Silent:
		return appendAck(dst, false)
	case o.Ack:
		return appendAck(dst, true)
	}
	return dst
}

// AppendPropertyPost appends the payload of a [PropertyPost]. params is a JSON
// object of bare values, as [Marshal] makes it and [CheckProperties] passes it;
// with timeMs, milliseconds since 1970, each becomes {"value":…,"time":…}, with 0
// they stay bare and the platform takes its own time (D20; T-ND and T-C send bare
// ones). There is no method, since the topic says it (T-C).
func AppendPropertyPost(dst []byte, id uint32, params []byte, timeMs int64, o PostOptions) []byte {
	dst = appendHead(dst, id, o)
	m, ok := membersOf(params)
	if timeMs == 0 || !ok {
		return append(appendBody(dst, params), '}')
	}
	dst = append(dst, '{')
	first := true
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, key...)
		dst = append(dst, `:{"value":`...)
		dst = appendCompact(dst, value)
		dst = appendTime(dst, timeMs)
	}
	return append(dst, "}}"...)
}

// AppendEventPost appends the payload of an [EventPost]: output is the JSON object
// of the event's output parameters, wrapped as {"value":…,"time":…}; timeMs 0
// leaves the time out (D20, events).
func AppendEventPost(dst []byte, id uint32, output []byte, timeMs int64, o PostOptions) []byte {
	dst = appendHead(dst, id, o)
	dst = append(dst, `{"value":`...)
	dst = appendBody(dst, output)
	return append(appendTime(dst, timeMs), '}')
}

func appendHead(dst []byte, id uint32, o PostOptions) []byte {
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendUint(dst, uint64(id), 10)
	dst = append(dst, `","version":"`+Version+`"`...)
	dst = o.append(dst)
	return append(dst, `,"params":`...)
}

// appendTime ends a {"value":… object.
func appendTime(dst []byte, timeMs int64) []byte {
	if timeMs != 0 {
		dst = append(dst, `,"time":`...)
		dst = strconv.AppendInt(dst, timeMs, 10)
	}
	return append(dst, '}')
}
