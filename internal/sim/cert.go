package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha1" //nolint:gosec // the vendor's thumbprint is SHA-1; it secures nothing here
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// certificate is the self-signed certificate of one server.
type certificate struct {
	tls         tls.Certificate
	leaf        *x509.Certificate
	pem         []byte
	fingerprint string // SHA-256, lower-case hex
	thumbprint  string // SHA-1, upper-case hex
}

// newCertificate makes the certificate of a server. Its key follows from seed and
// name, so that a pinned fingerprint survives a restart: it is no secret, and must never be one.
func newCertificate(seed int64, name string) (*certificate, error) {
	private, err := privateKey(seed, name)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "cannot make a key for %s", name)
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetUint64(key(seed, "serial", name) >> 1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if dnsName(name) {
		template.DNSNames = append(template.DNSNames, name)
	}
	der, err := x509.CreateCertificate(nil, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "cannot make a certificate for %s", name)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "cannot read the certificate of %s", name)
	}
	sum256, sum1 := sha256.Sum256(der), sha1.Sum(der) //nolint:gosec // see the import
	return &certificate{
		tls:         tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf},
		leaf:        leaf,
		pem:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		fingerprint: hex.EncodeToString(sum256[:]),
		thumbprint:  strings.ToUpper(hex.EncodeToString(sum1[:])),
	}, nil
}

// privateKey derives a P-256 key; the counter skips the few numbers that are none.
func privateKey(seed int64, name string) (*ecdsa.PrivateKey, error) {
	var err error
	for n := range uint64(8) {
		var in [16]byte
		binary.BigEndian.PutUint64(in[:8], key(seed, "key", name))
		binary.BigEndian.PutUint64(in[8:], n)
		sum := sha256.Sum256(in[:])
		var private *ecdsa.PrivateKey
		if private, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), sum[:]); err == nil {
			return private, nil
		}
	}
	return nil, fmt.Errorf("no key: %w", err)
}

func dnsName(s string) bool {
	for _, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}
