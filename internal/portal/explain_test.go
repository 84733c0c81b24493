package portal_test

import (
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/testkit"
)

// figurePages are addresses of all pages that show figures, as of a day in November with October's statements drafted.
var figurePages = []string{
	"/", "/companies", "/companies?sort=-change", "/companies/2", "/companies/2?day=2026-10-31", "/companies/2/trend", "/companies/2/trend?by=month", "/companies/2/changes",
	"/companies/2/why?unit=Instances&state=used", "/companies/2/why?resource=backupServer&type=VBR_vSphere_VM&unit=Instances&state=used&day=2026-10-31",
	"/workloads?search=web000", "/workloads/life?server=1&id=web0000", "/companies/2/statements", "/statements", "/statements/2026-10", "/statements/2026-10/2",
	"/statements/2026-10/2/workloads?search=web000", "/servers/1",
}

var (
	cellWhole = regexp.MustCompile(`(?s)<(?:td|dd|p)(?: colspan="\d+")? class="(?:big )?n(?: note)?"[^>]*>(.*?)</(?:td|dd|p)>`)
	plainTag  = regexp.MustCompile(`(?s)<[^>]*>`)
	hrefs     = regexp.MustCompile(`href="([^"]+)"`)
	digits    = regexp.MustCompile(`[0-9]+`)
	digit     = regexp.MustCompile(`[0-9]`)
	mainPart  = regexp.MustCompile(`(?s)<main.*</main>`)
	titleOf   = regexp.MustCompile(`<title>([^<]*)</title>`)
	exactly   = regexp.MustCompile(`<a href="([^"]+)">Link to exactly this</a>`)
)

// explained is a world in November: October's statements are drafted, more machines came since, and it is known where all stood.
func explained(t *testing.T) *world {
	t.Helper()
	w := inNovember(t)
	w.all("draft")
	w.clock.Add(time.Minute)
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1240, w.clock.Now().Add(-time.Hour))))
	w.clock.Add(time.Minute)
	w.counted()
	return w
}

// counted waits until it is known where all companies stood when the month before ended.
func (w *world) counted() {
	w.t.Helper()
	over := make(chan struct{})
	w.t.Cleanup(func() { <-over })
	go func() {
		defer close(over)
		w.board.Run(w.t.Context(), make(chan struct{}), slog.New(slog.DiscardHandler))
	}()
	testkit.Until(w.t, "the month before is counted", func() bool { return must[*figure.Overview](w.t)(w.board.Overview(w.t.Context())).Whole })
}

// Every number of a figure leads to what is behind it, and what it leads to is there.
func TestEveryNumberLeads(t *testing.T) {
	t.Parallel()
	w := explained(t)
	led := map[string]bool{}
	for _, path := range figurePages {
		a := w.get(path)
		numbers := 0
		for _, cell := range cellWhole.FindAllStringSubmatch(mainPart.FindString(a.body), -1) {
			if !digit.MatchString(plainTag.ReplaceAllString(cell[1], "")) {
				continue
			}
			numbers++
			to := hrefs.FindStringSubmatch(cell[1])
			if to == nil {
				t.Errorf("%s: the number %q leads nowhere", path, cell[1])
				continue
			}
			led[html.UnescapeString(to[1])] = true
		}
		if numbers == 0 && path != "/servers/1" && path != "/companies/2/statements" && path != "/statements" && !strings.Contains(path, "/why?") {
			t.Errorf("%s shows no number: %s", path, a.body)
		}
	}
	followed := map[string]bool{}
	for to := range led {
		path, _, _ := strings.Cut(to, "#")
		shape := digits.ReplaceAllString(path, "0") // days and ids of one kind are alike
		if path != "" && !followed[shape] {
			followed[shape] = true
			w.get(path)
		}
	}
	if len(led) < 50 {
		t.Errorf("only %d addresses: the numbers are not found", len(led))
	}
}

