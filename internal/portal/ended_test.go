package portal_test

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ours is what browsers say of a form that a page of the console sends.
var ours = http.Header{"Sec-Fetch-Site": {"same-origin"}}

// endedForm sends a form without a session.
func (w *world) endedForm(path string, header http.Header, form url.Values) answered {
	w.t.Helper()
	return w.want(http.StatusUnauthorized, request{method: http.MethodPost, path: path, cookie: "-", header: header, form: form})
}

// A form that comes after its session has ended is kept on the page that says so, and sent again as it was by who has signed in meanwhile.
func TestEndedFormIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	typed := url.Values{"name": {`Contoso "& <b>Söhne</b>`}, "cloud-tenant": {"tenant one\r\ntenant two"}, "external-id": {"psa: 4711"}, "tag": {""}}
	a := w.endedForm("/companies/new?from=here", ours, typed)
	w.has(a, "<title>Signed out", "You are signed out", `href="/sign-in" target="_blank"`, `action="/companies/new?from=here"`, "Send it again")
	w.lacks(a, "<b>S", "autofocus", "Not right yet", "access token", `type="password"`)
	again := url.Values{}
	for _, found := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(a.body, -1) {
		again.Add(found[1], html.UnescapeString(found[2]))
	}
	if again.Encode() != typed.Encode() {
		t.Errorf("kept is %q, typed was %q", again, typed)
	}
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/companies/new?from=here", header: ours, form: again})
	w.has(w.get("/companies?search=contoso"), "Contoso &#34;&amp; &lt;b&gt;Söhne")

	several := w.endedForm("/tokens", ours, url.Values{"name": {"t"}, "scopes": {"read", "manage-servers"}})
	w.has(several, `name="scopes" value="read"`, `name="scopes" value="manage-servers"`)
	w.has(w.endedForm("//companies/2/edit", ours, url.Values{"name": {"N"}}), `action="/companies/2/edit"`) // which is no other host
	w.has(w.endedForm("/servers/1/read", ours, nil), `action="/servers/1/read"`, "Send it again")
	w.has(w.endedForm("/companies/new", http.Header{"Origin": {"https://console.example:1281"}}, typed), `value="psa: 4711"`)
}

// What is secret stands on no page: it is typed again.
func TestEndedFormKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const secret = "a secret that nobody sees"
	a := w.endedForm("/users", ours, url.Values{"name": {"berta"}, "password": {secret}, "again": {secret}})
	w.has(a, `value="berta"`, "Type it again", `<input id="ended-password" name="password" type="password" value="" autocomplete="new-password" required>`, `name="again" type="password"`)
	w.lacks(a, secret)
	made := w.endedForm("/users", ours, url.Values{"name": {"berta"}, "password": {""}, "again": {""}})
	w.lacks(made, `type="password"`) // nothing was typed: one is made up, as before
	names := map[string]bool{"code": true}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := string(must[[]byte](t)(os.ReadFile(file)))
		for _, found := range regexp.MustCompile(`Name: ("[^"]*"|name), Kind: passwordField`).FindAllStringSubmatch(text, -1) {
			names[strings.Trim(found[1], `"`)] = true
		}
		delete(names, "name") // it is one of the others
		if n := strings.Count(text, "Kind: passwordField"); n != len(regexp.MustCompile(`Name: ("[^"]*"|name), Kind: passwordField`).FindAllString(text, -1)) {
			t.Errorf("%s: a field for a password is not found", file)
		}
	}
	if len(names) < 4 {
		t.Errorf("fields for passwords: %v", names)
	}
	for name := range names {
		w.lacks(w.endedForm("/users", ours, url.Values{"name": {"berta"}, name: {secret}}), secret)
	}
}

// What another site sends is put before nobody: one click on it would send it in the reader's name.
func TestEndedFormOfAnotherSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	typed := url.Values{"name": {"mallory"}, "role": {"portal-administrator"}}
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}}} {
		a := w.want(http.StatusForbidden, request{method: http.MethodPost, path: "/users", cookie: "-", header: header, form: typed})
		w.has(a, "sent by another site")
		w.lacks(a, "mallory", "Send it again")
	}
	text := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Content-Type": {"text/plain"}}
	for _, header := range []http.Header{nil, {"Sec-Fetch-Site": {"none"}}, text} {
		a := w.endedForm("/users", header, typed)
		w.has(a, "You are signed out", `href="/sign-in"`)
		w.lacks(a, "mallory", "Send it again")
	}
	long := w.endedForm("/users", ours, url.Values{"name": {strings.Repeat("x", 256<<10)}})
	w.lacks(long, "xxx", "Send it again")
	w.has(w.endedForm("/catalogue/own", ours, url.Values{"text": {strings.Repeat("x", 256<<10)}}), "xxx", "Send it again") // which takes more
	script := w.endedForm("/users", http.Header{"Hx-Request": {"true"}, "Sec-Fetch-Site": {"same-origin"}}, typed)
	w.lacks(script, "<", "mallory")
}
