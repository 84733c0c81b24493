package sim

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServedRevisions(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]string{
		"12.2": "1.1-rev0 1.1-rev1 1.1-rev2",
		"12.3": "1.2-rev0 1.2-rev1",
		"13.0": "1.2-rev0 1.2-rev1 1.3-rev0 1.3-rev1",
		"13.1": "1.2-rev0 1.2-rev1 1.3-rev0 1.3-rev1 1.3-rev2",
	} {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, start(t, strings.Replace(minimal, "13.0", wire, 1)).Servers()[0], "")
			var served []string
			for _, rev := range append(revisionNames[:], "1.9-rev0", "1.0-rev1") {
				probe := c.get("/swagger/v" + rev + "/swagger.json")
				head := c.do(http.MethodHead, "/swagger/v"+rev+"/swagger.json", "", nil)
				if probe.status != head.status {
					t.Errorf("%s: GET %d, HEAD %d", rev, probe.status, head.status)
				}
				c.rev = rev
				called := c.get("serverTime")
				c.rev = ""
				if (probe.status == 200) != (called.status == 200) {
					t.Errorf("%s: probe %d, call %d", rev, probe.status, called.status)
				}
				if called.status != 200 && (called.status != 400 || called.errorCode() != codeUnsupported) {
					t.Errorf("%s: %d %s", rev, called.status, called.body)
				}
				if probe.status == 200 {
					served = append(served, rev)
				}
			}
			if got := strings.Join(served, " "); got != want {
				t.Errorf("served %q, want %q", got, want)
			}
		})
	}
}

