package alink

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

type vector struct {
	name          string
	secret        Secret
	fields        map[string]string
	md5, s1, s256 string
}

func fields(cid, dn, pk, ts string) map[string]string {
	return connectFields(cid, Device{ProductKey: pk, DeviceName: dn}, ts)
}

// vectors are computed by the SDKs' own signing code or taken from D20, and
// recomputed with an HMAC of another language.
var vectors = func() []vector {
	const pk, dn, ds = "a1B2c3D4e5F", "device01", "0123456789abcdef0123456789abcdef"
	sub := fields("a1SubPk0001&sub01", "sub01", "a1SubPk0001", "1700000000000")
	old := fields("a1SubPk0001&sub01", "sub01", "a1SubPk0001", "1700000000000")
	old["cleanSession"] = "true"
	return []vector{
		{"1, D20's example", "secret", fields("12345", "device", "pk", "789"), "14b198324fe55e1d3c88f2e705e201ee", "fafd82a3d602b37fb0fa8b7892f24a477f851a14", "6074a46a91b1ebb2cc4ea42790ad0e80202c9843859fc292e57c4eb19fad9e57"},
		{"2, Node", ds, fields(pk+"&"+dn, dn, pk, "1700000000000"), "76033a6f7df709f941467b784fca8813", "f3517a84bad11b73db9731c07343726364517e7d", "f418d6c21de7ded1797b446f352ac8a4ccb46a0559d2f874e11946f3d3359022"},
		{"3, C", ds, fields(pk+"."+dn, dn, pk, "2524608000000"), "f7f4560978aee858f3584e37fc1925eb", "47b1574eafc12d1f7eea5b3a5dbddf9a62624634", "8b7ffa0e48ab9c4017d14454b0037247cfa069ff3a75d51d987fee1bede6a8bf"},
		{"4, Node over TLS", ds, fields("12345", dn, pk, "1700000000000"), "c658af062f812af0dde8979b4ce7b5b8", "3f8c8ccc76af1028a52768d21aa5c88e7e03b933", "6a6f0ef732b0e6b216a264ae8e994040a154f46a1dcc3fbd0da8080aea3c10b7"},
		{"5, QuecPython, no timestamp", ds, fields(dn, dn, pk, ""), "37b3c587a464ab4834a95d4d839f4c89", "68f8d3ffeaae2b72f84f84ab8a3134eab2ae9898", "f0cc1577c3b7f93b3cec68b8f98646ab2fe1d07a0a8ad87545b1534cad4fbed1"},
		{"6, a sub-device", "fedcba9876543210fedcba9876543210", sub, "e109dc98ac37b06524a41d153c4a882e", "5d229dd49b564fa64813dc7b68382a5e6c08ba0e", "7f97eae093f32c5b7642f9cf78332376347ee5320f597a94d20b3d2c8172bd5e"},
		{"6b, with cleanSession", "fedcba9876543210fedcba9876543210", old, "b07842047fb165885f41f51ce1c89317", "f11fe65f3cb9af0507c2ec8af7572bf3a9eca93d", "d406805efc4ab50860f1313a68e2a8143e764334cda3093dd7f56318bbd9829f"},
		{"7, a registration", "PsecretABCDEF123456", map[string]string{"deviceName": dn, "productKey": pk, "random": "567345"}, "2a71fcea8c0dc63d3327757cbbc6189f", "7e29ec682f78a77d3df611ad820fbfb5837e9f25", "f1410a5749cd91cf01b579460351d1170bc9d4ac3ba7a53dcbac8a79018840b9"},
		{"C's HTTP channel", ds, fields(pk+"."+dn, dn, pk, ""), "", "", "4bd05a1439b5e79acdabcbbf86eb2ed2374ece5c7cb912f10cfbc0994be8e6e2"},
		{"C's TLS-PSK", ds, map[string]string{"id": pk + "&" + dn, "timestamp": "2524608000000"}, "", "", "a315fa2c89c39d639ee084b1f034d3a2e8da57dd4a3208cff2792798787ec15a"},
	}
}()

func TestSignVectors(t *testing.T) {
	for _, v := range vectors {
		for m, want := range map[SignMethod]string{HMACMD5: v.md5, HMACSHA1: v.s1, HMACSHA256: v.s256} {
			if want == "" {
				continue
			}
			if got, err := Sign(m, v.secret, v.fields); err != nil || got != want {
				t.Errorf("vector %s, %s: %s, %v; want %s", v.name, m, got, err, want)
			}
		}
	}
}

