package v1_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/once"
)

// A change goes through with the tag that a thing has, and with no other (RFC 9110 §13.1.1).
func TestIfMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ path, change, other string }{
		{"/companies/2", `{"taxId":"%d"}`, `{"taxId":"other"}`},
		{"/servers/1", `{"name":"VBR %d"}`, `{"name":"other"}`},
		{"/settings", `{"licensees":["Provider %d"]}`, `{"licensees":["other"]}`},
	} {
		tag := w.get(c.path).header.Get("Etag")
		w.want(http.StatusOK, request{method: "PATCH", path: c.path, body: c.other})
		now := w.get(c.path).header.Get("Etag")
		if tag == now {
			t.Fatalf("%s has the tag that it had", c.path)
		}
		for i, h := range []struct {
			header []string
			want   int
		}{
			{[]string{tag}, http.StatusPreconditionFailed},
			{[]string{"W/" + now}, http.StatusPreconditionFailed}, // a weak one never matches
			{[]string{strings.Trim(now, `"`)}, http.StatusPreconditionFailed},
			{[]string{`"a", "b"`, tag}, http.StatusPreconditionFailed},
			{[]string{""}, http.StatusPreconditionFailed},
			{[]string{"*"}, http.StatusOK},
			{nil, http.StatusOK},
		} {
			q := request{method: "PATCH", path: c.path, body: fmt.Sprintf(c.change, i), header: http.Header{"If-Match": h.header}}
			got := w.want(h.want, q)
			if h.want == http.StatusOK {
				now = got.header.Get("Etag")
			}
			if is := w.get(c.path).header.Get("Etag"); is != now {
				t.Errorf("%s with %q: %s, want %s", c.path, h.header, is, now)
			}
		}
		w.want(http.StatusOK, request{method: "PATCH", path: c.path, body: fmt.Sprintf(c.change, 99), header: http.Header{"If-Match": {`"a", "b"`, `"c", ` + now}}})
	}
}

// Of two who change what they both read, the second one is told.
func TestOptimisticConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tag := w.get("/companies/2").header.Get("Etag")
	var wg sync.WaitGroup
	var statuses [8]int
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = w.do(request{method: "PATCH", path: "/companies/2", body: fmt.Sprintf(`{"taxId":"%d"}`, i), header: http.Header{"If-Match": {tag}}}).status
		})
	}
	wg.Wait()
	slices.Sort(statuses[:])
	if statuses[0] != http.StatusOK || statuses[1] != http.StatusPreconditionFailed || statuses[7] != http.StatusPreconditionFailed {
		t.Errorf("%v", statuses)
	}
}

func keyed(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }

// The same request with its key is answered as it was, byte for byte; another one with it is refused.
func TestKeyIsAnsweredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := request{method: "POST", path: "/companies", body: `{"name":"Fabrikam"}`, header: keyed("k")}
	first := w.want(http.StatusCreated, add)
	if first.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first answer says that it is none")
	}
	w.clock.Add(time.Minute)
	w.want(http.StatusOK, request{method: "PATCH", path: "/companies/4", body: `{"name":"Renamed"}`})
	again := w.want(http.StatusCreated, add)
	if again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != first.header.Get("Location") ||
		again.header.Get("Etag") != first.header.Get("Etag") || again.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("%v\n%v\n%s\n%s", first.header, again.header, first.body, again.body)
	}
	for _, other := range []request{
		{method: "POST", path: "/companies", body: `{"name":"Fabrikam" }`, header: keyed("k")},
		{method: "PATCH", path: "/companies/4", body: `{"name":"Fabrikam"}`, header: keyed("k")},
	} {
		w.want(http.StatusUnprocessableEntity, other)
	}
	add.role = access.PortalOperator // another user's key is another one, and the name is free by now
	if other := w.want(http.StatusCreated, add); other.body == first.body || other.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("%v %s", other.header, other.body)
	}
	w.want(http.StatusNoContent, request{method: "DELETE", path: "/companies/4", header: keyed("d")})
	if got := w.want(http.StatusNoContent, request{method: "DELETE", path: "/companies/4", header: keyed("d")}); got.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v", got.header)
	}
	w.want(http.StatusNotFound, request{method: "DELETE", path: "/companies/4"})
}

