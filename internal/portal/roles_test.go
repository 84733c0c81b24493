package portal_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// Whom a route is for.
const (
	forStrangers = "who is not signed in, too"
	forAll       = "everybody who is signed in"
	forLed       = "everybody who is signed in, who is led to the page above"
	forOwn       = "the provider's people, and a company's for what is theirs"
	forProvider  = "the provider's people"
	forOperators = "the provider's operators and administrators"
	forAdmins    = "the provider's administrators"
)

// routesFor says of every route whom it is for.
var routesFor = map[string][]string{
	forStrangers: {
		"GET /assets/{version}/{name}", "GET /favicon.ico", "GET /sign-in", "POST /sign-in", "GET /sign-in/second", "POST /sign-in/second", "GET /sign-in/single", "GET /sign-in/return",
	},
	forAll: {
		"GET /", "GET /account", "GET /account/second-factor", "GET /alarms", "GET /catalogue", "GET /companies", "GET /live", "GET /servers", "GET /statements", "GET /tokens", "GET /tokens/new", "GET /workloads",
		"POST /account/password", "POST /account/second-factor", "POST /account/second-factor/codes", "POST /account/second-factor/off", "POST /account/sign-out", "POST /sign-out", "POST /tokens",
	},
	forLed: {
		"GET /account/password", "GET /account/second-factor/codes", "GET /account/second-factor/off", "GET /companies/{company}/remove", "GET /credentials/{set}/remove", "GET /servers/{server}/read", "GET /servers/{server}/remove",
		"GET /statements/{month}/{company}/adjust", "GET /statements/{month}/{company}/approve", "GET /statements/{month}/{company}/draft", "GET /statements/{month}/{company}/finalise",
		"GET /statements/{month}/{company}/reopen", "GET /statements/{month}/{company}/supersede", "GET /statements/{month}/{company}/withdraw",
		"GET /users/{user}/enabled", "GET /users/{user}/password", "GET /users/{user}/role", "GET /users/{user}/second-factor", "GET /users/{user}/single",
	},
	forOwn: {
		"GET /alarms/{alarm}", "GET /companies/{company}", "GET /companies/{company}/changes", "GET /companies/{company}/servers", "GET /companies/{company}/statements", "GET /companies/{company}/trend",
		"GET /companies/{company}/why", "GET /servers/{server}", "GET /statements/{month}/{company}", "GET /statements/{month}/{company}/bundle", "GET /statements/{month}/{company}/report",
		"GET /statements/{month}/{company}/workloads", "GET /workloads/life", "POST /tokens/{token}/revoke",
	},
	forProvider: {"GET /catalogue/own", "GET /companies/suggest", "GET /servers/suggest", "GET /settings", "GET /statements/{month}", "GET /statements/{month}/report"},
	forOperators: {
		"GET /companies/new", "GET /companies/{company}/edit", "GET /credentials", "GET /servers/new", "GET /servers/pushed", "GET /servers/{server}/edit",
		"POST /alarms/{alarm}", "POST /companies/new", "POST /companies/{company}/edit", "POST /companies/{company}/remove", "POST /servers/new", "POST /servers/pushed", "POST /servers/{server}/edit",
		"POST /servers/{server}/read", "POST /servers/{server}/remove", "POST /statements/{month}/approve", "POST /statements/{month}/draft", "POST /statements/{month}/{company}/adjust",
		"POST /statements/{month}/{company}/approve", "POST /statements/{month}/{company}/draft", "POST /statements/{month}/{company}/reopen", "POST /statements/{month}/{company}/withdraw",
		"POST /statements/{month}/{company}/workloads",
	},
	forAdmins: {
		"GET /audit", "GET /credentials/new", "GET /credentials/{set}", "GET /users", "GET /users/new", "GET /users/suggest", "GET /users/{user}",
		"POST /catalogue/own", "POST /credentials/new", "POST /credentials/{set}", "POST /credentials/{set}/remove", "POST /settings", "POST /statements/{month}/finalise",
		"POST /statements/{month}/{company}/finalise", "POST /statements/{month}/{company}/supersede", "POST /users", "POST /users/{user}/enabled", "POST /users/{user}/password", "POST /users/{user}/role",
		"POST /users/{user}/second-factor", "POST /users/{user}/sessions", "POST /users/{user}/single",
	},
}

// may says whether a route for someone is for a role.
func mayUse(whom string, role access.Role) bool {
	switch whom {
	case forProvider:
		return !role.OfCompany()
	case forOperators:
		return role == access.PortalOperator || role == access.PortalAdministrator
	case forAdmins:
		return role == access.PortalAdministrator
	}
	return true
}

// ids are those of a route's address.
type ids map[string]string

// What there is of company 3, whose people ask; of Northwind; and of nobody.
var (
	own     = ids{"company": "3", "server": "2", "alarm": "2"}
	foreign = ids{"company": "2", "server": "1", "alarm": "1"}
	absent  = ids{"company": "4711", "server": "4711", "alarm": "4711", "user": "4711", "token": "4711"}

	segment = regexp.MustCompile(`\{(\w+)\}`)
)

