package app

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/portal"
	"github.com/tallystick/tallystick/internal/secret"
	"github.com/tallystick/tallystick/internal/sso"
)

// SignOn says at which provider of identities people may sign in; without an issuer at none.
type SignOn struct {
	Issuer     string
	ClientID   string
	SecretFile string // its first line counts
	Name       string // empty: DefaultSignOnName
	Claim      string // empty: the address
	CAFile     string // empty: the authorities of the system
}

// DefaultSignOnName is what people call the provider where nothing else is said.
const DefaultSignOnName = "single sign-on"

// secretFileMax bounds what is read of a file with a secret or with authorities, in bytes.
const secretFileMax = 1 << 20

// provider gives the provider of single sign-on; nil: there is none. Invalid names every setting that is wrong.
func (a *App) provider(o SignOn, public string) (portal.Single, error) {
	if o.Issuer == "" {
		return nil, o.unused()
	}
	options := sso.Options{
		Issuer: o.Issuer, ClientID: o.ClientID, Name: o.Name, Claim: o.Claim, Public: public, Now: a.Now, Log: a.log, Seal: a.sealSingle, Open: a.unsealSingle,
	}
	if options.Name == "" {
		options.Name = DefaultSignOnName
	}
	if options.Claim == "" {
		options.Claim = sso.Email
	}
	var fields []fault.Field
	read := func(setting, path string) []byte {
		text, err := readBounded(path)
		if err != nil {
			fields = append(fields, fault.Field{Path: setting, Text: err.Error()})
		}
		return text
	}
	if o.SecretFile != "" {
		line, _, _ := strings.Cut(string(read("--oidc-client-secret-file", o.SecretFile)), "\n")
		options.Secret = strings.TrimSpace(line)
	}
	if o.CAFile != "" {
		options.CA = read("--oidc-ca", o.CAFile)
	}
	if len(fields) > 0 { // with what else is wrong, but for what follows from that
		for _, f := range options.Check() {
			if !slices.ContainsFunc(fields, func(said fault.Field) bool { return said.Path == f.Path }) {
				fields = append(fields, f)
			}
		}
		return nil, fault.InvalidFields("the console cannot start", fields)
	}
	p, err := sso.New(options)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// unused refuses settings that say nothing without an issuer.
func (o SignOn) unused() error {
	var fields []fault.Field
	for _, set := range []struct{ setting, value string }{
		{"--oidc-client-id", o.ClientID}, {"--oidc-client-secret-file", o.SecretFile}, {"--oidc-ca", o.CAFile},
	} {
		if set.value != "" {
			fields = append(fields, fault.Field{Path: set.setting, Text: "goes with --oidc-issuer, which says where people sign in"})
		}
	}
	return fault.InvalidFields("the console cannot start", fields)
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > secretFileMax {
		return nil, fault.New(fault.Invalid, "the file is longer than 1 MB: it is another one")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path) //nolint:gosec // the administrator names the file
	}
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			err = path.Err
		}
		return nil, fault.Wrap(err, fault.Invalid, "the file %s cannot be read: %v", path, err)
	}
	return text, nil
}

// sealSingle seals with the key file what a browser keeps while somebody signs in elsewhere.
func (a *App) sealSingle(text string) ([]byte, error) { return a.sealFor(secret.OfSingle(), text) }

func (a *App) unsealSingle(sealed []byte) (string, error) {
	return a.unseal(secret.OfSingle(), sealed)
}
