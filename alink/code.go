package alink

import "strconv"

// Code is what the platform or a device says about a message.
type Code int

// Codes that are named in code. The table behind [Code.Text] has them all.
const (
	CodeSuccess     Code = 200
	CodeRequest     Code = 400
	CodeThrottled   Code = 429
	CodeParameter   Code = 460
	CodeServer      Code = 500
	CodeNoSession   Code = 520 // a sub-device must log in again
	CodeOTA         Code = 1000
	CodeProperties  Code = 6106
	CodeNotJSON     Code = 6207
	CodeTSLThrottle Code = 6452
	CodeTopic       Code = 6813
	CodeMethod      Code = 6831
	CodeTopicRight  Code = 9236

	// CodeDeviceFirst and CodeDeviceLast bound the codes that a device may define
	// for its own answers (DN, common codes on devices).
	CodeDeviceFirst Code = 100000
	CodeDeviceLast  Code = 110000
)

// Verdict is what a code asks of whoever sent the message.
type Verdict uint8

const (
	// GiveUp is the platform's final no: the same message will never be taken.
	GiveUp Verdict = iota
	// OK is yes.
	OK
	// Retry asks for the same message with the same id, later.
	Retry
	// Split asks for the same content in more, smaller messages.
	Split
	// Login asks for a new login of the sub-device, and then the message again.
	Login
)

var verdictNames = [...]string{"give up", "ok", "retry", "split", "login"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "verdict " + strconv.Itoa(int(v))
}

// Verdict says what to do after c. A code that no source knows is [GiveUp]: what
// the platform refuses for a reason we cannot read is told to the application
// with its code, and does not knock for ever.
func (c Code) Verdict() Verdict { return codes[c].verdict }

// Text is a short English meaning of c, or "code N" when no source knows it.
func (c Code) Text() string {
	if row, ok := codes[c]; ok {
		return row.text
	}
	if c >= CodeDeviceFirst && c <= CodeDeviceLast {
		return "defined by the device"
	}
	return "code " + strconv.Itoa(int(c))
}

// Known tells whether c is in the table or is a code that devices may define.
func (c Code) Known() bool {
	_, ok := codes[c]
	return ok || c >= CodeDeviceFirst && c <= CodeDeviceLast
}

type codeRow struct {
	verdict Verdict
	text    string
}