// address is that of a route, with what its page wants to be asked.
func (i ids) address(route string) string {
	_, pattern, _ := strings.Cut(route, " ")
	address := segment.ReplaceAllStringFunc(pattern, func(id string) string { return i[strings.Trim(id, "{}")] })
	switch {
	case strings.HasSuffix(route, "/why"):
		address += "?state=used&unit=Instances"
	case strings.HasSuffix(route, "/report"):
		address += "?format=pdf"
	case strings.HasSuffix(route, "/life"):
		name := "web0007"
		if i["server"] == own["server"] {
			name = "<i>db0001"
		}
		address += "?" + url.Values{"server": {i["server"]}, "id": {name}}.Encode()
	}
	return address
}

// settled is a world with something of everything: October is final, company 3 has a server with an address and an account, and gaps and an alarm that
// name both, and each user has a token.
func settled(t *testing.T) *world {
	t.Helper()
	w := explained(t)
	ctx := t.Context()
	server := must[fleet.Server](t)(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR20", Company: 3, URL: "hidden.example:9419", Username: "svc-hidden", Password: password}))
	must[fleet.Credential](t)(w.fleet.AddCredential(ctx, fleet.NewCredential{Name: "hidden set", Username: "svc-hidden", Password: password}))
	for _, id := range []usage.ServerID{2, server.ID} {
		gap := usage.Gap{At: october.Add(time.Hour), Reason: usage.GapUnreachable, Text: "no route to hidden.example as svc-hidden"}
		if _, err := w.ledger.AppendGap(ctx, id, gap); err != nil {
			t.Fatal(err)
		}
	}
	for _, holds := range [][]alarm.Condition{nil, {{
		Template: alarm.ServerConnection, Status: alarm.StatusError, Message: "VBR02 cannot be read (unreachable): no route to hidden.example as svc-hidden",
	}}} {
		w.clock.Add(time.Second)
		if err := w.store.Settle(ctx, 2, []alarm.TemplateID{alarm.ServerConnection}, holds, w.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w.all("draft")
	for _, company := range []string{"2", "3", "4"} {
		w.did(octoberPath+"/"+company+"/approve", url.Values{"*": {"known"}})
	}
	w.all("finalise")
	for _, role := range access.Roles() {
		w.cookie(role)
		n := access.NewToken{Name: "of " + string(role), User: w.users[role], Scopes: []access.Action{access.Read}, ExpiresAt: w.clock.Now().AddDate(0, 1, 0)}
		if _, _, err := w.access.AddToken(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	w.portal.EndStreams() // a page that listens is told so, and hears no more
	return w
}

// with adds to ids those of a user and of the token of that user.
func (w *world) with(of ids, role access.Role) ids {
	w.t.Helper()
	out := ids{"user": fmt.Sprint(w.users[role]), "set": "1", "month": "2026-10", "name": "portal.js", "version": "0"}
	for _, t := range must[[]access.Token](w.t)(w.access.Tokens(w.t.Context(), w.users[role])) {
		out["token"] = fmt.Sprint(t.ID)
	}
	maps.Copy(out, of)
	return out
}

// asked asks a route as a browser does, or as a script of ours.
func (w *world) asked(route string, of ids, role access.Role, part bool) answered {
	w.t.Helper()
	method, _, _ := strings.Cut(route, " ")
	q := request{method: method, path: of.address(route), role: role}
	if role == "" {
		q.cookie = "-"
	}
	if part {
		q.header = http.Header{"Hx-Request": {"true"}}
	}
	return w.do(q)
}

// each calls for all routes of which the table knows whom they are for, in their order.
func each(do func(route, whom string)) {
	of := map[string]string{}
	for whom, routes := range routesFor {
		for _, r := range routes {
			of[r] = whom
		}
	}
	for _, r := range slices.Sorted(maps.Keys(of)) {
		do(r, of[r])
	}
}

// Of every route it is decided whom it is for.
func TestEveryRouteIsForSomebody(t *testing.T) {
	t.Parallel()
	var known, there []string
	for _, routes := range routesFor {
		known = append(known, routes...)
	}
	for _, r := range newWorld(t).portal.Routes() {
		there = append(there, r.Method+" "+r.Pattern)
	}
	slices.Sort(known)
	slices.Sort(there)
	for _, r := range there {
		if !slices.Contains(known, r) {
			t.Errorf("%s is new: say in routesFor whom it is for", r)
		}
	}
	if len(known) != len(there) {
		t.Errorf("routesFor has %d routes, and there are %d", len(known), len(there))
	}
}

// Who may not use a route is refused, whatever asks; a company's people are not told what there is of others.
func TestRoutesRefuse(t *testing.T) {
	t.Parallel()
	w := settled(t)
	want := func(status int, route string, a answered, as access.Role) {
		t.Helper()
		if a.status != status {
			t.Errorf("%s as %q: %d, want %d: %s", route, as, a.status, status, a.body)
		}
	}
	each(func(route, whom string) {
		for _, part := range []bool{false, true} {
			if whom != forStrangers {
				status := http.StatusUnauthorized
				if strings.HasPrefix(route, "GET") && !part {
					status = http.StatusSeeOther
				}
				a := w.asked(route, w.with(own, theirs), "", part)
				want(status, route, a, "")
				if to := a.header.Get("Location"); to != "" && !strings.HasPrefix(to, "/sign-in") || strings.Contains(a.body, "VBR") {
					t.Errorf("%s: a stranger is led to %q: %s", route, to, a.body)
				}
			}
			for _, role := range access.Roles() {
				if mayUse(whom, role) && !(role.OfCompany() && whom == forOwn) {
					continue
				}
				if whom != forOwn {
					want(http.StatusForbidden, route, w.asked(route, w.with(own, theirs), role, part), role)
				}
				if !role.OfCompany() || !ofSomebody.MatchString(route) {
					continue
				}
				other, none := w.asked(route, w.with(foreign, admin), role, part), w.asked(route, w.with(absent, admin), role, part)
				want(http.StatusNotFound, route, other, role)
				if numbers.ReplaceAllString(other.body, "N") != numbers.ReplaceAllString(none.body, "N") {
					t.Errorf("%s as %s: one can tell what others have from %s\nand %s", route, role, other.body, none.body)
				}
			}
		}
	})
}

var (
	// ofSomebody are the routes to something that is a company's, or a user's.
	ofSomebody = regexp.MustCompile(`\{(company|server|alarm|token)\}|/life$`)
	numbers    = regexp.MustCompile(`\b[0-9]+\b`)
)

// Who may use a route is let in.
func TestRoutesServe(t *testing.T) {
	t.Parallel()
	for _, role := range access.Roles() {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			w := settled(t)
			of := w.with(own, role)
			if role == admin { // it does nothing to itself
				of = w.with(own, reader)
			}
			ask := func(route string, part bool) {
				t.Helper()
				a := w.asked(route, of, role, part)
				method, _, _ := strings.Cut(route, " ")
				refused := a.status >= http.StatusInternalServerError || slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, a.status)
				if refused || method == http.MethodGet && a.status >= http.StatusBadRequest || strings.HasPrefix(a.header.Get("Location"), "/sign-in") && !strings.HasSuffix(route, "/sign-out") {
					t.Errorf("%s: %d: %v %s", route, a.status, a.header, a.body)
				}
			}
			each(func(route, whom string) {
				switch {
				case whom == forStrangers, !mayUse(whom, role):
				case strings.HasPrefix(route, "GET"):
					ask(route, false)
					ask(route, true)
				default:
					ask(route, false)
					if strings.Contains(route, "sign-out") {
						entry := must[access.Entry](t)(w.access.SignIn(t.Context(), access.Client{Address: "127.0.0.1"}, access.Credentials{Name: string(role), Password: password}))
						w.cookies[role] = entry.Pair.Access
					}
				}
			})
		})
	}
}

// A company's people see nothing of others, whatever they ask for, and not where their servers are and with which account they are read.
func TestCompanyLearnsNothing(t *testing.T) {
	t.Parallel()
	w := settled(t)
	secrets := []string{"Northwind", "Fabrikam", "VBR01", "VBR10", "web0001", vbr01, "hidden.example", "svc-hidden", "hidden set"}
	others := url.Values{
		"company": {"2"}, "server": {"1"}, "id": {"web0007"}, "search": {"web000"}, "behind": {"1"}, "number": {"1"}, "alarm": {"1"}, "set": {"1"}, "credential": {"1"}, "user": {"1"},
		"row": {row}, "work": {"1"},
	}
	asOf := url.Values{
		"at": {"2026-10-31T23:59:59Z"}, "before": {"2026-11-02T00:00:00Z"}, "day": {"2026-10-20"}, "recent": {"1"}, "from": {"0"}, "status": {"all"}, "uncertain": {"1"}, "told": {"saved"},
	}
	for _, role := range []access.Role{access.CompanyAdministrator, access.CompanyReadonly} {
		each(func(route, whom string) {
			if !strings.HasPrefix(route, "GET") || whom == forStrangers || !mayUse(whom, role) {
				return
			}
			for _, more := range []url.Values{nil, others, asOf} {
				for _, part := range []bool{false, true} {
					path, query, _ := strings.Cut(w.with(own, role).address(route), "?")
					q := must[url.Values](t)(url.ParseQuery(query))
					maps.Copy(q, more)
					asked := request{path: path + "?" + q.Encode(), role: role}
					if part {
						asked.header = http.Header{"Hx-Request": {"true"}}
					}
					a := w.do(asked)
					for _, secret := range secrets {
						if strings.Contains(a.body, secret) || strings.Contains(a.header.Get("Location"), secret) {
							t.Errorf("%s as %s shows %q: %s", asked.path, role, secret, a.body)
						}
					}
				}
			}
		})
	}
	for _, path := range []string{"/alarms/2", "/servers/5", octoberPath + "/3"} { // and the provider's people do see it
		w.has(w.get(path), "no route to hidden.example as svc-hidden")
	}
}
