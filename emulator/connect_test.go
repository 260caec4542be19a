package emulator_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

func TestConnackForEachWrong(t *testing.T) {
	e := emulator.Start(t)
	good := e.NewDevice()
	disabled, deleted := e.NewDevice(), e.NewDevice()
	if err := errors.Join(e.Disable(disabled.Device), e.Delete(deleted.Device)); err != nil {
		t.Fatal(err)
	}
	wrongSecret, unknown := good, good
	wrongSecret.Secret = "ffffffffffffffffffffffffffffffff"
	unknown.DeviceName = "nobody"
	rename := func(from, to string) func(*paho.ClientOptions) {
		return func(o *paho.ClientOptions) { o.SetClientID(strings.Replace(o.ClientID, from, to, 1)) }
	}
	for name, c := range map[string]struct {
		dev    emulator.DeviceSecret
		change func(*paho.ClientOptions)
		want   byte
		reason string
	}{
		"right":                {dev: good},
		"no bars":              {dev: good, change: rename("|", "-"), want: 2, reason: "client id"},
		"no trailing bar":      {dev: good, change: func(o *paho.ClientOptions) { o.SetClientID(strings.TrimSuffix(o.ClientID, "|")) }, want: 2, reason: "client id"},
		"empty client id":      {dev: good, change: func(o *paho.ClientOptions) { o.SetClientID("") }, want: 2, reason: "client id"},
		"unknown securemode":   {dev: good, change: rename("securemode=3", "securemode=9"), want: 2, reason: "securemode"},
		"without securemode":   {dev: good, change: rename("securemode=3", "mode=3"), want: 2, reason: "securemode"},
		"securemode of TLS":    {dev: good, change: rename("securemode=3", "securemode=2")},
		"keepalive 29":         {dev: good, change: func(o *paho.ClientOptions) { o.SetKeepAlive(29 * time.Second) }, want: 2, reason: "keepalive"},
		"keepalive 0":          {dev: good, change: func(o *paho.ClientOptions) { o.SetKeepAlive(0) }, want: 2, reason: "keepalive"},
		"keepalive 1201":       {dev: good, change: func(o *paho.ClientOptions) { o.SetKeepAlive(1201 * time.Second) }, want: 2, reason: "keepalive"},
		"keepalive 30":         {dev: good, change: func(o *paho.ClientOptions) { o.SetKeepAlive(30 * time.Second) }},
		"keepalive 1200":       {dev: good, change: func(o *paho.ClientOptions) { o.SetKeepAlive(1200 * time.Second) }},
		"odd user name":        {dev: good, change: func(o *paho.ClientOptions) { o.SetUsername("someone") }, want: 4, reason: "user name"},
		"no user name":         {dev: good, change: func(o *paho.ClientOptions) { o.SetUsername("").SetPassword("") }, want: 4, reason: "user name"},
		"unknown device":       {dev: unknown, want: 4, reason: "unknown device"},
		"wrong secret":         {dev: wrongSecret, want: 4, reason: "signature"},
		"no password":          {dev: good, change: func(o *paho.ClientOptions) { o.SetPassword("") }, want: 4, reason: "signature"},
		"upper-case signature": {dev: good, change: func(o *paho.ClientOptions) { o.SetPassword(strings.ToUpper(o.Password)) }},
		"unsigned timestamp":   {dev: good, change: rename("|securemode", "|timestamp=5,securemode"), want: 4, reason: "signature"},
		"disabled":             {dev: disabled, want: 5, reason: "disabled or deleted"},
		"deleted":              {dev: deleted, want: 5, reason: "disabled or deleted"},
		"both wrong":           {dev: wrongSecret, change: func(o *paho.ClientOptions) { o.SetKeepAlive(5 * time.Second) }, want: 2, reason: "keepalive"},
		"with a will":          {dev: good, change: func(o *paho.ClientOptions) { o.SetWill("/a/b", "", 2, true) }},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(e.Connects(alink.Device{}))
			_, err := try(t, e, c.dev, dial{change: c.change})
			if got := refusedWith(t, err); got != c.want {
				t.Errorf("the client got %v, want CONNACK %d", err, c.want)
			}
			all := e.Connects(alink.Device{})
			if len(all) != before+1 {
				t.Fatalf("%d CONNECTs recorded for one", len(all)-before)
			}
			if last := all[before]; last.Code != c.want || last.Reason != c.reason {
				t.Errorf("recorded: CONNACK %d for %q; want %d for %q", last.Code, last.Reason, c.want, c.reason)
			}
		})
	}
}

// refusedWith is the CONNACK code that paho's error stands for.
func refusedWith(t *testing.T, err error) byte {
	t.Helper()
	if err == nil {
		return 0
	}
	for code, known := range packets.ConnErrors {
		if code != 0 && errors.Is(err, known) {
			return code
		}
	}
	t.Fatalf("no CONNACK: %v", err)
	return 0
}

