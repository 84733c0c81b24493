package v2_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	deniedBody = `{"Message":"Authorization has been denied for this request."}`
	othersBody = `{"Message":"API v2 is open to portal administrators only."}`
)

func (w *world) user(name string, role access.Role, company usage.CompanyID) access.User {
	w.t.Helper()
	return must[access.User](w.t)(w.access.AddUser(w.t.Context(), access.NewUser{Name: name, Role: role, Company: company, Password: password}))
}

func (w *world) login(name string) access.Pair {
	w.t.Helper()
	return must[access.Pair](w.t)(w.access.Login(w.t.Context(), name, password, "127.0.0.1"))
}

// wantAuth asks with an Authorization header as it stands there, or with none, and compares all that is said (rest-v2.md §8).
func (w *world) wantAuth(what, header string, status int, body string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://"+w.addr+"/v2/tenants?$select=id", http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	got, challenge, text := w.sent(r)
	want := ""
	if status == http.StatusUnauthorized {
		want = "Bearer"
	}
	if got != status || text != body || challenge.Get("WWW-Authenticate") != want || challenge.Get("Content-Type") != "application/json; charset=utf-8" {
		w.t.Errorf("%s: %d %s %v", what, got, text, challenge)
	}
}

// TestAuthentication is what API v2 says to each way of asking, over HTTPS.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	const all = `[{"id":2},{"id":3}]`
	pair := w.login(userName)
	for what, header := range map[string]string{
		"as it should be": "Bearer " + pair.Access, "another case": "bearer " + pair.Access, "upper case": "BEARER " + pair.Access, "blanks": "  Bearer   " + pair.Access + " ",
	} {
		w.wantAuth(what, header, http.StatusOK, all)
	}
	for what, header := range map[string]string{
		"no token": "", "the scheme alone": "Bearer", "another scheme": "Basic " + pair.Access, "no scheme": pair.Access, "a scheme that begins alike": "Bearers " + pair.Access,
		"two words": "Bearer " + pair.Access + " x", "a comma": "Bearer " + pair.Access + ",", "a tab": "Bearer\t" + pair.Access, "quoted": `Bearer "` + pair.Access + `"`,
		"a letter in another case": "Bearer " + swapCase(pair.Access), "a letter less": "Bearer " + pair.Access[1:], "no letters": "Bearer \u00fc", "unknown": "Bearer nobody",
		"a long one": "Bearer " + strings.Repeat("x", 8000), "the refresh token": "Bearer " + pair.Refresh,
	} {
		w.wantAuth(what, header, http.StatusUnauthorized, deniedBody)
	}
}

func swapCase(token string) string {
	if upper := strings.ToUpper(token); upper != token {
		return upper
	}
	return strings.ToLower(token)
}

// A token that ended is refused, whatever ended it, and so is what it was refreshed by.
func TestTokensThatEnded(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(w *world, u access.User, pair access.Pair){
		"logged out": func(w *world, _ access.User, pair access.Pair) {
			w.token = pair.Access
			if status, _, body := w.do(http.MethodPost, "/v2/accounts/logout", ""); status != http.StatusOK || body != `"You have been logged out."` {
				w.t.Errorf("%d %s", status, body)
			}
		},
		"revoked": func(w *world, u access.User, _ access.Pair) {
			if err := w.access.Revoke(w.t.Context(), u.ID, must[[]access.OpenSession](w.t)(w.access.OpenSessions(w.t.Context(), u.ID, 1))[0].ID); err != nil {
				w.t.Error(err)
			}
		},
		"another password": func(w *world, u access.User, _ access.Pair) {
			if err := w.access.SetPassword(w.t.Context(), u.ID, "another horse"); err != nil {
				w.t.Error(err)
			}
		},
		"disabled": func(w *world, u access.User, _ access.Pair) {
			if err := w.access.SetEnabled(w.t.Context(), u.ID, false); err != nil {
				w.t.Error(err)
			}
		},
		"a refresh token used twice": func(w *world, _ access.User, pair access.Pair) {
			_, _, next := w.tokenCall("grant_type=refresh_token&refresh_token=" + pair.Refresh)
			successor, _ := next["access_token"].(string)
			w.wantAuth("its successor", "Bearer "+successor, http.StatusOK, `[{"id":2},{"id":3}]`)
			if status, _, fields := w.tokenCall("grant_type=refresh_token&refresh_token=" + pair.Refresh); status != http.StatusBadRequest {
				w.t.Errorf("%d %v", status, fields)
			}
			w.wantAuth("its successor", "Bearer "+successor, http.StatusUnauthorized, deniedBody)
		},
		"an hour ago": func(w *world, _ access.User, _ access.Pair) { w.clock.Set(october.Add(time.Hour)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, v2.Profile30)
			u := w.user("ends", access.PortalAdministrator, 0)
			pair := w.login("ends")
			w.wantAuth("before", "Bearer "+pair.Access, http.StatusOK, `[{"id":2},{"id":3}]`)
			end(w, u, pair)
			w.wantAuth(what, "Bearer "+pair.Access, http.StatusUnauthorized, deniedBody)
			status, header, fields := w.tokenCall("grant_type=refresh_token&refresh_token=" + pair.Refresh)
			if what == "an hour ago" {
				if status != http.StatusOK {
					t.Errorf("%d %v", status, fields)
				}
				return
			}
			if status != http.StatusBadRequest || len(fields) != 2 || fields["error"] != "invalid_grant" || fields["error_description"] != "the refresh token is unknown or has ended" ||
				header.Get("WWW-Authenticate") != "" {
				t.Errorf("%d %v", status, fields)
			}
		})
	}
}

