package aliiot

import (
	"fmt"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Identity says who the device is and how it proves it. DeviceSecret is the one
// that exists now.
type Identity interface {
	device() alink.Device
	check() error
	credentials(tls bool) (alink.Credentials, error)
}

// Secret is a device's secret. No formatting verb, log or encoder prints it.
type Secret = alink.Secret

// DeviceSecret is one secret per device: the name, product key and secret that
// the console shows for a device.
type DeviceSecret struct {
	ProductKey string
	DeviceName string
	Secret     Secret
	// SignMethod is how the password is signed: alink.HMACSHA256 (default),
	// HMACSHA1 or HMACMD5.
	SignMethod alink.SignMethod
	// ClientID is free text of up to 64 characters that the platform's log
	// shows; the default is "{productKey}.{deviceName}".
	ClientID string
}

func (d DeviceSecret) device() alink.Device {
	return alink.Device{ProductKey: d.ProductKey, DeviceName: d.DeviceName}
}

func (d DeviceSecret) check() error {
	if err := d.device().Validate(); err != nil {
		return &ConfigError{Field: "Identity", Err: err}
	}
	if d.Secret == "" {
		return &ConfigError{Field: "Identity", Err: ErrNoSecret}
	}
	_, err := d.credentials(true)
	if err != nil {
		return &ConfigError{Field: "Identity", Err: err}
	}
	return nil
}

func (d DeviceSecret) credentials(tls bool) (alink.Credentials, error) {
	o := alink.ConnectOptions{ClientIDPrefix: d.ClientID, SignMethod: d.SignMethod, SecureMode: alink.SecureTLS, AutoSubscribe: true}
	if !tls {
		o.SecureMode = alink.SecurePlain
	}
	return alink.DeviceCredentials(d.device(), d.Secret, o)
}

// ConfigError says which field of Config is wrong, and why.
type ConfigError struct {
	Field string
	Err   error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("aliiot: Config.%s: %v", e.Field, e.Err) }
func (e *ConfigError) Unwrap() error { return e.Err }

// The words of package actors that an application meets.
type (
	Properties       = actors.Properties
	Event            = actors.Event
	Item             = actors.Item
	Lane             = actors.Lane
	Policy           = actors.Policy
	Ledger           = actors.Ledger
	Counts           = actors.Counts
	End              = actors.End
	Outcome          = actors.Outcome
	ValueError       = actors.ValueError
	TooLargeError    = outbox.TooLargeError
	UnknownLaneError = actors.UnknownLaneError
	Limits           = actors.Limits
	Confirm          = actors.Confirm
)

// How a report ends, what a lane does when it is full, and whose word confirms.
const (
	Confirmed = actors.Confirmed
	Rejected  = actors.Rejected
	Expired   = actors.Expired
	Evicted   = actors.Evicted
	Damaged   = actors.Damaged

	EvictOldest = actors.EvictOldest
	RefuseNew   = actors.RefuseNew
	LatestOnly  = actors.LatestOnly

	ConfirmReply  = actors.ConfirmReply
	ConfirmPuback = actors.ConfirmPuback
)

// DefaultLanes are the lanes of a Config that declares none.
func DefaultLanes() []Lane { return actors.DefaultLanes() }

// PlatformLimits is a copy of the platform's limits, to change for a broker of
// one's own. In it 0 means that there is no such limit.
func PlatformLimits() Limits { return actors.PlatformLimits() }