// A key is free again after a request that failed, and refused where it is none.
func TestKeyOfAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusBadRequest, request{method: "POST", path: "/companies", body: `{"name":""}`, header: keyed("k")})
	w.want(http.StatusConflict, request{method: "POST", path: "/companies", body: `{"name":"northwind"}`, header: keyed("k")})
	w.want(http.StatusPreconditionFailed, request{method: "PATCH", path: "/companies/2", body: `{"name":"x"}`, header: http.Header{"Idempotency-Key": {"k"}, "If-Match": {`"x"`}}})
	w.want(http.StatusCreated, request{method: "POST", path: "/companies", body: `{"name":"Fabrikam"}`, header: keyed("k")})
	for _, bad := range []string{strings.Repeat("x", once.KeyMax+1), "ö", "a\x01"} {
		w.want(http.StatusBadRequest, request{method: "POST", path: "/companies", body: `{"name":"Other"}`, header: keyed(bad)})
	}
	w.want(http.StatusOK, request{method: "GET", path: "/companies", header: keyed("ö")}) // nothing is done by it
}

// However many come at once, it is done once, and each is answered with that.
func TestKeyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	var got [8]answered
	for i := range got {
		wg.Go(func() {
			got[i] = w.do(request{method: "POST", path: "/companies", body: `{"name":"Fabrikam"}`, header: keyed("k")})
		})
	}
	wg.Wait()
	made := 0
	for _, a := range got {
		switch {
		case a.status == http.StatusCreated && a.header.Get("Idempotency-Replayed") == "":
			made++
		case a.status == http.StatusCreated, a.status == http.StatusConflict && strings.Contains(a.body, "key"):
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if items := in[page[any]](t, w.get("/companies")).Items; made != 1 || len(items) != 3 {
		t.Errorf("made %d times, there are %d companies", made, len(items))
	}
}

// A secret is not kept, so that it is given once.
func TestSecretIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := request{method: "POST", path: "/tokens", body: `{"name":"script","scopes":["read"],"expiresAt":"2026-12-01T00:00:00Z"}`, header: keyed("k")}
	secret := in[struct{ Secret string }](t, w.want(http.StatusCreated, q)).Secret
	if got := w.want(http.StatusConflict, q); strings.Contains(got.body, secret) {
		t.Error(got.body)
	}
	if text := w.get("/tokens").body; strings.Contains(text, secret) || strings.Count(text, `"script"`) != 1 {
		t.Error(text)
	}
	kept, err := w.store.Recall(t.Context(), 1, "k")
	if err != nil && !fault.Is(err, fault.NotFound) || strings.Contains(string(kept.Answer.Body), secret) {
		t.Errorf("%s %v", kept.Answer.Body, err)
	}
}

// Requests are counted down, and who asks for too many is told when to come back; others are served.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	left := func(a answered) int {
		t.Helper()
		_, text, _ := strings.Cut(a.header.Get("Ratelimit"), "r=")
		text, _, _ = strings.Cut(text, ";")
		return must[int](t)(strconv.Atoi(text))
	}
	first := w.get("/me")
	if got := first.header.Get("Ratelimit-Policy"); got != `"default";q=500;w=10` {
		t.Error(got)
	}
	for n := left(first) - 1; n >= 0; n-- {
		if got := left(w.get("/me")); got != n {
			t.Fatalf("%d are left, want %d", got, n)
		}
	}
	refused := w.want(http.StatusTooManyRequests, request{method: "GET", path: "/me"})
	if got := refused.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	if got := refused.header.Get("Ratelimit"); got != `"default";r=0;t=10` {
		t.Errorf("RateLimit %q", got)
	}
	w.want(http.StatusTooManyRequests, request{method: "POST", path: "/companies", body: `{"name":"Fabrikam"}`})
	w.want(http.StatusOK, request{method: "GET", path: "/me", role: access.PortalReadonly})
	w.clock.Add(time.Second)
	for range 50 {
		w.get("/me")
	}
	w.want(http.StatusTooManyRequests, request{method: "GET", path: "/me"})
	w.clock.Add(time.Minute)
	if got := left(w.get("/me")); got != 499 {
		t.Errorf("%d are left", got)
	}
}

