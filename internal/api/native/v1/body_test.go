package v1_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
)

// pathsOf are the fields of a problem.
func pathsOf(t *testing.T, a answered) (paths []string) {
	t.Helper()
	for _, e := range in[struct {
		Errors []struct{ Path, Detail string }
	}](t, a).Errors {
		paths = append(paths, e.Path)
	}
	return paths
}

// All members that do not fit are told at once, each with its path; a member in another letter case is not the one that is meant.
func TestBodyIsToldWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ method, path, body, want string }{
		{
			"POST", "/companies", `{"nmae":"x","enabled":"yes","contact":{"emial":"a","city":1},"tenants":[{"server":"1","Name":"x"},null],"notes":[]}`,
			"nmae enabled contact.emial contact.city tenants[0].server tenants[0].Name tenants[1] notes name",
		},
		{"POST", "/companies", `{"Name":"Fabrikam"}`, "Name name"},
		{"POST", "/companies", `{"name":"Fabrikam","NAME":"Other"}`, "NAME"},
		{"POST", "/servers", `{"companyId":2,"installationId":"x"}`, "companyId company name"},
		{"PATCH", "/companies/2", `{"taxID":"1","tags":{"a":1},"externalIds":{"psa":"1","PSA":"2"}}`, "taxID tags externalIds"},
		{
			"PATCH", "/servers/1", `{"connection":{"Url":"https://x:1","insecure":"no"},"intervalSeconds":"x","from":"yesterday"}`,
			"connection.Url connection.insecure intervalSeconds from",
		},
		{"POST", "/tokens", `{"scopes":["read",1],"expiresAt":"soon","Server":1}`, "scopes[1] expiresAt Server"},
		{"PATCH", "/settings", `{"Zone":"UTC","licensees":"x"}`, "Zone licensees"},
		{"POST", "/plans", `{"name":"Gold","discount":"x","rates":[{"name":"vm","price":-1.1234567}]}`, "discount rates[0].price"},
		{"PATCH", "/servers/1", `{"from":"0001-01-01T00:00:00Z"}`, "from"},
	} {
		got := w.want(http.StatusBadRequest, request{method: c.method, path: c.path, body: c.body})
		if paths := pathsOf(t, got); !slices.Equal(paths, strings.Fields(c.want)) {
			t.Errorf("%s %s: %v, want %s: %s", c.path, c.body, paths, c.want, got.body)
		}
	}
}

