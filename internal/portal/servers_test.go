package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

const shown = "abababababababababababababababababababababababababababababababab"

// Servers are listed with how it goes with reading them; a company's people see their own, and not where they are.
func TestServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.get("/servers")
	w.has(list, "VBR01", "VBR02", "read lately", "Northwind", "31 days", "sends its readings itself", `href="/servers/1"`)
	w.lacks(w.get("/servers?search=north"), "VBR02")
	w.has(w.get("/servers?state=old"), "No server fits.")
	w.send(http.StatusSeeOther, admin, "/servers/pushed", "company", "2", "name", "quiet", "installation-id", "c0de0000-0000-4000-8000-000000000003", "every", "3600")
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 3, false, reading("c0de0000-0000-4000-8000-000000000003", "q", 1, october.Add(-4*time.Hour))))
	old := w.get("/servers?state=old")
	w.has(old, "quiet", "too old")
	w.lacks(old, "VBR01")
	own := w.want(http.StatusOK, request{path: "/servers", role: theirs})
	w.has(own, "VBR02")
	w.lacks(own, "VBR01", "Northwind", ">Address<", "Add a server")
	foreign, absent := w.want(http.StatusNotFound, request{path: "/servers/1", role: theirs}), w.want(http.StatusNotFound, request{path: "/servers/7", role: theirs})
	if strings.ReplaceAll(foreign.body, "&#34;1&#34;", "&#34;7&#34;") != absent.body {
		t.Error("one can tell that there is a server 1")
	}
	w.want(http.StatusNotFound, request{path: "/companies/2/servers", role: theirs})
	w.want(http.StatusNotFound, request{path: "/servers/name:VBR01"})
}

// The people of a company are led from its figure to its own servers, and to no others.
func TestOwnServersAreLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cloud := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "cloud", Shared: true, Product: usage.ProductCloudConnect, InstallationID: "cc"}))
	must[fleet.Company](t)(w.fleet.EditCompany(t.Context(), 3, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: "third"}}}))
	s := reading("cc", "pc", 2, october.Add(-time.Hour))
	s.Product = usage.ProductCloudConnect
	for i := range s.Workloads {
		s.Workloads[i].Type, s.Workloads[i].Tenant = "CC_VM_Backup", "third"
	}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), cloud.ID, false, s))
	w.clock.Add(time.Minute)
	for _, role := range []access.Role{access.CompanyAdministrator, access.CompanyReadonly} {
		for _, path := range []string{"/companies/3", "/companies/3/why?unit=Instances&state=used", "/companies/3/changes", "/alarms", "/alarms/2", "/workloads?search=db0001", "/workloads/life?server=2&id=" + url.QueryEscape("<i>db0001")} {
			a := w.want(http.StatusOK, request{path: path, role: role})
			w.has(a, `href="/servers/2`)
			w.lacks(a, `href="/servers/3`)
		}
		w.has(w.want(http.StatusOK, request{path: "/companies/3", role: role}), "cloud")
		w.want(http.StatusOK, request{path: "/servers/2", role: role})
		w.want(http.StatusNotFound, request{path: "/servers/3", role: role})
	}
}