// A link to exactly this shows a colleague the same, whatever is read afterwards, also of the past.
func TestLinksShowTheSame(t *testing.T) {
	t.Parallel()
	w := explained(t)
	first := map[string]string{}
	for _, path := range []string{
		"/companies/2", "/companies/2?day=2026-10-31", "/companies/2/trend", "/companies/2/trend?by=month", "/companies/2/changes", "/companies/2/why?unit=Instances&state=used",
		"/statements/2026-11/2",
	} {
		to := exactly.FindStringSubmatch(w.get(path).body)
		if to == nil {
			t.Fatalf("%s has no link to exactly this", path)
		}
		link := html.UnescapeString(to[1])
		shown := mainPart.FindString(w.get(link).body)
		if !strings.Contains(shown, "1\u202f2") {
			t.Errorf("%s shows no figure: %s", link, shown)
		}
		first[link] = shown
	}
	before := w.get("/companies/2?day=2026-10-31").body
	w.clock.Add(time.Minute)
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1777, time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC))))
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1888, w.clock.Now())))
	w.clock.Add(time.Minute)
	if w.get("/companies/2?day=2026-10-31").body == before {
		t.Error("the late reading moves nothing, and this test shows nothing")
	}
	w.has(w.get("/companies/2"), "1\u202f888")
	for link, shown := range first {
		if again := mainPart.FindString(w.get(link).body); again != shown {
			t.Errorf("%s shows another page afterwards:\n%s\n%s", link, shown, again)
		}
	}
}

// The slider of a form that is sent without a script leads to the day it was moved to, the field to the day that was typed.
func TestSlideToADay(t *testing.T) {
	t.Parallel()
	w := explained(t)
	w.has(w.get("/companies/2?day=2026-10-31"), `aria-valuetext="Saturday 31 October 2026"`, `name="shown" value="2026-10-31"`)
	for _, c := range []struct{ query, want string }{
		{"day=2026-10-31&shown=2026-10-31&slide=20740", "/companies/2?day=2026-10-14"},
		{"day=2026-10-15&shown=2026-10-31&slide=20757", "/companies/2?day=2026-10-15"},
		{"day=2026-10-31&shown=2026-10-31&slide=30000", "/companies/2"}, // what is to come is now
	} {
		a := w.want(http.StatusSeeOther, request{path: "/companies/2?" + c.query})
		if to := a.header.Get("Location"); to != c.want {
			t.Errorf("%s leads to %s, want %s", c.query, to, c.want)
		}
	}
	why := "/companies/2/why?state=used&unit=Instances"
	if to := w.want(http.StatusSeeOther, request{path: why + "&day=2026-10-31&shown=2026-10-31&slide=20740"}).header.Get("Location"); to != "/companies/2/why?day=2026-10-14&state=used&unit=Instances" {
		t.Errorf("the number is forgotten: %s", to)
	}
	for _, bad := range []string{"x", "-1", "99999999999"} {
		w.want(http.StatusBadRequest, request{path: "/companies/2?slide=" + bad})
	}
}

// What was not read is not known, and no zero: on the day, in the trend, in what changed since, and in the total of all.
func TestMissingIsNotZero(t *testing.T) {
	t.Parallel()
	w := explained(t)
	trend := w.get("/companies/2/trend?by=month")
	w.has(trend, `data-v=""`, "not there yet", "October 2026")
	if n := strings.Count(trend.body, `data-v="0 0 0"`); n > 0 {
		t.Errorf("%d months without a reading are zero", n)
	}
	w.has(w.get("/companies/2/why?unit=Instances&state=used&day=2026-01-01"), `<p class="big">not there yet</p>`)
	w.has(w.want(http.StatusUnprocessableEntity, request{path: "/companies/2/changes?from=2026-10-12&to=2026-10-11"}), "the first day, 2026-10-12, lies after the last one, 2026-10-11")
	for path, says := range map[string]string{
		"/changes?from=2026-10-12&to=2026-10-11": "the first day, 2026-10-12, lies after the last one, 2026-10-11",
		"/trend?from=2026-10-12&to=2026-10-11":   "the first day, 2026-10-12, lies after the last one, 2026-10-11",
		"/trend?from=2010-01-01&to=2026-10-11":   "there are more than 3660 days from 2010-01-01 to 2026-10-11",
	} { // said of both days, with no name of a field before it
		w.has(w.want(http.StatusUnprocessableEntity, request{path: "/companies/2" + path}), "<li>"+says+"</li>")
	}
	w.has(w.want(http.StatusUnprocessableEntity, request{path: "/companies/2/changes?from=2026-10-12&to=2026-10-12"}), "the first day and the last one are both 2026-10-12")
	changes := w.get("/companies/2/changes?from=2026-01-01")
	if strings.Contains(changes.body, ">&#43;1\u202f2") || !strings.Contains(changes.body, `<td class="n">unknown</td>`) {
		t.Errorf("what was not known is taken for zero: %s", changes.body)
	}
}

