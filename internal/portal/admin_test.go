package portal_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// send posts a form.
func (w *world) send(status int, role access.Role, path string, pairs ...string) answered {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return w.want(status, request{method: http.MethodPost, path: path, role: role, form: form})
}

// hiddenOf gives a hidden field of the form that is sent to an address.
func (w *world) hiddenOf(a answered, to, name string) string {
	w.t.Helper()
	_, text, _ := strings.Cut(a.body, `action="`+to+`"`)
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(text)
	if found == nil {
		w.t.Fatalf("no %s in the form to %s: %s", name, to, a.body)
	}
	return html.UnescapeString(found[1])
}

// lacks wants none of the texts in an answer.
func (w *world) lacks(a answered, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			w.t.Errorf("%q is in %s", text, a.body)
		}
	}
}

const (
	admin  = access.PortalAdministrator
	reader = access.PortalReadonly
	theirs = access.CompanyAdministrator
)

// Each page is for those who may do what it is for, is in their navigation, and in nobody else's.
func TestAdministrationIsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := access.Roles()
	for _, c := range []struct {
		path  string
		roles []access.Role
	}{
		{"/alarms", all},
		{"/tokens", all},
		{"/tokens/new", all},
		{"/account", all},
		{"/catalogue", all},
		{"/servers", all},
		{"/servers/2", all},
		{"/companies/3/servers", all},
		{"/credentials", all[:2]},
		{"/servers/new", all[:2]},
		{"/servers/pushed", all[:2]},
		{"/servers/2/edit", all[:2]},
		{"/companies/new", all[:2]},
		{"/companies/3/edit", all[:2]},
		{"/credentials/new", all[:1]},
		{"/settings", all[:3]},
		{"/catalogue/own", all[:3]},
		{"/users", all[:1]},
		{"/users/new", all[:1]},
		{"/users/1", all[:1]},
		{"/audit", all[:1]},
	} {
		for _, role := range all {
			want := http.StatusForbidden
			for _, may := range c.roles {
				if may == role {
					want = http.StatusOK
				}
			}
			a := w.want(want, request{path: c.path, role: role})
			if top := strings.Count(c.path, "/") == 1 && c.path != "/account"; top && want == http.StatusOK != strings.Contains(a.body, `href="`+c.path+`" aria-current="page"`) {
				t.Errorf("%s as %s: the navigation is wrong", c.path, role)
			}
		}
	}
	w.lacks(w.want(http.StatusOK, request{path: "/tokens", role: access.PortalOperator}), `href="/users"`, `href="/audit"`)
	w.lacks(w.want(http.StatusOK, request{path: "/tokens", role: theirs}), `href="/users"`, `href="/settings"`, `href="/companies"`)
	for _, c := range []struct{ path, name, value string }{
		{"/users", "name", "x"},
		{"/users/1/role", "role", "portal-administrator"},
		{"/users/1/password", "password", "a long password"},
		{"/users/1/enabled", "enabled", ""},
		{"/users/1/sessions", "session", ""},
		{"/settings", "zone", "Europe/Berlin"},
		{"/servers/new", "do", "test"},
		{"/servers/pushed", "name", "x"},
		{"/servers/2/read", "", ""},
		{"/servers/2/edit", "name", "x"},
		{"/servers/2/remove", "", ""},
		{"/companies/new", "name", "x"},
		{"/companies/3/edit", "name", "x"},
		{"/companies/3/remove", "", ""},
		{"/credentials/new", "name", "x"},
		{"/credentials/1", "name", "x"},
		{"/credentials/1/remove", "", ""},
		{"/catalogue/own", "text", ""},
		{"/alarms/2", "do", "resolve"},
	} {
		for _, role := range []access.Role{reader, theirs} {
			w.send(http.StatusForbidden, role, c.path, c.name, c.value)
		}
	}
}