// A server is tested on the way: nothing is sent before its certificate is confirmed, and what is typed is kept but for the password.
func TestAddServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	typed := []string{"company", "2", "url", "vbr09.example.com", "username", "svc", "password", "wrong", "every", "3600", "product", "vbr"}
	test := func(more ...string) answered {
		return w.send(http.StatusOK, admin, "/servers/new", append(append([]string{"do", "test"}, typed...), more...)...)
	}
	first := test()
	w.has(first, "Compare the fingerprint", `name="fingerprint" value="`+shown+`"`, `value="vbr09.example.com"`, `<option value="2" selected>`, `<option value="3600" selected>`)
	w.lacks(first, `value="wrong"`, "It works")
	refused := test("fingerprint", shown)
	w.has(refused, "it refuses the account", `value="`+shown+`" checked`)
	w.lacks(refused, `value="wrong"`)
	typed[7] = "right"
	works := test("fingerprint", shown)
	w.has(works, "It works", "12.3.1", "counted twice", `href="/servers/1"`)
	part := w.want(http.StatusOK, request{method: http.MethodPost, path: "/servers/new", header: http.Header{"Hx-Request": {"true"}}, form: url.Values{"do": {"test"}, "url": {"http://x"}}})
	w.has(part, "must be https", `href="#server-url"`)
	w.lacks(part, "<html", "<h1", `name="password"`)
	wrong := w.send(http.StatusUnprocessableEntity, admin, "/servers/new", "do", "add", "url", "vbr09.example.com", "username", "svc")
	w.has(wrong, `value="vbr09.example.com"`, `id="server-password-wrong"`, `id="server-company-wrong"`)
	w.lacks(wrong, "--", "standard input")

	unsure := w.send(http.StatusUnprocessableEntity, admin, "/servers/new", append([]string{"do", "add"}, typed...)...)
	w.begins(unsure, "server-fingerprint", "server-fingerprint")
	w.has(unsure, "confirm the certificate first", shown, `type="checkbox"`)
	added := w.send(http.StatusSeeOther, access.PortalOperator, "/servers/new", append([]string{"do", "add", "fingerprint", shown}, typed...)...)
	if to := added.header.Get("Location"); to != "/servers/3?told=added-not-read" {
		t.Errorf("sent to %q", to)
	}
	page := w.get("/servers/3?told=added-not-read")
	w.has(page, "vbr09.example.com", "no route to 192.0.2.7", "it cannot be reached", shown, "svc", "1 failed", "✕", "Read now")
	w.lacks(page, "right")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/servers/new", append([]string{"do", "add", "fingerprint", shown}, typed...)...), "is taken by server 3")
	if to := w.send(http.StatusSeeOther, admin, "/servers/pushed", "company", "shared", "name", "cloud", "installation-id", "c0de0000-0000-4000-8000-000000000009", "product", "cloudConnect", "every", "86400").header.Get("Location"); to != "/servers/4?told=added-pushed" {
		t.Errorf("sent to %q", to)
	}
	w.has(w.get("/servers/4"), "Shared by companies", "never read", "1 day")
	w.want(http.StatusConflict, request{method: http.MethodPost, path: "/servers/4/read"})
}

