package app_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/sim"
)

// trap is a server of somebody's own, which keeps each password that it is sent.
type trap struct {
	server *httptest.Server
	port   string

	mu        sync.Mutex
	passwords []string
}

func newTrap(t *testing.T, token http.HandlerFunc) *trap {
	t.Helper()
	p := &trap{}
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		form, bad := url.ParseQuery(string(body))
		p.mu.Lock()
		defer p.mu.Unlock()
		if password := form.Get("password"); password != "" || err != nil || bad != nil {
			p.passwords = append(p.passwords, password)
		}
		if r.Method == http.MethodPost {
			token(w, r)
		}
	}))
	t.Cleanup(p.server.Close)
	_, p.port, _ = strings.Cut(strings.TrimPrefix(p.server.URL, "https://"), ":")
	return p
}

// at is the trap by another name of this machine.
func (p *trap) at(host string) string { return "https://" + host + ":" + p.port }

// got gives the passwords that it was sent since it was asked last.
func (p *trap) got() (passwords []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	passwords, p.passwords = p.passwords, nil
	return passwords
}

func unauthorized(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }

// send sends a request with a token, and gives the answer.
func (w *world) send(token, method, path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, method, w.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "text/csv")
	}
	answer, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// tokenOf makes a user of a role, and a token for it.
