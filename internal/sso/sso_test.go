package sso_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/sso"
)

// begin sends a browser off.
func begin(t testing.TB, p *sso.Provider) (address, keep string) {
	t.Helper()
	address, keep, err := p.Begin(t.Context(), "/companies/2?day=2026-10-01")
	if err != nil {
		t.Fatal(err)
	}
	return address, keep
}

// free lets everything be asked.
func free() error { return nil }

func wantFault(t testing.TB, err error, code fault.Code, words string) {
	t.Helper()
	if !fault.Is(err, code) || !strings.Contains(fault.Text(err), words) {
		t.Errorf("%v (%s), want %s that says %q", err, fault.CodeOf(err), code, words)
	}
}

// Whom the provider vouches for comes back with where they wanted to go, however the provider wants to be asked.
func TestSignIn(t *testing.T) {
	t.Parallel()
	is := func(name string) func(i *idp) access.Vouched {
		return func(i *idp) access.Vouched {
			return access.Vouched{Identity: access.Identity{Issuer: i.server.URL, Subject: subject}, Name: name}
		}
	}
	for what, c := range map[string]struct {
		so    func(i *idp)
		claim string
		want  func(i *idp) access.Vouched
	}{
		"an address in the token": {func(*idp) {}, sso.Email, is("anna@example.com")},
		"verified is a text":      {func(i *idp) { i.claims["email_verified"] = "true" }, sso.Email, is("anna@example.com")},
		"a name in the token":     {func(i *idp) { i.claims = map[string]any{"preferred_username": "Anna"} }, sso.PreferredUsername, is("Anna")},
		"an address of Windows":   {func(i *idp) { i.claims = map[string]any{"upn": "anna@corp.example"} }, sso.UPN, is("anna@corp.example")},
		"what the token does not say": {func(i *idp) {
			i.claims, i.more = nil, map[string]any{"sub": subject, "email": "b@example.com", "email_verified": true}
		}, sso.Email, is("b@example.com")},
		"several audiences":             {func(i *idp) { i.claims["aud"], i.claims["azp"] = []string{"other", clientID}, clientID }, sso.Email, is("anna@example.com")},
		"the secret in the form":        {func(i *idp) { i.says["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }, sso.Email, is("anna@example.com")},
		"it names itself":               {func(i *idp) { i.says["authorization_response_iss_parameter_supported"] = true }, sso.Email, is("anna@example.com")},
		"clocks are five minutes apart": {func(i *idp) { i.claims["nbf"] = i.clock.Now().Add(5 * time.Minute).Unix() }, sso.Email, is("anna@example.com")},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			i := newIDP(t)
			c.so(i)
			p := i.console(func(o *sso.Options) { o.Claim = c.claim })
			address, keep := begin(t, p)
			back := i.allow(address)
			if i.says["authorization_response_iss_parameter_supported"] != nil {
				back.Set("iss", i.server.URL)
			}
			i.clock.Add(sso.Within - time.Second)
			got, to, err := p.Finish(t.Context(), keep, back, free)
			if err != nil || got != c.want(i) || to != "/companies/2?day=2026-10-01" {
				t.Errorf("%+v, %q, %v", got, to, err)
			}
		})
	}
}

// Every lie, and every answer that is not for this browser's last attempt, is refused, and said in words.
func TestRefused(t *testing.T) {
	t.Parallel()
	claim := func(name string, value any) func(i *idp) { return func(i *idp) { i.claims[name] = value } }
	for what, c := range map[string]struct {
		lie   func(i *idp)
		words string
	}{
		"another issuer":             {claim("iss", "https://evil.example"), "it is another provider's"},
		"another audience":           {claim("aud", "other"), "it is for another program"},
		"several audiences":          {claim("aud", []string{"other", clientID}), "it is for another program"},
		"another party":              {claim("azp", "other"), "it is for another program"},
		"expired":                    {claim("exp", october.Add(-time.Second).Unix()), "it has expired"},
		"no end":                     {claim("exp", nil), "it says what it may not"},
		"not yet":                    {claim("nbf", october.Add(6*time.Minute).Unix()), "it says what it may not"},
		"another nonce":              {claim("nonce", "other"), "it is for another attempt"},
		"no nonce":                   {claim("nonce", nil), "it is for another attempt"},
		"no subject":                 {claim("sub", ""), "it does not say who you are"},
		"a subject with a NUL":       {claim("sub", "a\x00"), "it does not say who you are"},
		"a long subject":             {claim("sub", strings.Repeat("s", 256)), "it does not say who you are"},
		"an address nobody verified": {claim("email_verified", false), "has not verified that the address anna@example.com is yours"},
		"nobody says that it is":     {claim("email_verified", nil), "has not verified"},
		"no address":                 {claim("email", nil), "does not say what you are called (email)"},
		"an address that is none":    {claim("email", 17), "does not say what you are called"},
		"one that cannot be seen":    {claim("email", "a\u202e@example.com"), "does not say what you are called"},
		"userinfo of somebody else": {func(i *idp) {
			i.claims, i.more = nil, map[string]any{"sub": "other", "email": "admin@example.com", "email_verified": true}
		}, "it is about somebody else"},
		"userinfo of nobody": {func(i *idp) {
			i.claims, i.more = nil, map[string]any{"email": "admin@example.com", "email_verified": true}
		}, "it is about somebody else"},
		"not signed":           {func(i *idp) { i.forged = func(s string) string { return i.unsigned(s, "none", nil) } }, "it is not signed"},
		"not signed, by case":  {func(i *idp) { i.forged = func(s string) string { return i.unsigned(s, "nOnE", nil) } }, "it is not signed"},
		"signed by the secret": {func(i *idp) { i.forged = func(s string) string { return i.unsigned(s, "HS256", []byte(secret)) } }, "signed in a way that is not taken"},
		"another's key":        {func(i *idp) { i.forged = otherKey(i) }, "it is not signed with a key of the provider's"},
		"changed":              {func(i *idp) { i.forged = func(s string) string { return changed(t, s) } }, "it is not signed with a key of the provider's"},
		"junk":                 {func(i *idp) { i.forged = func(string) string { return "junk" } }, "it cannot be read"},
		"no token":             {func(i *idp) { i.forged = func(string) string { return "" } }, "it does not say who you are"},
		"another algorithm":    {func(i *idp) { i.head["alg"] = "RS256" }, "it is not signed with a key"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			i := newIDP(t)
			c.lie(i)
			p := i.console()
			address, keep := begin(t, p)
			got, to, err := p.Finish(t.Context(), keep, i.allow(address), free)
			wantFault(t, err, fault.Denied, c.words)
			if got != (access.Vouched{}) || to != "/companies/2?day=2026-10-01" {
				t.Errorf("%+v, %q", got, to)
			}
		})
	}
}

