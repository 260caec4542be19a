package alink

import (
	"encoding/json"
	"strconv"
)

// NTP is one exchange of the platform's own time service (D20, NTP), in
// milliseconds; the device's two are of the device's clock.
type NTP struct {
	DeviceSend, ServerRecv, ServerSend int64
}

// Now is the platform's time at the moment when the device, by its own clock at
// deviceRecv, received the answer; both ways are taken to be equally long.
func (n NTP) Now(deviceRecv int64) int64 {
	return (n.ServerRecv + n.ServerSend + deviceRecv - n.DeviceSend) / 2
}

// AppendNTPRequest appends the payload of an [NTPRequest].
func AppendNTPRequest(dst []byte, deviceSendMs int64) []byte {
	dst = append(dst, `{"deviceSendTime":"`...)
	dst = strconv.AppendInt(dst, deviceSendMs, 10)
	return append(dst, `"}`...)
}

// ParseNTPRequest is deviceSendTime as the device wrote it, a string or a number.
// The error is an *EnvelopeError.
func ParseNTPRequest(b []byte) (ID, error) {
	var r struct {
		DeviceSendTime ID `json:"deviceSendTime"`
	}
	if err := json.Unmarshal(b, &r); err != nil || r.DeviceSendTime.IsZero() {
		return ID{}, &EnvelopeError{Member: "deviceSendTime", Reason: "is missing or no time"}
	}
	return r.DeviceSendTime, nil
}

// AppendNTPResponse appends the payload of an [NTPResponse]; the times are of the
// type that the request had.
func AppendNTPResponse(dst []byte, deviceSend ID, recvMs, sendMs int64) []byte {
	quote := `"`
	if deviceSend.IsNumber() {
		quote = ""
	}
	dst = append(dst, `{"deviceSendTime":`...)
	dst = deviceSend.Append(dst)
	dst = append(dst, `,"serverRecvTime":`+quote...)
	dst = strconv.AppendInt(dst, recvMs, 10)
	dst = append(dst, quote+`,"serverSendTime":`+quote...)
	dst = strconv.AppendInt(dst, sendMs, 10)
	return append(dst, quote+"}"...)
}

// ParseNTPResponse reads the payload of an [NTPResponse], strings or numbers. The
// error is an *EnvelopeError.
func ParseNTPResponse(b []byte) (NTP, error) {
	m, err := envelope(b)
	if err != nil {
		return NTP{}, err
	}
	var n NTP
	missing := map[string]*int64{
		`"deviceSendTime"`: &n.DeviceSend,
		`"serverRecvTime"`: &n.ServerRecv,
		`"serverSendTime"`: &n.ServerSend,
	}
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		field := missing[string(key)]
		if field == nil {
			continue
		}
		ms, isInt := intOf(value)
		if !isInt || ms < 0 || ms > maxTime {
			return NTP{}, &EnvelopeError{Member: string(key), Reason: "is no time"}
		}
		*field = ms
		delete(missing, string(key))
	}
	if len(missing) > 0 {
		return NTP{}, &EnvelopeError{Reason: "lacks one of the three times"}
	}
	return n, nil
}

// maxTime keeps sums of times within an int64.
const maxTime = 1 << 53
