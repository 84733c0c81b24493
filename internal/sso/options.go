package sso

import (
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Options are what a provider is known by. The texts in brackets are the settings that mistakes are named by.
type Options struct {
	Issuer   string // its address, exactly as it says it itself (--oidc-issuer)
	ClientID string // what it knows us by (--oidc-client-id)
	Secret   string // and what proves that to it (--oidc-client-secret-file)
	Name     string // what people call it (--oidc-name)
	Claim    string // which of its claims names people here, one of Claims (--oidc-claim)
	CA       []byte // the only authorities, in PEM, that vouch for it; nil: those of the system (--oidc-ca)
	Public   string // the console's own address, as browsers know it (--public-url)

	// Seal and Open keep a text outside, where nobody can read or change it.
	Seal func(text string) ([]byte, error)
	Open func(sealed []byte) (string, error)
	Now  func() time.Time
	// Log is told what only an administrator is to know of why somebody is not signed in.
	Log *slog.Logger
}

// The claims that may name people.
const (
	Email             = "email" // only where the provider has verified it
	PreferredUsername = "preferred_username"
	UPN               = "upn"
)

// Claims lists them.
func Claims() []string { return []string{Email, PreferredUsername, UPN} }

// nameMax is how long what people call a provider may be, in bytes.
const nameMax = 60

// ReturnPath is where a provider sends browsers back to.
const ReturnPath = "/sign-in/return"

// Check gives all that is wrong, by the settings.
func (o *Options) Check() (fields []fault.Field) {
	wrong := func(path, text string) { fields = append(fields, fault.Field{Path: path, Text: text}) }
	if text := wrongIssuer(o.Issuer); text != "" {
		wrong("--oidc-issuer", text)
	}
	if o.ClientID == "" {
		wrong("--oidc-client-id", "is required with --oidc-issuer: what the provider registered the console as")
	}
	if o.Secret == "" {
		wrong("--oidc-client-secret-file", "is required with --oidc-issuer, and holds the secret that the provider gave out")
	}
	if o.Name == "" || len(o.Name) > nameMax {
		wrong("--oidc-name", "is what people call the provider, in at most 60 bytes")
	}
	if !slices.Contains(Claims(), o.Claim) {
		wrong("--oidc-claim", "is one of "+strings.Join(Claims(), ", "))
	}
	if o.CA != nil && !x509.NewCertPool().AppendCertsFromPEM(o.CA) {
		wrong("--oidc-ca", "holds no certificate: it is a file in PEM")
	}
	if text := wrongPublic(o.Public); text != "" {
		wrong("--public-url", text)
	}
	return fields
}

func wrongIssuer(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "is an address as https://id.example.com/realms/main, without a query"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "is https, or http on this machine alone: who listens in between could sign in as anybody"
	case u.Scheme != "http" && u.Scheme != "https":
		return "is an address that begins with https://"
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func wrongPublic(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is required with --oidc-issuer: the provider sends browsers back there, and nobody else may say where that is"
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "is the console's address as browsers know it, as https://console.example.com:1281, and nothing behind that"
	}
	return ""
}