func (w *world) tokenOf(role access.Role, scopes ...access.Action) string {
	w.t.Helper()
	user, err := w.app.Access.AddUser(w.ctx, access.NewUser{Name: string(role), Role: role, Password: testPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	_, text, err := w.app.Access.AddToken(w.ctx, access.NewToken{
		Name: "t", User: user.ID, Scopes: scopes, ExpiresAt: w.clock.Now().Add(24 * time.Hour),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// Whoever manages servers without managing credential sets tries every way to have the password of one sent to a server of
// its own, and gets none.
func TestNoPasswordOfASetForServersOfSomebodysOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC), referenceScenario(sim.Wire131))
	operator := w.tokenOf(access.PortalOperator, access.Read, access.ManageServers, access.ManageCompanies)
	administrator := w.tokenOf(access.PortalAdministrator, access.ManageServers, access.ManageCredentials)
	mine := newTrap(t, unauthorized)
	redirecting := newTrap(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", mine.at("localhost")+"/api/oauth2/token")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	for _, n := range []fleet.NewCredential{{Name: "unnamed"}, {Name: "named", Hosts: []string{"127.0.0.1"}}} {
		n.Username, n.Password = "svc", "of "+n.Name
		if _, err := w.app.Fleet.AddCredential(w.ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	print64 := fmt.Sprintf("%x", sha256.Sum256(mine.server.Certificate().Raw)) // traps have one certificate
	trusted, insecure := `"fingerprint":"`+print64+`"`, `"insecure":true`
	old, err := w.app.Fleet.AddServer(w.ctx, fleet.NewServer{
		Name: "old", Company: 2, URL: redirecting.at("127.0.0.1"), Credential: 1, TLS: fleet.TLS{Fingerprint: print64}, ManagesSets: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, url string, set int, trust string) string {
		return fmt.Sprintf(`{"name":%q,"company":2,"connection":{"url":%q,"credential":%d,%s}}`, name, url, set, trust)
	}
	status, body := w.send(operator, http.MethodPost, "/servers", fmt.Sprintf( // with an account of its own it is the operator's to add
		`{"name":"mine","company":2,"connection":{"url":%q,"username":"u","password":"known",%s}}`, mine.at("localhost"), trusted))
	if status != http.StatusCreated {
		t.Fatal(status, body)
	}
	const there, oldOne = "/servers/3", "/servers/2"
	if old.ID != 2 || !strings.Contains(body, `"id":3`) {
		t.Fatal(old.ID, body)
	}
	file := func(name, url, set, rest string) string {
		return "company,name,url,credential,fingerprint,insecure\nNorthwind," + name + "," + url + "," + set + "," + rest + "\n"
	}
	for _, try := range []struct {
		name, method, path, body string
	}{
		{"add, a set without hosts", "POST", "/servers", add("x", mine.at("localhost"), 1, trusted)},
		{"add, a set for others", "POST", "/servers", add("x", mine.at("localhost"), 2, trusted)},
		{"add, unverified", "POST", "/servers", add("x", mine.at("127.0.0.1"), 2, insecure)},
		{"test, a set without hosts", "POST", "/servers/test", add("x", mine.at("localhost"), 1, trusted)},
		{"test, a set for others", "POST", "/servers/test", add("x", mine.at("localhost"), 2, trusted)},
		{"test, unverified", "POST", "/servers/test", add("x", mine.at("127.0.0.1"), 2, insecure)},
		{"a set for a server of its own", "PATCH", there, `{"connection":{"credential":1}}`},
		{"another set for it", "PATCH", there, `{"connection":{"credential":2}}`},
		{"the address of a set's server", "PATCH", oldOne, fmt.Sprintf(`{"connection":{"url":%q,"credential":1,%s}}`, mine.at("localhost"), trusted)},
		{"the address alone", "PATCH", oldOne, fmt.Sprintf(`{"connection":{"url":%q}}`, mine.at("localhost"))},
		{"a set's server unverified", "PATCH", oldOne, `{"connection":{"credential":1,` + insecure + `}}`},
		{"the address of an own account", "PATCH", "/servers/1", fmt.Sprintf(`{"connection":{"url":%q,%s}}`, mine.at("localhost"), trusted)},
		{"by file", "POST", "/servers/import", file("x", mine.at("localhost"), "unnamed", print64+",")},
		{"by file, tested", "POST", "/servers/import?test=true", file("x", mine.at("localhost"), "named", print64+",")},
		{"by file, tested only", "POST", "/servers/import?test=true&dryRun=true", file("x", mine.at("localhost"), "unnamed", print64+",")},
		{"by file, unverified", "POST", "/servers/import?test=true", file("x", mine.at("127.0.0.1"), "named", ",yes")},
		{"by file, a server of its own", "POST", "/servers/import?test=true", file("mine", mine.at("localhost"), "unnamed", print64+",")},
		{"by file, a set's server", "POST", "/servers/import?test=true", file("old", mine.at("localhost"), "", print64+",")},
		{"by file, an own account", "POST", "/servers/import?test=true", file("VBR01", mine.at("localhost"), "", print64+",")},
		{"a rotation tried at it", "PATCH", "/credentials/1", `{"username":"other","testAt":3}`},
		{"the hosts of a set", "PATCH", "/credentials/2", `{"hosts":["localhost"]}`},
		{"no hosts any more", "PATCH", "/credentials/2", `{"hosts":[]}`},
		{"another set in its place", "PATCH", "/credentials/1", `{"name":"other"}`},
		{"a set of its own", "POST", "/credentials", `{"name":"third","username":"u","password":"p","hosts":["localhost"]}`},
	} {
		if status, body := w.send(operator, try.method, try.path, try.body); status != http.StatusBadRequest && status != http.StatusForbidden {
			t.Errorf("%s: %d %s", try.name, status, body)
		}
		if got := mine.got(); len(got) > 0 {
			t.Errorf("%s: %q was sent", try.name, got)
		}
	}
	collectAll := func() {
		t.Helper()
		w.set(w.clock.Now().Add(time.Hour))
		if status, body := w.send(operator, http.MethodPost, "/collect", ""); status != http.StatusOK {
			t.Fatal(status, body)
		}
	}
	// What is where it may be goes on, and is followed nowhere else.
	if status, body := w.send(operator, http.MethodPost, "/servers", add("new", redirecting.at("127.0.0.1"), 2, trusted)); status != http.StatusCreated {
		t.Error(status, body)
	}
	collectAll()
	if got := redirecting.got(); !slices.Contains(got, "of unnamed") || !slices.Contains(got, "of named") {
		t.Errorf("the sets' own servers were sent %q", got)
	}
	if got := mine.got(); !slices.Equal(got, []string{"known"}) { // that of the operator's own account
		t.Errorf("the operator's server was sent %q", got)
	}
	// Whoever manages sets says where they go: then they do.
	if status, body := w.send(administrator, http.MethodPatch, "/credentials/2", `{"hosts":["127.0.0.1","localhost"]}`); status != http.StatusOK {
		t.Error(status, body)
	}
	if status, body := w.send(operator, http.MethodPost, "/servers/test", add("x", mine.at("localhost"), 2, trusted)); status != http.StatusOK {
		t.Error(status, body)
	}
	if got := mine.got(); !slices.Equal(got, []string{"of named"}) {
		t.Errorf("where the set goes, %q was sent", got)
	}
	trail, err := w.app.Store.Audit(w.ctx, audit.Query{Limit: 2})
	if err != nil || trail[0].Subject != "credential set 2" || trail[0].Action != audit.Tested || trail[0].Detail != "at "+mine.at("localhost") || trail[0].Name != string(access.PortalOperator) {
		t.Errorf("%+v, %v", trail, err)
	}
}