// Days before a server was added are no days without a reading, in its calendar as in its company's figures; and what was never read says so.
func TestServerThatWasNotThereYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := 24 * time.Hour
	w.clock.Add(5 * day) // the 25th
	late := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "LATE", Company: 2, InstallationID: "late", Interval: day}))
	company := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Contoso"}))
	only := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "ONLY", Company: company.ID, InstallationID: "only", Interval: day}))
	must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "NEVER", Company: 3, InstallationID: "never"}))
	w.clock.Add(2 * day) // the 27th
	for _, s := range []fleet.Server{late, only} {
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), s.ID, false, reading(s.InstallationID, "vm", 2, w.clock.Now())))
	}
	w.clock.Add(time.Hour)
	never := w.get("/servers/5")
	w.has(never, "Nothing has been read yet, so there is nothing to compare.")
	w.lacks(never, "They have agreed")
	october := regexp.MustCompile(`(?s)<th scope="row">October 2026</th>(.*?)</tr>`)
	cells := regexp.MustCompile(`<td class="[^"]*">(?:<a[^>]*><span[^>]*>)?([^<]*)<`)
	marks := ""
	for _, cell := range cells.FindAllStringSubmatch(october.FindStringSubmatch(w.get("/servers/4").body)[1], -1) {
		marks += cell[1]
	}
	if want := strings.Repeat("·", 24) + "––1"; marks != want {
		t.Errorf("the calendar shows %s, want %s", marks, want)
	}
	row := func(path, day string) string {
		found := regexp.MustCompile(`(?s)<tr data-t="[^"]*" data-v="[^"]*"[^>]*><th scope="row"><a href="[^"]*">` + day + `(?:, so far)?</a></th>.*?</tr>`).FindString(w.get(path).body)
		if found == "" {
			t.Fatalf("%s has no row of %s", path, day)
		}
		return found
	}
	for _, c := range []struct {
		path, day, has, lacks string
	}{
		{"/companies/4/trend", "2026-10-24", "not there yet", "not known"},
		{"/companies/4/trend", "2026-10-26", "not known", "not there yet"},
		{"/companies/4/trend", "2026-10-27", ">complete<", "not known"},
		{"/companies/2/trend", "2026-10-24", "before a server was added", "data-part"},
		{"/companies/2/trend", "2026-10-26", "incomplete", "before a server was added"},
		{"/companies/2/trend", "2026-10-26", "data-part", "before a server was added"},
	} {
		if got := row(c.path, c.day); !strings.Contains(got, c.has) || strings.Contains(got, c.lacks) {
			t.Errorf("%s, %s: %s", c.path, c.day, got)
		}
	}
	w.has(w.get("/companies/4/trend"), "nothing had been read, and nothing is known", "Before 2026-10-25 no server was there yet.")
	w.has(w.get("/companies/2?day=2026-10-24"), "before a server was added", "not there yet")
	w.has(w.get("/companies/4/why?unit=Instances&state=used&day=2026-10-24"), `<p class="big">not there yet</p>`)
	w.has(w.get("/companies/4/why?unit=Instances&state=used&day=2026-10-26"), `<p class="big">unknown</p>`)
	w.lacks(w.get("/companies/2?day=2026-10-24"), "never read", "incomplete")
	w.has(w.get("/companies/2?day=2026-10-26"), "1 server was never read", "incomplete")
	w.has(w.get("/companies/4?day=2026-10-24"), "The company had no server here yet.")
	moved := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Moved"})).ID
	must[fleet.Server](t)(w.fleet.EditServer(t.Context(), only.ID, fleet.ServerEdit{Company: &moved, From: w.clock.Now().Add(-time.Minute)}))
	if got := row("/companies/5/trend", "2026-10-26"); moved != 5 || !strings.Contains(got, "not there yet") {
		t.Errorf("the server was another company's: %s", got)
	}
}

// Of a server that was never read nothing is known over time, which is not that nothing is used.
func TestATrendOfNothingRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contoso := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Contoso"}))
	server := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "UNREAD", Company: contoso.ID, InstallationID: "unread"}))
	look := func(has, lacks string) {
		t.Helper()
		for _, path := range []string{"/companies/4/trend", "/companies/4/trend?by=month", "/companies/4/trend?recent=1"} {
			a := w.want(http.StatusOK, request{path: path, header: http.Header{"Hx-Request": {"true"}}})
			w.has(a, has)
			w.lacks(a, lacks)
		}
	}
	const unread, unused = "Nothing had been read in these days, so nothing is known of them.", "Nothing is used."
	look(unread, unused)
	empty := reading("unread", "vm", 0, w.clock.Now())
	empty.Workloads = []usage.Workload{} // a list that has none, and not a list that is missing
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), server.ID, false, empty))
	w.clock.Add(time.Minute)
	look(unused, unread)
}

