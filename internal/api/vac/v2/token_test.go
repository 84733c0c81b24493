package v2_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/access"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

func (w *world) tokenCall(body string) (int, http.Header, map[string]any) {
	w.t.Helper()
	status, header, text := w.do(http.MethodPost, "/token", body)
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return status, header, fields
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, c := range []struct{ body, code string }{
		{"", "invalid_request"},
		{"username=a&password=b", "invalid_request"},
		{"grant_type=password&username=a", "invalid_request"},
		{"grant_type=refresh_token", "invalid_request"},
		{"grant_type=client_credentials", "unsupported_grant_type"},
		{`{"grant_type":7}`, "invalid_request"},
		{"grant_type=password&username=nobody&password=wrong", "invalid_grant"},
		{"grant_type=password&username=reader&password=wrong", "invalid_grant"},
		{"grant_type=refresh_token&refresh_token=unknown", "invalid_grant"},
	} {
		status, _, fields := w.tokenCall(c.body)
		if text, _ := fields["error_description"].(string); status != 400 || fields["error"] != c.code || text == "" {
			t.Errorf("%s: %d %v, want %s", c.body, status, fields, c.code)
		}
	}
}

func TestRefreshAndLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	_, _, first := w.tokenCall(`grant_type=password&username=contoso\jsmith&password=` + password)
	refresh, _ := first["refresh_token"].(string)
	status, _, second := w.tokenCall("grant_type=refresh_token&refresh_token=" + refresh)
	if status != 200 || second["refresh_token"] == refresh {
		t.Fatalf("%d %v", status, second)
	}
	w.token, _ = second["access_token"].(string)
	w.get("/v2/tenants")
	status, _, body := w.do(http.MethodPost, "/v2/accounts/logout", "")
	if status != 200 || body != `"You have been logged out."` {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := w.do(http.MethodGet, "/v2/tenants", ""); status != 401 {
		t.Errorf("after the log-out: %d", status)
	}
	_, _, third := w.tokenCall(`grant_type=password&username=contoso\jsmith&password=` + password)
	w.token, _ = third["access_token"].(string)
	if status, _, _ := w.do(http.MethodPost, "/Accounts/Logout", ""); status != 200 {
		t.Errorf("alias: %d", status)
	}
	// A refresh token that was used before ends its whole family.
	_, _, a := w.tokenCall(`grant_type=password&username=contoso\jsmith&password=` + password)
	old, _ := a["refresh_token"].(string)
	_, _, b := w.tokenCall("grant_type=refresh_token&refresh_token=" + old)
	w.token, _ = b["access_token"].(string)
	w.get("/v2/tenants")
	if status, _, _ := w.tokenCall("grant_type=refresh_token&refresh_token=" + old); status != 400 {
		t.Errorf("used twice: %d", status)
	}
	if status, _, _ := w.do(http.MethodGet, "/v2/tenants", ""); status != 401 {
		t.Errorf("the family lives on: %d", status)
	}
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.clock.Set(october.Add(time.Hour - time.Second))
	w.get("/v2/tenants")
	w.clock.Set(october.Add(time.Hour))
	if status, _, _ := w.do(http.MethodGet, "/v2/tenants", ""); status != 401 {
		t.Errorf("after an hour: %d", status)
	}
}

// What nobody encoded is found all the same, and a wrong password in several readings is one failure.
func TestCredentialsAsClientsSendThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for name, secret := range map[string]string{
		`dom\plus`: "one+two+three four", `dom\amp`: "this&that=those & 100%", `dom\pct`: "literal%41is+not%20A", `dom\umlaut`: "größer als gut",
	} {
		if _, err := w.access.AddUser(t.Context(), access.NewUser{Name: name, Role: access.PortalAdministrator, Password: secret}); err != nil {
			t.Fatal(err)
		}
		raw := "grant_type=password&username=" + name + "&password=" + secret
		if status, _, fields := w.tokenCall(raw); status != 200 && name != `dom\plus` {
			t.Errorf("%s: %d %v", raw, status, fields)
		}
		encoded := url.Values{"grant_type": {"password"}, "username": {name}, "password": {secret}}.Encode()
		if status, _, fields := w.tokenCall(encoded); status != 200 {
			t.Errorf("%s: %d %v", encoded, status, fields)
		}
	}
	latin1 := "grant_type=password&username=dom\\umlaut&password=gr\xf6\xdfer als gut"
	if status, _, fields := w.tokenCall(latin1); status != 200 {
		t.Errorf("ISO 8859-1: %d %v", status, fields)
	}
}

func TestLogInLimiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	failures := 0
	for ; failures < 40; failures++ {
		status, header, fields := w.tokenCall("grant_type=password&username=reader&password=a+b%2Bc")
		if status == 429 {
			if header.Get("Retry-After") == "" || fields["Message"] == "" {
				t.Errorf("%v %v", header, fields)
			}
			break
		}
		if status != 400 {
			t.Fatalf("%d %v", status, fields)
		}
	}
	if failures < 5 || failures > 20 {
		t.Errorf("limited after %d failures: readings of one attempt must count once", failures)
	}
}

// Any credentials survive being form-encoded.
func TestEncodedCredentialsSurvive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name, secret := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "password")
		body := url.Values{"grant_type": {"password"}, "username": {name}, "password": {secret}}.Encode()
		kind, gotName, gotSecret := v2.ParseGrant(body)
		if kind != "password" || gotName != name || gotSecret != secret {
			t.Fatalf("%q: %q %q %q", body, kind, gotName, gotSecret)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add(`grant_type=password&username=contoso\jsmith&password=a+b%zz&c`)
	f.Add(`{"grant_type":"password","username":"x"}`)
	f.Fuzz(func(_ *testing.T, body string) { v2.ParseGrant(body) })
}

// A password is not enough for a user with a second factor, and what is told of it is told to who knows the password.
func TestSecondFactorOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	u, err := w.store.UserByName(t.Context(), `contoso\jsmith`)
	if err == nil {
		err = w.store.AddFactor(t.Context(), access.Factor{User: u.ID, Sealed: []byte{1}, AddedAt: w.clock.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]string{password: "API token", "wrong": "the user name or the password is wrong"} {
		status, _, fields := w.tokenCall(`grant_type=password&username=contoso\jsmith&password=` + secret)
		if text, _ := fields["error_description"].(string); status != 400 || fields["error"] != "invalid_grant" || !strings.Contains(text, want) {
			t.Errorf("%d %v, want %s", status, fields, want)
		}
	}
}
