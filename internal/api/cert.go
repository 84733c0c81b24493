package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// The files of a self-signed certificate.
const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// selfSignedYears is long, because clients pin the fingerprint: who wants a
// certificate that is renewed gives one of an authority.
const selfSignedYears = 10

// LoadCertificate reads a certificate (with its chain) and its key, PEM. fingerprint is the SHA-256 of
// the certificate in lower-case hex. Invalid: a file cannot be read, or the two do not belong together.
func LoadCertificate(certPath, keyPath string) (cert tls.Certificate, fingerprint string, err error) {
	cert, err = tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		return tls.Certificate{}, "", fault.Wrap(err, fault.Invalid, "the certificate %s with the key %s cannot be used: %v", certPath, keyPath, err)
	}
	return cert, fingerprintOf(cert.Certificate[0]), nil
}

func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// SelfSigned loads the certificate of dir, or makes one (P-256, the key with mode 0600) for this host's
// name, loopback and hosts where there is none or where it has ended at now. made says that it did.
func SelfSigned(dir string, hosts []string, now time.Time) (cert tls.Certificate, fingerprint string, made bool, err error) {
	certPath, keyPath := filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	there, err := exist(certPath, keyPath)
	if err != nil {
		return tls.Certificate{}, "", false, err
	}
	if there {
		cert, fingerprint, err = LoadCertificate(certPath, keyPath)
		if err != nil || now.Before(cert.Leaf.NotAfter) {
			return cert, fingerprint, false, err
		}
	}
	if err := makeSelfSigned(dir, hosts, now); err != nil {
		return tls.Certificate{}, "", false, fault.Wrap(err, fault.Unavailable, "no certificate can be made in %s: %v", dir, err)
	}
	cert, fingerprint, err = LoadCertificate(certPath, keyPath)
	return cert, fingerprint, err == nil, err
}

// SelfSignedLeaf reads the certificate that SelfSigned made in dir; an error of fs.ErrNotExist: it has made none.
func SelfSignedLeaf(dir string) (*x509.Certificate, error) {
	certPath, keyPath := filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	there, err := exist(certPath, keyPath)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fs.ErrNotExist
	}
	cert, _, err := LoadCertificate(certPath, keyPath)
	return cert.Leaf, err
}

// exist reports whether all files are there. What cannot be seen is not taken for missing: nothing is written over.
func exist(paths ...string) (bool, error) {
	for _, path := range paths {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, fault.Wrap(err, fault.Unavailable, "%v", err)
		}
	}
	return true, nil
}

func makeSelfSigned(dir string, hosts []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := certificateTemplate(hosts, now)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, keyFile), "PRIVATE KEY", keyDER); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, certFile), "CERTIFICATE", der)
}

func certificateTemplate(hosts []string, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Tallystick", Organization: []string{"self-signed by " + printable(name)}},
		NotBefore:    now.Add(-time.Hour), // for clients whose clock is a little slow
		NotAfter:     now.AddDate(selfSignedYears, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// No authority: some clients refuse one in the place of a server. It can be trusted by itself all the same.
		BasicConstraintsValid: true,
	}
	addNames(t, append([]string{name, "localhost", "127.0.0.1", "::1"}, hosts...))
	return t, nil
}

// addNames adds addresses and DNS names, each once. The unspecified address is none that a client could ask for.
func addNames(t *x509.Certificate, hosts []string) {
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			if !ip.IsUnspecified() && !slices.ContainsFunc(t.IPAddresses, ip.Equal) {
				t.IPAddresses = append(t.IPAddresses, ip)
			}
			continue
		}
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		if host != "" && host == printable(host) && !slices.Contains(t.DNSNames, host) {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
}

// printable keeps what a DNS name may hold: one odd host name must not make the certificate impossible.
func printable(host string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, host)
}

// writePEM writes a file of mode 0600 whole or not at all.
func writePEM(path, kind string, der []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
