package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
)

// Who is not signed in is asked to be, comes back to where they wanted to go, and is signed out everywhere at once.
func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := w.want(http.StatusSeeOther, request{path: "/companies/2?day=2026-10-01", cookie: "-"})
	if to := asked.header.Get("Location"); to != "/sign-in?to=%2Fcompanies%2F2%3Fday%3D2026-10-01" {
		t.Errorf("sent to %q", to)
	}
	w.cookie(access.PortalAdministrator)
	wrong := w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {"portal-administrator"}, "password": {"no"}, "to": {"/companies/2"}}})
	w.has(wrong, `value="portal-administrator"`, `value="/companies/2"`, "is wrong")
	if wrong.header.Get("Set-Cookie") != "" {
		t.Error("a wrong password is given a cookie")
	}
	right := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {"Portal-Administrator"}, "password": {password}, "to": {"/companies/2?day=2026-10-01"}}})
	if to := right.header.Get("Location"); to != "/companies/2?day=2026-10-01" {
		t.Errorf("sent to %q", to)
	}
	set := right.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-tallystick=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Expires=", "Max-Age=43200"} {
		if !strings.Contains(set, part) {
			t.Errorf("%q is not in the cookie %q", part, set)
		}
	}
	cookie, _, _ := strings.Cut(strings.TrimPrefix(set, "__Host-tallystick="), ";")
	w.has(w.want(http.StatusOK, request{path: "/account", cookie: cookie}), "portal-administrator", "Sign out everywhere")
	if to := w.want(http.StatusSeeOther, request{path: "/sign-in?to=/companies", cookie: cookie}).header.Get("Location"); to != "/companies" {
		t.Errorf("who is signed in is sent to %q", to)
	}
	if set := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/sign-out", cookie: cookie}).header.Get("Set-Cookie"); !strings.Contains(set, "Max-Age=0") {
		t.Errorf("a cookie stays: %q", set)
	}
	w.want(http.StatusSeeOther, request{path: "/account", cookie: cookie})
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/account/sign-out"})
	w.want(http.StatusSeeOther, request{path: "/account"})
	w.want(http.StatusOK, request{path: "/account", role: access.PortalOperator})
}

// Who typed wrong too often is told when to come again, and programs are in a header.
func TestSignInLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(access.PortalAdministrator)
	form := url.Values{"name": {"portal-administrator"}, "password": {strings.Repeat("x", 1025)}, "to": {"/companies/2"}} // too long to be one: that costs no hash
	ask := request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: form}
	for range 10 {
		w.want(http.StatusUnprocessableEntity, ask)
	}
	a := w.want(http.StatusTooManyRequests, ask)
	w.has(a, "try again in 5s", `value="portal-administrator"`, `value="/companies/2"`, "<html")
	if after := a.header.Get("Retry-After"); after != "5" {
		t.Errorf("to come again after %q", after)
	}
}

// A browser's session lasts a working day.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(access.PortalAdministrator)
	w.clock.Add(12*time.Hour - time.Second)
	w.get("/account")
	w.clock.Add(time.Second)
	w.want(http.StatusSeeOther, request{path: "/account"})
}

// A link cannot send people elsewhere once they are signed in.
func TestSignInStaysHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "\t//evil.example"} {
		a := w.want(http.StatusSeeOther, request{path: "/sign-in?to=" + url.QueryEscape(to)})
		if got := a.header.Get("Location"); got != "/" {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	// An address with two slashes before it is that of a page, and where the page leads is here, too.
	for path, want := range map[string]string{
		"/servers/..%2f%5cevil.example/read": "/servers/..%2f%5cevil.example", "//servers/..%2f%5cevil.example/read": "/%5Cevil.example", "/statements/..%2f..%2f%5cevil.example/3/draft": "/statements/..%2f..%2f%5cevil.example/3",
		"/companies/%2f%2fevil.example/remove": "/companies/%2f%2fevil.example", "/companies/..%2f..%2f%2fevil.example/remove": "/companies/..%2f..%2f%2fevil.example",
		"//companies/2?slide=20740&shown=2026-10-20": "/companies/2?day=2026-10-14", "//users/1/role": "/users/1", "///companies/2/why?state=used&unit=Instances&slide=20740": "/companies/2/why?day=2026-10-14&state=used&unit=Instances",
	} {
		if got := w.want(http.StatusSeeOther, request{path: path}).header.Get("Location"); got != want {
			t.Errorf("%q leads to %q", path, got)
		}
	}
}

// What a form of another site sends is not done, and a token of an API signs nobody in.
func TestForeignSites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}}} {
		w.want(http.StatusForbidden, request{method: http.MethodPost, path: "/account/sign-out", header: header})
		w.want(http.StatusForbidden, request{method: http.MethodPost, path: "/sign-in", cookie: "-", header: header})
	}
	w.get("/account") // and is still signed in
	w.want(http.StatusUnsupportedMediaType, request{method: http.MethodPost, path: "/account/sign-out", header: http.Header{"Content-Type": {"text/plain"}}})
	_, secret, err := w.access.AddToken(t.Context(), access.NewToken{Name: "t", User: w.users[access.PortalAdministrator], Scopes: []access.Action{access.Read}, ExpiresAt: october.AddDate(0, 1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	w.want(http.StatusSeeOther, request{path: "/companies", cookie: secret})
	bearer := http.Header{"Authorization": {"Bearer " + w.cookie(access.PortalAdministrator)}}
	w.want(http.StatusSeeOther, request{path: "/companies", cookie: "-", header: bearer})
}

// The people of a company see its page, and of others not that there are any.
func TestOwnCompanyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, role := range []access.Role{access.CompanyAdministrator, access.CompanyReadonly} {
		for _, path := range []string{"/", "/companies", "/companies?search=North"} {
			if to := w.want(http.StatusSeeOther, request{path: path, role: role}).header.Get("Location"); to != "/companies/3" {
				t.Errorf("%s: sent to %q", path, to)
			}
		}
		w.want(http.StatusOK, request{path: "/companies/3", role: role})
		foreign := w.want(http.StatusNotFound, request{path: "/companies/2", role: role})
		absent := w.want(http.StatusNotFound, request{path: "/companies/4711", role: role})
		if strings.ReplaceAll(foreign.body, "&#34;2&#34;", "&#34;4711&#34;") != absent.body {
			t.Errorf("one can tell that there is a company 2: %s", foreign.body)
		}
		for _, ref := range []string{"unassigned", "1", "name:Northwind", "5b0f0000-0000-4000-8000-000000000001", "2/why?resource=backupServer&type=VBR_vSphere_VM&unit=Instances&state=used"} {
			if a := w.want(http.StatusNotFound, request{path: "/companies/" + ref, role: role}); strings.Contains(a.body, "Northwind") && !strings.Contains(ref, "Northwind") {
				t.Errorf("%s: %s", ref, a.body)
			}
		}
	}
}
