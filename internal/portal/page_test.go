package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/fleet"
)

// pagesOf are addresses of all pages.
var pagesOf = []string{
	"/", "/companies", "/companies?search=north&sort=-used", "/companies/2", "/companies/3", "/companies/3?day=2026-10-01",
	"/companies/3/why?resource=backupServer&type=VBR_vSphere_VM&unit=Instances&state=used", "/companies/3/trend", "/companies/3/trend?by=month", "/companies/3/changes", "/companies/3/changes?from=2026-10-02&to=2026-10-01", "/account", "/nowhere",
	"/servers", "/servers?search=north&state=fresh&sort=-last", "/servers/1", "/servers/2?day=2026-10-20", "/servers/new?company=2", "/servers/pushed", "/servers/1/edit", "/companies/3/servers", "/companies/new", "/companies/3/edit",
	"/credentials", "/credentials/new",
	"/alarms", "/alarms?status=all&kind=15", "/alarms/1", "/alarms/2", "/users", "/users?search=PORTAL", "/users/new", "/users/1", "/tokens", "/tokens/new",
	"/settings", "/catalogue", "/catalogue?month=2026-09", "/catalogue?month=soon", "/catalogue/own", "/audit", "/audit?who=admin&action=added&from=2026-10-01&to=2026-10-31&company=3",
	"/statements", "/statements/2026-09", "/statements/2026-10", "/statements/2026-10/3", "/statements/2026-10/3/workloads", "/companies/3/statements",
}

var (
	loaded = regexp.MustCompile(`(?:src|href)="(/assets/[^"]*)"`)
	silent = regexp.MustCompile(`<(?:label|legend|button|th|h1|h2|summary)[^>]*>\s*</|<option value="[^"]*"[^>]*></`)
	inline = regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:|https?://`)
)

// Every page forbids what it does not need, loads from the console alone, and shows names as they are.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range pagesOf {
		want := http.StatusOK
		switch {
		case strings.HasPrefix(path, "/nowhere"):
			want = http.StatusNotFound
		case strings.Contains(path, "from=2026-10-02"), strings.Contains(path, "soon"): // a beginning behind its end, and no month
			want = http.StatusUnprocessableEntity
		}
		w.proper(path, want)
	}
	w.want(http.StatusNotFound, request{path: "/assets/0/none.js", cookie: "-"})
	if keep := w.want(http.StatusOK, request{path: "/assets/0/portal.js", cookie: "-"}).header.Get("Cache-Control"); keep != "no-cache" {
		t.Errorf("a file of another version is kept: %q", keep)
	}
}

// proper wants a page that forbids what it does not need.
func (w *world) proper(path string, want int) answered {
	t := w.t
	t.Helper()
	a := w.do(request{path: path})
	if a.status != want {
		t.Errorf("%s: %d: %s", path, a.status, a.body)
	}
	if a.header.Get("Content-Type") != "text/html; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %v", path, a.header)
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %q", path, policy)
	}
	if found := inline.FindString(a.body); found != "" {
		t.Errorf("%s: %q stands in the page", path, found)
	}
	if found := silent.FindString(a.body); found != "" {
		t.Errorf("%s: %q says nothing", path, found)
	}
	if strings.Contains(a.body, "<b>Evil") || strings.Contains(a.body, "<i>db") {
		t.Errorf("%s: a name is taken for HTML", path)
	}
	for _, file := range loaded.FindAllStringSubmatch(a.body, -1) {
		f := w.want(http.StatusOK, request{path: file[1], cookie: "-"})
		if !strings.Contains(f.header.Get("Cache-Control"), "immutable") || f.body == "" || f.header.Get("Content-Type") == "" {
			t.Errorf("%s: %v", file[1], f.header)
		}
	}
	return a
}

// A page says in words of ours only what we did: an address cannot.
func TestToldByKeyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.get("/account?told=Your+account+is+locked"); strings.Contains(a.body, "locked") {
		t.Error("an address puts words into our mouth")
	}
}

