package v1_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// A condition and an order may name members of an object that is null: they are null.
func TestMembersOfWhatIsNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, want := range map[string]string{
		"filter=connection/url%20eq%20null&sort=name": "CC01 VBR02", "filter=connection/url%20ne%20null": "VBR01", "sort=-connection/url": "VBR01 VBR02 CC01",
		"filter=gap/reason%20eq%20'unreachable'": "VBR01",
	} {
		var names []string
		for _, v := range in[page[struct{ Name string }]](t, w.get("/servers?"+query)).Items {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	w.get("/servers/1/readings?filter=revoked/actor%20eq%20null%20and%20gap/text%20ne%20'x'&sort=gap/at")
}

// Two companies that share an external id are not named to a third one: paths take numbers and GUIDs.
func TestExternalIDsInPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusOK, request{method: "PATCH", path: "/companies/2", body: `{"externalIds":{"psa":"77"}}`})
	for _, change := range []func(*fleet.Company){ // as it may be in a ledger of before they were told apart
		func(c *fleet.Company) { c.RemovedAt = &c.CreatedAt },
		func(c *fleet.Company) { c.RemovedAt = nil },
	} {
		c := must[fleet.Company](t)(w.store.Company(t.Context(), 2))
		change(&c)
		if err := w.store.UpdateCompany(t.Context(), c, nil, w.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if c.RemovedAt != nil {
			w.want(http.StatusOK, request{method: "PATCH", path: "/companies/3", body: `{"externalIds":{"psa":"77"}}`})
		}
	}
	for _, path := range []string{"/companies/psa:77", "/companies/psa:77/usage/backupServer"} {
		if a := w.want(http.StatusNotFound, request{method: "GET", path: path, role: access.CompanyReadonly}); strings.Contains(a.body, "Northwind") {
			t.Error(a.body)
		}
	}
}

// A password that is kept does not follow a server to an address where it was never sent.
func TestPasswordsStayWhereTheyWereSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []string{`{"connection":{"url":"https://mine.example:9419"}}`, `{"connection":{"insecure":true}}`} {
		if a := w.want(http.StatusBadRequest, request{method: "PATCH", path: "/servers/1", body: body, role: access.PortalOperator}); !strings.Contains(a.body, "connection.password") {
			t.Error(a.body)
		}
	}
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"connection":{"url":"https://vbr01.example:9419","password":"given again"}}`})
	n := access.NewToken{Name: "t", User: 1, Scopes: []access.Action{access.Read, access.ManageServers}, Company: 2, ExpiresAt: w.clock.Now().Add(time.Hour)}
	_, narrowed, err := w.access.AddToken(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	w.want(http.StatusForbidden, request{method: "PATCH", path: "/servers/1", body: `{"connection":{"url":"https://mine.example","password":"x"}}`, token: narrowed})
}

// What was read of a server before it was a company's is not shown to it, nor is where it is reached.
func TestHistoryBeforeItWasTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	holds := []alarm.Condition{{Template: alarm.ServerConnection, Status: alarm.StatusError, Message: "VBR01 cannot be read (unreachable): no route"}}
	if err := w.store.Settle(t.Context(), 1, []alarm.TemplateID{alarm.ServerConnection}, holds, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	id := must[[]alarm.Event](t)(w.store.EventsOf(t.Context(), 1))[0].ID
	w.want(http.StatusOK, request{method: "POST", path: fmt.Sprint("/alarms/", id, "/acknowledge"), body: `{"reason":"told Anna of the former one"}`})
	w.clock.Set(october.Add(50 * time.Minute))
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"company":3}`})
	w.clock.Set(october.Add(2 * time.Hour))
	must[ledger.Receipt](t)(w.ledger.AppendGap(t.Context(), 1, usage.Gap{At: october.Add(90 * time.Minute), Reason: usage.GapTimeout, Text: "secret-host took too long"}))
	token := must[access.Pair](t)(w.access.Login(t.Context(), string(access.CompanyReadonly), password, "127.0.0.1")).Access
	a := w.want(http.StatusOK, request{method: "GET", path: "/servers/1/readings", token: token})
	if got := in[page[struct{ TakenAt string }]](t, a).Items; len(got) != 1 || strings.Contains(a.body, "secret-host") || strings.Contains(a.body, "no route") {
		t.Error(a.body)
	}
	if a := w.want(http.StatusOK, request{method: "GET", path: "/servers/1", token: token}); strings.Contains(a.body, "secret-host") {
		t.Error(a.body)
	}
	provider := must[access.Pair](t)(w.access.Login(t.Context(), string(access.PortalReadonly), password, "127.0.0.1")).Access
	for _, path := range []string{"/alarms", fmt.Sprint("/alarms/", id), fmt.Sprint("/alarms/", id, "/history")} {
		a := w.want(http.StatusOK, request{method: "GET", path: path, token: token})
		if strings.Contains(a.body, "Anna") || !strings.Contains(path, "history") && !strings.Contains(a.body, "VBR01") {
			t.Errorf("%s: %s", path, a.body)
		}
		if a := w.want(http.StatusOK, request{method: "GET", path: path, token: provider}); !strings.Contains(a.body, "told Anna of the former one") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// Where a server is reached, and with which account, is told to no account of its company, in whatever says why it is not read.
func TestWordsOfGapsAreTheProviders(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	three := e.caller(t, "company 3").secret
	two := e.grant(t, "company 2", e.user(t, string(access.PortalAdministrator)), access.NewToken{Scopes: []access.Action{access.Read, access.ManageServers}, Company: 2}).secret
	e.console.found = api.Finding{Failed: &api.Failure{Reason: usage.GapRefused, Text: "their-address refuses the log-in"}}
	for _, q := range []request{
		{method: "GET", path: "/companies/3/usage/backupServer?at=2026-10-21T00:00:00Z"},
		{method: "GET", path: "/companies/3/usage/backupServer?explain=true&at=2026-10-21T00:00:00Z"},
		{method: "GET", path: "/alarms?open=true"},
		{method: "POST", path: "/servers/1/test"},
		{method: "POST", path: "/servers/1/collect"},
	} {
		if got := e.want(http.StatusOK, q); !strings.Contains(got.body, "their-address") {
			t.Errorf("%s does not tell the provider: %s", q.path, got.body)
		}
		if q.token = three; strings.HasPrefix(q.path, "/servers/1/") {
			q.token = two
		}
		if got := e.want(http.StatusOK, q); strings.Contains(got.body, "their-address") || !strings.Contains(got.body, "unreachable") && !strings.Contains(got.body, "login-refused") {
			t.Errorf("%s: %s", q.path, got.body)
		}
	}
}

// All tokens of a user have one allowance.
func TestTokensShareAnAllowance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	left := ""
	for i := range 3 {
		_, secret, err := w.access.AddToken(t.Context(), access.NewToken{Name: fmt.Sprint(i), User: 1, Scopes: []access.Action{access.Read}, ExpiresAt: w.clock.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		got := w.want(http.StatusOK, request{method: "GET", path: "/me", token: secret}).header.Get("Ratelimit")
		if got == left {
			t.Errorf("another token has %s left, too", got)
		}
		left = got
	}
}

// A push that is refused line after line comes to an end.
func TestPushOfRubbishEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.surface.PushLimits.Refused = 5
	lines := w.push(request{body: strings.Repeat("{}\n", 1000)})
	if last := lines[len(lines)-1]; len(lines) != 6 || !strings.Contains(*last.Detail, "5 lines were refused") {
		t.Errorf("%d lines: %+v", len(lines), lines)
	}
}

// The tag of what was just made opens its first change: the first reading tells the installation id of a server, and the secret of a
// token is told once alone.
func TestTagOfWhatIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	with := func(a answered) http.Header { return http.Header{"If-Match": {a.header.Get("Etag")}} }
	made := w.want(http.StatusCreated, request{method: "POST", path: "/servers", body: `{"name":"VBR09","company":2,"connection":{"url":"https://vbr09","username":"tally","password":"x"}}`})
	id := in[struct{ ID int64 }](t, made).ID
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), usage.ServerID(id), false, vbrReading("c0de0000-0000-4000-8000-000000000009", "web", 5, w.clock.Now())))
	w.want(http.StatusOK, request{method: "PATCH", path: fmt.Sprintf("/servers/%d", id), body: `{"domain":"em.example"}`, header: with(made)})
	made = w.want(http.StatusCreated, request{method: "POST", path: "/tokens", body: `{"name":"script","scopes":["read"],"expiresAt":"2026-12-01T00:00:00Z"}`})
	w.want(http.StatusNoContent, request{method: "DELETE", path: "/tokens/1", header: with(made)})
}

