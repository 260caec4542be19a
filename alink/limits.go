package alink

import "time"

// The platform's own numbers. What we chose ourselves (windows, backoff,
// budgets) is not here: it belongs to those who decide by it.
const (
	// MaxPayload is the largest payload of a PUBLISH, in bytes; larger ones are
	// refused (D20, limits).
	MaxPayload = 256 << 10
	// MaxTopic is the longest topic, in bytes of UTF-8 (D20, limits; C41).
	MaxTopic = 128
	// MaxCustomSlashes is how many slashes a custom topic may have (D20, limits).
	// It cannot hold for system topics, which have 8 (C41, ran).
	MaxCustomSlashes = 7
	// MaxSubscriptions is how many filters one device may hold (D20, limits).
	MaxSubscriptions = 100
	// MaxFiltersPerSubscribe is how many filters one SUBSCRIBE may carry (D20, limits).
	MaxFiltersPerSubscribe = 8

	// RateQoS0 and RateQoS1 are messages a second from one device. What is above
	// vanishes without a word to the device (D20, limits).
	RateQoS0 = 30
	RateQoS1 = 10
	// RateDown is messages a second to one device (D20, limits).
	RateDown = 50
	// MaxBandwidth is bytes a second on one connection (D20, limits).
	MaxBandwidth = 1024 << 10
	// ConnectsPerMinute is how often one device may connect (D20, limits).
	ConnectsPerMinute = 5
	// MaxUnacked is how many inbound QoS 1 messages may wait for their PUBACK
	// before the platform takes no more publishes (D20, limits).
	MaxUnacked = 100

	// MinKeepAlive and MaxKeepAlive bound the MQTT keepalive; below the first a
	// connection is refused (D20, C41), above the second it is refused (D20) or
	// treated as the second (C41).
	MinKeepAlive = 30 * time.Second
	MaxKeepAlive = 1200 * time.Second
	// AnswerTimeout is how long the platform waits for the answer to an RRPC and
	// so to a synchronous service (D20, limits and RRPC).
	AnswerTimeout = 8 * time.Second
	// MaxFuture is how far ahead of the platform's clock a report's time may be;
	// beyond it the post fails (DN 89301).
	MaxFuture = 24 * time.Hour

	// MaxProperties is how many properties one post may carry; code 6106 says it
	// was more (D20, two pages).
	MaxProperties = 200
	// MaxDesired is how many identifiers one request for desired values may name;
	// code 6104 (D20).
	MaxDesired = 200
	// MaxTags is how many tags one request may carry (D20, device tags).
	MaxTags = 200
	// MaxPackEvents and MaxPackDevices bound a gateway's pack post; codes 6356
	// and 6357 (D20; the code table says 200 events).
	MaxPackEvents  = 20
	MaxPackDevices = 20

	// MaxIdentifier is the longest identifier, in characters (D20, thing model).
	MaxIdentifier = 50
	// MaxDeviceName is the longest device name, in characters (DN, BatchCheckDeviceNames).
	MaxDeviceName = 32
	// MaxClientIDPrefix is the longest free part of a client id (D20, MQTT-TCP).
	MaxClientIDPrefix = 64
	// MaxID is the largest id of a message; an id is a decimal number in text,
	// unique for a device and a direction for one day (D20; DN 89301).
	MaxID = 1<<32 - 1
	// MaxText is the longest text value, in bytes (D20, thing model; C41 counts bytes).
	MaxText = 10240
)