// otherKey signs with a key of nobody's, under the name of the provider's.
func otherKey(i *idp) func(string) string {
	other := newIDP(i.t)
	return func(signed string) string {
		var body map[string]any
		unpart(i.t, strings.Split(signed, ".")[1], &body)
		return other.sign(body)
	}
}

func changed(t testing.TB, signed string) string {
	t.Helper()
	parts := strings.Split(signed, ".")
	var body map[string]any
	unpart(t, parts[1], &body)
	body["email"] = "admin@example.com"
	return parts[0] + "." + part(t, body) + "." + parts[2]
}

// What comes back is for the browser's last attempt, once, within ten minutes.
func TestReturn(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := i.console()
	address, keep := begin(t, p)
	first := i.allow(address)
	if _, _, err := p.Finish(t.Context(), keep, first, free); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.Finish(t.Context(), keep, first, free)
	wantFault(t, err, fault.Denied, "it was used before")

	theirs, _ := begin(t, p)
	_, mine := begin(t, p)
	_, to, err := p.Finish(t.Context(), mine, i.allow(theirs), free) // somebody else's answer, put into this browser
	wantFault(t, err, fault.Denied, "another attempt to sign in than this browser's last one")
	if to == "" {
		t.Error("where they wanted to go is lost")
	}
	stolen := i.allow(theirs)
	stolen.Set("state", stateOf(t, address))
	_, _, err = p.Finish(t.Context(), keep, stolen, free) // somebody else's code, behind this browser's state
	wantFault(t, err, fault.Denied, "it was used before")

	for _, junk := range []string{"", "junk", "###", keep[1:]} {
		_, to, err := p.Finish(t.Context(), junk, i.allow(address), free)
		wantFault(t, err, fault.Denied, "has not begun to sign in with Example")
		if to != "" {
			t.Errorf("sent to %q", to)
		}
	}
	address, keep = begin(t, p)
	i.clock.Add(sso.Within)
	_, _, err = p.Finish(t.Context(), keep, i.allow(address), free)
	wantFault(t, err, fault.Denied, "longer than ten minutes")
}