// Only portal administrators may use API v2; others are known, and told so.
func TestOtherRolesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, role := range access.Roles() {
		company := usage.CompanyID(0)
		if role.OfCompany() {
			company = 2
		}
		w.user(string(role), role, company)
		status, body := http.StatusForbidden, othersBody
		if role == access.PortalAdministrator {
			status, body = http.StatusOK, `[{"id":2},{"id":3}]`
		}
		w.wantAuth(string(role), "Bearer "+w.login(string(role)).Access, status, body)
		kept := w.token
		w.token = w.login(string(role)).Access
		if status, _, body := w.do(http.MethodPost, "/v2/accounts/logout", ""); status != http.StatusOK { // what began may end
			t.Errorf("%s logs out: %d %s", role, status, body)
		}
		w.wantAuth(string(role)+", logged out", "Bearer "+w.token, http.StatusUnauthorized, deniedBody)
		w.token = kept
	}
}

// A program may use a long-lived API token instead of a log-in, where that has the scope.
func TestAPITokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	const all = `[{"id":2},{"id":3}]`
	admin := w.user("admin2", access.PortalAdministrator, 0)
	add := func(name string, company usage.CompanyID, scopes ...access.Action) (access.TokenID, string) {
		t.Helper()
		token, secret, err := w.access.AddToken(t.Context(), access.NewToken{
			Name: name, User: admin.ID, Scopes: scopes, Company: company, ExpiresAt: w.clock.Now().Add(48 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		return token.ID, secret
	}
	id, secret := add("reports", 0, access.UseV2)
	w.wantAuth("with the scope", "Bearer "+secret, http.StatusOK, all)
	_, reads := add("reads", 0, access.Read)
	w.wantAuth("with another scope", "Bearer "+reads, http.StatusForbidden, `{"Message":"API v2 is open to API tokens with the scope use-v2 or read-v2 only."}`)
	_, narrow := add("narrow", 2, access.Read, access.ManageCompanies)
	w.wantAuth("of one company", "Bearer "+narrow, http.StatusForbidden, `{"Message":"API v2 is open to API tokens with the scope use-v2 or read-v2 only."}`)

	_, looks := add("looks", 0, access.ReadV2)
	w.wantAuth("that reads", "Bearer "+looks, http.StatusOK, all)

	kept := w.token
	w.token = secret
	if status, _, body := w.do(http.MethodPost, "/v2/accounts/logout", ""); status != http.StatusBadRequest || !strings.Contains(body, "revoked where it was made") {
		t.Errorf("logged out: %d %s", status, body)
	}
	w.token = kept
	w.clock.Set(w.clock.Now().Add(47 * time.Hour))
	w.wantAuth("two days later", "Bearer "+secret, http.StatusOK, all)
	if err := w.access.RevokeToken(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.wantAuth("revoked", "Bearer "+secret, http.StatusUnauthorized, deniedBody)
}

// A token that reads is given the answers of GET, and nothing that any other method does.
func TestTokensThatRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	admin := w.user("admin2", access.PortalAdministrator, 0)
	n := access.NewToken{Name: "looks", User: admin.ID, Scopes: []access.Action{access.ReadV2}, ExpiresAt: w.clock.Now().Add(time.Hour)}
	_, secret, err := w.access.AddToken(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	w.token = secret
	asked := map[string]int{}
	for _, r := range w.surface.Routes() {
		if r.Public || r.Anybody {
			continue
		}
		asked[r.Method]++
		status, _, body := w.do(r.Method, regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(r.Pattern, "2"), "")
		if denied := status == http.StatusForbidden; denied != (r.Method != http.MethodGet) {
			t.Errorf("%s %s: %d %s", r.Method, r.Pattern, status, body)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if asked[method] == 0 {
			t.Errorf("no route takes %s", method)
		}
	}
}
