package emulator

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/aliiot/aliiot/alink"
)

// ErrUnknownDevice is a device that was never added.
var ErrUnknownDevice = errors.New("emulator: unknown device")

// DeviceSecret is what a device needs to connect.
type DeviceSecret struct {
	alink.Device
	Secret alink.Secret
}

func deviceSecret(productKey, deviceName, secret string) DeviceSecret {
	return DeviceSecret{alink.Device{ProductKey: productKey, DeviceName: deviceName}, alink.Secret(secret)}
}

// standing is what the cloud's console made of a device.
type standing uint8

const (
	enabled standing = iota
	disabled
	deleted
)

// device is a device as the platform knows it.
type device struct {
	id       alink.Device
	Secret   alink.Secret // exported, so that fmt asks it
	standing standing

	session  *session    // the one that is online
	kept     *kept       // what outlives a session with CleanSession=false
	connects []time.Time // of the last minute, where they are limited
	quota    [2]*rate.Limiter
	arrivals int64
	held     []func() // replies that wait for the next session
}

func newDevice(d DeviceSecret) *device {
	return &device{
		id: d.Device, Secret: d.Secret,
		quota: [2]*rate.Limiter{
			rate.NewLimiter(alink.RateQoS0, alink.RateQoS0),
			rate.NewLimiter(alink.RateQoS1, alink.RateQoS1),
		},
	}
}

// AddDevice registers a device, or gives a known one another secret and enables
// it. The error is a *alink.NameError for names that the platform does not allow.
func (e *Emulator) AddDevice(productKey, deviceName, secret string) error {
	d := deviceSecret(productKey, deviceName, secret)
	if err := d.Validate(); err != nil {
		return fmt.Errorf("emulator: adding a device: %w", err)
	}
	if secret == "" {
		return fmt.Errorf("emulator: adding a device: %w", &alink.NameError{What: "device secret", Name: d.String(), Reason: "is missing"})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.devices[d.Device]; known != nil {
		known.Secret, known.standing = d.Secret, enabled
		return nil
	}
	e.devices[d.Device] = newDevice(d)
	return nil
}

// NewDevice registers a device with names and a secret of the emulator's own,
// drawn by the seed.
func (e *Emulator) NewDevice() DeviceSecret {
	e.mu.Lock()
	defer e.mu.Unlock()
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
	pk := []byte("a1")
	for range 9 { // product keys are eleven characters long and mostly begin with a1
		pk = append(pk, letters[e.lot.IntN(len(letters))])
	}
	secret := make([]byte, 16)
	for i := range secret {
		secret[i] = byte(e.lot.Uint32())
	}
	d := deviceSecret(string(pk), fmt.Sprintf("device%02d", len(e.devices)+1), hex.EncodeToString(secret))
	e.devices[d.Device] = newDevice(d)
	return d
}

// Disable refuses a device from now on, with CONNACK 5, and cuts its session.
func (e *Emulator) Disable(d alink.Device) error { return e.stand(d, disabled) }

// Enable takes a Disable or Delete back.
func (e *Emulator) Enable(d alink.Device) error { return e.stand(d, enabled) }

// Delete is like Disable: the platform refuses a deleted device in the same way.
func (e *Emulator) Delete(d alink.Device) error { return e.stand(d, deleted) }

// Forget takes a device out of the registry, as if it had never been added: it is
// refused with CONNACK 4. Its reports stay.
func (e *Emulator) Forget(d alink.Device) error {
	if err := e.stand(d, deleted); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.devices, d)
	return nil
}

func (e *Emulator) stand(d alink.Device, s standing) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	dev := e.devices[d]
	if dev == nil {
		return fmt.Errorf("%w: %s", ErrUnknownDevice, d)
	}
	dev.standing = s
	if s != enabled && dev.session != nil {
		e.end(dev.session, "disabled or deleted")
	}
	return nil
}

// Kick cuts a device's session without a word, as an operator can.
func (e *Emulator) Kick(d alink.Device) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	dev := e.devices[d]
	if dev == nil {
		return fmt.Errorf("%w: %s", ErrUnknownDevice, d)
	}
	if dev.session != nil {
		e.end(dev.session, "kicked")
	}
	return nil
}

// SetReplies switches the replies to a product's posts on or off.
func (e *Emulator) SetReplies(productKey string, on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.silent[productKey] = !on
}
