package outbox

import "time"

// Item is the meaning of one report, as it is stored: never a topic, never an
// envelope, so that packing, re-stamping and another dialect need not parse.
type Item struct {
	// Device is "productKey/deviceName" of a sub-device, "" for the device itself.
	Device string
	Kind   Kind
	// Name is the event's or service's identifier, or the suffix of a custom topic.
	Name string
	// Params is what goes into params (JSON), or the raw payload of a custom topic.
	Params []byte
	// Key tells values apart in a lane that keeps only the latest one.
	Key string
	// CallID is the raw id of the call that an Answer answers, Code its code.
	CallID string
	Code   int32
	// Made is when the report was made.
	Made Stamp
	// TTL is how long the report is worth sending; 0 is for ever. It counts
	// running time where the clock is not known.
	TTL time.Duration
}

// Kind is what sort of report it is. The numbers are on the disk.
type Kind uint8

const (
	KindProperty Kind = 1
	KindEvent    Kind = 2
	KindAnswer   Kind = 3 // the answer to an asynchronous service
	KindCustom   Kind = 4 // a custom topic
	KindInform   Kind = 5 // OTA: the running version
	KindProgress Kind = 6 // OTA: how far an update is
)

// Stamp is a moment as the device knew it.
type Stamp struct {
	// Boot and At are the boot and the time since it began, suspend included.
	Boot uint64
	At   time.Duration
	// Wall is milliseconds since the Unix epoch as the wall clock had it, and
	// Trusted whether a source had vouched for that clock (or the caller gave
	// the time). An untrusted Wall never leaves the device.
	Wall    int64
	Trusted bool
	// Given says that Wall is the time of the value, as the caller gave it: it says
	// nothing of when the report was made.
	Given bool
}
