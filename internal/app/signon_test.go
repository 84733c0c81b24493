package app

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/portal"
)

const publicURL = "https://console.example:1281"

// provider says what it is, and nothing else.
func provider(t *testing.T) *httptest.Server {
	t.Helper()
	var at string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": at, "authorization_endpoint": at + "/auth", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
		})
	}))
	at = s.URL
	t.Cleanup(s.Close)
	return s
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// consoleAt gives the provider of single sign-on that a console of a data directory has.
func consoleAt(t *testing.T, dir string, o SignOn) portal.Single {
	t.Helper()
	a, err := Open(t.Context(), Options{DataDir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := a.provider(o, publicURL)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a browser keeps while somebody signs in elsewhere is sealed with the key file: a console that was started anew opens it, another one does not.
func TestSignOnOutlivesRestart(t *testing.T) {
	t.Parallel()
	there := provider(t)
	o := SignOn{
		Issuer: there.URL, ClientID: "console", SecretFile: written(t, "secret", "s3cret\nand a remark\n"),
		CAFile: written(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: there.Certificate().Raw}))),
	}
	dir := t.TempDir()
	first := consoleAt(t, dir, o)
	if first.Name() != DefaultSignOnName {
		t.Errorf("called %q", first.Name())
	}
	address, keep, err := first.Begin(t.Context(), "/companies/2")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(address, there.URL+"/auth?") || !strings.Contains(address, url.QueryEscape(publicURL+"/sign-in/return")) || strings.Contains(keep, "companies") {
		t.Errorf("sent to %s with %s", address, keep)
	}
	answer := url.Values{"state": {"of another attempt"}, "code": {"c"}}
	_, to, err := consoleAt(t, dir, o).Finish(t.Context(), keep, answer, func() error { return nil })
	if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "another attempt") || to != "/companies/2" {
		t.Errorf("after a restart: %q, %v", to, err)
	}
	_, to, err = consoleAt(t, t.TempDir(), o).Finish(t.Context(), keep, answer, func() error { return nil })
	if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "has not begun") || to != "" {
		t.Errorf("at another console: %q, %v", to, err)
	}
}

// All that is wrong with the files and the settings is said at once; without an issuer there is no provider.
func TestSignOnSettings(t *testing.T) {
	t.Parallel()
	a, err := Open(t.Context(), Options{DataDir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	if p, err := a.provider(SignOn{Name: "x", Claim: "email"}, ""); err != nil || p != nil {
		t.Errorf("without an issuer: %v, %v", p, err)
	}
	long := written(t, "long", strings.Repeat("x", secretFileMax+1))
	for _, c := range []struct {
		o     SignOn
		words []string
	}{
		{SignOn{ClientID: "x", CAFile: long}, []string{"--oidc-client-id: goes with", "--oidc-ca: goes with"}},
		{SignOn{Issuer: "ftp://x", SecretFile: t.TempDir(), CAFile: long}, []string{"--oidc-issuer: ", "--oidc-client-id: ", "--oidc-client-secret-file: the file ", "--oidc-ca: the file is longer", "--public-url: "}},
		{SignOn{Issuer: "https://x", ClientID: "x", SecretFile: written(t, "empty", "\nx")}, []string{"--oidc-client-secret-file: is required", "--public-url: is required"}},
	} {
		p, err := a.provider(c.o, "")
		if !fault.Is(err, fault.Invalid) || p != nil {
			t.Errorf("%+v: %v, %v", c.o, p, err)
			continue
		}
		for _, words := range c.words {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v does not say %q", err, words)
			}
		}
	}
}