// Null clears what can be cleared (RFC 7396), and is refused by its name where it cannot.
func TestNullClears(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusCreated, request{method: "POST", path: "/plans", body: `{"name":"Gold","description":"d","currency":"EUR","tax":"VAT","taxPercent":19,"discount":5,"rates":[{"name":"vm","price":1}]}`})
	w.want(http.StatusCreated, request{method: "POST", path: "/credentials", body: `{"name":"set","username":"u","password":"p"}`})
	w.want(http.StatusOK, request{method: "PATCH", path: "/companies/3", body: `{"description":"d","contact":{"email":"a@b.example","city":"Köln"},"taxId":"t","domain":"x.example","externalId":"e","notes":"n","plan":1,` +
		`"externalIds":{"psa":"1","crm":"2"},"tags":{"segment":"gold"}}`})
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"domain":"em.example","tags":{"a":"1","b":"2"}}`})
	w.want(http.StatusOK, request{method: "PATCH", path: "/settings", body: `{"licensees":["Provider"]}`})
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"connection":{"credential":1}}`})
	merge := http.Header{"Content-Type": {"application/merge-patch+json"}}
	for _, c := range []struct {
		path, body string
		has        []string
	}{
		{"/companies/3", `{"contact":{"city":null}}`, []string{`"city":""`, `"email":"a@b.example"`}},
		{"/companies/3", `{"externalIds":{"crm":null}}`, []string{`"externalIds":{"psa":"1"}`}},
		{
			"/companies/3", `{"description":null,"contact":null,"taxId":null,"domain":null,"externalId":null,"notes":null,"plan":null,"tenants":null,"externalIds":null,"tags":null}`,
			[]string{`"description":""`, `"email":""`, `"taxId":""`, `"domain":""`, `"externalId":""`, `"notes":""`, `"plan":null`, `"tenants":[]`, `"externalIds":{}`, `"tags":{}`},
		},
		{"/servers/1", `{"domain":null,"tags":null}`, []string{`"domain":""`, `"tags":{}`}},
		{"/servers/1", `{"connection":{"credential":null,"username":"own","password":"p"}}`, []string{`"credential":null`, `"username":"own"`}},
		{"/servers/1", `{"connection":{"credential":null}}`, []string{`"username":"own"`}}, // as GET has it
		{"/settings", `{"licensees":null}`, []string{`"licensees":[]`}},
		{"/plans/1", `{"description":null,"taxPercent":null,"discount":null,"rates":null}`, []string{`"description":""`, `"taxPercent":0`, `"discount":0`, `"rates":[]`}},
	} {
		w.want(http.StatusOK, request{method: "PATCH", path: c.path, body: c.body, header: merge})
		text := w.get(c.path).body
		for _, has := range c.has {
			if !strings.Contains(text, has) {
				t.Errorf("%s %s: no %s in %s", c.path, c.body, has, text)
			}
		}
	}
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"connection":{"credential":1}}`})
	for _, c := range []struct{ path, body, want string }{
		{"/companies/3", `{"name":null,"enabled":null,"from":null}`, "name enabled from"},
		{
			"/servers/1", `{"name":null,"company":null,"shared":null,"product":null,"connection":null,"authority":null,"intervalSeconds":null}`,
			"name company shared product connection authority intervalSeconds",
		},
		{"/servers/1", `{"connection":{"url":null,"username":null,"password":null}}`, "connection.url connection.username connection.password"},
		{"/servers/1", `{"connection":{"credential":null}}`, "connection.credential"},
		{"/credentials/1", `{"name":null,"username":null,"password":null}`, "name username password"},
		{"/users/2", `{"enabled":null,"password":null}`, "enabled password"},
		{"/settings", `{"zone":null}`, "zone"},
		{"/plans/1", `{"name":null,"currency":null,"tax":null}`, "name currency tax"},
	} {
		got := w.want(http.StatusBadRequest, request{method: "PATCH", path: c.path, body: c.body, header: merge})
		if paths := pathsOf(t, got); !slices.Equal(paths, strings.Fields(c.want)) {
			t.Errorf("%s %s: %v", c.path, c.body, paths)
		}
	}
	w.want(http.StatusCreated, request{method: "POST", path: "/companies", body: `{"name":"Fabrikam","plan":null,"tags":null}`}) // of what is new, null is nothing
}

// The zero of a program's clock is no time: it is refused, and not taken for one that was not given.
func TestZeroTimeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/usage?at=0001-01-01T00:00:00Z", "/usage?recordedBefore=0001-01-01T00:00:00Z", "/servers/1/readings?from=0001-01-01T00:00:00Z", "/servers/1/readings?until=0001-01-01T01:00:00%2B01:00"} {
		got := w.want(http.StatusBadRequest, request{method: "GET", path: path})
		if paths := pathsOf(t, got); len(paths) != 1 || !strings.Contains(path, paths[0]) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	w.want(http.StatusBadRequest, request{method: "DELETE", path: "/servers/2?from=0001-01-01T00:00:00Z"})
}

// Whoever has the scope, and belongs to a company, is told that something is the provider's, and not that it lacks the scope.
func TestProvidersOwnIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/settings", "/plans", "/catalog/own"} {
		if got := w.want(http.StatusForbidden, request{method: "GET", path: path, role: access.CompanyAdministrator}); !strings.Contains(got.body, "provider's") || strings.Contains(got.body, "takes") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	if got := w.want(http.StatusForbidden, request{method: "PATCH", path: "/settings", body: "{}", role: access.PortalReadonly}); !strings.Contains(got.body, `takes \"manage-users\"`) {
		t.Error(got.body)
	}
}