func TestProtocolLevels(t *testing.T) {
	e := emulator.Start(t)
	dev := e.NewDevice()
	cred, err := alink.DeviceCredentials(dev.Device, dev.Secret, alink.ConnectOptions{SecureMode: alink.SecurePlain})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		version byte
		want    byte
	}{{"MQIsdp", 3, 0}, {"MQTT", 4, 0}, {"MQTT", 5, 1}, {"MQTT", 6, 1}} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(e.MQTT(), "mqtt://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		pk := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
		pk.ProtocolName, pk.ProtocolVersion, pk.CleanSession, pk.Keepalive = c.name, c.version, true, 60
		pk.ClientIdentifier, pk.UsernameFlag, pk.Username = cred.ClientID, true, cred.Username
		pk.PasswordFlag, pk.Password = true, []byte(cred.Password)
		var raw bytes.Buffer
		if err := pk.Write(&raw); err != nil {
			t.Fatal(err)
		}
		b := raw.Bytes()
		if c.version == 5 { // an empty list of properties goes behind the keepalive
			at := bytes.Index(b, []byte("MQTT")) + 4 + 1 + 1 + 2
			b = slices.Insert(b, at, 0)
			if b[1]++; b[1] == 0 || b[1]&0x80 == 0 {
				t.Fatal("the length does not fit into its bytes any more")
			}
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		var ack [4]byte
		if _, err := io.ReadFull(conn, ack[:]); err != nil || ack != [4]byte{0x20, 2, 0, c.want} {
			t.Errorf("%s level %d: % x, %v; want CONNACK %d", c.name, c.version, ack, err, c.want)
		}
		if c.want != 0 {
			if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
				t.Errorf("%s level %d: % x and %v behind the refusal, want EOF", c.name, c.version, rest, err)
			}
		}
		_ = conn.Close()
	}
}

// The flag may promise a password and the password be empty.
func TestEmptyPassword(t *testing.T) {
	e := emulator.Start(t, emulator.InMemory())
	dev := e.NewDevice()
	cred, err := alink.DeviceCredentials(dev.Device, dev.Secret, alink.ConnectOptions{SecureMode: alink.SecurePlain})
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	pk := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	pk.ProtocolName, pk.ProtocolVersion, pk.CleanSession, pk.Keepalive = "MQTT", 4, true, 60
	pk.ClientIdentifier, pk.UsernameFlag, pk.Username, pk.PasswordFlag = cred.ClientID, true, cred.Username, true
	if err := pk.Write(c); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, []byte{0x20, 2, 0, 4}) {
		t.Errorf("% x, %v; want CONNACK 4", got, err)
	}
}

func TestTLS(t *testing.T) {
	e := emulator.Start(t, emulator.WithTLS())
	dev := e.NewDevice()
	d := dial{server: strings.Replace(e.MQTTS(), "mqtts://", "ssl://", 1), o: alink.ConnectOptions{SecureMode: alink.SecureTLS}}
	if _, err := try(t, e, dev, d); err == nil {
		t.Error("a client without the CA connected")
	}
	d.change = func(o *paho.ClientOptions) { o.SetTLSConfig(&tls.Config{RootCAs: e.CertPool()}) }
	c := connect(t, e, dev, d)
	c.subscribe(map[string]byte{c.topic(alink.PropertyPostReply, ""): 0})
	c.post(1, `{"a":1}`)
	if r := c.reply(); r.Code != alink.CodeSuccess {
		t.Errorf("over TLS: %+v", r)
	}
	if all := e.Connects(dev.Device); len(all) != 1 || !all[0].TLS || all[0].Listener != "mqtts" {
		t.Errorf("recorded: %+v", all)
	}
	// A clock at the time of an older build is right enough, one in 1970 is not.
	d.change = func(o *paho.ClientOptions) {
		o.SetTLSConfig(&tls.Config{RootCAs: e.CertPool(), Time: func() time.Time { return time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC) }})
	}
	if _, err := try(t, e, dev, d); err != nil {
		t.Errorf("with a clock of February 2026: %v", err)
	}
	d.change = func(o *paho.ClientOptions) {
		o.SetTLSConfig(&tls.Config{RootCAs: e.CertPool(), Time: func() time.Time { return time.Unix(0, 0) }})
	}
	if _, err := try(t, e, dev, d); err == nil {
		t.Error("a device in 1970 connected")
	}
}

