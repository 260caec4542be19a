package alink

type push uint8

const (
	pushNever  push = iota // only with a SUBSCRIBE
	pushAuto               // with _ss=1 too
	pushAlways             // to every device
)

type row struct {
	kind    Kind
	name    string
	pattern string
	dir     Direction
	reply   Kind
	push    push
	qos0    bool
}

// sys is in front of most topics.
const sys = "/sys/{pk}/{dn}/"

// catalogue is indexed by Kind. Row 0 is the kind that is none.
//
// push is pushAuto where the platform's list of automatic subscriptions names
// the topic, and where C41 receives it without a SUBSCRIBE though the list does
// not name it: batch reply, /ext/rrpc, NTP, log configuration and post, firmware
// get, login and logout of sub-devices.
var catalogue = [lastKind + 1]row{
	PropertyPost:             {name: "PropertyPost", pattern: sys + "thing/event/property/post", dir: Up, reply: PropertyPostReply},
	PropertyPostReply:        {name: "PropertyPostReply", pattern: sys + "thing/event/property/post_reply", dir: Down, push: pushAuto},
	EventPost:                {name: "EventPost", pattern: sys + "thing/event/{id}/post", dir: Up, reply: EventPostReply},
	EventPostReply:           {name: "EventPostReply", pattern: sys + "thing/event/{id}/post_reply", dir: Down, push: pushAuto},
	PropertyBatchPost:        {name: "PropertyBatchPost", pattern: sys + "thing/event/property/batch/post", dir: Up, reply: PropertyBatchPostReply},
	PropertyBatchPostReply:   {name: "PropertyBatchPostReply", pattern: sys + "thing/event/property/batch/post_reply", dir: Down, push: pushAuto},
	PropertyHistoryPost:      {name: "PropertyHistoryPost", pattern: sys + "thing/event/property/history/post", dir: Up, reply: PropertyHistoryPostReply},
	PropertyHistoryPostReply: {name: "PropertyHistoryPostReply", pattern: sys + "thing/event/property/history/post_reply", dir: Down, push: pushAuto},
	PropertyPackPost:         {name: "PropertyPackPost", pattern: sys + "thing/event/property/pack/post", dir: Up, reply: PropertyPackPostReply},
	PropertyPackPostReply:    {name: "PropertyPackPostReply", pattern: sys + "thing/event/property/pack/post_reply", dir: Down},
	PropertySet:              {name: "PropertySet", pattern: sys + "thing/service/property/set", dir: Down, reply: PropertySetReply, push: pushAuto},
	PropertySetReply:         {name: "PropertySetReply", pattern: sys + "thing/service/property/set_reply", dir: Up},
	PropertyGet:              {name: "PropertyGet", pattern: sys + "thing/service/property/get", dir: Down, reply: PropertyGetReply, push: pushAuto},
	PropertyGetReply:         {name: "PropertyGetReply", pattern: sys + "thing/service/property/get_reply", dir: Up},
	Service:                  {name: "Service", pattern: sys + "thing/service/{id}", dir: Down, reply: ServiceReply, push: pushAuto},
	ServiceReply:             {name: "ServiceReply", pattern: sys + "thing/service/{id}_reply", dir: Up},
	RRPCRequest:              {name: "RRPCRequest", pattern: sys + "rrpc/request/{mid}", dir: Down, reply: RRPCResponse, push: pushAuto},
	RRPCResponse:             {name: "RRPCResponse", pattern: sys + "rrpc/response/{mid}", dir: Up},
	ExtRRPC:                  {name: "ExtRRPC", pattern: "/ext/rrpc/{mid}/{rest}", dir: Both, reply: ExtRRPC, push: pushAuto, qos0: true},
	ModelUpRaw:               {name: "ModelUpRaw", pattern: sys + "thing/model/up_raw", dir: Up, reply: ModelUpRawReply},
	ModelUpRawReply:          {name: "ModelUpRawReply", pattern: sys + "thing/model/up_raw_reply", dir: Down, push: pushAuto},
	ModelDownRaw:             {name: "ModelDownRaw", pattern: sys + "thing/model/down_raw", dir: Down, reply: ModelDownRawReply, push: pushAuto},
	ModelDownRawReply:        {name: "ModelDownRawReply", pattern: sys + "thing/model/down_raw_reply", dir: Up},
	DesiredGet:               {name: "DesiredGet", pattern: sys + "thing/property/desired/get", dir: Up, reply: DesiredGetReply},
	DesiredGetReply:          {name: "DesiredGetReply", pattern: sys + "thing/property/desired/get_reply", dir: Down, push: pushAuto},
	DesiredDelete:            {name: "DesiredDelete", pattern: sys + "thing/property/desired/delete", dir: Up, reply: DesiredDeleteReply},
	DesiredDeleteReply:       {name: "DesiredDeleteReply", pattern: sys + "thing/property/desired/delete_reply", dir: Down, push: pushAuto},
	TagUpdate:                {name: "TagUpdate", pattern: sys + "thing/deviceinfo/update", dir: Up, reply: TagUpdateReply},
	TagUpdateReply:           {name: "TagUpdateReply", pattern: sys + "thing/deviceinfo/update_reply", dir: Down, push: pushAuto},
	TagDelete:                {name: "TagDelete", pattern: sys + "thing/deviceinfo/delete", dir: Up, reply: TagDeleteReply},
	TagDeleteReply:           {name: "TagDeleteReply", pattern: sys + "thing/deviceinfo/delete_reply", dir: Down, push: pushAuto},
	ConfigGet:                {name: "ConfigGet", pattern: sys + "thing/config/get", dir: Up, reply: ConfigGetReply},
	ConfigGetReply:           {name: "ConfigGetReply", pattern: sys + "thing/config/get_reply", dir: Down, push: pushAuto},
	ConfigPush:               {name: "ConfigPush", pattern: sys + "thing/config/push", dir: Down, reply: ConfigPushReply, push: pushAuto},
	ConfigPushReply:          {name: "ConfigPushReply", pattern: sys + "thing/config/push_reply", dir: Up},
	ShadowUpdate:             {name: "ShadowUpdate", pattern: "/shadow/update/{pk}/{dn}", dir: Up, reply: ShadowGet},
	ShadowGet:                {name: "ShadowGet", pattern: "/shadow/get/{pk}/{dn}", dir: Down, push: pushAuto},
	NTPRequest:               {name: "NTPRequest", pattern: "/ext/ntp/{pk}/{dn}/request", dir: Up, reply: NTPResponse, qos0: true},
	NTPResponse:              {name: "NTPResponse", pattern: "/ext/ntp/{pk}/{dn}/response", dir: Down, push: pushAuto, qos0: true},
	LogConfigGet:             {name: "LogConfigGet", pattern: sys + "thing/config/log/get", dir: Up, reply: LogConfigGetReply},
	LogConfigGetReply:        {name: "LogConfigGetReply", pattern: sys + "thing/config/log/get_reply", dir: Down, push: pushAuto},
	LogConfigPush:            {name: "LogConfigPush", pattern: sys + "thing/config/log/push", dir: Down, push: pushAuto},
	LogPost:                  {name: "LogPost", pattern: sys + "thing/log/post", dir: Up, reply: LogPostReply},
	LogPostReply:             {name: "LogPostReply", pattern: sys + "thing/log/post_reply", dir: Down, push: pushAuto},
	Disable:                  {name: "Disable", pattern: sys + "thing/disable", dir: Down, reply: DisableReply, push: pushAuto},
	DisableReply:             {name: "DisableReply", pattern: sys + "thing/disable_reply", dir: Up},
	Enable:                   {name: "Enable", pattern: sys + "thing/enable", dir: Down, reply: EnableReply, push: pushAuto},
	EnableReply:              {name: "EnableReply", pattern: sys + "thing/enable_reply", dir: Up},
	Delete:                   {name: "Delete", pattern: sys + "thing/delete", dir: Down, reply: DeleteReply, push: pushAuto},
	DeleteReply:              {name: "DeleteReply", pattern: sys + "thing/delete_reply", dir: Up},
	ExtError:                 {name: "ExtError", pattern: "/ext/error/{pk}/{dn}", dir: Down},
	OTAInform:                {name: "OTAInform", pattern: "/ota/device/inform/{pk}/{dn}", dir: Up},
	OTAUpgrade:               {name: "OTAUpgrade", pattern: "/ota/device/upgrade/{pk}/{dn}", dir: Down, push: pushAuto},
	OTAProgress:              {name: "OTAProgress", pattern: "/ota/device/progress/{pk}/{dn}", dir: Up},
	OTARequest:               {name: "OTARequest", pattern: "/ota/device/request/{pk}/{dn}", dir: Both, reply: OTARequest, push: pushAuto},
	FirmwareGet:              {name: "FirmwareGet", pattern: sys + "thing/ota/firmware/get", dir: Up, reply: FirmwareGetReply},
	FirmwareGetReply:         {name: "FirmwareGetReply", pattern: sys + "thing/ota/firmware/get_reply", dir: Down, push: pushAuto},
	FileDownload:             {name: "FileDownload", pattern: sys + "thing/file/download", dir: Up, reply: FileDownloadReply},
	FileDownloadReply:        {name: "FileDownloadReply", pattern: sys + "thing/file/download_reply", dir: Down},
	FileUploadInit:           {name: "FileUploadInit", pattern: sys + "thing/file/upload/mqtt/init", dir: Up, reply: FileUploadInitReply},
	FileUploadInitReply:      {name: "FileUploadInitReply", pattern: sys + "thing/file/upload/mqtt/init_reply", dir: Down},
	FileUploadSend:           {name: "FileUploadSend", pattern: sys + "thing/file/upload/mqtt/send", dir: Up, reply: FileUploadSendReply},
	FileUploadSendReply:      {name: "FileUploadSendReply", pattern: sys + "thing/file/upload/mqtt/send_reply", dir: Down},
	FileUploadCancel:         {name: "FileUploadCancel", pattern: sys + "thing/file/upload/mqtt/cancel", dir: Up, reply: FileUploadCancelReply},
	FileUploadCancelReply:    {name: "FileUploadCancelReply", pattern: sys + "thing/file/upload/mqtt/cancel_reply", dir: Down},
	JobNotify:                {name: "JobNotify", pattern: sys + "thing/job/notify", dir: Down, reply: JobNotifyReply, push: pushAuto},
	JobNotifyReply:           {name: "JobNotifyReply", pattern: sys + "thing/job/notify_reply", dir: Up},
	JobGet:                   {name: "JobGet", pattern: sys + "thing/job/get", dir: Up, reply: JobGetReply},
	JobGetReply:              {name: "JobGetReply", pattern: sys + "thing/job/get_reply", dir: Down, push: pushAuto},
	JobUpdate:                {name: "JobUpdate", pattern: sys + "thing/job/update", dir: Up, reply: JobUpdateReply},
	JobUpdateReply:           {name: "JobUpdateReply", pattern: sys + "thing/job/update_reply", dir: Down, push: pushAuto},
	TSLGet:                   {name: "TSLGet", pattern: sys + "thing/dsltemplate/get", dir: Up, reply: TSLGetReply},
	TSLGetReply:              {name: "TSLGetReply", pattern: sys + "thing/dsltemplate/get_reply", dir: Down, push: pushAuto},
	DynamicTSLGet:            {name: "DynamicTSLGet", pattern: sys + "thing/dynamicTsl/get", dir: Up, reply: DynamicTSLGetReply},
	DynamicTSLGetReply:       {name: "DynamicTSLGetReply", pattern: sys + "thing/dynamicTsl/get_reply", dir: Down, push: pushAuto},
	SubRegister:              {name: "SubRegister", pattern: sys + "thing/sub/register", dir: Up, reply: SubRegisterReply},
	SubRegisterReply:         {name: "SubRegisterReply", pattern: sys + "thing/sub/register_reply", dir: Down, push: pushAuto},
	SubUnregister:            {name: "SubUnregister", pattern: sys + "thing/sub/unregister", dir: Up, reply: SubUnregisterReply},
	SubUnregisterReply:       {name: "SubUnregisterReply", pattern: sys + "thing/sub/unregister_reply", dir: Down, push: pushAuto},
	ProductRegister:          {name: "ProductRegister", pattern: sys + "thing/proxy/provisioning/product_register", dir: Up, reply: ProductRegisterReply},
	ProductRegisterReply:     {name: "ProductRegisterReply", pattern: sys + "thing/proxy/provisioning/product_register_reply", dir: Down, push: pushAuto},
	TopoAdd:                  {name: "TopoAdd", pattern: sys + "thing/topo/add", dir: Up, reply: TopoAddReply},
	TopoAddReply:             {name: "TopoAddReply", pattern: sys + "thing/topo/add_reply", dir: Down, push: pushAuto},
	TopoDelete:               {name: "TopoDelete", pattern: sys + "thing/topo/delete", dir: Up, reply: TopoDeleteReply},
	TopoDeleteReply:          {name: "TopoDeleteReply", pattern: sys + "thing/topo/delete_reply", dir: Down, push: pushAuto},
	TopoGet:                  {name: "TopoGet", pattern: sys + "thing/topo/get", dir: Up, reply: TopoGetReply},
	TopoGetReply:             {name: "TopoGetReply", pattern: sys + "thing/topo/get_reply", dir: Down, push: pushAuto},
	TopoChange:               {name: "TopoChange", pattern: sys + "thing/topo/change", dir: Down, reply: TopoChangeReply, push: pushAuto},
	TopoChangeReply:          {name: "TopoChangeReply", pattern: sys + "thing/topo/change_reply", dir: Up},
	GatewayPermit:            {name: "GatewayPermit", pattern: sys + "thing/gateway/permit", dir: Down, reply: GatewayPermitReply, push: pushAuto},
	GatewayPermitReply:       {name: "GatewayPermitReply", pattern: sys + "thing/gateway/permit_reply", dir: Up},
	TopoAddNotify:            {name: "TopoAddNotify", pattern: sys + "thing/topo/add/notify", dir: Down, reply: TopoAddNotifyReply},
	TopoAddNotifyReply:       {name: "TopoAddNotifyReply", pattern: sys + "thing/topo/add/notify_reply", dir: Up},
	ListFound:                {name: "ListFound", pattern: sys + "thing/list/found", dir: Up, reply: ListFoundReply},
	ListFoundReply:           {name: "ListFoundReply", pattern: sys + "thing/list/found_reply", dir: Down},
	SubLogin:                 {name: "SubLogin", pattern: "/ext/session/{pk}/{dn}/combine/login", dir: Up, reply: SubLoginReply, qos0: true},
	SubLoginReply:            {name: "SubLoginReply", pattern: "/ext/session/{pk}/{dn}/combine/login_reply", dir: Down, push: pushAuto, qos0: true},
	SubLogout:                {name: "SubLogout", pattern: "/ext/session/{pk}/{dn}/combine/logout", dir: Up, reply: SubLogoutReply, qos0: true},
	SubLogoutReply:           {name: "SubLogoutReply", pattern: "/ext/session/{pk}/{dn}/combine/logout_reply", dir: Down, push: pushAuto, qos0: true},
	SubBatchLogin:            {name: "SubBatchLogin", pattern: "/ext/session/{pk}/{dn}/combine/batch_login", dir: Up, reply: SubBatchLoginReply, qos0: true},
	SubBatchLoginReply:       {name: "SubBatchLoginReply", pattern: "/ext/session/{pk}/{dn}/combine/batch_login_reply", dir: Down, push: pushAuto, qos0: true},
	SubBatchLogout:           {name: "SubBatchLogout", pattern: "/ext/session/{pk}/{dn}/combine/batch_logout", dir: Up, reply: SubBatchLogoutReply, qos0: true},
	SubBatchLogoutReply:      {name: "SubBatchLogoutReply", pattern: "/ext/session/{pk}/{dn}/combine/batch_logout_reply", dir: Down, push: pushAuto, qos0: true},
	ModelConfigPush:          {name: "ModelConfigPush", pattern: sys + "thing/model/config/push", dir: Down},
	Broadcast:                {name: "Broadcast", pattern: sys + "broadcast/request/{mid}", dir: Down, push: pushAlways},
	ProductBroadcast:         {name: "ProductBroadcast", pattern: "/broadcast/{pk}/{rest}", dir: Down},
	Custom:                   {name: "Custom", pattern: "/{pk}/{dn}/user/{rest}", dir: Both},
	// Products of the first years have custom topics without /user/ (D20, topics).
	CustomLegacy:         {name: "CustomLegacy", pattern: "/{pk}/{dn}/{rest}", dir: Both},
	Reset:                {name: "Reset", pattern: sys + "thing/reset", dir: Up, reply: ResetReply},
	ResetReply:           {name: "ResetReply", pattern: sys + "thing/reset_reply", dir: Down, push: pushAuto},
	BootstrapNotify:      {name: "BootstrapNotify", pattern: sys + "thing/bootstrap/notify", dir: Down, reply: BootstrapNotifyReply, push: pushAuto},
	BootstrapNotifyReply: {name: "BootstrapNotifyReply", pattern: sys + "thing/bootstrap/notify_reply", dir: Up},
	BootstrapConfigPush:  {name: "BootstrapConfigPush", pattern: sys + "thing/bootstrap/config/push", dir: Down, push: pushAuto},
	// The directions of the four below are inferred.
	CoreEventNotify:      {name: "CoreEventNotify", pattern: sys + "_thing/event/notify", dir: Down, push: pushAuto},
	CoreServicePost:      {name: "CoreServicePost", pattern: sys + "_thing/service/post", dir: Up, reply: CoreServicePostReply},
	CoreServicePostReply: {name: "CoreServicePostReply", pattern: sys + "_thing/service/post_reply", dir: Down, push: pushAuto},
	CoreDiagPost:         {name: "CoreDiagPost", pattern: sys + "_thing/diag/post", dir: Up},
	CipherGet:            {name: "CipherGet", pattern: sys + "thing/cipher/get", dir: Up, reply: CipherGetReply},
	CipherGetReply:       {name: "CipherGetReply", pattern: sys + "thing/cipher/get_reply", dir: Down, push: pushAuto},
	WiFiProvisioning:     {name: "WiFiProvisioning", pattern: sys + "thing/awss/{rest}", dir: Both, push: pushAuto},
	LANControl:           {name: "LANControl", pattern: sys + "thing/lan/{rest}", dir: Both, push: pushAuto},
	ExtRegister:          {name: "ExtRegister", pattern: "/ext/register", dir: Down, push: pushAlways},
	ExtRegnwl:            {name: "ExtRegnwl", pattern: "/ext/regnwl", dir: Down, push: pushAlways},
	ExtIdentity:          {name: "ExtIdentity", pattern: "/ext/auth/identity/response", dir: Down, push: pushAlways},
}

// requestOf is the inverse of row.reply, own-topic answers left out.
var requestOf [lastKind + 1]Kind

func init() {
	for k := range catalogue {
		r := &catalogue[k]
		r.kind = Kind(k)
		if r.reply != 0 && r.reply != r.kind {
			requestOf[r.reply] = r.kind
		}
	}
}