// Alarms say what they mean, are answered with a remark, and lead to their company.
func TestAlarms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.get("/alarms")
	w.has(list, "2 alarms", "VBR01 does not answer", `href="/companies/2"`, `href="/alarms/1"`, "data-live")
	if strings.Index(list.body, "VBR01 does") > strings.Index(list.body, "VBR02") {
		t.Error("the newest does not come first")
	}
	w.lacks(w.get("/alarms?company=3"), "VBR01 does")
	w.has(w.get("/alarms?status=Warning"), "0 alarms", "No alarm fits.")
	w.has(w.get("/alarms?kind=15"), "2 alarms")
	one := w.get("/alarms/1")
	w.has(one, "A backup server could not be read.", "it refuses the account", "Read now tries it again", "I know of it", "It is over", "Time 1")
	w.lacks(w.want(http.StatusOK, request{path: "/alarms/1", role: reader}), "<textarea", `name="reason"`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/alarms/1", "do", "acknowledge", "reason", "  "), "is required", `aria-invalid="true"`)
	w.clock.Add(time.Hour)
	long := strings.Repeat("x", 5000)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/alarms/1", "do", "acknowledge", "reason", long), `value="`+long+`"`, "is longer than")
	w.send(http.StatusBadRequest, admin, "/alarms/1", "do", "nothing", "reason", "r")
	if to := w.send(http.StatusSeeOther, access.PortalOperator, "/alarms/1", "do", "acknowledge", "reason", "calling them").header.Get("Location"); to != "/alarms/1?told=acknowledged" {
		t.Errorf("sent to %q", to)
	}
	one = w.get("/alarms/1?told=acknowledged")
	w.has(one, "Acknowledged", "calling them", "portal-operator", "Noted")
	for name, want := range map[string]string{"Began": "2026-10-20 01:00", "Status since": "2026-10-20 03:00"} { // who answers does not make it a new one
		if !regexp.MustCompile(`<dt>` + name + `</dt><dd><time [^>]*>` + want + `</time></dd>`).MatchString(one.body) {
			t.Errorf("%s is not %s: %s", name, want, one.body)
		}
	}
	w.has(w.get("/alarms"), `<th scope="col">Status since</th>`)
	w.lacks(one, "I know of it")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/alarms/1", "do", "acknowledge", "reason", "again"), "again", "acknowledged")
	w.send(http.StatusSeeOther, admin, "/alarms/1", "do", "resolve", "reason", "it was the cable")
	w.has(w.get("/alarms"), "1 alarm<")
	w.has(w.get("/alarms?status=all"), "2 alarms", "Resolved")
	w.lacks(w.get("/alarms/1"), `name="reason"`)
	w.send(http.StatusSeeOther, admin, "/alarms/2", "do", "resolve", "reason", "and this one")
	w.has(w.get("/alarms"), "0 alarms", "Nothing is wrong here.")
	w.want(http.StatusNotFound, request{path: "/alarms/99"})
	w.want(http.StatusNotFound, request{path: "/alarms/x"})
}

// A company sees its own alarms, and that there are others it cannot tell.
func TestAlarmsOfACompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.want(http.StatusOK, request{path: "/alarms?status=all", role: theirs})
	w.has(list, "VBR02", "1 alarm<")
	w.lacks(list, "VBR01", "Northwind", `name="company"`)
	w.want(http.StatusOK, request{path: "/alarms/2", role: theirs})
	foreign, absent := w.want(http.StatusNotFound, request{path: "/alarms/1", role: theirs}), w.want(http.StatusNotFound, request{path: "/alarms/77", role: theirs})
	if strings.ReplaceAll(foreign.body, "&#34;1&#34;", "&#34;77&#34;") != absent.body {
		t.Error("one can tell that there is an alarm 1")
	}
	w.send(http.StatusNotFound, theirs, "/alarms/1", "do", "resolve", "reason", "r")
	w.has(w.want(http.StatusOK, request{path: "/alarms?company=2&status=all", role: theirs}), "0 alarms")

	// A server that becomes theirs brings its alarm, and nothing of what was said of it before.
	w.clock.Add(time.Hour)
	w.send(http.StatusSeeOther, admin, "/alarms/1", "do", "acknowledge", "reason", "told Anna of Northwind")
	w.clock.Add(time.Hour)
	to := usage.CompanyID(3)
	must[fleet.Server](t)(w.fleet.EditServer(t.Context(), 1, fleet.ServerEdit{Company: &to, From: w.clock.Now()}))
	w.clock.Add(time.Hour)
	moved := w.want(http.StatusOK, request{path: "/alarms/1", role: theirs})
	w.has(moved, "VBR01")
	w.lacks(moved, "Northwind")
	w.send(http.StatusSeeOther, admin, "/alarms/1", "do", "resolve", "reason", "told Bert")
	w.has(w.want(http.StatusOK, request{path: "/alarms/1", role: theirs}), "told Bert")
	w.lacks(w.want(http.StatusOK, request{path: "/alarms/1", role: theirs}), "Northwind")
	w.has(w.get("/alarms/1"), "told Anna of Northwind", "told Bert")
}