// Where a day or a month is not over, or only a part of a month was asked for, a trend does not say that its figures are those of its end.
func TestTrendOfWhatIsNotOver(t *testing.T) {
	t.Parallel()
	w := explained(t)
	today := w.clock.Now().Format(time.DateOnly)
	months := w.get("/companies/2/trend?by=month")
	w.has(months, ">November 2026, so far</a>", ">October 2026</a>")
	w.has(w.get("/companies/2/trend"), ">"+today+", so far</a>", ">2026-10-31</a>")
	w.has(w.get("/companies/2/trend?by=month&from=2026-09-01&to=2026-10-24"), ">October 2026, until 2026-10-24</a>", ">September 2026</a>")
	w.has(w.get("/companies/2/trend?by=month&from=2026-09-01&to=2026-10-31&before=2026-10-21T00:00:00Z"), ">October 2026, so far</a>")
}

// A workload is found by a part of its name, in whose figure it is, with its life; a company's people find their own alone.
func TestFindWorkloads(t *testing.T) {
	t.Parallel()
	w := explained(t)
	w.has(w.get("/workloads"), "Where is it counted?")
	found := w.get("/workloads?search=WEB0007")
	w.has(found, "web0007", "Northwind", "C7: protected", `href="/workloads/life?id=web0007&amp;server=1"`)
	w.has(w.get("/workloads?search=nowhere"), "No workload that is listed now")
	life := w.get("/workloads/life?server=1&id=web0007")
	w.has(life, "web0007 over time", "C7: protected", "the server states the date", "not known", `href="/servers/1`, "/companies/2/why?")
	w.has(w.get("/workloads/life?server=1&id=web1239"), "not there yet", "no list of the server names it before", "the beginning")
	for _, to := range []string{"server=1&id=none", "server=99&id=web0007", "server=x&id=web0007", "server=1"} {
		w.want(http.StatusNotFound, request{path: "/workloads/life?" + to})
	}
	w.want(http.StatusBadRequest, request{path: "/workloads/life?server=1&id=web0007&until=soon"})

	page := w.get("/workloads?search=web")
	if n := strings.Count(page.body, "/workloads/life?"); n != 2*100 {
		t.Errorf("%d links of 100 rows", n)
	}
	next := regexp.MustCompile(`href="(/workloads\?behind=[^"]+)"`).FindStringSubmatch(page.body)
	if next == nil {
		t.Fatalf("more are found, and nothing leads there: %s", page.body)
	}
	second := w.get(html.UnescapeString(next[1]))
	w.has(second, "web0100")
	w.lacks(second, ">web0099<")

	for _, role := range []access.Role{access.CompanyAdministrator, access.CompanyReadonly} {
		w.has(w.want(http.StatusOK, request{path: "/workloads?search=web", role: role}), "No workload that is listed now")
		w.has(w.want(http.StatusOK, request{path: "/workloads?search=db0001", role: role}), "db0001")
		w.want(http.StatusOK, request{path: "/workloads/life?server=2&id=" + url.QueryEscape("<i>db0001"), role: role})
		w.want(http.StatusNotFound, request{path: "/workloads/life?server=1&id=web0007", role: role})
		w.want(http.StatusNotFound, request{path: "/workloads/life?server=1&id=web0007&until=2026-11-01T00:00:00Z", role: role})
	}
}