// A server says which of its two figures answers, as the pages of companies do, and why where that is not the one that it is set to.
func TestWhichFigureOfAServerAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counted := func(server usage.ServerID, s usage.Snapshot) {
		t.Helper()
		units, none := usage.Units(len(s.Workloads))*usage.One, usage.Units(0)
		s.Counters = []usage.Counter{{Type: s.Workloads[0].Type, Used: int64(len(s.Workloads)), UsedUnits: &units, NewUnits: &none, RentalUnits: &none}}
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), server, false, s))
	}
	add := func(n fleet.NewServer) usage.ServerID {
		return must[fleet.Server](t)(w.fleet.AddServer(t.Context(), n)).ID
	}
	counted(2, reading(vbr02, "<i>db", 3, october.Add(-time.Minute)))
	shared := reading("cc", "pc", 2, october.Add(-time.Minute))
	shared.Product = usage.ProductCloudConnect
	for i := range shared.Workloads {
		shared.Workloads[i].Type, shared.Workloads[i].Tenant = "CC_Server_Backup", "third"
	}
	counted(add(fleet.NewServer{Name: "cloud", Shared: true, Product: usage.ProductCloudConnect, InstallationID: "cc"}), shared)
	for _, name := range []string{"em1", "em2"} {
		id := add(fleet.NewServer{Name: name, Company: 3, Domain: "em", InstallationID: name})
		counted(id, reading(name, name, 2, october.Add(-time.Minute)))
	}
	add(fleet.NewServer{Name: "quiet", Company: 3, InstallationID: "quiet", Authority: metering.Computed})
	w.clock.Add(time.Minute)
	const reported, computed = "<dt>Counted by</dt><dd>the server&#39;s own counters", "<dt>Counted by</dt><dd>its list of workloads"
	for path, want := range map[string][]string{
		"/servers/1": {computed, "It is set to its own counters, and gives none.", "The server gives no counters of its own, so there is nothing to compare."},
		"/servers/2": {reported + "</dd>", "They have agreed since the beginning of last month"},
		"/servers/3": {computed, "Its own counters name no company."},
		"/servers/4": {computed, "another server in the same domain"},
		"/servers/6": {computed + "</dd>", "Nothing has been read yet, so there is nothing to compare."},
	} {
		w.has(w.get(path), want...)
	}
}

// A reading that takes long goes on, and the page says so until it is over.
func TestReadLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(http.StatusSeeOther, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09", "username", "svc", "password", "right", "fingerprint", shown)
	w.slow, w.portal.ReadWithin = make(chan struct{}), time.Millisecond
	if to := w.send(http.StatusSeeOther, admin, "/servers/3/read").header.Get("Location"); to != "/servers/3?told=being-read" {
		t.Errorf("sent to %q", to)
	}
	w.has(w.get("/servers/3"), "It is being read now", `data-hx-trigger="every 2s"`)
	close(w.slow)
	w.portal.ReadWithin = time.Minute
	w.send(http.StatusSeeOther, admin, "/servers/3/read")
	w.lacks(w.get("/servers/3"), "It is being read now")
}

// A server is changed, but not over what somebody else did meanwhile, and a password that is kept is sent nowhere else.
func TestEditServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(http.StatusSeeOther, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09", "username", "svc", "password", "right", "fingerprint", shown)
	path := "/servers/3/edit"
	page := w.get(path)
	state := w.hiddenOf(page, path, "state")
	edit := func(status int, more ...string) answered {
		return w.send(status, admin, path, append([]string{"company", "2", "username", "svc", "every", "14400", "authority", "computed"}, more...)...)
	}
	w.has(edit(http.StatusUnprocessableEntity, "state", state, "name", "new", "url", "elsewhere", "fingerprint", shown), `id="server-edit-password-wrong"`, `value="elsewhere"`)
	w.has(edit(http.StatusUnprocessableEntity, "state", state, "name", "new", "url", "vbr09", "fingerprint", shown, "tag", "gold"), "takes lines as key: value")
	edit(http.StatusSeeOther, "state", state, "name", "new", "url", "vbr09", "fingerprint", shown, "tag", "segment: gold")
	w.has(w.get("/servers/3"), "<h1>new</h1>", "its list of workloads", "segment", "gold")
	w.has(edit(http.StatusUnprocessableEntity, "state", state, "name", "newer", "url", "vbr09", "fingerprint", shown), "Somebody else changed this", `value="newer"`)
	state = w.hiddenOf(w.get(path), path, "state")
	edit(http.StatusSeeOther, "state", state, "name", "new", "url", "elsewhere", "fingerprint", shown, "password", "known")
	w.lacks(w.get("/servers/3"), "gold") // a line that is gone is taken away
	w.send(http.StatusUnprocessableEntity, admin, "/servers/3/remove", "state", state)
	w.send(http.StatusSeeOther, admin, "/servers/3/remove", "state", w.hiddenOf(w.get(path), "/servers/3/remove", "state"))
	w.has(w.get("/servers/3"), "removed")
	w.want(http.StatusNotFound, request{path: path})
}