// 12.2 has no license path at all.
func TestBefore123ThereIsNoLicense(t *testing.T) {
	t.Parallel()
	_, c := dial(t, strings.Replace(minimal, "13.0", "12.2", 1), "1.1-rev2")
	if r := c.get("serverInfo"); r.status != 200 || !strings.Contains(r.body, "12.2.0.334") {
		t.Errorf("serverInfo: %d %s", r.status, r.body)
	}
	for _, path := range []string{"license", "license/instances", "license/sockets", "license/capacity"} {
		if r := c.get(path); r.status != 404 || r.errorCode() != codeNotFound {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestStrictness(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal, "1.3-rev1")
	token := c.token
	for name, tc := range map[string]struct {
		rev, token, method, path string
		status                   int
		code                     string
	}{
		"no version":           {"", token, "GET", "/api/v1/license", 400, codeContent},
		"a version not served": {"1.3-rev2", token, "GET", "/api/v1/license", 400, codeUnsupported},
		"no token":             {"1.3-rev1", "", "GET", "/api/v1/license", 401, codeDenied},
		"a strange token":      {"1.3-rev1", "abc", "GET", "/api/v1/license", 401, codeDenied},
		"the wrong method":     {"1.3-rev1", token, "POST", "/api/v1/license", 405, codeMethod},
		"GET for a report":     {"1.3-rev1", token, "GET", "/api/v1/license/createReport", 405, codeMethod},
		"an unknown path":      {"1.3-rev1", token, "GET", "/api/v1/licence", 404, codeNotFound},
		"a call that writes":   {"1.3-rev1", token, "POST", "/api/v1/license/remove", 404, codeNotFound},
		"an unknown object":    {"1.3-rev1", token, "GET", "/api/v1/backupObjects/8f1c2a30-0000-4000-8000-000000000001/restorePoints", 404, codeNotFound},
		"a limit of words":     {"1.3-rev1", token, "GET", "/api/v1/license/instances?limit=many", 400, codeContent},
		"a limit of none":      {"1.3-rev1", token, "GET", "/api/v1/license/instances?limit=0", 400, codeContent},
		"a strange column":     {"1.3-rev1", token, "GET", "/api/v1/license/instances?orderColumn=Colour", 400, codeContent},
		"a date of words":      {"1.3-rev1", token, "GET", "/api/v1/restorePoints?createdAfterFilter=today", 400, codeContent},
		"an id of words":       {"1.3-rev1", token, "GET", "/api/v1/restorePoints?backupObjectIdFilter=web01", 400, codeContent},
		"no token needed":      {"1.3-rev1", "", "GET", "/api/v1/serverTime", 200, ""},
		"nor here":             {"1.3-rev1", "", "GET", "/api/v1/serverCertificate", 200, ""},
	} {
		c.rev, c.token = tc.rev, tc.token
		r := c.do(tc.method, tc.path, "", nil)
		if r.status != tc.status || r.errorCode() != tc.code {
			t.Errorf("%s: %d %s, want %d %s", name, r.status, r.body, tc.status, tc.code)
		}
		if r.status >= 400 && !strings.Contains(r.body, `"resourceId":`) {
			t.Errorf("%s: the error object is %s", name, r.body)
		}
	}
}

// Of the license calls the viewer has none, of the others all.
func TestViewerIsDeniedTheLicense(t *testing.T) {
	t.Parallel()
	_, c := dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\nrole = \"viewer\"", 1), "1.3-rev1")
	for _, path := range []string{"license", "license/instances", "license/sockets", "license/capacity"} {
		if r := c.get(path); r.status != 403 || r.errorCode() != codeDenied {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := c.report(`{"reportFormat":"Json"}`); r.status != 403 {
		t.Errorf("report: %d", r.status)
	}
	for _, path := range []string{"serverInfo", "backupObjects", "restorePoints", "backups", "jobs", "jobs/states", "backupInfrastructure/repositories/states"} {
		if r := c.get(path); r.status != 200 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestGrantSpelling(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wire, grant    string
		lower, capital int
	}{
		"12.3":           {"12.3", "", 200, 400},
		"13.0":           {"13.0", "", 200, 200},
		"13.1 as a mock": {"13.1", "capitalised", 400, 200},
		"13.1 lower":     {"13.1", "lower", 200, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(minimal, "13.0", tc.wire, 1)
			if tc.grant != "" {
				text = strings.Replace(text, `password = "x"`, "password = \"x\"\ngrant = \""+tc.grant+`"`, 1)
			}
			c := newClient(t, start(t, text).Servers()[0], "1.2-rev1")
			for grant, want := range map[string]int{"password": tc.lower, "Password": tc.capital, "PASSWORD": 400, "": 400} {
				if r := c.form("grant_type", grant, "username", "administrator", "password", "x"); r.status != want {
					t.Errorf("grant %q: %d %s, want %d", grant, r.status, r.body, want)
				}
			}
		})
	}
}

func TestRefreshTokensAreGoodOnce(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal, "1.3-rev1")
	refresh := c.keep(c.login())
	r := c.form("grant_type", "refresh_token", "refresh_token", refresh)
	next := c.keep(r)
	if r.status != 200 || next == "" || next == refresh {
		t.Fatalf("refresh: %d %s", r.status, r.body)
	}
	if r := c.get("license"); r.status != 200 {
		t.Errorf("the new token: %d", r.status)
	}
	if r := c.form("grant_type", "refresh_token", "refresh_token", refresh); r.status != 401 || r.errorCode() != codeDenied {
		t.Errorf("spent token: %d %s", r.status, r.body)
	}
	if r := c.form("grant_type", "Refresh_token", "refresh_token", next); r.status != 200 {
		t.Errorf("capitalised: %d %s", r.status, r.body)
	}
}

func TestLogoutEndsBothTokens(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal, "1.3-rev1")
	refresh := c.keep(c.login())
	if r := c.do("POST", "/api/oauth2/logout", "", nil); r.status != 200 || r.body != "{}" {
		t.Errorf("logout: %d %s", r.status, r.body)
	}
	if r := c.get("serverInfo"); r.status != 401 {
		t.Errorf("access token: %d", r.status)
	}
	if r := c.form("grant_type", "refresh_token", "refresh_token", refresh); r.status != 401 {
		t.Errorf("refresh token: %d", r.status)
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	f, c := dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\nexpiresIn = 900", 1), "1.3-rev1")
	r := c.login()
	refresh := c.keep(r)
	for _, want := range []string{`"expires_in":900`, `".issued":"2026-10-14T12:00:00Z"`, `".expires":"2026-10-14T12:15:00Z"`, `"token_type":"bearer"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %s in %s", want, r.body)
		}
	}
	f.Clock().Set(noon.Add(14 * time.Minute))
	if r := c.get("serverInfo"); r.status != 200 {
		t.Errorf("after 14 minutes: %d", r.status)
	}
	f.Clock().Set(noon.Add(16 * time.Minute))
	if r := c.get("serverInfo"); r.status != 401 {
		t.Errorf("after 16 minutes: %d", r.status)
	}
	if r := c.form("grant_type", "refresh_token", "refresh_token", refresh); r.status != 200 {
		t.Errorf("refresh: %d %s", r.status, r.body)
	}
	f.Clock().Set(noon.Add(15 * day))
	if r := c.form("grant_type", "refresh_token", "refresh_token", c.keep(c.login())); r.status != 200 {
		t.Errorf("refresh of a fresh log-in: %d %s", r.status, r.body)
	}
}

// A fast clock does not expire tokens early.
func TestSpeedDoesNotExpireTokens(t *testing.T) {
	t.Parallel()
	f, c := dial(t, minimal, "1.3-rev1")
	f.Clock().SetSpeed(1e6)
	if r := c.get("serverInfo"); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	deadline := time.Now().Add(2 * time.Second)
	for f.Clock().Now().Before(noon.Add(2 * time.Hour)) {
		if time.Now().After(deadline) {
			t.Fatal("the clock does not run")
		}
	}
	if r := c.get("serverInfo"); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A token request without a length gets no answer.
func TestChunkedTokenRequestHangs(t *testing.T) {
	t.Parallel()
	f := start(t, minimal)
	c := newClient(t, f.Servers()[0], "1.3-rev1")
	c.http.Timeout = 200 * time.Millisecond
	form := struct{ io.Reader }{strings.NewReader("grant_type=password&username=Administrator&password=x")}
	if r := c.do("POST", "/api/oauth2/token", "application/x-www-form-urlencoded", form); r.err == nil {
		t.Errorf("answered: %d %s", r.status, r.body)
	}
	if r := c.login(); r.status != 200 {
		t.Errorf("with a length: %d", r.status)
	}
}

func TestTokenRequestMustBeAForm(t *testing.T) {
	t.Parallel()
	c := newClient(t, start(t, minimal).Servers()[0], "1.3-rev1")
	if r := c.do("POST", "/api/oauth2/token", "application/json", strings.NewReader(`{"grant_type":"password"}`)); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, pair := range [][2]string{{"Administrator", "y"}, {"Nobody", "x"}} {
		if r := c.form("grant_type", "password", "username", pair[0], "password", pair[1]); r.status != 401 || r.errorCode() != codeDenied {
			t.Errorf("%v: %d %s", pair, r.status, r.body)
		}
	}
}

// An old revision cannot say new job types: a 13 server fails the whole page.
func TestOldRevisionFailsOnNewJobTypes(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal+"[[server.workload]]\nname='a'\nkind='proxmox-vm'\nfirst='-1d'", "1.2-rev0")
	if r := c.get("jobs/states"); r.status != 500 || !strings.Contains(r.body, "Unknown job type") {
		t.Errorf("1.2: %d %s", r.status, r.body)
	}
	c.rev = "1.3-rev1"
	if rows, _ := c.list("jobs/states"); len(rows) != 1 || rows[0]["type"] != "ProxmoxBackupJob" {
		t.Errorf("1.3: %v", rows)
	}
}

func TestReportFormats(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal+"[[server.workload]]\nname='<a>'\nkind='vsphere-vm'\nfirst='-60d'", "1.3-rev1")
	for body, want := range map[string]int{
		`{"reportFormat":"Json"}`: 200, `{"reportFormat":"html"}`: 200, `{"reportFormat":"Csv"}`: 400, `{}`: 400, `no`: 400, "": 400,
	} {
		if r := c.report(body); r.status != want {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	if r := c.report(`{"reportFormat":"Html"}`); !strings.Contains(r.body, "<td>&lt;a&gt;</td>") {
		t.Errorf("html %s", r.body)
	}
}

func TestReportNeedsSomethingConsumed(t *testing.T) {
	t.Parallel()
	f, c := dial(t, minimal+"[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='month'", "1.3-rev1")
	if r := c.report(`{"reportFormat":"Json"}`); r.status != 400 || r.errorCode() != codeUnknown {
		t.Errorf("only new machines: %d %s", r.status, r.body)
	}
	f.Clock().Set(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c.login()
	if r := c.report(`{"reportFormat":"Json"}`); r.status != 200 {
		t.Errorf("next month: %d %s", r.status, r.body)
	}
}

func TestReportAbsentAndCSV(t *testing.T) {
	t.Parallel()
	workload := "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='-60d'"
	_, c := dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\nreport = \"absent\"", 1)+workload, "1.3-rev1")
	if r := c.report(`{"reportFormat":"Json"}`); r.status != 404 {
		t.Errorf("absent: %d %s", r.status, r.body)
	}
	_, c = dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\nreport = \"csv\"", 1)+workload, "1.3-rev1")
	if r := c.report(`{"reportFormat":"Json"}`); r.status != 200 || !strings.HasPrefix(r.body, "Product Version,") || strings.Count(r.body, "\n") != 2 {
		t.Errorf("csv: %d %s", r.status, r.body)
	}
}

func TestRequestsAreRemembered(t *testing.T) {
	t.Parallel()
	f, c := dial(t, minimal, "1.3-rev1")
	c.get("license/instances?limit=5")
	c.do("POST", "/api/v1/license/remove", "application/json", nil)
	got := f.Requests("vbr01")
	if len(got) != 3 || f.Requests("nobody") != nil {
		t.Fatalf("requests %+v", got)
	}
	if got[0].GrantType != "password" || got[0].Endpoint != "token" || got[0].Status != 200 {
		t.Errorf("first %+v", got[0])
	}
	if r := got[1]; r.Method != http.MethodGet || r.Path != "/api/v1/license/instances" || r.Query != "limit=5" || r.Revision != "1.3-rev1" || !r.At.Equal(noon) {
		t.Errorf("second %+v", r)
	}
	if r := got[2]; r.Endpoint != "" || r.Status != 404 || r.Method != http.MethodPost {
		t.Errorf("third %+v", r)
	}
}

func TestJournalKeepsTheLatest(t *testing.T) {
	t.Parallel()
	var j journal
	for i := range journalMax + 10 {
		j.add(Request{Status: i})
	}
	all := j.all()
	if len(all) != journalMax || all[0].Status != 10 || all[journalMax-1].Status != journalMax+9 {
		t.Errorf("%d requests from %d to %d", len(all), all[0].Status, all[len(all)-1].Status)
	}
}