// Programs that are no browsers are told in text, and a part of a page is no page.
func TestParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	part := http.Header{"Hx-Request": {"true"}, "Accept": {"*/*"}}
	a := w.want(http.StatusOK, request{path: "/companies?search=north", header: part})
	if strings.Contains(a.body, "<html") || !strings.Contains(a.body, "Northwind") || strings.Contains(a.body, "Evil") {
		t.Errorf("a part: %s", a.body)
	}
	if a := w.want(http.StatusUnauthorized, request{path: "/companies", header: part, cookie: "-"}); a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v", a.header)
	}
	if a := w.want(http.StatusNotFound, request{path: "/companies/99", header: http.Header{"Accept": {"application/json"}}}); strings.Contains(a.body, "<") {
		t.Errorf("a program is given %s", a.body)
	}
}

var (
	forRows = http.Header{"Hx-Request": {"true"}, "Hx-Target": {"rows"}}
	forLive = http.Header{"Hx-Request": {"true"}, "Hx-Target": {"live"}}
)

// Open pages follow what changes: what is said above a list comes apart from its rows. What is of an instant stays.
func TestPagesFollow(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	const live, rows = ` data-live>`, `<tbody id="rows"`
	for path, want := range map[string]string{
		"/statements": `id="live"`, octoberPath: `id="live"`, octoberPath + "?work=1": `id="live-sums"`, northwind: `id="live"`, "/companies/2": `id="live-head"`,
		"/companies/2/statements": `id="live"`, "/companies/2/servers": `id="live-head"`, "/servers/1": `id="live-head"`, "/alarms": `id="live"`, "/settings": `id="live"`,
	} {
		w.has(w.get(path), want+live)
		w.has(w.want(http.StatusOK, request{path: path, header: forLive}), want+live)
	}
	for _, path := range []string{"/companies/2/trend", "/companies/2/trend?by=month&to=2026-11-02", "/companies/2/changes", "/companies/2/changes?from=2026-10-20"} {
		w.has(w.get(path), `id="live" data-live="company">`)
	}
	for _, path := range []string{octoberPath, "/audit", "/users", "/tokens", "/alarms", "/companies", "/companies/2/servers"} {
		a := w.want(http.StatusOK, request{path: path, header: forRows})
		if !strings.HasPrefix(a.body, rows) || !strings.Contains(a.body[:strings.Index(a.body, ">")+1], live) {
			t.Errorf("%s: the rows are %s", path, a.body)
		}
	}
	for _, path := range []string{northwind + "?before=2026-11-01T00:00:00Z", "/audit?before=3", "/companies/2?day=2026-10-01"} {
		w.lacks(w.get(path), live)
	}
}

// Who is refused is told which roles may, and what is wrong with an address in one sentence: in words of the portal.
func TestProblemsInWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		role       access.Role
		path, want string
	}{
		{access.PortalOperator, "/users/new", "Your account may not do this. It takes the role: Administrator."},
		{access.PortalReadonly, "/companies/new", "Your account may not do this. It takes the role: Administrator or Operator."},
		{access.CompanyReadonly, "/statements/2026-09", "Your account may not do this. It takes the role: Administrator, Operator or Reader."},
	} {
		w.has(w.want(http.StatusForbidden, request{path: c.path, role: c.role}), c.want)
	}
	for path, want := range map[string]string{
		"/companies/2?day=abc":          "The address of this page is not valid: &#34;day&#34; is no day as 2026-10-31.",
		"/companies/2?at=x&before=soon": "not valid: &#34;at&#34; is no time as 2026-10-31T23:59:59Z; &#34;before&#34; is no time as 2026-10-31T23:59:59Z.",
		"/companies/2/why?state=lost":   "not valid: &#34;state&#34; is none of used, new, rental.",
	} {
		w.has(w.want(http.StatusBadRequest, request{path: path}), want)
	}
}

// The overview's numbers lead to the companies that have units of the kind, and to what they add up to.
func TestCompaniesOfOneUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	overview := w.get("/")
	w.has(overview, `href="/companies?sort=-used&amp;unit=Instances">`)
	total := regexp.MustCompile(`unit=Instances">([^<]+)</a>`).FindStringSubmatch(overview.body)
	list := w.get("/companies?sort=-used&unit=Instances")
	w.has(list, "Only Instances. All companies together:", `<span class="n">`+total[1]+`</span> used`, `href="/companies?sort=-used">All units`, `name="unit" value="Instances"`, "unit=Instances&amp;", "Northwind")
	none := w.get("/companies?unit=Points")
	w.has(none, "Only Points. All companies together:", `<span class="n">0</span> used`)
	w.lacks(none, "Northwind")
}

