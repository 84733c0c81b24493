package v1_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// slow is a body during which something else happens.
type slow struct {
	io.Reader

	meanwhile func()
}

func (s *slow) Read(p []byte) (int, error) {
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil
		do()
	}
	return s.Reader.Read(p)
}

// doDuring asks with a body during which something else happens.
func (w *world) doDuring(q request, meanwhile func()) answered {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), q.method, "https://console.example:1281/api/v1"+q.path, &slow{strings.NewReader(q.body), meanwhile})
	r.Header = q.header.Clone()
	r.Header.Set("Authorization", "Bearer "+w.tokens[access.PortalAdministrator])
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return answered{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// Of two who change what they both read, the one whose body comes late is told, whatever is changed: the tag is looked at within
// the change.
func TestIfMatchWithinTheChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, read, first, second string }{
		{"credential set", "/credentials/1", `PATCH /credentials/1 {"username":"first"}`, `PATCH /credentials/1 {"name":"second"}`},
		{"user", "/users/2", `PATCH /users/2 {"enabled":false}`, `PATCH /users/2 {"password":"another horse battery"}`},
		{"settings", "/settings", `PATCH /settings {"licensees":["First"]}`, `PATCH /settings {"zone":"Europe/Berlin"}`},
		{"alarm acknowledged", "/alarms/1", `POST /alarms/1/acknowledge {"reason":"first"}`, `POST /alarms/1/resolve {"reason":"second"}`},
		{"own catalogue", "/catalog/own", "PUT /catalog/own " + ownRows, "PUT /catalog/own " + ownRows + "type  Other_Backup  -  object  -\n"},
		{"company", "/companies/2", `PATCH /companies/2 {"taxId":"first"}`, `PATCH /companies/2 {"name":"second"}`},
		{"server", "/servers/1", `PATCH /servers/1 {"name":"first"}`, `PATCH /servers/1 {"domain":"second"}`},
		{"plan", "/plans/1", `PATCH /plans/1 {"name":"first"}`, `PATCH /plans/1 {"description":"second"}`},
		{
			"statement", "/companies/2/statements/2026-10", `POST /companies/2/statements/2026-10/approve {"reasons":{"*":"first"}}`,
			`POST /companies/2/statements/2026-10/reopen {"reason":"second"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.clock.Set(november)
			w.tokens[access.PortalAdministrator] = must[access.Pair](t)(w.access.Login(t.Context(), "portal-administrator", password, "127.0.0.1")).Access
			w.want(http.StatusCreated, request{method: "POST", path: "/credentials", body: `{"name":"set","username":"u","password":"p"}`})
			w.want(http.StatusCreated, request{method: "POST", path: "/plans", body: `{"name":"Gold","currency":"EUR","tax":"VAT"}`})
			w.want(http.StatusOK, request{method: "POST", path: "/companies/2/statements/2026-10/draft"})
			tag := w.get(c.read).header.Get("Etag")
			second := asked(c.second)
			second.header = http.Header{"If-Match": {tag}}
			var between answered
			late := w.doDuring(second, func() {
				w.want(http.StatusOK, asked(c.first))
				between = w.get(c.read)
			})
			if late.status != http.StatusPreconditionFailed {
				t.Errorf("%d %s", late.status, late.body)
			}
			if is := w.get(c.read); is.body != between.body {
				t.Errorf("it was changed all the same: %s", is.body)
			}
			second.header.Set("If-Match", between.header.Get("Etag"))
			w.want(http.StatusOK, second)
		})
	}
}

// asked reads "METHOD /path body".
func asked(text string) request {
	method, rest, _ := strings.Cut(text, " ")
	path, body, _ := strings.Cut(rest, " ")
	return request{method: method, path: path, body: body}
}

// A removal is of what the caller saw: what is changed behind the look at it is not removed.
func TestRemovalWithinTheChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	added := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Fabrikam"}))
	set := must[fleet.Credential](t)(w.fleet.AddCredential(t.Context(), fleet.NewCredential{Name: "set", Username: "u", Password: "p"}))
	late := fault.New(fault.Conflict, "late")
	if err := w.fleet.RemoveCompany(t.Context(), added.ID, func(*fleet.Company) error { return late }); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	if err := w.fleet.RemoveCredential(t.Context(), set.ID, func(*fleet.Credential) error { return late }); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	if err := w.fleet.RemoveServer(t.Context(), 1, october, func(*fleet.Server) error { return late }); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	for _, path := range []string{"/companies/4", "/credentials/1", "/servers/1"} {
		tag := w.get(path).header.Get("Etag")
		w.want(http.StatusOK, request{method: "PATCH", path: path, body: `{"name":"Other ` + strings.ReplaceAll(path, "/", " ") + `"}`})
		remove := request{method: "DELETE", path: path, header: http.Header{"If-Match": {tag}}}
		w.want(http.StatusPreconditionFailed, remove)
		remove.header.Set("If-Match", w.get(path).header.Get("Etag"))
		w.want(http.StatusNoContent, remove)
	}
}

// interposed makes a change of a company between the look at it and its removal.
type interposed struct {
	fleet.ServerStore
	change func()
}

func (s *interposed) Servers(ctx context.Context) ([]fleet.Server, error) {
	if do := s.change; do != nil {
		s.change = nil
		do()
	}
	return s.ServerStore.Servers(ctx)
}

// A company that is changed while its servers are looked for is not removed by who saw it before.
func TestCompanyChangedBeforeItsRemoval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	added := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Fabrikam"}))
	tag := w.get("/companies/4").header.Get("Etag")
	taxed := "DE 1"
	w.fleet.Servers = &interposed{w.store, func() {
		must[fleet.Company](t)(w.fleet.EditCompany(t.Context(), added.ID, fleet.CompanyEdit{Name: &taxed}))
	}}
	w.want(http.StatusPreconditionFailed, request{method: "DELETE", path: "/companies/4", header: http.Header{"If-Match": {tag}}})
	if found := must[fleet.Company](t)(w.store.Company(t.Context(), usage.CompanyID(4))); found.RemovedAt != nil {
		t.Error("it was removed")
	}
}

// A condition that nobody would look at is refused, and one on a token holds.
func TestIfMatchIsNeverIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusCreated, request{method: "POST", path: "/tokens", body: `{"name":"script","scopes":["read"],"expiresAt":"2026-12-01T00:00:00Z"}`})
	stale := http.Header{"If-Match": {`"stale"`}}
	w.want(http.StatusPreconditionFailed, request{method: "DELETE", path: "/tokens/1", header: stale})
	if text := w.get("/tokens/1").body; !strings.Contains(text, `"revokedAt":null`) {
		t.Error(text)
	}
	tag := w.get("/tokens/1").header.Get("Etag")
	w.want(http.StatusNoContent, request{method: "DELETE", path: "/tokens/1", header: http.Header{"If-Match": {tag}}})
	for _, o := range specOf(t).all {
		if o.reads() || o.has("If-Match") {
			continue
		}
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(o.path, "1")
		if got := w.do(request{method: o.method, path: path, header: stale}); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"path":"If-Match"`) {
			t.Errorf("%s: %d %s", o.ID, got.status, got.body)
		}
	}
}

// A statement is drafted from what the caller saw when there was none, and not from what is known by now.
func TestIfMatchOfTheFirstDraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Set(november)
	w.tokens[access.PortalAdministrator] = must[access.Pair](t)(w.access.Login(t.Context(), "portal-administrator", password, "127.0.0.1")).Access
	const path = "/companies/3/statements/2026-10"
	tag := w.get(path).header.Get("Etag")
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, false, vbrReading(vbr02, "db", 4, october.Add(time.Hour))))
	w.want(http.StatusPreconditionFailed, request{method: "POST", path: path + "/draft", header: http.Header{"If-Match": {tag}}})
	w.want(http.StatusOK, request{method: "POST", path: path + "/draft", header: http.Header{"If-Match": {w.get(path).header.Get("Etag")}}})
}
