package aliiot

import (
	"fmt"

	"github.com/aliiot/aliiot/alink"
)

// Identity says who the device is and how it proves it. DeviceSecret is the one
// that exists now.
type Identity interface {
	device() alink.Device
	check() error
	credentials(tls bool) (alink.Credentials, error)
}

// Secret is a device's secret. No formatting verb, log or encoder prints it:
// string(s) is the only way to its text.
type Secret = alink.Secret

// DeviceSecret is one secret per device: the name, product key and secret that
// the console shows for a device.
type DeviceSecret struct {
	// ProductKey is the product's, as the console shows it.
	ProductKey string
	// DeviceName is the device's within its product, at most 32 characters:
	// letters, digits and -_.@:
	DeviceName string
	// Secret is the device's. It must not be empty.
	Secret Secret
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

// ConfigError says which field of Config is wrong, and why. Nothing was opened;
// opening again with the same Config fails again, but for ErrVolatile.
type ConfigError struct {
	// Field is the name of the field of Config.
	Field string
	// Err is why: ErrMissing, ErrNoSecret, ErrVolatile, ErrForeignSystem, or a text.
	Err error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("aliiot: Config.%s: %v", e.Field, e.Err) }
func (e *ConfigError) Unwrap() error { return e.Err }