// A password that is too short and typed otherwise the second time is told both at once.
func TestPasswordAllSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(theirs)
	w.begins(w.send(http.StatusUnprocessableEntity, theirs, "/account/password", "old", password, "password", "short", "again", "x"), "own-password-password", "own-password-password", "own-password-again")
	w.begins(w.send(http.StatusUnprocessableEntity, admin, fmt.Sprintf("/users/%d/password", w.users[theirs]), "password", "short", "again", "x"), "password-password", "password-password", "password-again")
}

// A user is added, and what was wrong with that is said where it is, with what was typed; but passwords are never sent back.
func TestAddUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrong := w.send(http.StatusUnprocessableEntity, admin, "/users", "name", " anna@northwind ", "role", "company-administrator", "password", "secret-one", "again", "secret-two")
	w.has(wrong, `value=" anna@northwind "`, `<option value="company-administrator" selected>`, "is not the same password", `href="#user-again"`, `aria-describedby="user-again-wrong"`)
	w.lacks(wrong, "secret-one", "secret-two")
	all := w.send(http.StatusUnprocessableEntity, admin, "/users", "name", "", "role", "company-administrator", "password", "short", "again", "shorter")
	w.begins(all, "user-name", "user-name", "user-company", "user-password", "user-again")
	w.has(all, "is required with the role “Administrator of a company”")
	w.begins(w.send(http.StatusUnprocessableEntity, admin, "/users", "name", "anna", "role", "company-readonly", "company", "99", "password", "short", "again", "x"), "user-company", "user-company", "user-password", "user-again")
	wrong = w.send(http.StatusUnprocessableEntity, admin, "/users", "name", "", "role", "company-administrator", "company", "2", "password", "short", "again", "short")
	w.has(wrong, "is required", "needs at least 8 characters", `<option value="2" selected>Northwind`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users", "name", "anna", "role", "company-readonly"), "is required with the role “Reader of a company”")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users", "name", "anna", "role", "company-readonly", "company", "99"), "is no company that is there")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users", "name", "Portal-Administrator", "role", "portal-readonly"), "there is already a user")
	if to := w.send(http.StatusSeeOther, admin, "/users", "name", "anna", "role", "company-administrator", "company", "2", "password", password, "again", password).header.Get("Location"); to != "/users/2?told=user-added" {
		t.Errorf("sent to %q", to)
	}
	w.has(w.get("/users/2"), "anna", `href="/companies/2"`, "Nowhere.")
	made := w.send(http.StatusOK, admin, "/users", "name", "berta", "role", "portal-readonly")
	secret := regexp.MustCompile(`id="secret"[^>]* value="([A-Z2-7]{26})"`).FindStringSubmatch(made.body)
	if secret == nil || made.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("no password is shown: %s", made.body)
	}
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {"berta"}, "password": {secret[1]}}})
	w.has(w.get("/users/3"), "End it")
	w.lacks(w.get("/users/3"), secret[1])
	w.has(w.get("/users?search=north"), "anna")
	w.lacks(w.get("/users?search=north"), "berta")
}

