package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// validFrom is before any build of a device's software: a device whose clock is
// wrong takes the time of its build instead, and a real server's certificate is
// older than that.
var validFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const validity = 10 * 365 * 24 * time.Hour

// authority is the emulator's own certificate authority.
type authority struct {
	pem    []byte
	pool   *x509.CertPool
	server *tls.Config
}

// newAuthority makes a CA and a certificate for loopback and for host, if given.
func newAuthority(host string) (*authority, error) {
	from := time.Now().Add(-time.Hour)
	if from.After(validFrom) {
		from = validFrom
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "aliiot emulator CA"},
		NotBefore: from, NotAfter: time.Now().Add(validity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "aliiot emulator"},
		NotBefore: from, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ip := net.ParseIP(host); ip != nil {
		leaf.IPAddresses = append(leaf.IPAddresses, ip)
	} else if host != "" {
		leaf.DNSNames = append(leaf.DNSNames, host)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	a := &authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		pool: x509.NewCertPool(),
		server: &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: key}},
			MinVersion:   tls.VersionTLS12, // the platform's is 1.2; older ones are nobody's wish
		},
	}
	a.pool.AppendCertsFromPEM(a.pem)
	return a, nil
}

// CA is the certificate, in PEM, that clients of the TLS listener must trust; nil
// without such a listener. It is made anew at every start.
func (e *Emulator) CA() []byte {
	if e.authority == nil {
		return nil
	}
	return append([]byte(nil), e.authority.pem...)
}

// CertPool is [Emulator.CA] as a pool of roots; nil without a TLS listener.
func (e *Emulator) CertPool() *x509.CertPool {
	if e.authority == nil {
		return nil
	}
	return e.authority.pool.Clone()
}
