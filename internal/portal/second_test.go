package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/tallystick/tallystick/internal/access"
)

var (
	offered  = regexp.MustCompile(`name="offer" value="([^"]+)"`)
	appKnows = regexp.MustCompile(`id="second-secret" class="id" value="([A-Z2-7]{32})"`)
	halfway  = regexp.MustCompile(`name="half" value="([^"]+)"`)
	onPaper  = regexp.MustCompile(`<li>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</li>`)
)

func (w *world) part(what *regexp.Regexp, a answered) string {
	w.t.Helper()
	m := what.FindStringSubmatch(a.body)
	if m == nil {
		w.t.Fatalf("%s is not in %s", what, a.body)
	}
	return m[1]
}

func (w *world) code(secret string) string {
	w.t.Helper()
	return must[string](w.t)(totp.GenerateCode(secret, w.clock.Now()))
}

func (w *world) post(status int, path string, role access.Role, form url.Values) answered {
	w.t.Helper()
	return w.want(status, request{method: http.MethodPost, path: path, role: role, form: form})
}

// A user turns a second factor on, is asked for it, has lost the app, and an administrator helps.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const role = access.CompanyReadonly
	page := w.want(http.StatusOK, request{path: "/account/second-factor", role: role})
	w.has(page, `<svg class="qr"`)
	offer, secret := w.part(offered, page), w.part(appKnows, page)
	if kept := page.header.Get("Cache-Control"); kept != "no-store" {
		t.Errorf("a secret may be kept: %q", kept)
	}
	wrong := w.post(http.StatusUnprocessableEntity, "/account/second-factor", role, url.Values{"offer": {offer}, "code": {"12 34"}, "password": {password}})
	w.has(wrong, `value="12 34"`, `aria-invalid="true"`, offer, secret, "is not what the app shows now")
	wrong = w.post(http.StatusUnprocessableEntity, "/account/second-factor", role, url.Values{"offer": {offer}, "code": {w.code(secret)}, "password": {"wrong"}})
	w.has(wrong, "is not the right one", secret)
	on := w.post(http.StatusOK, "/account/second-factor", role, url.Values{"offer": {offer}, "code": {w.code(secret)}, "password": {password}})
	paper := onPaper.FindAllStringSubmatch(on.body, -1)
	w.want(http.StatusSeeOther, request{path: "/account", role: role}) // signed out wherever else that was
	w.cookies[role], _, _ = strings.Cut(strings.TrimPrefix(on.header.Get("Set-Cookie"), "__Host-tallystick="), ";")
	if p := w.part(offered, w.want(http.StatusOK, request{path: "/account/second-factor?offer=" + url.QueryEscape(offer)})); p == offer {
		t.Error("an address offers a secret")
	}
	if len(paper) != 10 {
		t.Fatalf("%d codes in %s", len(paper), on.body)
	}
	w.post(http.StatusSeeOther, "/account/second-factor", role, url.Values{"offer": {offer}, "code": {w.code(secret)}, "password": {password}})
	w.has(w.want(http.StatusOK, request{path: "/account", role: role}), "Recovery codes, or turn it off")
	w.has(w.want(http.StatusOK, request{path: "/account/second-factor", role: role}), "10 recovery codes are left")

	w.clock.Add(time.Minute)
	asked := w.want(http.StatusOK, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {string(role)}, "password": {password}, "to": {"/companies/3/trend"}}})
	if asked.header.Get("Set-Cookie") != "" {
		t.Fatal("a password alone is given a cookie")
	}
	half := w.part(halfway, asked)
	form := url.Values{"half": {half}, "to": {"/companies/3/trend"}, "code": {"000000"}}
	second := request{method: http.MethodPost, path: "/sign-in/second", cookie: "-", form: form}
	again := w.want(http.StatusUnprocessableEntity, second)
	w.has(again, half, "/companies/3/trend", `aria-invalid="true"`)
	form.Set("code", w.code(secret))
	in := w.want(http.StatusSeeOther, second)
	if to := in.header.Get("Location"); to != "/companies/3/trend" || !strings.HasPrefix(in.header.Get("Set-Cookie"), "__Host-tallystick=") {
		t.Errorf("%q, %q", to, in.header)
	}
	w.want(http.StatusUnprocessableEntity, second) // the same code again
	form.Set("half", "x")
	w.has(w.want(http.StatusUnprocessableEntity, second), `id="password"`, "begin again")
	if to := w.want(http.StatusSeeOther, request{path: "/sign-in/second", cookie: "-"}).header.Get("Location"); to != "/sign-in" {
		t.Errorf("a reload leads to %q", to)
	}

	renewed := w.post(http.StatusOK, "/account/second-factor/codes", role, url.Values{"code": {paper[0][1]}, "password": {password}})
	if strings.Contains(renewed.body, paper[1][1]) || len(onPaper.FindAllString(renewed.body, -1)) != 10 {
		t.Errorf("the codes are not new: %s", renewed.body)
	}
	w.has(w.post(http.StatusUnprocessableEntity, "/account/second-factor/off", role, url.Values{"code": {paper[1][1]}, "password": {password}}), "is wrong, or was used already")

	user := userPage(w, role)
	w.want(http.StatusForbidden, request{method: http.MethodPost, path: user + "/second-factor", role: access.PortalOperator})
	w.has(w.get(user), "Take the second factor off")
	w.post(http.StatusSeeOther, user+"/second-factor", "", nil)
	w.has(w.get(user), "Only the user can turn it on")
	w.post(http.StatusSeeOther, user+"/second-factor", "", nil) // off already
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {string(role)}, "password": {password}}})
	w.has(w.get("/audit"), "Second factor:</span> off → on", "a wrong code, after the right password")
	admin := userPage(w, access.PortalAdministrator)
	for _, path := range []string{"/second-factor", "/password"} { // one's own: on one's own page, where the password is asked for
		w.post(http.StatusForbidden, admin+path, "", url.Values{"password": {"another long password"}, "again": {"another long password"}})
	}
}

func userPage(w *world, role access.Role) string {
	w.cookie(role)
	return fmt.Sprintf("/users/%d", w.users[role])
}

// Without the key file, whoever is asked for a code is told what works, and not where the file should lie.
func TestSecondFactorWithoutKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const role = access.CompanyReadonly
	page := w.want(http.StatusOK, request{path: "/account/second-factor", role: role})
	offer, secret := w.part(offered, page), w.part(appKnows, page)
	w.post(http.StatusOK, "/account/second-factor", role, url.Values{"offer": {offer}, "code": {w.code(secret)}, "password": {password}})
	in := request{method: http.MethodPost, path: "/sign-in", cookie: "-", form: url.Values{"name": {string(role)}, "password": {password}, "to": {"/account"}}}
	half := w.part(halfway, w.want(http.StatusOK, in))
	w.keyless = true
	for _, a := range []answered{
		w.want(http.StatusServiceUnavailable, in),
		w.want(http.StatusServiceUnavailable, request{path: "/account/second-factor"}),
		w.want(http.StatusServiceUnavailable, request{method: http.MethodPost, path: "/sign-in/second", cookie: "-", form: url.Values{"half": {half}, "code": {"123456"}, "to": {"/account"}}}),
	} {
		w.has(a, "at the moment: whoever runs the console finds out why with tallystick doctor")
		w.lacks(a, "/var/lib", "secret.key")
	}
}