// A user is changed, but not over what somebody else did meanwhile, and the last administrator not unknowingly.
func TestChangeUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	w.cookie(reader)
	page := w.get("/users/2")
	state := w.hiddenOf(page, "/users/2/role", "state")
	w.send(http.StatusSeeOther, admin, "/users/2/role", "state", state, "role", "company-readonly", "company", "3")
	w.has(w.get("/users/2"), "Reader of a company", `href="/companies/3"`)
	late := w.send(http.StatusUnprocessableEntity, admin, "/users/2/role", "state", state, "role", "portal-operator", "company", "")
	w.has(late, "Somebody else changed this", `<option value="portal-operator" selected>`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users/2/role", "state", w.hiddenOf(late, "/users/2/role", "state"), "role", "portal-operator", "company", "3"), "goes with a company role only")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users/2/role", "role", "portal-operator"), "Somebody else changed this")
	if to := w.want(http.StatusSeeOther, request{path: "/", role: reader}).header.Get("Location"); to != "/companies/3" {
		t.Errorf("who is of a company now is sent to %q", to)
	}

	state = w.hiddenOf(w.get("/users/2"), "/users/2/enabled", "state")
	w.send(http.StatusUnprocessableEntity, admin, "/users/2/enabled", "enabled", "", "state", "old")
	w.send(http.StatusSeeOther, admin, "/users/2/enabled", "enabled", "", "state", state)
	w.want(http.StatusSeeOther, request{path: "/account", role: reader})
	w.has(w.get("/users/2"), "disabled", "Let this user sign in again")
	w.send(http.StatusSeeOther, admin, "/users/2/enabled", "enabled", "1", "state", w.hiddenOf(w.get("/users/2"), "/users/2/enabled", "state"))

	page = w.get("/users/1")
	w.has(page, "I know that nobody can manage users", "change your password on your own page")
	state = w.hiddenOf(page, "/users/1/enabled", "state")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users/1/enabled", "enabled", "", "state", state), "this is the last administrator", `href="#disable-sure"`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users/1/role", "role", "portal-operator", "state", state), "this is the last administrator", `href="#role-sure"`)
	w.send(http.StatusSeeOther, admin, "/users/1/role", "role", "portal-operator", "state", state, "sure", "1")
	w.want(http.StatusForbidden, request{path: "/users"})
}

// Passwords are set twice alike or made up, and sessions are ended, one or all.
func TestPasswordAndSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	w.cookie(reader)
	w.lacks(w.send(http.StatusUnprocessableEntity, admin, "/users/2/password", "password", "another password", "again", "other"), "another password")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/users/2/password", "password", "short", "again", "short"), "needs at least 8 characters")
	w.want(http.StatusOK, request{path: "/account", role: reader})
	w.send(http.StatusSeeOther, admin, "/users/2/password", "password", "another password", "again", "another password")
	w.want(http.StatusSeeOther, request{path: "/account", role: reader})
	w.has(w.send(http.StatusOK, admin, "/users/2/password"), `id="secret"`)
	w.send(http.StatusNotFound, admin, "/users/99/password")
	for from, to := range map[string]string{"/users/2/role": "/users/2", "/users/2/password": "/users/2", "/users/2/enabled": "/users/2", "/account/password": "/account"} {
		if got := w.want(http.StatusSeeOther, request{path: from}).header.Get("Location"); got != to {
			t.Errorf("%s leads to %s", from, got)
		}
	}

	w.cookie(access.PortalOperator)
	session := w.hiddenOf(w.get("/users/3"), "/users/3/sessions", "session")
	w.send(http.StatusSeeOther, admin, "/users/2/sessions", "session", session)
	w.want(http.StatusOK, request{path: "/account", role: access.PortalOperator})
	w.send(http.StatusSeeOther, admin, "/users/3/sessions", "session", session)
	w.want(http.StatusSeeOther, request{path: "/account", role: access.PortalOperator})
	w.send(http.StatusSeeOther, admin, "/users/3/sessions")
}

