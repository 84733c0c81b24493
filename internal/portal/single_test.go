package portal_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// elsewhere is a provider that vouches for whom the code names, and keeps in a browser where it wanted to go.
type elsewhere struct {
	down  bool
	asked int // how often it was asked whom it vouches for
}

func (*elsewhere) Name() string { return `Example & "Söhne"` }

func (e *elsewhere) Begin(_ context.Context, to string) (address, keep string, err error) {
	if e.down {
		return "", "", fault.New(fault.Unavailable, "it cannot be reached")
	}
	return "https://id.example/auth?state=s", "kept" + strings.ReplaceAll(to, "/", "."), nil
}

func (e *elsewhere) Finish(_ context.Context, keep string, answer url.Values, admit func() error) (v access.Vouched, to string, err error) {
	to, is := strings.CutPrefix(keep, "kept")
	if !is {
		return v, "", fault.New(fault.Denied, "this browser has not begun")
	}
	to = strings.ReplaceAll(to, ".", "/")
	if err := admit(); err != nil {
		return v, to, err
	}
	if e.down {
		return v, to, fault.New(fault.Unavailable, "it cannot be reached")
	}
	e.asked++
	code := answer.Get("code")
	if code == "junk" {
		return v, to, fault.New(fault.Denied, "it was used before")
	}
	return access.Vouched{Identity: access.Identity{Issuer: "https://id.example", Subject: "s-" + code}, Name: code + "@example.com"}, to, nil
}

// signsOn opens single sign-on in a world.
func (w *world) signsOn() *elsewhere {
	e := &elsewhere{}
	w.portal.Single = e
	return e
}

// back is a browser that comes from the provider.
func (w *world) back(status int, keep, code string) answered {
	w.t.Helper()
	header := http.Header{"Sec-Fetch-Site": {"cross-site"}}
	if keep != "" {
		header["Cookie"] = []string{"__Host-tallystick-single=" + keep}
	}
	return w.want(status, request{path: "/sign-in/return?code=" + code + "&state=s", cookie: "-", header: header})
}

// cookieOf gives a cookie that an answer sets, whole.
func cookieOf(a answered, name string) string {
	for _, set := range a.header["Set-Cookie"] {
		if strings.HasPrefix(set, name+"=") {
			return set
		}
	}
	return ""
}

// Who signs in elsewhere comes back to where they wanted to go, with the session of a working day.
func TestSingle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if plain := w.want(http.StatusOK, request{path: "/sign-in", cookie: "-"}); strings.Contains(plain.body, "/sign-in/single") {
		t.Error("it is offered where there is none")
	}
	w.want(http.StatusNotFound, request{path: "/sign-in/single", cookie: "-"})
	w.want(http.StatusNotFound, request{path: "/sign-in/return?code=x", cookie: "-"})
	w.signsOn()
	w.has(w.want(http.StatusOK, request{path: "/sign-in?to=/companies/3?day=2026-10-01", cookie: "-"}),
		`href="/sign-in/single?to=%2Fcompanies%2F3%3Fday%3D2026-10-01"`, "Sign in with Example &amp; &#34;Söhne&#34;")
	must[access.User](t)(w.access.AddUser(t.Context(), access.NewUser{Name: "anna", Role: access.CompanyAdministrator, Company: 3, Single: "Anna@example.com"}))

	away := w.want(http.StatusSeeOther, request{path: "/sign-in/single?to=/companies/3", cookie: "-"})
	if to := away.header.Get("Location"); to != "https://id.example/auth?state=s" {
		t.Errorf("sent to %q", to)
	}
	kept := cookieOf(away, "__Host-tallystick-single")
	for _, part := range []string{"=kept.companies.3;", "Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} {
		if !strings.Contains(kept, part) {
			t.Errorf("%q is not in the cookie %q", part, kept)
		}
	}
	in := w.back(http.StatusSeeOther, "kept.companies.3", "anna")
	if to := in.header.Get("Location"); to != "/companies/3" {
		t.Errorf("sent to %q", to)
	}
	if gone := cookieOf(in, "__Host-tallystick-single"); !strings.Contains(gone, "Max-Age=0") {
		t.Errorf("what was kept stays: %q", gone)
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(cookieOf(in, "__Host-tallystick"), "__Host-tallystick="), ";")
	w.want(http.StatusNotFound, request{path: "/companies/2", cookie: token})
	account := w.want(http.StatusOK, request{path: "/account", cookie: token})
	w.has(account, "by single sign-on as Anna@example.com", "s-anna · https://id.example", "You have none: you sign in elsewhere")
	if strings.Contains(account.body, `name="old"`) {
		t.Error("a password is asked for that there is not")
	}
	if to := w.want(http.StatusSeeOther, request{path: "/sign-in/single?to=/account", cookie: token}).header.Get("Location"); to != "/account" {
		t.Errorf("who is signed in is sent to %q", to)
	}
	for _, to := range []string{"https:..evil.example", "..evil.example"} { // which only the sealed text could say
		if at := w.back(http.StatusSeeOther, "kept"+to, "anna").header.Get("Location"); at != "/" {
			t.Errorf("sent to %q", at)
		}
	}
}