// A certificate is confirmed of what showed it: at another address, or where something else is trusted, it is asked for again, and nothing is kept.
func TestConfirmedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	typed := func(url string) []string {
		return []string{"company", "2", "url", url, "username", "svc", "password", "right", "fingerprint", shown}
	}
	add := func(status int, url, by string) answered {
		return w.send(status, admin, "/servers/new", append(typed(url), "do", "add", "shown-by", by)...)
	}
	by := w.hiddenOf(w.send(http.StatusOK, admin, "/servers/new", append(typed("vbr09"), "do", "test")...), "/servers/new", "shown-by")
	w.probed = nil
	elsewhere := add(http.StatusUnprocessableEntity, "vbr10", by)
	w.begins(elsewhere, "server-fingerprint", "server-fingerprint")
	w.has(elsewhere, "Nothing was added yet", `value="vbr10"`)
	w.lacks(elsewhere, " checked")
	w.lacks(w.send(http.StatusOK, admin, "/servers/new", append(typed("vbr10"), "do", "test", "shown-by", by)...), "It works", " checked")
	if len(w.probed) > 0 {
		t.Errorf("a password was sent to %q", w.probed)
	}
	add(http.StatusSeeOther, "https://vbr09", by) // which is the same address
	w.has(w.get("/servers/3"), shown)
	add(http.StatusSeeOther, "vbr10", w.hiddenOf(elsewhere, "/servers/new", "shown-by"))

	path := "/servers/3/edit"
	edit := func(status int, url, trusted, by string) answered {
		return w.send(status, admin, path, "state", w.hiddenOf(w.get(path), path, "state"), "company", "2", "name", "vbr09", "username", "svc", "every", "14400", "authority", "reported",
			"url", url, "fingerprint", trusted, "password", "right", "do", "save", "confirmed", shown, "shown-by", by)
	}
	other := strings.Repeat("cd", 32)
	asked := edit(http.StatusUnprocessableEntity, "vbr11", other, "none")
	w.begins(asked, "server-edit-confirmed", "server-edit-confirmed")
	by = w.hiddenOf(asked, path, "shown-by")
	w.begins(edit(http.StatusUnprocessableEntity, "vbr12", other, by), "server-edit-confirmed", "server-edit-confirmed")
	w.begins(edit(http.StatusUnprocessableEntity, "vbr11", strings.Repeat("ef", 32), by), "server-edit-confirmed", "server-edit-confirmed")
	edit(http.StatusSeeOther, "vbr11", other, by)
	w.has(w.get("/servers/3"), "vbr11", shown)
}