// What the provider says instead of a code is said in our words.
func TestReturnedWithoutCode(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := i.console()
	for _, c := range []struct {
		back  url.Values
		code  fault.Code
		words string
	}{
		{url.Values{"error": {"access_denied"}}, fault.Denied, "did not allow you in"},
		{url.Values{"error": {"invalid_scope"}, "error_description": {"call +49 30 and say your password"}}, fault.Denied, "refuses to sign anybody in here"},
		{url.Values{"error": {"temporarily_unavailable"}}, fault.Unavailable, "cannot be reached"},
		{url.Values{}, fault.Denied, "it says nothing"},
		{url.Values{"code": {"c"}, "iss": {"https://evil.example"}}, fault.Denied, "it is another provider's"},
		{url.Values{"code": {"c"}, "iss": {i.server.URL, "https://evil.example"}}, fault.Denied, "it is another provider's"},
		{url.Values{"code": {"never given"}}, fault.Denied, "it was used before, or is too old"},
	} {
		address, keep := begin(t, p)
		c.back.Set("state", stateOf(t, address))
		_, _, err := p.Finish(t.Context(), keep, c.back, free)
		wantFault(t, err, c.code, c.words)
		if strings.Contains(err.Error(), "+49") {
			t.Errorf("a stranger's words are shown: %v", err)
		}
	}
	i.says["authorization_response_iss_parameter_supported"] = true
	i.clock.Add(10 * time.Second)
	address, keep := begin(t, p)
	_, _, err := p.Finish(t.Context(), keep, i.allow(address), free) // it would have named itself
	wantFault(t, err, fault.Denied, "it is another provider's")
}

// Nothing is asked before somebody wants in; a provider that fails is asked again the next time, and one whose keys changed is believed.
func TestProviderFails(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := i.console()
	if len(i.asked) > 0 {
		t.Errorf("asked before: %v", i.asked)
	}
	i.answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	for range 2 {
		_, _, err := p.Begin(t.Context(), "/")
		wantFault(t, err, fault.Unavailable, "Example cannot be reached at the moment")
	}
	i.answer = nil
	address, keep := begin(t, p)
	back := i.allow(address)
	i.rotate("two") // between asking and answering
	if _, _, err := p.Finish(t.Context(), keep, back, free); err != nil {
		t.Error(err)
	}
	i.rotate("two") // of the same name
	address, keep = begin(t, p)
	if _, _, err := p.Finish(t.Context(), keep, i.allow(address), free); err != nil {
		t.Error(err)
	}
	address, keep = begin(t, p)
	back = i.allow(address)
	i.server.Close()
	_, to, err := p.Finish(t.Context(), keep, back, free)
	wantFault(t, err, fault.Unavailable, "cannot be reached")
	if to != "/companies/2?day=2026-10-01" {
		t.Errorf("sent to %q", to)
	}
	i.clock.Add(10 * time.Second)
	_, _, err = p.Begin(t.Context(), "/")
	wantFault(t, err, fault.Unavailable, "cannot be reached")
}

// A stranger who begins again and again has the provider asked once in ten seconds, and nothing that is not of this browser's own attempt has it asked
// at all; what is not admitted neither.
func TestStrangersAskNothing(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := i.console()
	for range 100 {
		begin(t, p)
	}
	i.clock.Add(10*time.Second - time.Microsecond)
	begin(t, p)
	if n := i.asked["/.well-known/openid-configuration"]; n != 1 {
		t.Errorf("asked %d times within ten seconds", n)
	}
	i.clock.Add(time.Microsecond)
	address, keep := begin(t, p)
	if n := i.asked["/.well-known/openid-configuration"]; n != 2 {
		t.Errorf("asked %d times in ten seconds", n)
	}
	clear(i.asked)
	never := func() error { t.Error("it was to be admitted"); return nil }
	own := i.allow(address)
	foreign := url.Values{"code": {"x"}, "state": {"guessed"}}
	for _, back := range []struct {
		keep   string
		answer url.Values
	}{{"", own}, {"junk", own}, {"", foreign}, {keep, foreign}, {keep, url.Values{"code": own["code"]}}, {keep, url.Values{"error": {"server_error"}}}} {
		_, _, err := p.Finish(t.Context(), back.keep, back.answer, never)
		wantFault(t, err, fault.Denied, "begin again")
	}
	_, to, err := p.Finish(t.Context(), keep, own, func() error { return fault.New(fault.Limited, "wait") })
	wantFault(t, err, fault.Limited, "wait")
	if to != "/companies/2?day=2026-10-01" || len(i.asked) > 0 {
		t.Errorf("to %q, asked %v", to, i.asked)
	}
	if _, _, err := p.Finish(t.Context(), keep, own, free); err != nil { // a code that was not spent is good still
		t.Error(err)
	}
}