// Whoever knows the password changes it, and is signed in here alone after that.
func TestOwnPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(theirs)
	wrong := w.send(http.StatusUnprocessableEntity, theirs, "/account/password", "old", "not mine at all", "password", "the next password", "again", "the next password")
	w.has(wrong, "is not the right one", `href="#own-password-old"`)
	w.lacks(wrong, "not mine at all", "the next password")
	w.has(w.send(http.StatusUnprocessableEntity, theirs, "/account/password", "old", password, "password", "the next password", "again", "x"), "is not the same password")
	w.has(w.send(http.StatusUnprocessableEntity, theirs, "/account/password", "old", password, "password", "short", "again", "short"), "needs at least 8 characters")
	done := w.send(http.StatusSeeOther, theirs, "/account/password", "old", password, "password", "the next password", "again", "the next password")
	w.want(http.StatusSeeOther, request{path: "/account", role: theirs}) // the session before it is over
	next, _, _ := strings.Cut(strings.TrimPrefix(done.header.Get("Set-Cookie"), "__Host-tallystick="), ";")
	w.has(w.want(http.StatusOK, request{path: "/account", cookie: next}), "company-administrator")
	w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {"company-administrator"}, "password": {password}}})
	for range 9 {
		w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: "/account/password", cookie: next, form: url.Values{"old": {"guess guess"}, "password": {"the next password"}, "again": {"the next password"}}})
	}
	w.has(w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: "/account/password", cookie: next, form: url.Values{"old": {"guess guess"}, "password": {"the next password"}, "again": {"the next password"}}}), "try again in")
}

// A token is shown once, does what it may, and nothing once it is revoked.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.has(w.get("/tokens"), "There are none yet.")
	w.has(w.get("/tokens/new"), "Read with API version 2, in all companies, and write nothing")
	wrong := w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "", "user", "1", "scopes", "read", "scopes", "use-v2", "company", "2", "expiresAt", "2020-01-01")
	w.has(wrong, "is required", "is not in the future", "goes with a token for every company and server only: Read and write with API version 2, in all companies", `value="read" checked`, `value="use-v2" checked`, `<option value="2" selected>`, `value="2020-01-01"`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "user", "x", "scopes", "read", "expiresAt", "soon"), "is no user who is there", "is no day as")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "user", "99", "scopes", "read", "expiresAt", "2027-01-01"), "is no user who is there")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "user", "1", "scopes", "push", "server", "99", "expiresAt", "2027-01-01"), "no server")
	bare := w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "", "user", "1", "expiresAt", "2027-01-01")
	w.has(bare, "tick at least one", "is required")
	w.lacks(bare, "finalise-statements,", "at least one is required")
	both := w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "user", "1", "scopes", "push", "scopes", "read", "server", "1", "expiresAt", "2027-01-01")
	w.has(both, "can do nothing else than send readings, and not: Read companies, servers, figures and alarms")
	made := w.send(http.StatusOK, admin, "/tokens", "name", "billing", "user", "1", "scopes", "read", "company", "2", "expiresAt", "2027-01-01")
	secret := regexp.MustCompile(`value="(tally_[A-Za-z0-9_-]{43})"`).FindStringSubmatch(made.body)
	if secret == nil || made.header.Get("Cache-Control") != "no-store" || made.header.Get("Location") != "" {
		t.Fatalf("no token is shown: %v %s", made.header, made.body)
	}
	actor := must[access.Actor](t)(w.access.Check(t.Context(), secret[1]))
	if actor.Company != 2 || !access.May(actor, access.Read, 2) || access.May(actor, access.ManageUsers, 2) {
		t.Errorf("it is of %+v", actor)
	}
	list := w.get("/tokens")
	w.has(list, "billing", "portal-administrator", "Northwind", "works", "2027-01-02 00:00", `action="/tokens/1/revoke"`)
	w.lacks(list, secret[1])
	w.send(http.StatusSeeOther, admin, "/tokens/1/revoke")
	if _, err := w.access.Check(t.Context(), secret[1]); err == nil {
		t.Error("a revoked token works")
	}
	w.has(w.get("/tokens"), "revoked")
	w.lacks(w.get("/tokens"), `action="/tokens/1/revoke"`)
	w.send(http.StatusNotFound, admin, "/tokens/99/revoke")
}