// A workload that went to another company shows each the times in which it was theirs.
func TestLifeOfAMovedWorkload(t *testing.T) {
	t.Parallel()
	w := explained(t)
	to := usage.CompanyID(3)
	must[fleet.Server](t)(w.fleet.EditServer(t.Context(), 1, fleet.ServerEdit{Company: &to, From: w.clock.Now()}))
	w.clock.Add(time.Hour)
	w.has(w.get("/workloads/life?server=1&id=web0007"), "Northwind", "Evil &amp; ")
	own := w.want(http.StatusOK, request{path: "/workloads/life?server=1&id=web0007", role: access.CompanyReadonly})
	w.has(own, "C7: protected", "Evil &amp; ")
	w.lacks(own, "Northwind")
}

// Every page says in its title what it is, and no two of a company's say the same.
func TestTitles(t *testing.T) {
	t.Parallel()
	w := explained(t)
	seen := map[string]string{}
	for _, path := range figurePages {
		path, query, _ := strings.Cut(path, "?")
		if slices.ContainsFunc([]string{"/companies/2/why", "/workloads", "/workloads/life", "/statements/2026-10/2/workloads"}, func(p string) bool { return p == path }) {
			path += "?" + query
		}
		title := titleOf.FindStringSubmatch(w.get(path).body)[1]
		if other, is := seen[title]; is && other != path && !strings.Contains(path, "/why?") {
			t.Errorf("%s and %s are both called %q", other, path, title)
		}
		if strings.HasPrefix(path, "/companies/2") && !strings.Contains(title, "Northwind – ") && !strings.Contains(title, " – Northwind") {
			t.Errorf("%s is called %q", path, title)
		}
		seen[title] = path
	}
}

// Who cannot be relied on is named beside whose figure that makes uncertain, and what moved leads to exactly the two instants.
func TestOverviewNamesCauses(t *testing.T) {
	t.Parallel()
	w := explained(t)
	a := w.get("/")
	w.has(a, "Whose figures are uncertain", `href="/servers/3"`, "never read", `href="/companies?uncertain=1"`, "/alarms?status=Error", "/statements/2026-10?state=draft", "New this month")
	moved := regexp.MustCompile(`href="(/companies/2/changes\?[^"]+)">&#43;6<`).FindStringSubmatch(a.body)
	if moved == nil {
		t.Fatalf("what changed most leads to no changes: %s", a.body)
	}
	w.has(w.get(html.UnescapeString(moved[1])), "1\u202f234", "1\u202f240", ">&#43;6<", "2026-10-31 23:59")
}

// Servers that fail now are named beside those that cannot be relied on, until their last readings are too old; and where nothing was known of
// the month before, no change is made up.
func TestOverviewTellsWhatFailsNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, server := range []usage.ServerID{1, 2} {
		must[ledger.Receipt](t)(w.ledger.AppendGap(t.Context(), server, usage.Gap{At: w.clock.Now(), Reason: usage.GapUnreachable, Text: "no route"}))
	}
	w.clock.Add(time.Minute)
	w.counted()
	look := func(path string) answered {
		return w.want(http.StatusOK, request{path: path, role: access.PortalReadonly})
	}
	a := look("/")
	w.has(a, `<p class="big n"><a href="#silent">0</a></p>`, "No figure rests on a reading that is missing or too old.",
		`<a href="/servers?state=failing">2 servers fail now; their last readings are recent enough to count by.</a>`,
		"Of no company all was known at the end of September 2026, so there is nothing to compare with.")
	w.lacks(a, "against the end of", "are not in this")
	w.has(look("/servers?state=failing"), `href="/servers/1"`, `href="/servers/2"`)
	w.clock.Add(100 * 24 * time.Hour)
	a = w.get("/") // by somebody who signs in now
	w.has(a, `<p class="big n"><a href="#silent">2</a></p>`)
	w.lacks(a, "fail now")
}

