package alink

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// SecureMode is how a connection is protected, as the client id announces it.
type SecureMode uint8

const (
	SecureTLS   SecureMode = 2 // TLS; the zero SecureMode means it too
	SecurePlain SecureMode = 3 // plain TCP
)

// Credentials is what a device puts into its CONNECT.
type Credentials struct {
	ClientID, Username string
	Password           Secret
}

// ConnectOptions is what a device may choose in its CONNECT. The zero value is a
// TLS connection signed with hmacsha256, without a timestamp, and with
// subscriptions of the device's own.
type ConnectOptions struct {
	// ClientIDPrefix is the free part of the client id, at most
	// [MaxClientIDPrefix] bytes without "|"; default "productKey.deviceName", as
	// the C SDK has it. Who connects is decided by the user name alone.
	ClientIDPrefix string
	// SignMethod defaults to hmacsha256.
	SignMethod SignMethod
	// Timestamp is milliseconds since 1970, signed along; 0 leaves it out. The
	// platform does not hold it against a clock (D20; C41 sends a constant).
	Timestamp int64
	// SecureMode must say what the connection is.
	SecureMode SecureMode
	// ExtRRPC announces ext=1: RRPC may use topics of the application's, and
	// synchronous services come on /ext/rrpc (D20, C41).
	ExtRRPC bool
	// AutoSubscribe announces _ss=1: the platform pushes the topics of
	// [Kind.AutoPush] without a SUBSCRIBE (C41).
	AutoSubscribe bool
	// Extra is further parameters, such as _v and lan; they are not signed.
	Extra map[string]string
}

// ErrPassword is a password that does not fit the secret: the device must be
// given another secret, trying again does not help.
var ErrPassword = errors.New("alink: password does not fit the secret")

// ClientIDError is a client id that cannot be read or built.
type ClientIDError struct {
	ClientID string
	Reason   string
}

func (e *ClientIDError) Error() string {
	return fmt.Sprintf("alink: client id %q %s", e.ClientID, e.Reason)
}

// DeviceCredentials signs a connection with the secret of the device itself (D20,
// MQTT-TCP; vectors from N12 and C41). Errors: *NameError for a device, a secret
// or a method that cannot be, *ClientIDError for a prefix or an extra parameter.
func DeviceCredentials(d Device, s Secret, o ConnectOptions) (Credentials, error) {
	if err := d.Validate(); err != nil {
		return Credentials{}, err
	}
	if s == "" {
		return Credentials{}, &NameError{What: "device secret", Name: d.String(), Reason: "is missing"}
	}
	if o.ClientIDPrefix == "" {
		o.ClientIDPrefix = d.ProductKey + "." + d.DeviceName
	}
	if o.SignMethod == "" {
		o.SignMethod = HMACSHA256
	}
	if o.SecureMode == 0 {
		o.SecureMode = SecureTLS
	}
	id, err := o.clientID()
	if err != nil {
		return Credentials{}, err
	}
	password, err := Sign(o.SignMethod, s, connectFields(o.ClientIDPrefix, d, timestamp(o.Timestamp)))
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{ClientID: id, Username: d.Username(), Password: Secret(password)}, nil
}

func timestamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return strconv.FormatInt(ms, 10)
}

func connectFields(cid string, d Device, timestamp string) map[string]string {
	f := map[string]string{"clientId": cid, "deviceName": d.DeviceName, "productKey": d.ProductKey}
	if timestamp != "" {
		f["timestamp"] = timestamp
	}
	return f
}

// clientID builds {cid}|k=v,…|. The order of the parameters is free (D20; three
// SDKs have three).
func (o ConnectOptions) clientID() (string, error) {
	if len(o.ClientIDPrefix) > MaxClientIDPrefix {
		return "", &ClientIDError{ClientID: o.ClientIDPrefix, Reason: fmt.Sprintf("is longer than %d bytes", MaxClientIDPrefix)}
	}
	if strings.ContainsAny(o.ClientIDPrefix, "|\x00") {
		return "", &ClientIDError{ClientID: o.ClientIDPrefix, Reason: "has a bar in it"}
	}
	b := []byte(o.ClientIDPrefix + "|securemode=")
	b = strconv.AppendInt(b, int64(o.SecureMode), 10)
	b = append(b, ",signmethod="+string(o.SignMethod)...)
	if t := timestamp(o.Timestamp); t != "" {
		b = append(b, ",timestamp="+t...)
	}
	if o.ExtRRPC {
		b = append(b, ",ext=1"...)
	}
	if o.AutoSubscribe {
		b = append(b, ",_ss=1"...)
	}
	for _, k := range sortedNames(o.Extra) {
		v := o.Extra[k]
		switch k {
		case "securemode", "signmethod", "timestamp", "ext", "_ss":
			return "", &ClientIDError{ClientID: o.ClientIDPrefix, Reason: "has " + k + " among its extra parameters"}
		}
		if k == "" || strings.ContainsAny(k, "=,|\x00") || strings.ContainsAny(v, ",|\x00") {
			return "", &ClientIDError{ClientID: o.ClientIDPrefix, Reason: fmt.Sprintf("cannot carry the parameter %q", k+"="+v)}
		}
		b = append(b, ","+k+"="+v...)
	}
	return string(append(b, '|')), nil
}

// ParseClientID takes a client id apart: the free part before the first bar and
// the parameters between the bars. A client id without both bars, or with a
// parameter that has no "=" or comes twice, is a *ClientIDError.
func ParseClientID(s string) (cid string, params map[string]string, err error) {
	cid, rest, ok := strings.Cut(s, "|")
	if !ok {
		return "", nil, &ClientIDError{ClientID: s, Reason: "has no parameters between bars"}
	}
	rest, ok = strings.CutSuffix(rest, "|")
	if !ok {
		return "", nil, &ClientIDError{ClientID: s, Reason: "does not end with a bar"}
	}
	params = make(map[string]string)
	if rest == "" {
		return cid, params, nil
	}
	for item := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(item, "=")
		if !ok || k == "" {
			return "", nil, &ClientIDError{ClientID: s, Reason: fmt.Sprintf("has %q where a parameter should be", item)}
		}
		if _, twice := params[k]; twice {
			return "", nil, &ClientIDError{ClientID: s, Reason: fmt.Sprintf("has the parameter %q twice", k)}
		}
		params[k] = v
	}
	return cid, params, nil
}

// VerifyPassword is the platform's check of a CONNECT against the device's
// secret: signed are the free part of the client id, the device and, if the
// client id announces one, the timestamp; the method is hmacmd5 where none is
// announced; hex may have either case (D20). Errors: *ClientIDError and
// *NameError for what cannot be read, ErrPassword for a signature that differs.
func VerifyPassword(clientID, username, password string, s Secret) error {
	cid, params, err := ParseClientID(clientID)
	if err != nil {
		return err
	}
	d, err := ParseUsername(username)
	if err != nil {
		return err
	}
	m := HMACMD5
	if name, ok := params["signmethod"]; ok {
		if m, err = ParseSignMethod(name); err != nil {
			return err
		}
	}
	want, err := Sign(m, s, connectFields(cid, d, params["timestamp"]))
	if err != nil {
		return err
	}
	if s == "" || subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(password))) != 1 {
		return fmt.Errorf("connect as %s: %w", d, ErrPassword)
	}
	return nil
}
