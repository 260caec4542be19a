package alink

// Filters is what a device subscribes to before it publishes, in one SUBSCRIBE:
// replies to posts, property set and get, services, RRPC and NTP. The wildcards
// keep it within [MaxFiltersPerSubscribe]; N12 subscribes event/+/post_reply and
// rrpc/request/+ in the same way. A broker that is not the platform's also sends
// the device's own answers back on service/+: their [Kind.Direction] is Up.
func Filters(d Device) []string {
	s := "/sys/" + d.ProductKey + "/" + d.DeviceName + "/"
	return []string{
		s + "thing/event/+/post_reply",
		s + "thing/event/property/+/post_reply",
		s + "thing/service/property/set",
		s + "thing/service/property/get",
		s + "thing/service/+",
		s + "rrpc/request/+",
		Topic{Kind: NTPResponse, Device: d}.String(),
	}
}

// ExtRRPCFilters is what a device that announced ext subscribes to besides: there
// synchronous services and property sets come as /ext/rrpc/{mid}/sys/… (C41, T-C).
func ExtRRPCFilters(d Device) []string {
	s := "/ext/rrpc/+/sys/" + d.ProductKey + "/" + d.DeviceName + "/thing/service/"
	return []string{s + "+", s + "property/set"}
}