// Whatever an answer is, it says how many requests are left: where it refuses, too, is a 304 or streams.
func TestRateLimitIsAlwaysTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tag := w.get("/companies/2").header.Get("Etag")
	for left, c := range []struct {
		status int
		request
	}{
		{http.StatusNotModified, request{method: "GET", path: "/companies/2", header: http.Header{"If-None-Match": {tag}}}},
		{http.StatusBadRequest, request{method: "GET", path: "/companies?nonsense=1"}},
		{http.StatusNotFound, request{method: "GET", path: "/companies/99"}},
		{http.StatusConflict, request{method: "POST", path: "/companies", body: `{"name":"northwind"}`}},
		{http.StatusPreconditionFailed, request{method: "PATCH", path: "/companies/2", body: `{}`, header: http.Header{"If-Match": {`"x"`}}}},
		{http.StatusUnsupportedMediaType, request{method: "PATCH", path: "/companies/2", body: `{}`, header: http.Header{"Content-Type": {"text/html"}}}},
		{http.StatusNotAcceptable, request{method: "GET", path: "/companies", header: http.Header{"Accept": {"image/png"}}}},
		{http.StatusOK, request{method: "GET", path: "/companies", header: http.Header{"Accept": {"text/csv"}}}},
		{http.StatusNoContent, request{method: "DELETE", path: "/servers/2"}},
	} {
		got := w.want(c.status, c.request)
		if want := fmt.Sprintf(`"default";r=%d;t=0`, 498-left); got.header.Get("Ratelimit") != want || got.header.Get("Ratelimit-Policy") != `"default";q=500;w=10` {
			t.Errorf("%s %s: %d with %q, want %q", c.method, c.path, c.status, got.header.Get("Ratelimit"), want)
		}
	}
	// What is refused before it is counted says so, too; whom nobody knows has no limit.
	if got := w.want(http.StatusRequestEntityTooLarge, request{method: "POST", path: "/companies", body: strings.Repeat(" ", 2<<20)}); got.header.Get("Ratelimit") == "" {
		t.Errorf("%v", got.header)
	}
	if got := w.want(http.StatusUnauthorized, request{method: "GET", path: "/me", token: "nobody"}); got.header.Get("Ratelimit") != "" {
		t.Errorf("%v", got.header)
	}
}

// effect is a write, and where it is seen.
type effect struct {
	operation          string
	method, path, body string
	status             int
	seen, text         string // a path, and what its answer has then; empty: the answer of the write has it
	trail              string // the subject of the newest entry of the audit trail; empty: nothing is changed
}