// Whoever is not let in is told why on the page where they sign in, and a password still works there.
func TestSingleRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.signsOn()
	w.cookie(access.PortalAdministrator)
	refused := w.back(http.StatusForbidden, "kept.companies", "eve")
	w.has(refused, `role="alert"`, "You are not signed in: nobody here signs in as &#34;eve@example.com&#34;", `name="password"`, `value="/companies"`, "/sign-in/single?to=%2Fcompanies")
	if cookieOf(refused, "__Host-tallystick") != "" || !strings.Contains(cookieOf(refused, "__Host-tallystick-single"), "Max-Age=0") {
		t.Errorf("cookies: %v", refused.header["Set-Cookie"])
	}
	w.has(w.back(http.StatusForbidden, "", "anna"), "this browser has not begun")
	w.has(w.back(http.StatusForbidden, "other", "anna"), "this browser has not begun")
	e.down = true
	w.has(w.back(http.StatusServiceUnavailable, "kept.companies", "anna"), "it cannot be reached", `value="/companies"`)
	away := w.want(http.StatusServiceUnavailable, request{path: "/sign-in/single?to=/companies", cookie: "-"})
	w.has(away, "You are not signed in: it cannot be reached.", `value="/companies"`)
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {"portal-administrator"}, "password": {password}}})
}

// An administrator opens single sign-on to users, sees who it is, forgets that, and leaves nobody without a way in.
func TestSingleOfUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signsOn()
	w.has(w.get("/users/new"), `name="singleSignOn"`)
	added := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/users", form: url.Values{"name": {"anna"}, "role": {"portal-readonly"}, "singleSignOn": {"anna@example.com"}}})
	at, _, _ := strings.Cut(added.header.Get("Location"), "?")
	taken := w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: "/users", form: url.Values{"name": {"b"}, "role": {"portal-readonly"}, "singleSignOn": {"ANNA@example.com"}}})
	w.has(taken, "signs in elsewhere as", `value="ANNA@example.com"`)
	w.has(w.get(at), "by single sign-on as anna@example.com", "nobody has yet", `name="singleSignOn" value="anna@example.com"`)
	post := func(status int, form url.Values) answered {
		t.Helper()
		page := w.get(at).body
		_, rest, _ := strings.Cut(page, `action="`+at+`/single"`)
		_, rest, _ = strings.Cut(rest, `name="state" value="`)
		state, _, _ := strings.Cut(rest, `"`)
		form.Set("state", state)
		return w.want(status, request{method: http.MethodPost, path: at + "/single", form: form})
	}
	w.back(http.StatusSeeOther, "kept.", "anna")
	w.has(w.get(at), "bound since", "s-anna · https://id.example", "Sign out here")
	w.has(post(http.StatusUnprocessableEntity, url.Values{"singleSignOn": {""}}), "is all that signs this user in")
	post(http.StatusSeeOther, url.Values{"singleSignOn": {"anna@example.com"}}) // nothing is other, and nothing forgotten
	w.has(w.get(at), "s-anna", "Sign out here")
	post(http.StatusSeeOther, url.Values{"singleSignOn": {"anna@example.com"}, "forget": {"1"}})
	w.has(w.get(at), "nobody has yet", "Nowhere.")
	old := w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: at + "/single", form: url.Values{"singleSignOn": {"x"}, "state": {"old"}}})
	w.has(old, "Somebody else changed this")

	w.cookie(access.PortalOperator)
	at = "/users/" + strconv.FormatInt(int64(w.users[access.PortalOperator]), 10)
	w.has(w.get(at), "with a password")
	w.has(post(http.StatusUnprocessableEntity, url.Values{"singleSignOn": {"op@example.com"}, "no-password": {"1"}}), "has not signed this user in yet")
	post(http.StatusSeeOther, url.Values{"singleSignOn": {"op@example.com"}})
	w.back(http.StatusSeeOther, "kept.", "op")
	w.has(w.get(at), `name="no-password"`)
	post(http.StatusSeeOther, url.Values{"singleSignOn": {"op@example.com"}, "no-password": {"1"}})
	if page := w.get(at).body; strings.Contains(page, "with a password") {
		t.Error("the password is still there")
	}
	w.want(http.StatusForbidden, request{method: http.MethodPost, path: at + "/single", role: access.CompanyAdministrator, form: url.Values{"singleSignOn": {"eve@example.com"}}})
	w.has(w.get("/audit"), "Name for single sign-on:</span> op@example.com", "forgotten: &#34;s-anna&#34; at https://id.example")
}

