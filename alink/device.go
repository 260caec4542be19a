package alink

import (
	"fmt"
	"strings"
)

// Device is the identity of a device: the product it belongs to and its name in
// it. Both are part of nearly every topic.
type Device struct{ ProductKey, DeviceName string }

// String is "productKey/deviceName".
func (d Device) String() string { return d.ProductKey + "/" + d.DeviceName }

// Username is the MQTT user name "deviceName&productKey" (D20, N12, C41).
func (d Device) Username() string { return d.DeviceName + "&" + d.ProductKey }

// IsZero tells whether d names no device.
func (d Device) IsZero() bool { return d == Device{} }

// Validate tells whether topics and credentials can be built from d. A product
// key is letters and digits, a device name at most [MaxDeviceName] letters,
// digits and -_.@: (DN, BatchCheckDeviceNames). The error is a *NameError.
func (d Device) Validate() error {
	if !allBytes(d.ProductKey, isAlnum) {
		return &NameError{What: "product key", Name: d.ProductKey, Reason: "must be letters and digits"}
	}
	if !allBytes(d.DeviceName, isDeviceNameByte) {
		return &NameError{What: "device name", Name: d.DeviceName, Reason: "must be letters, digits and -_.@:"}
	}
	if len(d.DeviceName) > MaxDeviceName {
		return &NameError{What: "device name", Name: d.DeviceName, Reason: fmt.Sprintf("is longer than %d bytes", MaxDeviceName)}
	}
	return nil
}

// ParseUsername takes the MQTT user name "deviceName&productKey" apart. The
// error is a *NameError.
func ParseUsername(s string) (Device, error) {
	name, pk, ok := strings.Cut(s, "&")
	d := Device{ProductKey: pk, DeviceName: name}
	if !ok {
		return Device{}, &NameError{What: "user name", Name: s, Reason: `has no "&" between device name and product key`}
	}
	if err := d.Validate(); err != nil {
		return Device{}, err
	}
	return d, nil
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isDeviceNameByte(c byte) bool { return isAlnum(c) || strings.IndexByte("-_.@:", c) >= 0 }

// allBytes tells whether s is not empty and every byte of it is ok.
func allBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}
