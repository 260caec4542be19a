package transport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

func TestBadConfigurationIsToldAtOnce(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	for name, change := range map[string]func(c *transport.Connect){
		"no scheme":        func(c *transport.Connect) { c.Server = "broker:1883" },
		"other scheme":     func(c *transport.Connect) { c.Server = "http://broker" },
		"no host":          func(c *transport.Connect) { c.Server = "mqtt://:1883" },
		"a path":           func(c *transport.Connect) { c.Server = "mqtt://broker/x" },
		"a password in it": func(c *transport.Connect) { c.Server = "mqtt://u:p@broker" },
		"long client id":   func(c *transport.Connect) { c.ClientID = long },
		"long user":        func(c *transport.Connect) { c.Username = long },
		"long password":    func(c *transport.Connect) { c.Password = transport.Secret(long) },
		"long keepalive":   func(c *transport.Connect) { c.KeepAlive = 65536 * time.Second },
		"tiny keepalive":   func(c *transport.Connect) { c.KeepAlive = time.Millisecond },
	} {
		c := plain()
		change(&c)
		d := transport.NewPaho(transport.PahoOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
			t.Errorf("%s: dialled", name)
			return nil, io.EOF
		}})
		var bad *transport.ConfigError
		if _, err := d.Dial(t.Context(), c, transporttest.NewRecorder()); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDefaultPort(t *testing.T) {
	for server, want := range map[string]string{
		"mqtt://broker": "broker:1883", "mqtts://broker": "broker:1883",
		"mqtts://broker:8883": "broker:8883", "mqtt://[::1]": "[::1]:1883",
	} {
		c := plain()
		c.Server = server
		d := transport.NewPaho(transport.PahoOptions{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			if address != want {
				t.Errorf("%s: dialled %s", server, address)
			}
			return nil, syscall.ECONNREFUSED
		}})
		_, err := d.Dial(t.Context(), c, transporttest.NewRecorder())
		if !errors.Is(err, syscall.ECONNREFUSED) || transport.PhaseOf(err) != transport.PhaseDial {
			t.Errorf("%v", err)
		}
	}
}

// TestLastGoodAddress: a broken resolver is no fact about the broker.
func TestLastGoodAddress(t *testing.T) {
	s := transporttest.NewServer(t)
	real := listen(t, s)
	broken := false
	d := transport.NewPaho(transport.PahoOptions{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "broker:1883" {
			if broken {
				return nil, &net.DNSError{Err: "no such host", Name: "broker"}
			}
			address = real
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	broken = true
	_, err := d.Dial(t.Context(), plain(), transporttest.NewRecorder())
	if transport.PhaseOf(err) != transport.PhaseResolve {
		t.Errorf("without a last address: %v", err)
	}
	for _, broken = range []bool{false, true} {
		session, err := d.Dial(t.Context(), plain(), transporttest.NewRecorder())
		if err != nil {
			t.Fatalf("broken %v: %v", broken, err)
		}
		session.Close()
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	c := plain()
	c.Password = "hunter2"
	text := fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.Password, c.Password, c.Password)
	coded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if text += string(coded); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
		t.Error(text)
	}
}

// authority is a CA of the test's, and a server certificate for "broker".
func authority(t *testing.T, from, to time.Time) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"broker"},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsDialer reaches s over TLS in memory, and counts what the client sends first.
func tlsDialer(t *testing.T, s *transporttest.Server, cert tls.Certificate, firstFlight *int) transport.Dialer {
	return transport.NewPaho(transport.PahoOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := transporttest.ConnPair()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeConn(tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}}))
		}()
		t.Cleanup(func() { _ = server.Close(); <-done })
		return &firstWrite{Conn: client, size: firstFlight}, nil
	}})
}

type firstWrite struct {
	net.Conn
	size *int
}

func (f *firstWrite) Write(p []byte) (int, error) {
	if *f.size == 0 {
		*f.size = len(p)
	}
	return f.Conn.Write(p)
}

func TestTLS(t *testing.T) {
	now := time.Now()
	roots, cert := authority(t, now.Add(-time.Hour), now.Add(time.Hour))
	s := transporttest.NewServer(t)
	first := 0
	d := tlsDialer(t, s, cert, &first)
	c := plain()
	c.Server = "mqtts://broker:1883"

	c.TLS = &tls.Config{RootCAs: roots}
	r := transporttest.NewRecorder()
	session, err := d.Dial(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	if first > 500 {
		t.Errorf("a ClientHello of %d bytes: two TCP segments stall on some links", first)
	}
	if c.TLS.ServerName != "" || c.TLS.CurvePreferences != nil {
		t.Errorf("the caller's configuration was changed")
	}
	if err = session.Publish(1, "t", []byte("p"), 1); err != nil {
		t.Fatal(err)
	}
	for len(r.Fates()) == 0 {
		<-r.Changed
	}
	if out := session.Stats().BytesOut; out > 100 {
		t.Errorf("%d bytes counted: those of TLS too", out)
	}
	session.Close()

	for name, change := range map[string]func(c *transport.Connect){
		"unknown authority": func(c *transport.Connect) { c.TLS = nil },
		"wrong name":        func(c *transport.Connect) { c.Server = "mqtts://other" },
		"expired": func(c *transport.Connect) {
			c.TLS = &tls.Config{RootCAs: roots, Time: func() time.Time { return now.Add(2 * time.Hour) }}
		},
	} {
		bad := c
		change(&bad)
		_, err := d.Dial(t.Context(), bad, transporttest.NewRecorder())
		var cert *tls.CertificateVerificationError
		if !errors.As(err, &cert) || transport.PhaseOf(err) != transport.PhaseTLS {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTLSAsksTheGivenClock: a device that wakes up in 1970 has a floor of its own.
func TestTLSAsksTheGivenClock(t *testing.T) {
	then := time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)
	roots, cert := authority(t, then.Add(-time.Hour), then.Add(time.Hour))
	s := transporttest.NewServer(t)
	first := 0
	d := tlsDialer(t, s, cert, &first)
	c := plain()
	c.Server = "mqtts://broker"
	c.TLS = &tls.Config{RootCAs: roots, Time: func() time.Time { return then }}
	session, err := d.Dial(t.Context(), c, transporttest.NewRecorder())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
}

func TestHTTPWhereTLSBelongs(t *testing.T) {
	c := plain()
	c.Server = "mqtts://broker"
	b := rawBroker{connack: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}
	_, err := b.dialer(t).Dial(t.Context(), c, transporttest.NewRecorder())
	var not *transport.NotServerError
	if !errors.As(err, &not) || !strings.HasPrefix(string(not.Got), "HTTP") || transport.PhaseOf(err) != transport.PhaseTLS {
		t.Errorf("%v", err)
	}
}

// TestSilentTLSPeer: the handshake ends with the attempt's context.
func TestSilentTLSPeer(t *testing.T) {
	c := plain()
	c.Server = "mqtts://broker"
	ctx, cancel := context.WithCancel(t.Context())
	d := transport.NewPaho(transport.PahoOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := transporttest.ConnPair()
		go func() { _, _ = server.Read(make([]byte, 1)); cancel() }() // once the ClientHello has begun
		return client, nil
	}})
	_, err := d.Dial(ctx, c, transporttest.NewRecorder())
	if !errors.Is(err, context.Canceled) || transport.PhaseOf(err) != transport.PhaseTLS {
		t.Errorf("%v", err)
	}
}