// What is noted of a try is not the request: where that failed, the same key tries again, and is not told that it was done.
func TestKeyOfATriedRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusCreated, request{method: "POST", path: "/credentials", body: `{"name":"set","username":"tally","password":"x","hosts":["vbr08","vbr09"]}`})
	w.want(http.StatusCreated, request{method: "POST", path: "/servers", body: `{"name":"VBR09","company":2,"connection":{"url":"https://vbr09","credential":1}}`})
	w.console.err = fault.New(fault.Conflict, "the server refuses the log-in")
	rotate := request{method: "PATCH", path: "/credentials/1", body: `{"password":"y","testAt":4}`, header: http.Header{"Idempotency-Key": {"rotate-1"}}}
	test := request{method: "POST", path: "/servers/test", body: `{"company":2,"connection":{"url":"https://vbr08","credential":1}}`, header: http.Header{"Idempotency-Key": {"test-1"}}}
	for _, q := range []request{rotate, test} {
		first := w.do(q)
		if again := w.do(q); first.status < 400 || again.status != first.status || strings.Contains(again.body, "was done") {
			t.Errorf("%s: %d %s, and then %d %s", q.path, first.status, first.body, again.status, again.body)
		}
	}
	w.console.err = nil
	w.want(http.StatusOK, rotate)
}

// The document names every role and scope that there is.
func TestWordsOfTheDocument(t *testing.T) {
	t.Parallel()
	text := string(must[[]byte](t)(os.ReadFile("openapi.yaml")))
	for _, action := range access.Actions() {
		if line := lineOf(text, "    Scope: "); !strings.Contains(line, string(action)) {
			t.Errorf("the scope %s is not in %s", action, line)
		}
	}
	for _, role := range access.Roles() {
		if line := lineOf(text, "    Role: "); !strings.Contains(line, string(role)) {
			t.Errorf("the role %s is not in %s", role, line)
		}
	}
}

func lineOf(text, begin string) string {
	_, rest, _ := strings.Cut(text, "\n"+begin)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}