// codes joins D20's device codes and cloud log with the numbers that the C and
// Node SDKs handle and CUP's upload codes. The verdicts are inferred.
var codes = map[Code]codeRow{
	200: {OK, "success"},
	400: {GiveUp, "error while handling the request"},
	401: {GiveUp, "signature or authorisation failed"},
	403: {GiveUp, "request forbidden"},
	427: {GiveUp, "sub-device logged in elsewhere"},
	428: {Retry, "too many sub-devices online"},
	429: {Retry, "throttled"},
	460: {GiveUp, "parameter empty, malformed or too many"},
	500: {Retry, "unknown server error"},
	520: {Login, "no sub-device session, or of another gateway"},
	521: {GiveUp, "device deleted"},
	522: {GiveUp, "device disabled"},

	1000: {OK, "OTA push"},
	1901: {Retry, "downlink write failed"},
	1902: {Retry, "downlink write failed"},
	1903: {GiveUp, "bad downlink topic"},
	1904: {GiveUp, "RRPC answer matches no request"},
	1905: {GiveUp, "RRPC timed out"},
	1950: {Retry, "downlink write failed"},
	1951: {GiveUp, "unknown packet"},

	5001: {GiveUp, "device data not found"},
	5005: {GiveUp, "product not found"},
	5159: {Retry, "thing model: property lookup failed"},
	5160: {Retry, "thing model: event lookup failed"},
	5161: {Retry, "thing model: service lookup failed"},
	5244: {GiveUp, "LoRaWAN data lookup failed"},

	6100: {GiveUp, "device not found"},
	6104: {Split, "more than 200 identifiers in a request for desired values"},
	6106: {Split, "more than 200 properties"},
	6200: {GiveUp, "product has no script"},
	6201: {GiveUp, "script returned nothing"},
	6203: {GiveUp, "topic could not be parsed"},
	6204: {GiveUp, "device disabled"},
	6205: {Retry, "downlink service call failed"},
	6206: {GiveUp, "service definition not found"},
	6207: {GiveUp, "data is not JSON"},
	6208: {GiveUp, "device disabled"},
	6250: {GiveUp, "product not found"},
	6280: {GiveUp, "bad device name"},
	6287: {GiveUp, "bad signature"},
	6288: {GiveUp, "registration is switched off"},
	6289: {GiveUp, "device already activated"},
	6292: {GiveUp, "sign method not supported"},
	6300: {GiveUp, "no method"},
	6301: {GiveUp, "value is not an array"},
	6302: {GiveUp, "required parameter missing"},
	6304: {GiveUp, "member not in the struct"},
	6306: {GiveUp, "int: wrong type or range"},
	6307: {GiveUp, "float: wrong type or range"},
	6308: {GiveUp, "bool: wrong value"},
	6309: {GiveUp, "enum: wrong value"},
	6310: {GiveUp, "text: wrong type or too long"},
	6311: {GiveUp, "date: not a text of UTC milliseconds"},
	6312: {GiveUp, "struct: wrong type or member count"},
	6313: {Retry, "thing model validator unavailable"},
	6314: {Retry, "thing model validator failed"},
	6316: {Retry, "thing model validator failed"},
	6317: {GiveUp, "thing model lacks type or specs"},
	6318: {Retry, "thing model validator failed"},
	6320: {GiveUp, "thing model lacks the property"},
	6321: {GiveUp, "thing model lacks the identifier"},
	6322: {GiveUp, "double: wrong type or range"},
	6323: {Retry, "thing model validator failed"},
	6324: {GiveUp, "array does not fit its specs"},
	6325: {GiveUp, "array element type not supported"},
	6326: {GiveUp, "bad time"},
	6328: {GiveUp, "value is not an array"},
	6329: {Retry, "thing model validator failed"},
	6332: {GiveUp, "parameter not in the thing model"},
	6356: {Split, "too many events in a pack"},
	6357: {Split, "too many sub-devices in a pack"},
	6400: {GiveUp, "too many sub-devices"},
	6401: {GiveUp, "no such topology"},
	6402: {GiveUp, "a device cannot be its own sub-device"},
	6450: {GiveUp, "decoded data has no method"},
	6452: {Retry, "throttled (thing model)"},
	6619: {GiveUp, "sub-device bound to another gateway"},
	6600: {GiveUp, "bad signature at registration"},
	6661: {Retry, "query of desired values failed"},
	6710: {GiveUp, "no remote configuration"},
	6713: {GiveUp, "remote configuration is switched off"},
	6717: {GiveUp, "log configuration: bad getType"},
	6718: {GiveUp, "log configuration: bad configScope"},
	6760: {Retry, "storage over quota"},
	6813: {GiveUp, "topic illegal, or format of the result wrong"},
	6831: {GiveUp, "topic or method not defined by Alink"},

	9112: {GiveUp, "OTA request: device not found"},
	9200: {GiveUp, "device never activated"},
	9201: {GiveUp, "device offline"},
	9236: {GiveUp, "no right to the topic"},
	9320: {GiveUp, "bad payload"},
	9321: {GiveUp, "bad parameter"},
	9324: {Retry, "throttled (log)"},

	26001: {GiveUp, "script is empty"},
	26002: {GiveUp, "script failed"},
	26006: {GiveUp, "script lacks a function"},
	26007: {GiveUp, "script returned a bad result"},
	26010: {Retry, "script throttled"},

	78117: {GiveUp, "upload: file larger than 16 MB"},
	78118: {GiveUp, "upload: block larger than 128 KB"},
	78119: {GiveUp, "upload: offset differs from what is stored"},
	78120: {GiveUp, "upload: block smaller than 256 bytes"},
	78121: {Retry, "upload: checksum of the block wrong"},
	78122: {GiveUp, "upload: no such task"},
	78123: {GiveUp, "upload: a file of that name exists"},
	78124: {GiveUp, "upload: already finished"},
	78125: {GiveUp, "upload: check of the whole file failed"},
	78126: {OK, "upload: block was already there"},
	78127: {Retry, "upload: too many messages"},
}