// A server is tested on its page for changes as where it is added: the certificate is confirmed first, what is typed stays, and the password that
// is kept goes where it went before, and nowhere else.
func TestEditedServerIsTested(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(http.StatusSeeOther, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09", "username", "svc", "password", "kept", "fingerprint", shown)
	path := "/servers/3/edit"
	page := w.get(path)
	state := w.hiddenOf(page, path, "state")
	w.has(page, ">Test the connection</button>", ">Save</button>", `id="tested"`)
	other := strings.Repeat("cd", 32)
	send := func(status int, more ...string) answered {
		return w.send(status, admin, path, append([]string{"state", state, "company", "2", "name", "vbr09", "username", "svc", "every", "14400", "authority", "reported"}, more...)...)
	}
	tested := w.probed
	w.has(send(http.StatusOK, "do", "test", "url", "vbr09", "fingerprint", shown), "It works", "12.3.1")
	if got := w.probed[len(tested):]; len(got) != 1 || got[0] != "https://vbr09 svc sealed:kept" {
		t.Errorf("tested was %q", got)
	}
	for name, more := range map[string][]string{
		"elsewhere":                  {"url", "evil.example", "fingerprint", shown},
		"another port":               {"url", "vbr09:443", "fingerprint", shown},
		"another certificate":        {"url", "vbr09", "fingerprint", other},
		"a certificate, confirmed":   {"url", "vbr09", "fingerprint", shown, "confirmed", other},
		"whatever the certificate":   {"url", "vbr09", "insecure", "1"},
		"an authority of its own":    {"url", "vbr09", "ca", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"},
		"no certificate of its own":  {"url", "vbr09"},
		"elsewhere, by an operator?": {"url", "evil.example"},
	} {
		before := len(w.probed)
		w.has(send(http.StatusUnprocessableEntity, append([]string{"do", "test"}, more...)...), `id="server-edit-password-wrong"`, "sent nowhere else")
		if len(w.probed) != before {
			t.Errorf("%s: a password went out: %q", name, w.probed[before:])
		}
	}
	first := send(http.StatusOK, "do", "test", "url", "vbr10", "password", "typed")
	w.has(first, "Compare the fingerprint", `name="confirmed" value="`+shown+`"`, `value="vbr10"`)
	w.lacks(first, `value="typed"`, "It works")
	works := send(http.StatusOK, "do", "test", "url", "vbr10", "password", "typed", "confirmed", shown)
	w.has(works, "It works", `name="confirmed" value="`+shown+`" checked`, "Rental · EnterprisePlus · Valid · Northwind<", "<p>nothing consumes it</p>")
	if got := w.probed[len(w.probed)-1]; got != "https://vbr10 svc sealed:typed" {
		t.Errorf("tested was %q", got)
	}
	w.has(send(http.StatusOK, "do", "test", "url", "vbr10", "password", "wrong", "confirmed", shown), "it refuses the account")
	w.has(send(http.StatusUnprocessableEntity, "do", "save", "url", "vbr10", "password", "typed"), "Nothing was saved yet: confirm the certificate first", `name="confirmed"`)
	w.lacks(w.get("/servers/3"), "vbr10")
	part := w.want(http.StatusOK, request{method: http.MethodPost, path: path, header: http.Header{"Hx-Request": {"true"}}, form: url.Values{"do": {"save"}, "state": {state}, "url": {"http://x"}}})
	w.has(part, "must be https", `href="#server-edit-url"`)
	w.lacks(part, "<html", "<h1", `name="password"`)
	if to := send(http.StatusSeeOther, "do", "save", "url", "vbr10", "password", "typed", "confirmed", shown).header.Get("Location"); to != "/servers/3?told=saved" {
		t.Errorf("sent to %q", to)
	}
	w.has(w.get("/servers/3"), "vbr10", shown)
	w.has(send(http.StatusUnprocessableEntity, "do", "test", "url", "vbr10", "fingerprint", shown), "Somebody else changed this")
	w.want(http.StatusForbidden, request{method: http.MethodPost, path: path, form: url.Values{"do": {"test"}}, role: access.PortalReadonly})
	w.want(http.StatusConflict, request{method: http.MethodPost, path: "/servers/1/edit", form: url.Values{"do": {"test"}}})
	w.lacks(w.get("/servers/1/edit"), "Test the connection")
}

// What does not log in is not saved, whatever certificate was trusted before, unless it is ticked that just this is.
func TestSavedServerLogsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(http.StatusSeeOther, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09", "username", "svc", "password", "right", "fingerprint", shown)
	path, other := "/servers/3/edit", strings.Repeat("cd", 32)
	state := w.hiddenOf(w.get(path), path, "state")
	save := func(status int, more ...string) answered {
		return w.send(status, admin, path, append([]string{"state", state, "company", "2", "name", "vbr09", "username", "svc", "every", "14400", "authority", "reported"}, more...)...)
	}
	another := save(http.StatusUnprocessableEntity, "do", "save", "url", "vbr10", "fingerprint", other, "password", "right")
	w.begins(another, "server-edit-confirmed", "server-edit-confirmed")
	w.has(another, "confirm the certificate first", "another certificate than the one that was confirmed", `name="confirmed" value="`+shown+`"`)
	w.lacks(another, `name="anyway"`) // it can be confirmed: that is what is asked
	save(http.StatusUnprocessableEntity, "do", "save", "url", "vbr10", "fingerprint", other, "password", "right", "anyway", "https://vbr10")
	w.has(save(http.StatusOK, "do", "test", "url", "vbr10", "fingerprint", shown, "password", "wrong"), "it refuses the account", `name="anyway" value="https://vbr10"`)
	off := save(http.StatusUnprocessableEntity, "do", "save", "url", "vbr10", "fingerprint", shown, "password", "wrong")
	w.has(off, "Nothing was saved yet: the console cannot log in", "it refuses the account", `name="anyway" value="https://vbr10"`)
	w.begins(off, "server-edit-anyway", "server-edit-anyway")
	if box := regexp.MustCompile(`<input[^>]*name="anyway"[^>]*>`).FindString(off.body); strings.Contains(box, " checked") {
		t.Errorf("it is ticked: %s", box)
	}
	save(http.StatusUnprocessableEntity, "do", "save", "url", "vbr11", "fingerprint", shown, "password", "wrong", "anyway", "https://vbr10") // ticked for another one
	save(http.StatusUnprocessableEntity, "do", "save", "url", "vbr09", "fingerprint", shown, "password", "wrong")                            // the password alone
	w.lacks(w.get("/servers/3"), "vbr10", "vbr11")
	save(http.StatusSeeOther, "do", "save", "url", "vbr10", "fingerprint", shown, "password", "wrong", "anyway", "https://vbr10")
	w.has(w.get("/servers/3"), "vbr10")
	state = w.hiddenOf(w.get(path), path, "state")
	save(http.StatusSeeOther, "do", "save", "name", "renamed", "url", "vbr10", "fingerprint", shown) // it is reached as before: nothing is asked
}

// A server that is another installation than before is said to be, and it takes a tick to save it.
func TestAnotherInstallation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const was = "c0de0000-0000-4000-8000-000000000009"
	w.send(http.StatusSeeOther, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09", "username", "svc", "password", "right", "fingerprint", shown, "installation-id", was)
	path := "/servers/3/edit"
	state := w.hiddenOf(w.get(path), path, "state")
	send := func(status int, more ...string) answered {
		return w.send(status, admin, path, append([]string{
			"state", state, "company", "2", "name", "vbr09", "username", "svc", "every", "14400", "authority", "reported", "url", "vbr10", "fingerprint", shown, "password", "right",
		}, more...)...)
	}
	w.has(send(http.StatusOK, "do", "test"), "This is another installation than before", was, "What is counted so far stays", `name="another" value="`+vbr01+`"`)
	w.has(send(http.StatusUnprocessableEntity, "do", "save"), "Nothing was saved yet: another installation", was, `name="another"`)
	send(http.StatusUnprocessableEntity, "do", "save", "another", was)
	w.lacks(w.get("/servers/3"), "vbr10")
	send(http.StatusSeeOther, "do", "save", "another", vbr01)
	w.has(w.get("/servers/3"), "vbr10")
}

// What is wrong with an address is said as its hint has it, and nothing else is said to be missing for it.
func TestWrongAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for address, said := range map[string]string{
		"":                    "is required",
		"https://":            "is written as vbr01.example.com, or vbr01.example.com:9443",
		"vbr01.example/x":     "has something behind the host: it is written as vbr01.example.com",
		"ftp://vbr01":         "must be https",
		"vbr01.example:99999": "has a port that is not between 1 and 65535",
	} {
		wrong := w.send(http.StatusUnprocessableEntity, admin, "/servers/new", "do", "add", "company", "2", "url", address, "username", "svc", "password", "right")
		w.has(wrong, `id="server-url-wrong">`+said)
		w.lacks(wrong, `id="server-name-wrong"`, "installation id", "https://host")
	}
	fresh := w.get("/servers/new")
	w.has(fresh, "As vbr01.example.com. Ports 9419 and 443 are tried; another one is written behind it, as vbr01.example.com:9443.")
	w.lacks(fresh, "vbr01.example.com:9419") // the usual port is no example of another one
}

// A company is added, its servers are what comes next, and it is removed once it has none.
func TestEditCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/companies/new", "name", "Northwind", "cloud-tenant", "nw\nnwd @1"), "Northwind", "nwd @1")
	if to := w.send(http.StatusSeeOther, admin, "/companies/new", "name", "Contoso", "cloud-tenant", "contoso\nct @1", "external-id", "psa: 4711").header.Get("Location"); to != "/companies/4/servers?told=company-added" {
		t.Errorf("sent to %q", to)
	}
	w.has(w.get("/companies/4/servers?told=company-added"), "Now add its backup servers", `href="/servers/new?company=4"`)
	page := w.get("/companies/4/edit")
	w.has(page, "contoso\nct @1\n", "psa: 4711", `value="1" checked`)
	state := w.hiddenOf(page, "/companies/4/edit", "state")
	w.send(http.StatusSeeOther, admin, "/companies/4/edit", "state", state, "name", "Contoso Ltd", "cloud-tenant", "contoso")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/companies/4/edit", "state", state, "name", "Late"), "Somebody else changed this", `value="Late"`)
	page = w.get("/companies/4/edit")
	w.has(page, "Contoso Ltd", "contoso\n")
	w.lacks(page, "ct @1", ">\npsa", `value="1" checked`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/companies/2/remove", "state", w.hiddenOf(w.get("/companies/2/edit"), "/companies/2/remove", "state")), "still has servers", "<details open>")
	w.send(http.StatusSeeOther, admin, "/companies/4/remove", "state", w.hiddenOf(page, "/companies/4/remove", "state"))
	w.want(http.StatusNotFound, request{path: "/companies/4"})
	w.want(http.StatusNotFound, request{path: "/companies/1/edit"})
}

// A credential set is changed for all its servers, after it was tried where that is wanted; its password is never shown.
func TestCredentialSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/credentials/new", "name", "domain", "username", "svc", "password", "hush", "host", "*.example.com\nhttps://x"), `id="credential-host-wrong"`, "*.example.com")
	w.send(http.StatusSeeOther, admin, "/credentials/new", "name", "domain", "username", "svc", "password", "hush", "host", "*.example.com")
	w.has(w.get("/credentials"), "domain", "svc", "*.example.com", `href="/credentials/1"`)
	w.lacks(w.want(http.StatusOK, request{path: "/credentials", role: access.PortalOperator}), `href="/credentials/1"`)
	elsewhere := w.send(http.StatusUnprocessableEntity, admin, "/servers/new", "do", "add", "company", "2", "url", "vbr09.other.example", "credential", "1", "fingerprint", shown)
	w.has(elsewhere, "is not for the host", `id="server-url-wrong"`)
	w.send(http.StatusSeeOther, access.PortalOperator, "/servers/new", "do", "add", "company", "2", "url", "vbr09.example.com", "credential", "1", "fingerprint", shown)
	w.has(w.get("/servers/3"), `href="/credentials/1"`)
	state := w.hiddenOf(w.get("/credentials/1"), "/credentials/1", "state")
	refused := w.send(http.StatusUnprocessableEntity, admin, "/credentials/1", "state", state, "name", "domain", "username", "svc2", "password", "hush2", "host", "*.example.com", "test-at", "3")
	w.has(refused, "cannot be logged in to", `value="svc2"`)
	w.lacks(refused, "hush")
	w.send(http.StatusSeeOther, admin, "/credentials/1", "state", state, "name", "domain", "username", "svc2", "password", "hush2", "host", "*.example.com", "test-at", "")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/credentials/1", "state", state, "name", "late", "username", "svc", "host", ""), "Somebody else changed this")
	state = w.hiddenOf(w.get("/credentials/1"), "/credentials/1/remove", "state")
	w.send(http.StatusUnprocessableEntity, admin, "/credentials/1/remove", "state", state)
	w.send(http.StatusSeeOther, admin, "/servers/3/remove", "state", w.hiddenOf(w.get("/servers/3/edit"), "/servers/3/remove", "state"))
	w.send(http.StatusSeeOther, admin, "/credentials/1/remove", "state", state)
	w.want(http.StatusNotFound, request{path: "/credentials/1"})
}