// How many alarms stand is kept at hand, and what becomes of one shows at once.
func TestAlarmsAreCountedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settle := func(holds ...alarm.Condition) {
		t.Helper()
		if err := w.store.Settle(t.Context(), 1, []alarm.TemplateID{alarm.ServerConnection}, holds, october); err != nil {
			t.Fatal(err)
		}
	}
	of := func(list, count string) string { return `<a href="/alarms` + list + `">` + count + `</a>` }
	w.has(w.get("/"), of("", "2"), of("?status=Error", "2"))
	settle()
	w.has(w.get("/"), of("", "1"), of("?status=Error", "1"))
	w.has(w.get("/"), of("", "1"))
	settle(alarm.Condition{Template: alarm.ServerConnection, Status: alarm.StatusWarning, Message: "slow"})
	w.has(w.get("/"), of("", "2"), of("?status=Error", "1"), of("?status=Warning", "1"))
}

// Figures on the pages are those of the ledger, each number says why, and the past can be seen again.
func TestFigures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.has(w.get("/"), "October 2026 so far", "1\u202f237", "Instances used")
	w.has(w.get("/companies?sort=-used"), "1\u202f234")
	if a := w.get("/companies?sort=-used"); strings.Index(a.body, "Northwind") > strings.Index(a.body, "Evil") {
		t.Error("the largest does not come first")
	}
	company := w.get("/companies/2")
	w.has(company, "VBR_vSphere_VM", "1\u202f234", "VBR01", "data-live")
	why := regexp.MustCompile(`href="(/companies/2/why[^"]*state=used[^"]*)"`).FindStringSubmatch(company.body)
	if why == nil {
		t.Fatalf("no number says why: %s", company.body)
	}
	reasons := w.get(strings.ReplaceAll(why[1], "&amp;", "&"))
	w.has(reasons, "C7: protected", "web0000", "web0499", "734 more are not shown", "the server states the date")
	past := w.get("/companies/2?day=2026-10-01")
	w.has(past, "not there yet", "The company had no server here yet", `name="day" type="date" value="2026-10-01"`)
	if strings.Contains(past.body, "data-live") {
		t.Error("the past is refreshed")
	}
	for _, path := range []string{"/companies/2?day=soon", "/companies/2?at=x", "/companies/2?before=2030-01-01T00:00:00Z", "/companies/2/why?state=lost", "/companies/2/why?state=used&resource=x"} {
		w.want(http.StatusBadRequest, request{path: path})
	}
}

// A company that has no server yet is listed at once, is found, comes last by units, and is shown as nothing known, which is not zero.
func TestCompanyWithoutServer(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.get("/companies") // what is kept of the board is not what is shown next
	must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "aaa Contoso"}))
	contoso := regexp.MustCompile(`<tr><th scope="row"><a href="/companies/5">aaa Contoso</a></th><td colspan="7"><span class="tag">no server</span></td></tr>`)
	for _, path := range []string{"/companies", "/companies?search=contoso", "/companies?sort=used", "/companies?sort=-used", "/companies?sort=-change", "/companies?sort=nothing"} {
		a := w.get(path)
		if !contoso.MatchString(a.body) {
			t.Errorf("%s: %s", path, a.body)
		}
		last := strings.Index(a.body, "Northwind") < strings.Index(a.body, "Contoso")
		if byUnits := strings.Contains(path, "used") || strings.Contains(path, "change"); strings.Contains(a.body, "Northwind") && last != byUnits {
			t.Errorf("%s: it comes last: %v", path, last)
		}
	}
	if a := w.get("/companies?uncertain=1"); strings.Contains(a.body, "Contoso") {
		t.Error("without a server it is uncertain")
	}
	w.has(w.get("/companies?search=nobody"), "No company fits.")

	page := w.proper("/companies/5", http.StatusOK)
	w.has(page, "This company has no server, so nothing is known of what it uses.", `<a class="button main" href="/servers/new?company=5">Add a server</a>`)
	w.lacks(page, "The last 90 days", "Nothing is used", "Counted at")
	for _, path := range []string{"/companies/5/trend", "/companies/5/trend?by=month", "/companies/5/changes"} {
		a := w.get(path)
		w.has(a, "There was no server in these days, so nothing is known of them.")
		w.lacks(a, "Nothing is used")
	}
	w.lacks(w.want(http.StatusOK, request{path: "/companies/5", role: access.PortalReadonly}), "Add a server")
	w.lacks(w.get("/companies/2"), "Add a server")
	w.has(w.get("/companies/5?day=2026-10-30"), "There was no server from which")

	w.all("draft")
	fabrikam := regexp.MustCompile(`<a href="/statements/2026-10/4">Fabrikam</a></th><td>.*?draft.*?</td><td></td><td colspan="5"><span class="tag">no server</span></td>`)
	if a := w.get(octoberPath); !fabrikam.MatchString(a.body) {
		t.Errorf("a statement without a server behind it is shown as zero: %s", a.body)
	}
	w.has(w.get("/statements/2026-11"), `<a href="/statements/2026-11/5">aaa Contoso</a>`)
}