// Whoever does not manage users has tokens of their own, within what they may, and cannot tell what others there are.
func TestOwnTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(http.StatusOK, admin, "/tokens", "name", "not theirs", "scopes", "read", "expiresAt", "2027-01-01")
	form := w.want(http.StatusOK, request{path: "/tokens/new", role: theirs})
	w.has(form, `value="read"`)
	w.lacks(form, `value="use-v2"`, `name="user"`, `name="company"`, `name="server"`, "Northwind")
	w.send(http.StatusForbidden, theirs, "/tokens", "name", "t", "user", "1", "scopes", "read", "expiresAt", "2027-01-01")
	w.has(w.send(http.StatusUnprocessableEntity, theirs, "/tokens", "name", "t", "scopes", "manage-users", "expiresAt", "2027-01-01"), "the user has the role Administrator of a company, and may not do this: Manage users, their")
	foreign := w.send(http.StatusUnprocessableEntity, theirs, "/tokens", "name", "t", "scopes", "read", "company", "2", "expiresAt", "2027-01-01")
	absent := w.send(http.StatusUnprocessableEntity, theirs, "/tokens", "name", "t", "scopes", "read", "company", "4711", "expiresAt", "2027-01-01")
	if foreign.body != absent.body {
		t.Error("one can tell that there is a company 2")
	}
	w.send(http.StatusOK, theirs, "/tokens", "name", "mine", "scopes", "read", "expiresAt", "2027-01-01")
	list := w.want(http.StatusOK, request{path: "/tokens", role: theirs})
	w.has(list, "mine")
	w.lacks(list, "not theirs")
	w.send(http.StatusNotFound, theirs, "/tokens/1/revoke")
	w.send(http.StatusSeeOther, theirs, "/tokens/2/revoke")
}

// Settings are changed together or not at all, and what they were before stays to be seen.
func TestSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.get("/settings")
	w.has(page, "Nothing was set yet")
	state := w.hiddenOf(page, "/settings", "state")
	wrong := w.send(http.StatusUnprocessableEntity, admin, "/settings", "state", state, "zone", "Mars/Olympus", "licensees", "Contoso GmbH\r\nContoso\x01Ltd\r\n")
	w.has(wrong, `value="Mars/Olympus"`, "is not a time zone", `href="#settings-zone"`, "Contoso GmbH", "control character", `href="#settings-licensees"`)
	w.send(http.StatusSeeOther, admin, "/settings", "state", state, "zone", "Europe/Berlin", "licensees", "Contoso GmbH\r\n\r\nContoso Ltd\r\n")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/settings", "state", state, "zone", "UTC", "licensees", ""), "Somebody else changed this", `value="UTC"`)
	w.clock.Add(1000)
	page = w.get("/settings")
	w.has(page, `value="Europe/Berlin"`, "Times and days are those of the time zone Europe/Berlin.", "Contoso GmbH\nContoso Ltd", "Contoso GmbH, Contoso Ltd", "the beginning")
	state = w.hiddenOf(page, "/settings", "state")
	for _, moves := range []string{"", "Europe/London"} { // what another one moves is not what was read
		asked := w.send(http.StatusUnprocessableEntity, admin, "/settings", "state", state, "zone", "UTC", "licensees", "Contoso GmbH\nContoso Ltd", "moves", moves)
		w.has(asked, "October 2026 then ends at 2026-11-01 00:00 instead of 2026-10-31 23:00", "Days before 2026-10-20", "with times of Europe/Berlin", `href="#settings-moves"`, `name="moves" value="UTC"`)
		w.lacks(w.get("/settings"), "2026-10-20 02:00", `name="moves"`)
	}
	w.lacks(w.send(http.StatusUnprocessableEntity, admin, "/settings", "state", state, "zone", "Local", "moves", "Local"), `name="moves"`)
	w.send(http.StatusSeeOther, admin, "/settings", "state", state, "zone", "UTC", "licensees", "Contoso GmbH\nContoso Ltd", "moves", "UTC")
	seen := w.want(http.StatusOK, request{path: "/settings", role: reader})
	w.has(seen, "2026-10-20 02:00", "Europe/Berlin", "UTC", strings.Repeat("5b", 32)+`</code> <span class="tag good">signs now`, strings.Repeat("0a", 32)+`</code> <span class="tag">signed earlier ones`)
	w.lacks(seen, "<form class=\"form\"")
}

