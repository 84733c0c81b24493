package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// caller finds one by its name.
func (e *estate) caller(t testing.TB, name string) caller {
	t.Helper()
	for _, c := range e.callers {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("nobody is called %s", name)
	return caller{}
}

// A token that is over, revoked, or of a user who is disabled opens nothing.
func TestTokensThatAreOver(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	revoked, disabled, expired := e.caller(t, "company 3"), e.caller(t, "of a customer"), e.caller(t, "scope read")
	e.want(http.StatusNoContent, request{method: "DELETE", path: fmt.Sprint("/tokens/", revoked.actor.Token)})
	e.want(http.StatusOK, request{method: "PATCH", path: fmt.Sprint("/users/", disabled.actor.User), body: `{"enabled":false}`})
	e.clock.Add(25 * time.Hour)
	for _, secret := range []string{revoked.secret, disabled.secret, expired.secret, e.tokens[access.CompanyAdministrator], "tally_" + strings.Repeat("x", 43), "x"} {
		for _, o := range specOf(t).all {
			if o.ID == "getDocument" {
				continue
			}
			for _, q := range e.asks(t, o) {
				q.token = secret
				if got := e.want(http.StatusUnauthorized, q); got.header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%s: %v", q.path, got.header)
				}
			}
		}
	}
}

// A token sees itself, and no other of its user.
func TestTokenSeesItself(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for _, name := range []string{"of a customer", "server 2", "company 3", "scope push"} {
		c := e.caller(t, name)
		self := fmt.Sprint("/tokens/", c.actor.Token)
		e.want(http.StatusOK, request{method: "GET", path: self, token: c.secret})
		e.want(http.StatusForbidden, request{method: "DELETE", path: self, token: c.secret})
		if items := in[page[struct{ ID int64 }]](t, e.want(http.StatusOK, request{method: "GET", path: "/tokens", token: c.secret})).Items; len(items) != 1 || items[0].ID != int64(c.actor.Token) {
			t.Errorf("%s sees %v", name, items)
		}
	}
}

// wholes are requests for everything that a list has, in all its forms and by all its ways in.
func wholes(e *estate, o *operation, q request) (list []request) {
	join := "?"
	if strings.Contains(q.path, "?") {
		join = "&"
	}
	for _, form := range []string{"application/json", "text/csv", "application/x-ndjson"} {
		for _, option := range []string{"", "limit=1", "sort=-" + e.sortable(o), "filter=" + e.sortable(o) + "%20ne%20null"} {
			r := q
			r.path = strings.TrimSuffix(q.path+join+option, join)
			r.header = http.Header{"Accept": {form}}
			list = append(list, r)
		}
	}
	return list
}

// sortable is a property of a list's rows.
func (e *estate) sortable(o *operation) string {
	properties := map[string]string{
		"listReadings": "entry", "listUsage": "company", "listUsageDays": "day", "listWorkloads": "", "getLife": "from", "listReconciled": "server",
		"listAlarmHistory": "step", "listStatements": "month", "listWeights": "type", "listCatalogVersions": "number", "listSchedule": "server", "listStatementWorkloads": "name",
	}
	if name, there := properties[o.ID]; there {
		if name == "" {
			return "name"
		}
		return name
	}
	return "id"
}

// In no form of a list, and by no condition, order or cursor, is there anything of another company.
func TestListsOfACompany(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	admin := e.tokens[access.PortalAdministrator]
	for _, o := range specOf(t).all {
		if !o.lists() {
			continue
		}
		for _, q := range e.asks(t, o) {
			for _, r := range wholes(e, o, q) {
				if e.clock.Add(100 * time.Millisecond); o.ID == "listWorkloads" && strings.Contains(r.path, "sort") {
					r.path += "&company=3"
				}
				r.token = admin
				all := e.do(r)
				for _, role := range []access.Role{access.CompanyAdministrator, access.CompanyReadonly} {
					r.token = e.tokens[role]
					e.looksThrough(t, r, e.do(r))
					if next := nextOf(all); next != "" { // a cursor of somebody who sees more
						r.path += "&cursor=" + next
						e.looksThrough(t, r, e.do(r))
						r.path = strings.TrimSuffix(r.path, "&cursor="+next)
					}
				}
			}
		}
	}
}

// nextOf gives the cursor of a page, if it has one.
func nextOf(a answered) string {
	_, rest, _ := strings.Cut(a.header.Get("Link"), "cursor=")
	next, _, _ := strings.Cut(rest, "&")
	next, _, _ = strings.Cut(next, ">")
	return next
}