// Strangers cannot have the provider asked without end: they are told on the page when to come again, and neither others nor passwords wait for them.
func TestSingleLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.signsOn()
	w.cookie(access.PortalAdministrator)
	must[access.User](t)(w.access.AddUser(t.Context(), access.NewUser{Name: "anna", Role: access.PortalReadonly, Single: "anna@example.com"}))
	from := func(address, path, keep string) answered {
		t.Helper()
		return w.do(request{path: path, cookie: "-", from: address, header: http.Header{"Cookie": {"__Host-tallystick-single=" + keep}}})
	}
	limited := func(a answered, after string) {
		t.Helper()
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != after {
			t.Errorf("%d, %v", a.status, a.header)
		}
		w.has(a, `role="alert"`, "try again in "+after+"s", `name="password"`, "<html", `value="/companies"`)
		if cookieOf(a, "__Host-tallystick-single") != "" {
			t.Error("what the browser kept is taken away, and it cannot come again")
		}
	}
	const begin, back, bad, good = "/sign-in/single?to=/companies", "/sign-in/return?state=s&code=", "192.0.2.9:4711", "198.51.100.7:4711"
	for range 50 {
		if a := from(bad, begin, ""); a.status != http.StatusSeeOther {
			t.Fatalf("%d", a.status)
		}
	}
	limited(from(bad, begin, ""), "1")
	e.asked = 0
	for range 60 { // what is not this browser's costs the provider nothing, and is not counted: any page could have others send it
		if a := from(bad, back+"anna", ""); a.status != http.StatusForbidden {
			t.Fatalf("%d", a.status)
		}
	}
	if e.asked > 0 {
		t.Errorf("the provider was asked %d times", e.asked)
	}
	for range 50 {
		from(bad, back+"junk", "kept.companies")
	}
	limited(from(bad, back+"junk", "kept.companies"), "5")
	limited(from(bad, back+"anna", "kept.companies"), "5")
	if e.asked != 50 {
		t.Errorf("the provider was asked %d times", e.asked)
	}
	if a := from(good, begin, ""); a.status != http.StatusSeeOther {
		t.Errorf("another address: %d", a.status)
	}
	if a := from(good, back+"anna", "kept.companies"); a.status != http.StatusSeeOther {
		t.Errorf("another address: %d", a.status)
	}
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/sign-in", cookie: "-", from: bad, form: url.Values{"name": {"portal-administrator"}, "password": {password}}})
	w.clock.Add(5 * time.Second)
	if a := from(bad, back+"anna", "kept.companies"); a.status != http.StatusSeeOther {
		t.Errorf("after the wait: %d", a.status)
	}
}

// A picture in another site's page cannot have its readers begin: they would be the strangers of their own office.
func TestSingleBeginsOnAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signsOn()
	for dest, want := range map[string]int{"image": http.StatusForbidden, "iframe": http.StatusForbidden, "empty": http.StatusForbidden, "document": http.StatusSeeOther} {
		for range 60 {
			a := w.do(request{path: "/sign-in/single", cookie: "-", from: "192.0.2.9:1", header: http.Header{"Sec-Fetch-Dest": {dest}, "Sec-Fetch-Site": {"cross-site"}}})
			if a.status == want {
				continue
			}
			if dest != "document" || a.status != http.StatusTooManyRequests {
				t.Errorf("%s: %d", dest, a.status)
			}
		}
	}
	w.want(http.StatusSeeOther, request{path: "/sign-in/single", cookie: "-", from: "192.0.2.10:1", header: http.Header{"Sec-Fetch-Dest": {"document"}}})
}