func TestDeviceCredentials(t *testing.T) {
	const ds = "0123456789abcdef0123456789abcdef"
	d := Device{"a1B2c3D4e5F", "device01"}
	for _, c := range []struct {
		o            ConnectOptions
		id, password string
	}{
		{ConnectOptions{}, "a1B2c3D4e5F.device01|securemode=2,signmethod=hmacsha256|",
			"4bd05a1439b5e79acdabcbbf86eb2ed2374ece5c7cb912f10cfbc0994be8e6e2"},
		{ConnectOptions{ClientIDPrefix: "device01", SecureMode: SecurePlain}, "device01|securemode=3,signmethod=hmacsha256|",
			"f0cc1577c3b7f93b3cec68b8f98646ab2fe1d07a0a8ad87545b1534cad4fbed1"},
		{ConnectOptions{ClientIDPrefix: "12345", SignMethod: HMACSHA1, Timestamp: 1700000000000,
			Extra: map[string]string{"lan": "NodeJS", "_v": "1.2.8"}},
			"12345|securemode=2,signmethod=hmacsha1,timestamp=1700000000000,_v=1.2.8,lan=NodeJS|",
			"3f8c8ccc76af1028a52768d21aa5c88e7e03b933"},
		{ConnectOptions{SignMethod: HMACMD5, Timestamp: 2524608000000, ExtRRPC: true, AutoSubscribe: true, SecureMode: SecurePlain},
			"a1B2c3D4e5F.device01|securemode=3,signmethod=hmacmd5,timestamp=2524608000000,ext=1,_ss=1|",
			"f7f4560978aee858f3584e37fc1925eb"},
	} {
		got, err := DeviceCredentials(d, ds, c.o)
		want := Credentials{c.id, "device01&a1B2c3D4e5F", Secret(c.password)}
		if err != nil || got != want {
			t.Errorf("%+v: %s %s %s, %v; want %s %s", c.o, got.ClientID, got.Username, string(got.Password), err, c.id, c.password)
		}
		if err := VerifyPassword(got.ClientID, got.Username, strings.ToUpper(string(got.Password)), ds); err != nil {
			t.Errorf("%+v: %v", c.o, err)
		}
		if err := VerifyPassword(got.ClientID, got.Username, string(got.Password), ds+"0"); !errors.Is(err, ErrPassword) {
			t.Errorf("%+v with another secret: %v", c.o, err)
		}
	}
}

