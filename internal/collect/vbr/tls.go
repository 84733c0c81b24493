package vbr

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// errPin marks a certificate that is not the pinned one.
var errPin = errors.New("the certificate is not the pinned one")

const dialTimeout = 15 * time.Second

// transport makes the connection to one server. Proxy is nil on purpose: what the environment says about proxies
// must not decide who sees the password.
func (c *client) transport(trust fleet.TLS) (*http.Transport, *collect.Failure) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if trust.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(trust.CA)) {
			return nil, collect.Failed(usage.GapTLS, nil, "the authority given with --ca holds no certificate: give a PEM file with server edit --ca")
		}
	}
	// A pinned certificate is trusted for itself, whatever name, issuer or dates it carries.
	config.InsecureSkipVerify = trust.Insecure || trust.Fingerprint != ""
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errPin
		}
		presented := fingerprintOf(state.PeerCertificates[0])
		c.fingerprint.Store(&presented)
		if trust.Fingerprint != "" && presented != trust.Fingerprint {
			return errPin
		}
		return nil
	}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}, nil
}

func fingerprintOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// tlsFailure says what is wrong with the certificate and what to do; nil for any other error.
func (c *client) tlsFailure(err error) *collect.Failure {
	var (
		verify  *tls.CertificateVerificationError
		header  tls.RecordHeaderError
		alert   tls.AlertError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	if errors.As(err, &verify) && len(verify.UnverifiedCertificates) > 0 {
		presented := fingerprintOf(verify.UnverifiedCertificates[0])
		c.fingerprint.Store(&presented)
	}
	failed := func(format string, args ...any) *collect.Failure {
		f := collect.Failed(usage.GapTLS, err, format, args...)
		f.Fingerprint = c.presented()
		return f
	}
	pin := "If it is the right server (compare the SHA-256 fingerprint " + c.presented() + " on the server itself), pin it with server edit --fingerprint " + c.presented()
	switch {
	case errors.Is(err, errPin):
		return failed("%s shows another certificate than the pinned one; its SHA-256 fingerprint is %s. If the certificate was replaced on purpose, pin the new one with server edit --fingerprint; if not, somebody may be in between",
			c.host(), c.presented())
	case errors.As(err, &header):
		return failed("%s does not speak TLS on this port: check the port of the address", c.host())
	case errors.As(err, &alert):
		return failed("%s ends the TLS handshake (%s): it must offer TLS 1.2 or newer", c.host(), alert.Error())
	case errors.As(err, &name):
		return failed("the certificate of %s is made out to another name: use that name in --url. %s", c.host(), pin)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failed("the certificate of %s has expired or is not valid yet: renew it, and check both clocks. %s", c.host(), pin)
	case errors.As(err, &verify):
		return failed("the certificate of %s is signed by nobody whom we trust, as those are that the product makes for itself. %s, or name its authority with --ca", c.host(), pin)
	default:
		return nil
	}
}
