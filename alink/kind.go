package alink

import "strconv"

// Kind is one row of the platform's catalogue of topics. The zero Kind is none.
type Kind uint8

// Direction is who publishes on a topic.
type Direction uint8

const (
	Up   Direction = 1 // the device
	Down Direction = 2 // the platform
	Both Direction = 3
)

func (d Direction) String() string {
	switch d {
	case Up:
		return "up"
	case Down:
		return "down"
	case Both:
		return "both"
	}
	return "none"
}

// Confirmation is what counts as the platform's word for a message.
type Confirmation uint8

const (
	// NotConfirmed is a kind that a device does not publish, or one with neither
	// reply nor PUBACK.
	NotConfirmed Confirmation = iota
	// ByReply is a kind that the platform answers on a topic of its own, with the
	// id of the message and a code. A PUBACK is a broker's word, not the platform's.
	ByReply
	// ByPuback is a kind without an answer, which travels with QoS 1: the PUBACK
	// is all there is, and it says nothing of a drop by quota.
	ByPuback
)

func (c Confirmation) String() string {
	switch c {
	case ByReply:
		return "reply"
	case ByPuback:
		return "puback"
	}
	return "none"
}

// The catalogue of topics, in the order of the documentation (D20, DN, C41). A
// kind whose answer has a topic of its own is followed by that answer.
const (
	PropertyPost Kind = iota + 1
	PropertyPostReply
	EventPost
	EventPostReply
	PropertyBatchPost
	PropertyBatchPostReply
	PropertyHistoryPost
	PropertyHistoryPostReply
	PropertyPackPost
	PropertyPackPostReply
	PropertySet
	PropertySetReply
	PropertyGet
	PropertyGetReply
	Service
	ServiceReply
	RRPCRequest
	RRPCResponse
	ExtRRPC
	ModelUpRaw
	ModelUpRawReply
	ModelDownRaw
	ModelDownRawReply
	DesiredGet
	DesiredGetReply
	DesiredDelete
	DesiredDeleteReply
	TagUpdate
	TagUpdateReply
	TagDelete
	TagDeleteReply
	ConfigGet
	ConfigGetReply
	ConfigPush
	ConfigPushReply
	ShadowUpdate
	ShadowGet
	NTPRequest
	NTPResponse
	LogConfigGet
	LogConfigGetReply
	LogConfigPush
	LogPost
	LogPostReply
	Disable
	DisableReply
	Enable
	EnableReply
	Delete
	DeleteReply
	ExtError
	OTAInform
	OTAUpgrade
	OTAProgress
	OTARequest
	FirmwareGet
	FirmwareGetReply
	FileDownload
	FileDownloadReply
	FileUploadInit
	FileUploadInitReply
	FileUploadSend
	FileUploadSendReply
	FileUploadCancel
	FileUploadCancelReply
	JobNotify
	JobNotifyReply
	JobGet
	JobGetReply
	JobUpdate
	JobUpdateReply
	TSLGet
	TSLGetReply
	DynamicTSLGet
	DynamicTSLGetReply
	SubRegister
	SubRegisterReply
	SubUnregister
	SubUnregisterReply
	ProductRegister
	ProductRegisterReply
	TopoAdd
	TopoAddReply
	TopoDelete
	TopoDeleteReply
	TopoGet
	TopoGetReply
	TopoChange
	TopoChangeReply
	GatewayPermit
	GatewayPermitReply
	TopoAddNotify
	TopoAddNotifyReply
	ListFound
	ListFoundReply
	SubLogin
	SubLoginReply
	SubLogout
	SubLogoutReply
	SubBatchLogin
	SubBatchLoginReply
	SubBatchLogout
	SubBatchLogoutReply
	ModelConfigPush
	Broadcast
	ProductBroadcast
	Custom
	CustomLegacy
	Reset
	ResetReply
	BootstrapNotify
	BootstrapNotifyReply
	BootstrapConfigPush
	CoreEventNotify
	CoreServicePost
	CoreServicePostReply
	CoreDiagPost
	CipherGet
	CipherGetReply
	WiFiProvisioning
	LANControl
	ExtRegister
	ExtRegnwl
	ExtIdentity

	lastKind = ExtIdentity
)

// Kinds is every kind of the catalogue, in its order.
func Kinds() []Kind {
	all := make([]Kind, 0, lastKind)
	for k := Kind(1); k <= lastKind; k++ {
		all = append(all, k)
	}
	return all
}

func (k Kind) row() *row {
	if k > lastKind {
		k = 0
	}
	return &catalogue[k]
}

// String is the name of the kind, as the constant is called.
func (k Kind) String() string {
	if k == 0 || k > lastKind {
		return "Kind(" + strconv.Itoa(int(k)) + ")"
	}
	return k.row().name
}

// Pattern is the topic with {pk}, {dn}, {id} (an identifier), {mid} (a message
// id) and {rest} (one or more segments) in the places that vary.
func (k Kind) Pattern() string { return k.row().pattern }

// Direction is who publishes on it.
func (k Kind) Direction() Direction { return k.row().dir }

// Reply is the kind that answers k, and whether there is one. An ExtRRPC and an
// OTARequest are answered on their own topic.
func (k Kind) Reply() (Kind, bool) { r := k.row().reply; return r, r != 0 }

// Request is the kind that k answers, and whether k is an answer with a topic of
// its own.
func (k Kind) Request() (Kind, bool) { r := requestOf[k.row().kind]; return r, r != 0 }

// AutoPush tells whether the platform pushes the topic, without a SUBSCRIBE, to a
// device that announced _ss=1. It is true for what the platform's list of
// automatic subscriptions names, and for what the C SDK receives without ever
// subscribing (C41, T-C).
func (k Kind) AutoPush() bool { return k.row().push != pushNever }

// Unasked tells whether the platform pushes the topic to every device, whatever
// it announced or subscribed (D20: registration, X.509, broadcast).
func (k Kind) Unasked() bool { return k.row().push == pushAlways }

// QoS0Only tells whether the topic works with QoS 0 alone (D20: NTP, login and
// logout of sub-devices; T-C: answers to /ext/rrpc).
func (k Kind) QoS0Only() bool { return k.row().qos0 }

// Confirms is what counts as the platform's word for a message that a device
// publishes on this kind. Answers, informs, progress and custom topics have no
// reply, so their word is the PUBACK.
func (k Kind) Confirms() Confirmation {
	r := k.row()
	switch {
	case r.dir&Up == 0:
		return NotConfirmed
	case r.reply != 0 && r.reply != ExtRRPC:
		return ByReply
	case r.qos0:
		return NotConfirmed
	}
	return ByPuback
}