// A console that was started anew in between finishes what the one before began.
func TestStartedAnew(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	address, keep := begin(t, i.console())
	if _, _, err := i.console().Finish(t.Context(), keep, i.allow(address), free); err != nil {
		t.Error(err)
	}
}

// What a provider says of itself is believed where it is itself, safe, and not endless.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		so    func(i *idp)
		words string
	}{
		"another issuer":      {func(i *idp) { i.says["issuer"] = i.server.URL + "/" }, "calls itself another one than the console was told"},
		"an address in clear": {func(i *idp) { i.says["token_endpoint"] = "http://id.example/token" }, "cannot be reached"},
		"no address for keys": {func(i *idp) { i.says["jwks_uri"] = "" }, "cannot be reached"},
		"a page": {func(i *idp) {
			i.answer = func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, "<html>"); return true }
		}, "cannot be reached"},
		"somewhere else": {func(i *idp) {
			i.answer = func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "/keys", http.StatusFound)
				return true
			}
		}, "cannot be reached"},
		"more than is bearable": {func(i *idp) { i.says["more"] = strings.Repeat("x", 1<<20) }, "cannot be reached"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			i := newIDP(t)
			c.so(i)
			_, _, err := i.console().Begin(t.Context(), "/")
			wantFault(t, err, fault.Unavailable, c.words)
		})
	}
}

// A certificate that nobody vouches for is not taken, nor a secret that the provider does not know.
func TestNotTrusted(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	other := newIDP(t)
	for _, ca := range [][]byte{nil, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t)})} {
		_, _, err := i.console(func(o *sso.Options) { o.CA = ca }).Begin(t.Context(), "/")
		wantFault(t, err, fault.Unavailable, "cannot be reached")
	}
	p := other.console(func(o *sso.Options) { o.Secret = "other" })
	address, keep := begin(t, p)
	_, _, err := p.Finish(t.Context(), keep, other.allow(address), free)
	wantFault(t, err, fault.Denied, "it does not know this console")
}

// What is kept in a browser fits into a cookie, however far somebody wanted to go.
func TestKept(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := i.console()
	for long, want := range map[int]bool{1400: true, 8000: false} {
		wanted := "/companies?search=" + strings.Repeat("<", long)
		if want {
			wanted = "/companies?search=" + strings.Repeat("x", long)
		}
		address, keep, err := p.Begin(t.Context(), wanted)
		if err != nil || len(keep) > 3500 {
			t.Errorf("%d bytes, %v", len(keep), err)
		}
		_, to, err := p.Finish(t.Context(), keep, i.allow(address), free)
		if err != nil || want && to != wanted || !want && to != "/" {
			t.Errorf("%q, %v", to, err)
		}
	}
}

// All that is wrong with the settings is said at once, by their names.
func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := sso.New(sso.Options{Issuer: "http://id.example", CA: []byte("x"), Claim: "sub", Public: "http://console.example"})
	if !fault.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
	for _, path := range []string{"--oidc-issuer: ", "--oidc-client-id: ", "--oidc-client-secret-file: ", "--oidc-name: ", "--oidc-claim: ", "--oidc-ca: ", "--public-url: "} {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %s", err, path)
		}
	}
	i := newIDP(t)
	for issuer, right := range map[string]bool{
		"https://id.example": true, "https://id.example/realms/main": true, "http://localhost:8080": true, "http://127.0.0.1:1": true, "http://[::1]:1/x": true,
		"http://127.0.0.1.evil.example": false, "http://10.0.0.1": false, "ftp://id.example": false, "https://": false, "id.example": false, "https://u:p@id.example": false,
		"https://id.example?x": false, "https://id.example#x": false, "": false, "%": false,
	} {
		o := i.options()
		if o.Issuer = issuer; (len(o.Check()) == 0) != right {
			t.Errorf("%q: %v", issuer, o.Check())
		}
	}
	for public, right := range map[string]bool{
		"https://console.example": true, "https://console.example:1281/": true, "https://console.example/tally": false, "http://localhost": false, "console.example": false, "": false,
		"https://console.example?x=1": false,
	} {
		o := i.options()
		if o.Public = public; (len(o.Check()) == 0) != right {
			t.Errorf("%q: %v", public, o.Check())
		}
	}
}