// Roles of the provider all may look.
func TestProviderReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, role := range []access.Role{access.PortalAdministrator, access.PortalOperator, access.PortalReadonly} {
		for _, path := range []string{"/", "/companies", "/companies/2"} {
			w.want(http.StatusOK, request{path: path, role: role})
		}
	}
}

// What is kept at hand says what became of it, also where the changes that tell of it are forgotten by the time somebody looks.
func TestForgottenChangesAreNotMissed(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	settle := func(holds ...alarm.Condition) {
		t.Helper()
		if err := w.store.Settle(t.Context(), 1, []alarm.TemplateID{alarm.ServerConnection}, holds, w.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	forget := func() {
		t.Helper()
		if gone := must[int](t)(w.store.ForgetChanges(t.Context(), w.clock.Now().Add(time.Minute))); gone == 0 { // all but the last
			t.Fatal("nothing is forgotten")
		}
	}
	const drafts, fewer = "3 are still drafts", "2 are still drafts"
	standing := func(count string) string { return `<a href="/alarms">` + count + `</a>` }
	settle()
	w.has(w.get(octoberPath), drafts)
	w.has(w.get("/"), standing("1"))
	w.did(northwind+"/approve", url.Values{"*": {"known"}})
	settle(alarm.Condition{Template: alarm.ServerConnection, Status: alarm.StatusWarning, Message: "slow"})
	forget()
	w.has(w.get(octoberPath), fewer)
	w.has(w.get("/"), standing("2"))
	settle()
	w.did(northwind+"/reopen", url.Values{"reason": {"a test"}})
	forget()
	w.has(w.get("/"), standing("1"))
}

// What was done is told by the page that did it, and not by a link from elsewhere.
func TestToldFromHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const done = "The company is removed."
	for site, want := range map[string]bool{"": true, "same-origin": true, "none": false, "cross-site": false, "same-site": false} {
		header := http.Header{}
		if site != "" {
			header.Set("Sec-Fetch-Site", site)
		}
		a := w.want(http.StatusOK, request{path: "/companies?told=company-removed", header: header})
		if strings.Contains(a.body, done) != want {
			t.Errorf("from %q: told is %v", site, !want)
		}
	}
}

// What lies ahead says that it does, and the slider stays in its range (C45).
func TestAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, page := range []string{"/companies/2?", "/companies/2/why?state=used&unit=Instances&"} {
		a := w.get(page + "at=2030-01-01T00:00:00Z")
		w.has(a, "This lies ahead", "2030-01-01 00:00")
		if slide := regexp.MustCompile(`type="range" min="\d+" max="(\d+)" value="(\d+)"`).FindStringSubmatch(a.body); len(slide) != 3 || slide[1] != slide[2] {
			t.Errorf("%s: the slider is %q", page, slide)
		}
		w.lacks(w.get(page+"at=2026-10-19T00:00:00Z"), "This lies ahead")
	}
}