// effects are writes one after the other, in a world in which October is over.
var effects = []effect{
	{"addCompany", "POST", "/companies", `{"name":"Fabrikam","tenants":[{"server":0,"name":"fab-cc"}]}`, 201, "/companies/4", `"fab-cc"`, "company 4"},
	{"editCompany", "PATCH", "/companies/4", `{"taxId":"DE 1","contact":{"city":"Köln"}}`, 200, "/companies/4", `"city":"Köln"`, "company 4"},
	{"removeCompany", "DELETE", "/companies/4", "", 204, "/companies/4", `"removedAt":"2026-11-03T08:00:00Z"`, "company 4"},
	{"addServer", "POST", "/servers", `{"name":"VBR04","company":2,"installationId":"c0de0000-0000-4000-8000-0000000000ab"}`, 201, "/servers/4", `"VBR04"`, "server 4"},
	{"editServer", "PATCH", "/servers/4", `{"name":"VBR4"}`, 200, "/servers/4", `"VBR4"`, "server 4"},
	{"removeServer", "DELETE", "/servers/4", "", 204, "/servers/4", `"removedAt":"2026-11-03T08:00:00Z"`, "server 4"},
	{"importCompanies", "POST", "/companies/import", "name,tag.segment\nImported,gold\n", 200, "/companies/5", `"tags":{"segment":"gold"}`, "company 5"},
	{"importServers", "POST", "/servers/import", "name,company,installationId\nVBR05,2,c0de0000-0000-4000-8000-0000000000ac\n", 200, "/servers/5", `"VBR05"`, "server 5"},
	{"addCredential", "POST", "/credentials", `{"name":"set","username":"u","password":"p"}`, 201, "/credentials/1", `"set"`, "credential set 1"},
	{"editCredential", "PATCH", "/credentials/1", `{"password":"other","username":"u2"}`, 200, "/credentials/1", `"u2"`, "credential set 1"},
	{"removeCredential", "DELETE", "/credentials/1", "", 204, "/credentials", `"items":[]`, "credential set 1"},
	{"collectAll", "POST", "/collect", "", 200, "", "", ""},
	{"compareMonth", "POST", "/statements/2026-10/compare", `{"file":"x"}`, 200, "", `"month":"2026-10"`, ""},
	{"testConnection", "POST", "/servers/test", `{"connection":{"url":"https://vbr05:9419","username":"u","password":"p"}}`, 200, "", `"https://vbr05:9419"`, ""},
	{"testServer", "POST", "/servers/1/test", "", 200, "", `"https://vbr01:9419"`, ""},
	{"collectServer", "POST", "/servers/1/collect", "", 200, "", `"no route to their-address"`, ""},
	{"pushSnapshots", "POST", "/snapshots", pushText, 200, "/servers/2/readings?from=2026-11-01T00:00:00Z", `"takenAt":"2026-11-02T00:00:00Z"`, ""},
	{"correctEntry", "POST", "/entries/{entry}/revoke", `{"reason":"of a test"}`, 200, "/servers/2/readings?from=2026-10-01T00:00:00Z", `"reason":"of a test"`, ""},
	{"acknowledgeAlarm", "POST", "/alarms/1/acknowledge", `{"reason":"known"}`, 200, "/alarms/1", `"remark":"known"`, "alarm 1"},
	{"resolveAlarm", "POST", "/alarms/1/resolve", `{"reason":"done"}`, 200, "/alarms/1/history", `"remark":"done"`, "alarm 1"},
	{"draftMonth", "POST", "/statements/2026-10/draft", "", 200, "/statements/2026-10", `"drafts":4`, "statement 2026-10 of company 4"},
	{"draftStatement", "POST", "/companies/2/statements/2026-10/draft", "", 200, "/companies/2/statements/2026-10", `"state":"draft"`, ""},
	{"adjustStatement", "POST", "/companies/2/statements/2026-10/adjustments", `{"resource":"backupServer","type":"VBR_vSphere_VM","count":1,"reason":"a gift"}`, 200, "/companies/2/statements/2026-10", `"a gift"`, "statement 2026-10 of company 2"},
	{"withdrawAdjustment", "POST", "/companies/2/statements/2026-10/adjustments/1/withdraw", `{"reason":"no gift"}`, 200, "/companies/2/statements/2026-10", `"adjustments":[]`, "statement 2026-10 of company 2"},
	{"approveStatement", "POST", "/companies/2/statements/2026-10/approve", `{"reasons":{"*":"so be it"}}`, 200, "/companies/2/statements/2026-10", `"state":"approved"`, "statement 2026-10 of company 2"},
	{"reopenStatement", "POST", "/companies/2/statements/2026-10/reopen", `{"reason":"again"}`, 200, "/companies/2/statements/2026-10", `"state":"draft"`, "statement 2026-10 of company 2"},
	{"approveMonth", "POST", "/statements/2026-10/approve", `{"reasons":{"*":"so be it"}}`, 200, "/statements/2026-10", `"approved":4`, "statement 2026-10 of company 4"},
	{"finaliseStatement", "POST", "/companies/2/statements/2026-10/finalise", "", 200, "/companies/2/statements/2026-10", `"state":"final"`, "statement 2026-10 of company 2"},
	{"finaliseMonth", "POST", "/statements/2026-10/finalise", "", 200, "/statements/2026-10", `"final":4`, "statement 2026-10 of company 4"},
	{"supersedeStatement", "POST", "/companies/2/statements/2026-10/supersede", `{"reason":"a gift","toAdjust":true}`, 200, "/companies/2/statements/2026-10", `"number":2`, "statement 2026-10 of company 2"},
	{"setOwnCatalog", "PUT", "/catalog/own", ownRows, 200, "/catalog/own", "Own_Backup", "policy"},
	{"editSettings", "PATCH", "/settings", `{"zone":"Europe/Berlin"}`, 200, "/settings", "Europe/Berlin", "policy"},
	{"addPlan", "POST", "/plans", `{"name":"Gold","currency":"EUR","tax":"VAT"}`, 201, "/plans/1", `"Gold"`, "subscription plan 1"},
	{"editPlan", "PATCH", "/plans/1", `{"name":"Silver"}`, 200, "/plans/1", `"Silver"`, "subscription plan 1"},
	{"removePlan", "DELETE", "/plans/1", "", 204, "/plans", `"next":null`, "subscription plan 1"},
	{"addUser", "POST", "/users", `{"name":"jo","role":"portal-readonly","password":"correct horse battery"}`, 201, "/users/6", `"jo"`, "user 6"},
	{"editUser", "PATCH", "/users/6", `{"enabled":false}`, 200, "/users/6", `"enabled":false`, "user 6"},
	{"endSession", "DELETE", "/users/3/sessions/{session}", "", 204, "/users/3/sessions", `"items":[]`, "user 3"},
	{"endSessions", "DELETE", "/users/4/sessions", "", 200, "/users/4/sessions", `"items":[]`, "user 4"},
	{"addToken", "POST", "/tokens", `{"name":"script","scopes":["read"],"expiresAt":"2026-12-01T00:00:00Z"}`, 201, "/tokens/1", `"script"`, "token 1"},
	{"revokeToken", "DELETE", "/tokens/1", "", 204, "/tokens/1", `"revokedAt":"2026-11-03T08:00:00Z"`, "token 1"},
}