// An option that names another company's things is refused as one that names nothing.
func TestOptionsOfAnother(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	foreign := must[fleet.Company](t)(e.store.Company(t.Context(), 2)).UID
	for _, o := range specOf(t).all {
		if !o.lists() || !o.has("company") || strings.Contains(o.path, "{company}") || o.ID == "listAudit" {
			continue
		}
		told := map[string]bool{}
		for _, ref := range []string{"2", foreign, "1", "unassigned", "99", "c0de0000-0000-4000-8000-0000000000ff"} {
			got := e.want(http.StatusBadRequest, request{method: "GET", path: o.path + "?company=" + ref, role: access.CompanyReadonly})
			told[bare(got, ref)] = true
		}
		if len(told) != 1 {
			t.Errorf("%s tells companies apart: %v", o.ID, told)
		}
		e.want(http.StatusOK, request{method: "GET", path: o.path + "?company=3", role: access.CompanyReadonly})
	}
}

// Who knows the tag of what it may not see learns nothing by it.
func TestTagsOfAnother(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for _, path := range []string{"/companies/2", "/servers/1", "/companies/2/statements/2026-10", "/companies/2/usage/backupServer?at=2026-10-20T02:00:00Z"} {
		tag := e.get(path).header.Get("Etag")
		absent := strings.NewReplacer("/2", "/99", "/1", "/99").Replace(path)
		for _, tag := range []string{tag, "*", `"x"`} {
			h := http.Header{"If-None-Match": {tag}, "If-Match": {tag}}
			hidden := e.want(http.StatusNotFound, request{method: "GET", path: path, role: access.CompanyReadonly, header: h})
			missing := e.want(http.StatusNotFound, request{method: "GET", path: absent, role: access.CompanyReadonly, header: h})
			if bare(hidden, "2") != bare(missing, "99") && bare(hidden, "1") != bare(missing, "99") {
				t.Errorf("%s: %s\n%s", path, hidden.body, missing.body)
			}
		}
	}
}

// An answer is given again to whom it was given, and not to another token of the same user, which may see less.
func TestKeysOfAnother(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	q := request{method: "PATCH", path: "/companies/2", body: `{"taxId":"zephyr-tax"}`, header: http.Header{"Idempotency-Key": {"k1"}}}
	first := e.want(http.StatusOK, q)
	if again := e.want(http.StatusOK, q); again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v %s", again.header, again.body)
	}
	for _, name := range []string{"company 3", "scope read", "server 2", "company-administrator"} {
		c := e.caller(t, name)
		q.token = c.secret
		got := e.do(q)
		if got.status < 400 || strings.Contains(strings.ToLower(got.body), "zephyr") {
			t.Errorf("%s is given what the administrator did: %d %s", name, got.status, got.body)
		}
	}
}

// A token for one company changes that one, gives nothing of it away, and is told nothing of others by conflicts with them.
func TestNarrowTokenStaysInside(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	token := e.caller(t, "company 3").secret
	told := map[string]bool{}
	for _, company := range []string{"2", "99", "1", "0", "-5"} {
		got := e.want(http.StatusBadRequest, request{method: "PATCH", path: "/servers/2", body: `{"company":` + company + `}`, token: token})
		told[bare(got, "company "+company)] = true
	}
	if len(told) != 1 {
		t.Errorf("a server's company: %v", told)
	}
	if is := must[fleet.Server](t)(e.store.Server(t.Context(), 2)); is.Company != 3 {
		t.Errorf("the server is company %d's", is.Company)
	}
	e.want(http.StatusOK, request{method: "PATCH", path: "/servers/2", body: `{"company":3,"name":"Mine"}`, token: token})
	for _, tenants := range []string{`[]`, `[{"server":3,"name":"zephyr-cc"}]`, `[{"server":0,"name":"nobody-cc"},{"server":0,"name":"contoso-cc"}]`} {
		e.want(http.StatusBadRequest, request{method: "PATCH", path: "/companies/3", body: `{"tenants":` + tenants + `}`, token: token})
	}
	e.want(http.StatusOK, request{method: "PATCH", path: "/companies/3", body: `{"taxId":"DE1","tenants":[{"server":0,"name":"contoso-cc"}]}`, token: token})
	e.want(http.StatusOK, request{method: "PATCH", path: "/companies/2", body: `{"externalIds":{"psa":"theirs"}}`})
	for _, q := range []request{
		{method: "PATCH", path: "/companies/3", body: `{"name":"zephyr"}`},
		{method: "PATCH", path: "/companies/3", body: `{"externalIds":{"psa":"theirs"}}`},
		{method: "PATCH", path: "/servers/2", body: `{"name":"zephyr01"}`},
	} {
		q.token = token
		got := e.want(http.StatusConflict, q)
		for _, word := range []string{"company 2", "server 1", "Zephyr", "ZEPHYR"} {
			if strings.Contains(got.body, word) {
				t.Errorf("%s: %s", q.body, got.body)
			}
		}
	}
}

