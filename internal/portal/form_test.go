package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// All that is wrong is said at once, in the window's title, in a list that leads to the fields, and at each of them; one begins at the first.
func TestWrongInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(http.StatusSeeOther, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09", "username", "svc", "password", "right", "fingerprint", shown)
	path := "/servers/3/edit"
	state := w.hiddenOf(w.get(path), path, "state")
	many := w.send(http.StatusUnprocessableEntity, admin, path, "state", state, "company", "2", "name", "", "url", "elsewhere", "username", "svc", "fingerprint", "abc", "every", "14400", "authority", "computed", "tag", "gold")
	w.begins(many, "server-edit-name", "server-edit-name", "server-edit-password", "server-edit-fingerprint", "server-edit-tag")
	w.lacks(many, "--")

	w.begins(w.send(http.StatusUnprocessableEntity, admin, "/companies/new", "name", "northwind"), "company-name", "company-name")
	w.cookie(theirs)
	w.begins(w.send(http.StatusUnprocessableEntity, admin, "/users", "name", string(theirs), "role", string(admin)), "user-name", "user-name")
	w.begins(w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "expiresAt", "2027-06-01"), "token-scopes", "token-scopes")
	w.begins(w.send(http.StatusUnprocessableEntity, admin, "/companies/2/remove", "state", w.hiddenOf(w.get("/companies/2/edit"), "/companies/2/remove", "state")), "")
}

// begins wants a page that says what is wrong with these fields, in this order, and on which one begins at that with the given id; empty: at the list.
func (w *world) begins(a answered, id string, fields ...string) {
	t := w.t
	t.Helper()
	w.has(a, "<title>Not right yet – ")
	var linked []string
	for _, found := range regexp.MustCompile(`<li><a href="#([^"]*)">`).FindAllStringSubmatch(a.body, -1) {
		linked = append(linked, found[1])
	}
	if strings.Join(linked, " ") != strings.Join(fields, " ") {
		t.Errorf("the list leads to %q, not to %q", linked, fields)
	}
	for _, field := range fields {
		w.has(a, `id="`+field+`-wrong"`)
	}
	focus := regexp.MustCompile(`<[^>]* autofocus>`).FindAllString(a.body, -1)
	want := `role="alert"`
	if id != "" {
		want = `id="` + id + `"`
	}
	if len(focus) != 1 || !strings.Contains(focus[0], want) {
		t.Errorf("one begins at %q, not at %s", focus, want)
	}
}