// Own weights are looked at before they count, and count as they were looked at.
func TestOwnCatalogue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/catalogue/own"
	row := func(units string) string {
		return "# ours\r\nweight  VBR_vSphere_VM  Instances  *  " + units + "  2026-10  agreed with <b>all</b>\r\n"
	}
	page := w.get(path)
	state := w.hiddenOf(page, path, "state")
	wrong := w.send(http.StatusUnprocessableEntity, admin, path, "state", state, "do", "check", "text", "weight  x  y\r\nfoo")
	w.has(wrong, "line 1 has 3 columns", "line 2 begins with", "weight  x  y", `href="#own-catalogue-text"`)
	look := w.send(http.StatusOK, admin, path, "state", state, "do", "check", "text", row("2"))
	w.has(look, "there are 0 own types and 1 own weight.", "<ins>weight  VBR_vSphere_VM", "Let this count", "agreed with &lt;b&gt;all")
	rows := strings.ReplaceAll(look.body, "\n", "")
	for _, is := range []string{ // old, new, what it weighs now and what it does not
		`<th scope="row">Virtual machine, vSphere <span class="dim id">VBR_vSphere_VM</span></th><td>Instances</td><td>*</td><td class="short">2026-10</td><td class="n">1</td><td class="n">2</td><td class="n">1` + "\u202f" + `237 <span class="dim">of 2 companies</span></td><td class="n">0</td>`,
		"A weight counts only where a server does not state the units itself (rule C16)",
	} {
		if !strings.Contains(rows, is) {
			t.Errorf("%q is not in the preview", is)
		}
	}
	w.lacks(look, "Of some of these types nothing is weighed now")
	w.has(page, "weight  CC_VM_Backup  Points  *  6  2026-11  our contract")
	if checked := w.hiddenOf(page, path, "checked"); checked != "" {
		t.Errorf("checked before it was looked at: %q", checked)
	}
	checked := w.hiddenOf(look, path, "checked")
	other := w.send(http.StatusOK, admin, path, "state", state, "checked", checked, "do", "set", "text", row("3")) // as it was not looked at
	w.has(other, "<ins>weight  VBR_vSphere_VM", "Let this count")
	w.has(w.get("/catalogue"), "0 rows are your own")
	w.send(http.StatusSeeOther, admin, path, "state", state, "checked", checked, "do", "set", "text", row("2"))
	w.has(w.get("/catalogue"), "1 row is your own", "your own", "instead of 1", "agreed with &lt;b&gt;all")
	w.has(w.send(http.StatusUnprocessableEntity, admin, path, "state", state, "checked", checked, "do", "set", "text", row("3")), "Somebody else changed this", "  3  2026-10")
	page = w.get(path)
	w.has(page, "weight  VBR_vSphere_VM")
	state = w.hiddenOf(page, path, "state")
	statuses := make(chan int, 2)
	var both []url.Values // both looked at what the other had not let count yet
	for _, units := range []string{"4", "5"} {
		checked := w.hiddenOf(w.send(http.StatusOK, admin, path, "state", state, "do", "check", "text", row(units)), path, "checked")
		both = append(both, url.Values{"state": {state}, "checked": {checked}, "do": {"set"}, "text": {row(units)}})
	}
	for _, form := range both { // two at once: what the one did not see is not overwritten
		go func() { statuses <- w.do(request{method: http.MethodPost, path: path, form: form}).status }()
	}
	if a, b := <-statuses, <-statuses; min(a, b) != http.StatusSeeOther || max(a, b) != http.StatusUnprocessableEntity {
		t.Errorf("two at once: %d and %d", a, b)
	}
	page = w.get(path)
	w.send(http.StatusSeeOther, admin, path, "state", w.hiddenOf(page, path, "state"), "checked", checked, "do", "set", "text", row("2"))
	page = w.get(path)
	w.has(w.send(http.StatusOK, admin, path, "state", w.hiddenOf(page, path, "state"), "do", "check", "text", row("2")), "this is what counts already")
	w.has(w.send(http.StatusOK, admin, path, "state", w.hiddenOf(page, path, "state"), "do", "check", "text", row("3")), "<del>weight", "<ins>weight")
	w.lacks(w.want(http.StatusOK, request{path: path, role: reader}), "<textarea")
	w.lacks(w.want(http.StatusOK, request{path: "/catalogue", role: theirs}), "/catalogue/own")
}