const ownRows = "type  Own_Backup  -  object  OwnAlias\nweight  Own_Backup  Instances  *  0.5  2026-12  a mail\n"

var pushText = line(vbrReading(vbr02, "db", 3, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)))

// Every write does what it is for, once whatever is asked twice, and the trail says who did it, and by which way.
func TestEffects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Set(november)
	for _, role := range access.Roles() {
		w.tokens[role] = must[access.Pair](t)(w.access.Login(t.Context(), string(role), password, "127.0.0.1")).Access
	}
	for _, o := range specOf(t).all {
		if !o.reads() && !slices.ContainsFunc(effects, func(v effect) bool { return v.operation == o.ID }) {
			t.Errorf("nothing shows what %s does", o.ID)
		}
	}
	type change struct {
		ID                          int64
		Actor, Via, Subject, Action string
	}
	newest := func() change {
		t.Helper()
		items := in[page[change]](t, w.get("/audit?limit=1")).Items
		if len(items) == 0 {
			return change{}
		}
		return items[0]
	}
	session := in[page[struct{ ID string }]](t, w.get("/users/3/sessions")).Items
	entry := in[page[struct{ Entry int64 }]](t, w.get("/servers/2/readings?from=2026-10-01T00:00:00Z")).Items
	for i, v := range effects {
		before := newest()
		q := request{method: v.method, path: strings.NewReplacer("{session}", session[0].ID, "{entry}", fmt.Sprint(entry[0].Entry)).Replace(v.path), body: v.body, header: keyed(fmt.Sprint("key ", i))}
		if strings.HasPrefix(v.body, "name,") {
			q.header.Set("Content-Type", "text/csv")
		}
		done := w.want(v.status, q)
		if v.seen != "" {
			done = w.get(v.seen)
		}
		if !strings.Contains(done.body, v.text) {
			t.Errorf("%s: %s has no %s", v.operation, done.body, v.text)
		}
		is := newest()
		switch {
		case v.trail == "" && is != before:
			t.Errorf("%s: the trail has %+v", v.operation, is)
		case v.trail != "" && (is.Subject != v.trail || is.Actor != "portal-administrator" || is.Via != "v1" || is.ID == before.ID):
			t.Errorf("%s: the trail has %+v, want %s", v.operation, is, v.trail)
		}
		if e := w.do(q); e.status >= 400 && e.status != http.StatusConflict && v.operation != "pushSnapshots" {
			t.Errorf("%s, asked again: %d %s", v.operation, e.status, e.body)
		}
		if again := newest(); again != is {
			t.Errorf("%s, asked again, leaves %+v", v.operation, again)
		}
	}
}

// line is a reading as a push has it.
func line(s usage.Snapshot) string { return string(s.Canonical()) }

// Of settings that are given together, one that is wrong keeps the other one out.
func TestSettingsAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.get("/settings").body
	for _, body := range []string{`{"zone":"Europe/Berlin","licensees":["a\nb"]}`, `{"zone":"Nowhere","licensees":["Provider"]}`} {
		w.want(http.StatusBadRequest, request{method: "PATCH", path: "/settings", body: body})
		if is := w.get("/settings").body; is != before {
			t.Errorf("%s: %s", body, is)
		}
	}
	both := w.want(http.StatusBadRequest, request{method: "PATCH", path: "/settings", body: `{"zone":"Nowhere","licensees":["a\nb"]}`})
	if !strings.Contains(both.body, `"zone"`) || !strings.Contains(both.body, `"licensees"`) {
		t.Error(both.body)
	}
	if got := w.want(http.StatusOK, request{method: "PATCH", path: "/settings", body: `{"zone":"Europe/Berlin","licensees":["Provider"]}`}); !strings.Contains(got.body, "Berlin") || !strings.Contains(got.body, "Provider") {
		t.Error(got.body)
	}
}
