package sso_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/sso"
	"github.com/tallystick/tallystick/internal/testkit"
)

const (
	clientID = "console"
	secret   = "s3cret&=" // what must be escaped
	public   = "https://console.example:1281"
	subject  = "248289761001"
)

var october = time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)

// idp is a provider of identities, which a test makes lie.
type idp struct {
	t      testing.TB
	server *httptest.Server
	clock  *testkit.Clock

	mu     sync.Mutex
	key    *ecdsa.PrivateKey
	kid    string
	codes  map[string]url.Values // what was asked for, by the code that stands for it
	asked  map[string]int        // how often, by the path
	claims map[string]any        // of the token
	more   map[string]any        // of userinfo; nil: there is none
	says   map[string]any        // in the discovery document, over what is so
	head   map[string]any        // of the token, over what is so
	forged func(signed string) string
	answer func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	i := &idp{
		t: t, clock: testkit.At(october), codes: map[string]url.Values{}, asked: map[string]int{}, says: map[string]any{}, head: map[string]any{},
		claims: map[string]any{"email": "anna@example.com", "email_verified": true},
	}
	i.rotate("one")
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("/keys", i.keys)
	mux.HandleFunc("/token", i.token)
	mux.HandleFunc("/userinfo", i.userinfo)
	i.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked[r.URL.Path]++
		if i.answer == nil || !i.answer(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	i.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(i.server.Close)
	return i
}

// rotate has it sign with a new key.
func (i *idp) rotate(kid string) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.key, i.kid = key, kid
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err) // nothing here cannot be written
	}
}

func (i *idp) discovery(w http.ResponseWriter, _ *http.Request) {
	at := i.server.URL
	document := map[string]any{
		"issuer": at, "authorization_endpoint": at + "/auth", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
	if i.more != nil {
		document["userinfo_endpoint"] = at + "/userinfo"
	}
	maps.Copy(document, i.says)
	write(w, http.StatusOK, document)
}

func (i *idp) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		i.t.Error(err)
	}
	write(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": i.kid,
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}})
}

// allow is what a person does at the provider: it gives what the browser is sent back with.
func (i *idp) allow(address string) url.Values {
	i.t.Helper()
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, i.server.URL+"/auth?") {
		i.t.Fatalf("%q, %v", address, err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"client_id": clientID, "response_type": "code", "redirect_uri": public + "/sign-in/return", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			i.t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 26 {
			i.t.Errorf("%s is %q: it can be guessed", name, q.Get(name))
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	code := rand.Text()
	i.codes[code] = q
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

func (i *idp) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) { write(w, status, map[string]any{"error": code}) }
	id, password, basic := r.BasicAuth()
	if methods, _ := i.says["token_endpoint_auth_methods_supported"].([]string); len(methods) > 0 && methods[0] == "client_secret_post" {
		id, password, basic = r.PostFormValue("client_id"), url.QueryEscape(r.PostFormValue("client_secret")), !basic
	}
	if !basic || id != clientID || password != url.QueryEscape(secret) {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	q, there := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !there || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(proof[:]) || r.PostFormValue("redirect_uri") != q.Get("redirect_uri") {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	now := i.clock.Now()
	body := map[string]any{"iss": i.server.URL, "sub": subject, "aud": clientID, "nonce": q.Get("nonce"), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	maps.Copy(body, i.claims)
	signed := i.sign(body)
	if i.forged != nil {
		signed = i.forged(signed)
	}
	write(w, http.StatusOK, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": signed})
}

func (i *idp) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer at" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	write(w, http.StatusOK, i.more)
}

func part(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (i *idp) sign(body map[string]any) string {
	head := map[string]any{"alg": "ES256", "kid": i.kid}
	maps.Copy(head, i.head)
	text := part(i.t, head) + "." + part(i.t, body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		i.t.Error(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// unsigned gives a token with another head and nothing that proves it; with a secret, signed with that.
func (i *idp) unsigned(signed, alg string, with []byte) string {
	text := part(i.t, map[string]any{"alg": alg}) + "." + strings.Split(signed, ".")[1]
	if with == nil {
		return text + "."
	}
	sum := hmac.New(sha256.New, with)
	sum.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// options are those of a console that knows the provider.
func (i *idp) options() sso.Options {
	return sso.Options{
		Issuer: i.server.URL, ClientID: clientID, Secret: secret, Name: "Example", Claim: sso.Email, Public: public, Now: i.clock.Now, Log: slog.New(slog.DiscardHandler),
		CA:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw}),
		Seal: func(text string) ([]byte, error) { return []byte("sealed:" + text), nil },
		Open: func(sealed []byte) (string, error) {
			text, is := strings.CutPrefix(string(sealed), "sealed:")
			if !is {
				return "", fault.New(fault.Invalid, "it is not ours")
			}
			return text, nil
		},
	}
}

// console gives a console that knows the provider.
func (i *idp) console(change ...func(*sso.Options)) *sso.Provider {
	i.t.Helper()
	o := i.options()
	for _, c := range change {
		c(&o)
	}
	p, err := sso.New(o)
	if err != nil {
		i.t.Fatal(err)
	}
	return p
}

func unpart(t testing.TB, text string, into any) {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stateOf gives the state that a browser was sent off with.
func stateOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

// selfSigned gives a certificate that vouches for itself alone.
func selfSigned(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