// C16: of weights that no workload takes, as their servers state the units, it is said before they count. So it is where nothing moves.
func TestOwnWeightsThatMoveNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stated := reading(vbr02, "db", 4, w.clock.Now())
	for i := range stated.Workloads {
		five := 5 * usage.One
		stated.Workloads[i].Type, stated.Workloads[i].Units = "CC_VM_Backup", &five
	}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, false, stated))
	const path = "/catalogue/own"
	look := func(text string) answered {
		t.Helper()
		return w.send(http.StatusOK, admin, path, "state", w.hiddenOf(w.get(path), path, "state"), "do", "check", "text", text)
	}
	idle := look("weight  CC_VM_Backup  Points  *  6  2026-11  ours")
	w.has(idle, "Of some of these types nothing is weighed now", `<td class="short">2026-11</td><td class="n">5</td><td class="n">6</td><td class="n">0</td><td class="n">4</td>`)
	w.has(look("weight  CC_VM_Backup  Points  *  5  2026-11  as the program"), "No weight is another one.")
	w.has(look("type  X_Machine  -  object  -\nweight  X_Machine  Points  *  2  2026-11  ours"), `<th scope="row">X_Machine</th>`, `<td class="n">not known</td><td class="n">2</td>`)
}

// The trail goes back from the newest, a part at a time, and is narrowed.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 120 {
		if _, err := w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: fmt.Sprintf("Customer %03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	w.send(http.StatusSeeOther, admin, "/users", "name", "anna", "role", "company-administrator", "company", "2", "password", password, "again", password)
	newest := w.get("/audit")
	w.has(newest, `<span class="dim">User</span> <a href="/users/2">anna</a>`, "portal-administrator", `<br><span class="dim">browser</span>`, "added", `href="/companies/2"`, `<span class="dim">Role:</span> Administrator of a company`)
	if rows := strings.Count(newest.body, `<tr><td><time`); rows != 100 {
		t.Errorf("%d rows at a time", rows)
	}
	next := regexp.MustCompile(`<a href="([^"]*)" rel="next"`).FindStringSubmatch(newest.body)
	if next == nil {
		t.Fatal("no more")
	}
	more := w.want(http.StatusOK, request{path: strings.ReplaceAll(next[1], "&amp;", "&"), header: http.Header{"Hx-Request": {"true"}}})
	w.has(more, "Northwind")
	w.lacks(more, "<html", "Customer 119", `rel="next"`)
	for query, want := range map[string]int{
		"who=PORTAL-ADMIN": 1, "who=nobody": 0, "company=2&action=added": 3, "action=removed": 0, "from=2026-10-21": 0, "to=2026-10-19": 0, "from=2026-10-20&to=2026-10-20&company=2": 3,
	} {
		a := w.get("/audit?" + query)
		if rows := strings.Count(a.body, `<tr><td><time`); rows != want && (want > 0 || !strings.Contains(a.body, "Nothing fits.")) {
			t.Errorf("%s: %d rows", query, rows)
		}
	}
	w.has(w.want(http.StatusUnprocessableEntity, request{path: "/audit?from=x&who=anna"}), "is no day as", `value="anna"`)
}