// A company that has more products than in the month before, of which nothing was known then, is not in the change: as in the list of companies.
func TestOverviewComparesWhatTheListCompares(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	cloud := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "CC01", Product: usage.ProductCloudConnect, Company: 2, InstallationID: "cc01"}))
	now := w.clock.Now()
	s := reading("cc01", "pc", 50, now)
	s.Product = usage.ProductCloudConnect
	for i := range s.Workloads {
		s.Workloads[i].Type, s.Workloads[i].Tenant = "CC_VM_Backup", "northwind"
	}
	for server, s := range map[usage.ServerID]usage.Snapshot{cloud.ID: s, 1: reading(vbr01, "web", 1240, now)} {
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), server, false, s))
	}
	w.clock.Add(time.Minute)
	w.counted()
	w.has(w.get("/"), ">±0</a> against the end of October 2026", "1 company is not in this: not all of it was known then.")
	row := regexp.MustCompile(`<tr><th scope="row"><a href="/companies/2">Northwind</a></th><td>Instances</td>.*?</tr>`).FindString(w.get("/companies").body)
	if row == "" || strings.Contains(row, "/changes") {
		t.Errorf("the list says a change of it: %s", row)
	}
}

// What changed most is said of a company over all its resources, as the list of companies says it, and each number leads to just that.
func TestOverviewSaysWhatCompaniesSay(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	cloud := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "CC01", Product: usage.ProductCloudConnect, Company: 2, InstallationID: "cc01"}))
	put := func(server usage.ServerID, s usage.Snapshot) {
		t.Helper()
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), server, false, s))
	}
	tenants := func(count int, at time.Time) usage.Snapshot {
		s := reading("cc01", "pc", count, at)
		s.Product = usage.ProductCloudConnect
		for i := range s.Workloads {
			s.Workloads[i].Type, s.Workloads[i].Tenant = "CC_VM_Backup", "northwind"
		}
		return s
	}
	put(cloud.ID, tenants(30, october))
	now := w.clock.Now()
	put(cloud.ID, tenants(50, now.Add(-time.Hour)))
	put(1, reading(vbr01, "web", 1240, now.Add(-time.Hour)))
	w.clock.Add(time.Minute)
	w.counted()

	cells := regexp.MustCompile(`<td class="n"><a href="([^"]+)">([^<]+)</a></td>`)
	row := func(path string) [][]string {
		t.Helper()
		found := regexp.MustCompile(`<tr><th scope="row"><a href="/companies/2">Northwind</a></th><td>Instances</td>.*?</tr>`).FindAllString(w.get(path).body, -1)
		if len(found) == 0 {
			t.Fatalf("%s does not name Northwind", path)
		}
		return cells.FindAllStringSubmatch(found[0], -1)
	}
	moved, listed := row("/"), row("/companies") // before, now, change; used, new, rental, before, change
	got, want := []string{moved[0][2], moved[1][2], moved[2][2]}, []string{listed[3][2], listed[0][2], listed[4][2]}
	if !slices.Equal(got, want) || !strings.HasPrefix(got[2], "&#43;") || got[2] == "&#43;6" {
		t.Errorf("the overview says %q, the list of companies %q", got, want)
	}
	if n := strings.Count(w.get("/").body, `<tr><th scope="row"><a href="/companies/2">Northwind</a></th><td>Instances</td><td class="n"><a href="/companies/2/why`); n != 1 {
		t.Errorf("Northwind is there %d times", n)
	}
	for _, cell := range [][]string{moved[0], moved[1], listed[0], listed[3]} {
		w.has(w.get(html.UnescapeString(cell[1])), `<p class="big"><span class="n">`+cell[2]+"</span>", "Virtual machine, vSphere", "Cloud backup of a virtual machine")
	}
	w.has(w.get(html.UnescapeString(moved[2][1])), "Virtual machine, vSphere", "Cloud backup of a virtual machine", "&#43;6<")
}
