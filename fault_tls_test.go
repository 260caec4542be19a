package aliiot

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/transport/faultproxy"
)

// certificate makes an authority and a server's certificate of it, valid from and
// until so long after noon of the day on which the bubbles' tests begin.
func certificate(t *testing.T, name string, from, until time.Duration) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{name},
		NotBefore: noon.Add(from), NotAfter: noon.Add(until), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func tlsEnd(cert tls.Certificate) func(net.Conn) net.Conn {
	return func(c net.Conn) net.Conn {
		return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}
}

func TestFault_tls_bad_cert(t *testing.T) {
	const day = 24 * time.Hour
	pool, good := certificate(t, "platform.test", -day, 100*day)
	for name, bad := range map[string]struct {
		name        string
		from, until time.Duration
	}{"expired": {"platform.test", -9 * day, -day}, "name": {"elsewhere.test", -day, 100 * day}, "ca": {"platform.test", -day, 100 * day}} {
		t.Run(name, func(t *testing.T) {
			_, cert := certificate(t, bad.name, bad.from, bad.until)
			trusted := pool.Clone()
			if name != "ca" { // a good authority, and yet
				leaf, err := x509.ParseCertificate(cert.Certificate[0])
				if err != nil {
					t.Fatal(err)
				}
				trusted.AddCert(leaf)
			}
			var shown atomic.Pointer[tls.Certificate]
			shown.Store(&cert)
			inWireBubble(t, func(c net.Conn) net.Conn { return tlsEnd(*shown.Load())(c) }, func(r *rig, p *faultproxy.Proxy) {
				r.cfg.Server, r.cfg.RootCAs = "mqtts://platform.test:1883", trusted
				r.open()
				r.dev.Connect()
				r.reports(5)
				for range 60 {
					time.Sleep(time.Minute)
					if s := r.dev.Status().Link.State; s == "refused" || s == actors.StateOnline {
						t.Fatalf("behind a bad certificate the state is %q", s)
					}
				}
				s := r.dev.Status().Link
				var why *tls.CertificateVerificationError
				if !errors.As(s.Err, &why) || s.Phase != "tls" {
					t.Errorf("why it is not online: phase %q, %v", s.Phase, s.Err)
				}
				if n := r.told(NoticeBadCertificate); n != 1 {
					t.Errorf("the application was told %d times of the certificate", n)
				}
				if n := p.Stats().Dials; n < 5 {
					t.Errorf("%d attempts in an hour: it gave up", n)
				}
				if n := r.net.Connects(); n > 0 {
					t.Errorf("the server behind the bad certificate was told the credentials %d times", n)
				}
				shown.Store(&good)
				r.waitOnline()
				r.wantWhole(time.Hour)
			})
		})
	}
}

func TestFault_big_clienthello(t *testing.T) {
	pool, good := certificate(t, "platform.test", -time.Hour, 1000*time.Hour)
	inWireBubble(t, tlsEnd(good), func(r *rig, p *faultproxy.Proxy) {
		inject(t, p, faultproxy.BigClientHello(1400))
		// What the fault does to Go's default first flight.
		raw, err := p.Dial(context.Background(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "platform.test"}).HandshakeContext(ctx); err == nil {
			t.Error("a first flight of two segments passed")
		}
		_ = raw.Close()
		r.cfg.Server, r.cfg.RootCAs = "mqtts://platform.test:1883", pool
		start := time.Now()
		r.online()
		if took := time.Since(start); took > time.Second {
			t.Errorf("online after %v", took)
		}
		r.reports(3)
		r.wantWhole(time.Minute)
	})
}