func TestNewestSessionDisplacesTheOld(t *testing.T) {
	e := emulator.Start(t)
	dev := e.NewDevice()
	first := connect(t, e, dev, dial{})
	// Whose session it is decides the triple, not the client id.
	second, err := try(t, e, dev, dial{o: alink.ConnectOptions{ClientIDPrefix: "another"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.waitLost(); !errors.Is(err, io.EOF) {
		t.Errorf("the old session ended with %v, want a plain close", err)
	}
	if n, err := e.WaitSession(within(t), dev.Device, 1); err != nil || n != 2 {
		t.Errorf("session %d is online, %v; want the second", n, err)
	}
	second.publish(second.topic(alink.Custom, "x"), 1, "still here")
	all := e.Connects(dev.Device)
	if len(all) != 2 || all[0].EndReason != "displaced" || !all[1].Ended.IsZero() {
		t.Errorf("recorded: %+v", all)
	}
}

func TestSilentConnectionIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c, err := e.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("dropped after %v, want 10 s", d)
		}
	})
}

func TestKeepaliveRunsOut(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		c := rawConnect(t, e, dev, 40)
		start := time.Now()
		if _, err := io.ReadAll(c); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("cut after %v, want 1.5 times 40 s", d)
		}
	})
}

func TestFiveConnectsAMinute(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		for range 5 {
			c, err := try(t, e, dev, dial{})
			if err != nil {
				t.Fatal(err)
			}
			c.close()
			time.Sleep(5 * time.Second)
		}
		if _, err := try(t, e, dev, dial{}); refusedWith(t, err) != 3 {
			t.Errorf("the sixth within a minute: %v", err)
		}
		time.Sleep(36 * time.Second)
		if _, err := try(t, e, dev, dial{}); err != nil {
			t.Errorf("a minute after the first: %v", err)
		}
	}, emulator.WithOptions(func(o *emulator.Options) { o.LimitConnects = true }))
}

func TestEnableAndAnotherSecret(t *testing.T) {
	e := emulator.Start(t)
	dev := e.NewDevice()
	c := connect(t, e, dev, dial{})
	if err := e.Disable(dev.Device); err != nil {
		t.Fatal(err)
	}
	_ = c.waitLost()
	if _, err := try(t, e, dev, dial{}); refusedWith(t, err) != 5 {
		t.Errorf("disabled: %v", err)
	}
	if err := e.Enable(dev.Device); err != nil {
		t.Fatal(err)
	}
	if err := e.AddDevice(dev.ProductKey, dev.DeviceName, "another"); err != nil {
		t.Fatal(err)
	}
	if _, err := try(t, e, dev, dial{}); refusedWith(t, err) != 4 {
		t.Errorf("the old secret: %v", err)
	}
	dev.Secret = "another"
	connect(t, e, dev, dial{})
	if err := e.Forget(dev.Device); err != nil {
		t.Fatal(err)
	}
	if _, err := try(t, e, dev, dial{}); refusedWith(t, err) != 4 {
		t.Errorf("forgotten: %v", err)
	}
	stranger := alink.Device{ProductKey: "a1", DeviceName: "x"}
	for _, err := range []error{e.Disable(stranger), e.Kick(stranger), e.Delete(stranger), e.Forget(stranger)} {
		if !errors.Is(err, emulator.ErrUnknownDevice) {
			t.Errorf("of an unknown device: %v", err)
		}
	}
	for _, bad := range [][3]string{{"a1", "", "s"}, {"a b", "d", "s"}, {"a1", "d", ""}} {
		if err := e.AddDevice(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q was added", bad)
		}
	}
}

// bubble runs a test in virtual time, with an emulator in memory.
func bubble(t *testing.T, f func(t *testing.T, e *emulator.Emulator), options ...emulator.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, emulator.Start(t, append(options, emulator.InMemory())...)) })
}

// rawConnect speaks MQTT by hand and does not answer for itself afterwards.
func rawConnect(t *testing.T, e *emulator.Emulator, dev emulator.DeviceSecret, keepAlive uint16) net.Conn {
	t.Helper()
	return rawSession(t, e, dev, keepAlive, true)
}

func rawConnectKept(t *testing.T, e *emulator.Emulator, dev emulator.DeviceSecret) net.Conn {
	t.Helper()
	return rawSession(t, e, dev, 60, false)
}

func rawSession(t *testing.T, e *emulator.Emulator, dev emulator.DeviceSecret, keepAlive uint16, clean bool) net.Conn {
	t.Helper()
	cred, err := alink.DeviceCredentials(dev.Device, dev.Secret, alink.ConnectOptions{SecureMode: alink.SecurePlain, AutoSubscribe: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	pk := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	pk.ProtocolName, pk.ProtocolVersion, pk.CleanSession, pk.Keepalive = "MQTT", 4, clean, keepAlive
	pk.ClientIdentifier, pk.UsernameFlag, pk.Username = cred.ClientID, true, cred.Username
	pk.PasswordFlag, pk.Password = true, []byte(cred.Password)
	if err := pk.Write(c); err != nil {
		t.Fatal(err)
	}
	ack, err := packets.ReadPacket(c)
	if a, ok := ack.(*packets.ConnackPacket); err != nil || !ok || a.ReturnCode != 0 {
		t.Fatalf("CONNACK: %v, %v", ack, err)
	}
	return c
}