func TestDeviceCredentialsRefuses(t *testing.T) {
	d := Device{"pk", "dn"}
	for name, try := range map[string]func() error{
		"no secret":      func() error { _, err := DeviceCredentials(d, "", ConnectOptions{}); return err },
		"no product key": func() error { _, err := DeviceCredentials(Device{"", "dn"}, "s", ConnectOptions{}); return err },
		"slash":          func() error { _, err := DeviceCredentials(Device{"pk", "d/n"}, "s", ConnectOptions{}); return err },
		"long name": func() error {
			_, err := DeviceCredentials(Device{"pk", strings.Repeat("n", 33)}, "s", ConnectOptions{})
			return err
		},
		"bar": func() error { _, err := DeviceCredentials(d, "s", ConnectOptions{ClientIDPrefix: "a|b"}); return err },
		"long prefix": func() error {
			_, err := DeviceCredentials(d, "s", ConnectOptions{ClientIDPrefix: strings.Repeat("x", 65)})
			return err
		},
		"method":     func() error { _, err := DeviceCredentials(d, "s", ConnectOptions{SignMethod: "md5"}); return err },
		"our own":    func() error { return withExtra("timestamp", "1") },
		"comma":      func() error { return withExtra("k", "a,b") },
		"equal sign": func() error { return withExtra("k=v", "a") },
	} {
		err := try()
		var n *NameError
		var c *ClientIDError
		if !errors.As(err, &n) && !errors.As(err, &c) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withExtra(k, v string) error {
	_, err := DeviceCredentials(Device{"pk", "dn"}, "s", ConnectOptions{Extra: map[string]string{k: v}})
	return err
}

func TestParseClientID(t *testing.T) {
	cid, params, err := ParseClientID("a1B2c3D4e5F.device01|timestamp=2524608000000,_ss=1,_v=sdk-c-4.1.0,securemode=3,signmethod=hmacsha256,ext=3,_conn=tls_0|")
	if err != nil || cid != "a1B2c3D4e5F.device01" || len(params) != 7 || params["ext"] != "3" || params["_conn"] != "tls_0" {
		t.Errorf("%q %v %v", cid, params, err)
	}
	if cid, params, err := ParseClientID("||"); cid != "" || len(params) != 0 || err != nil {
		t.Errorf("%q %v %v", cid, params, err)
	}
	for _, s := range []string{"", "plain", "a|b=1", "a|b=1|c", "a|b|", "a|=1|", "a|b=1,,c=2|", "a|b=1,b=2|"} {
		var ce *ClientIDError
		if _, _, err := ParseClientID(s); !errors.As(err, &ce) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestVerifyPassword(t *testing.T) {
	d, s := Device{"pk", "device"}, Secret("secret")
	md5, sha1 := vectors[0].md5, vectors[0].s1
	for _, c := range []struct {
		name, id, user, password string
		secret                   Secret
		ok                       bool
	}{
		{"D20's example", "12345|securemode=3,signmethod=hmacsha1,timestamp=789|", d.Username(), sha1, s, true},
		{"upper-case name of the method", "12345|signmethod=HmacSHA1,timestamp=789|", d.Username(), sha1, s, true},
		{"hmacmd5 where none is named", "12345|timestamp=789|", d.Username(), md5, s, true},
		{"signed with a timestamp that is not announced", "12345|signmethod=hmacsha1|", d.Username(), sha1, s, false},
		{"another timestamp", "12345|signmethod=hmacsha1,timestamp=788|", d.Username(), sha1, s, false},
		{"another method", "12345|signmethod=hmacsha256,timestamp=789|", d.Username(), sha1, s, false},
		{"unknown method", "12345|signmethod=none,timestamp=789|", d.Username(), sha1, s, false},
		{"another device", "12345|signmethod=hmacsha1,timestamp=789|", "device2&pk", sha1, s, false},
		{"no device", "12345|signmethod=hmacsha1,timestamp=789|", "device", sha1, s, false},
		{"no password", "12345|signmethod=hmacsha1,timestamp=789|", d.Username(), "", s, false},
		{"no parameters", "12345", d.Username(), sha1, s, false},
		{"no secret", "12345|signmethod=hmacsha1,timestamp=789|", d.Username(), sha1, "", false},
	} {
		if err := VerifyPassword(c.id, c.user, c.password, c.secret); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// Nobody may connect with an empty secret, not even with its right signature.
	empty, _ := Sign(HMACMD5, "", connectFields("x", d, ""))
	if err := VerifyPassword("x||", d.Username(), empty, ""); !errors.Is(err, ErrPassword) {
		t.Errorf("an empty secret connects: %v", err)
	}
}

func TestSecretStaysHidden(t *testing.T) {
	s := Secret("hunter2")
	c := Credentials{ClientID: "id", Username: "user", Password: s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "c", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "c", c)
	j, _ := json.Marshal(c)
	ours, _ := Marshal(map[string]any{"c": c, "s": s})
	outputs := []string{log.String(), string(j), string(ours), s.String(), s.GoString(), fmt.Sprint(s, &s, c, &c)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		outputs = append(outputs, fmt.Sprintf(verb, s), fmt.Sprintf(verb, c), fmt.Sprintf(verb, []Secret{s}))
	}
	for _, out := range outputs {
		if strings.Contains(out, "hunter2") || strings.Contains(strings.ToLower(out), "68756e746572") {
			t.Errorf("the secret is in %s", out)
		}
	}
	if string(s) != "hunter2" {
		t.Error("the secret cannot be read on purpose either")
	}
}

func FuzzParseClientID(f *testing.F) {
	f.Add("12345|securemode=2,signmethod=hmacsha1,timestamp=1700000000000,lan=NodeJS,_v=1.2.8|")
	f.Add("device01|securemode=3,signmethod=hmacsha256|")
	f.Add("||")
	f.Fuzz(func(t *testing.T, s string) {
		cid, params, err := ParseClientID(s)
		if err != nil {
			return
		}
		items := make([]string, 0, len(params))
		for k, v := range params {
			items = append(items, k+"="+v)
		}
		built := cid + "|" + strings.Join(items, ",") + "|"
		cid2, params2, err := ParseClientID(built)
		if err != nil || cid2 != cid || fmt.Sprint(params2) != fmt.Sprint(params) || len(built) != len(s) {
			t.Fatalf("%q is rebuilt as %q (%v)", s, built, err)
		}
	})
}
