package v1_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
)

// Users sign in by single sign-on where an administrator opens that, and are never left without a way in.
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(status int, body string) string {
		t.Helper()
		return w.want(status, request{method: "POST", path: "/users", body: body}).body
	}
	has := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s is not in %s", part, text)
			}
		}
	}
	has(post(http.StatusBadRequest, `{"name":"anna","role":"portal-readonly"}`), "password")
	made := post(http.StatusCreated, `{"name":"anna","role":"portal-readonly","singleSignOn":"anna@example.com"}`)
	has(made, `"hasPassword":false`, `"singleSignOn":{"name":"anna@example.com","issuer":null,"subject":null,"boundAt":null}`)
	has(post(http.StatusConflict, `{"name":"b","role":"portal-readonly","singleSignOn":"ANNA@example.com"}`), "signs in elsewhere")
	u := must[access.User](t)(w.access.Users.UserByName(t.Context(), "anna"))
	at := "/users/" + strconv.FormatInt(int64(u.ID), 10)
	is := access.Vouched{Identity: access.Identity{Issuer: "https://id.example", Subject: "s1"}, Name: "anna@example.com"}
	must[access.Pair](t)(w.access.SignInAs(t.Context(), access.Client{}, is))
	has(w.get(at).body, `"issuer":"https://id.example"`, `"subject":"s1"`, `"boundAt":"`)

	patch := func(status int, body string) string {
		t.Helper()
		return w.want(status, request{method: "PATCH", path: at, body: body}).body
	}
	has(patch(http.StatusBadRequest, `{"singleSignOn":""}`), "is all that signs this user in")
	has(patch(http.StatusBadRequest, `{"hasPassword":true}`), "hasPassword")
	has(patch(http.StatusBadRequest, `{"hasPassword":false,"password":"correct horse battery"}`), "password")
	has(patch(http.StatusOK, `{"hasPassword":false}`), `"subject":"s1"`) // it is so already
	has(patch(http.StatusOK, `{"singleSignOn":"anna@example.com"}`), `"subject":null`)
	has(patch(http.StatusOK, `{"singleSignOn":"","password":"correct horse battery"}`), `"hasPassword":true,"singleSignOn":null`)
	has(patch(http.StatusBadRequest, `{"hasPassword":false}`), "has not signed this user in yet")
	has(patch(http.StatusBadRequest, `{"singleSignOn":"a@example.com","hasPassword":false}`), "has not signed this user in yet")
	has(patch(http.StatusOK, `{"singleSignOn":"a@example.com"}`), `"hasPassword":true,"singleSignOn":{"name":"a@example.com"`)
}