// Two servers may say that they are one installation: a company is told of its own one.
func TestInstallationTwice(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	ctx := t.Context()
	for _, company := range []usage.CompanyID{2, 3} {
		n := fleet.NewServer{Name: fmt.Sprint("zephyr twin ", company), Company: company, InstallationID: "c0de0000-0000-4000-8000-0000000000aa", Cloned: true}
		if company == 3 {
			n.Name = "twin"
		}
		must[fleet.Server](t)(e.fleet.AddServer(ctx, n))
	}
	path := "/servers/c0de0000-0000-4000-8000-0000000000aa"
	q := request{method: "GET", path: path, role: access.CompanyReadonly}
	got := e.want(http.StatusOK, q)
	e.looksThrough(t, q, got)
	if is := in[struct{ Name string }](t, got); is.Name != "twin" {
		t.Error(got.body)
	}
	e.want(http.StatusConflict, request{method: "GET", path: path})
	type twins struct {
		ID               int
		SameInstallation []int
	}
	var told []int
	for _, v := range in[page[twins]](t, e.want(http.StatusOK, request{method: "GET", path: "/servers"})).Items {
		if len(v.SameInstallation) > 0 {
			told = append(told, v.ID, v.SameInstallation[0])
		}
	}
	if len(told) != 4 || told[0] != told[3] || told[1] != told[2] {
		t.Errorf("%v", told)
	}
	for _, path := range []string{path, "/servers"} { // nor is there one beside it
		if got := e.want(http.StatusOK, request{method: "GET", path: path, role: access.CompanyReadonly}); !strings.Contains(got.body, `"sameInstallation":[]`) ||
			strings.Contains(got.body, `"sameInstallation":[1`) {
			t.Error(got.body)
		}
	}
	again := e.want(http.StatusConflict, request{method: "POST", path: "/servers", body: `{"name":"third","company":3,"installationId":"C0DE0000-0000-4000-8000-0000000000AA"}`})
	if !strings.Contains(again.body, fmt.Sprint("server ", told[2])) && !strings.Contains(again.body, fmt.Sprint("server ", told[0])) {
		t.Error(again.body)
	}
	e.want(http.StatusCreated, request{method: "POST", path: "/servers", body: `{"name":"third","company":3,"installationId":"C0DE0000-0000-4000-8000-0000000000AA","cloned":true}`})
}

// Of a statement that is not final a company is not told that it is there.
func TestStatementsThatAreNotFinal(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for _, role := range []access.Role{access.CompanyAdministrator, access.CompanyReadonly} {
		list := in[page[struct {
			Month, State string
			Number       int
		}]](t, e.want(http.StatusOK, request{method: "GET", path: "/statements", role: role})).Items
		if len(list) != 1 || list[0].State != "final" || list[0].Number != 1 {
			t.Errorf("%s sees %+v", role, list)
		}
		if latest := in[struct{ Number int }](t, e.want(http.StatusOK, request{method: "GET", path: "/companies/3/statements/2026-10", role: role})); latest.Number != 1 {
			t.Errorf("%s is shown statement %d", role, latest.Number)
		}
		for _, path := range []string{"", "/workloads", "/bundle"} {
			hidden := e.want(http.StatusNotFound, request{method: "GET", path: "/companies/3/statements/2026-10" + path + "?number=2", role: role})
			missing := e.want(http.StatusNotFound, request{method: "GET", path: "/companies/3/statements/2026-10" + path + "?number=9", role: role})
			if bare(hidden, "x") != bare(missing, "x") {
				t.Errorf("%s\n%s", hidden.body, missing.body)
			}
			e.want(http.StatusNotFound, request{method: "GET", path: "/companies/3/statements/2026-11" + path, role: role})
		}
	}
}

// Who may not do something is told that before what is wrong with the request.
func TestRefusedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for _, o := range specOf(t).all {
		if o.Body == nil || o.ID == "addToken" {
			continue
		}
		for v, q := range e.asks(t, o) {
			if v.owner == absent {
				continue
			}
			q.role, q.body = access.PortalReadonly, "{"
			q.header.Set("Content-Type", "text/html")
			e.want(http.StatusForbidden, q)
		}
	}
}
