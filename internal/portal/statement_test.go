package portal_test

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/portal"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/testkit"
)

const (
	octoberPath = "/statements/2026-10"
	northwind   = octoberPath + "/2"
	row         = "vbr/Instances/VBR_vSphere_VM"
)

// inNovember is a world whose October is over, at work. Northwind and company 3 have a server (3 and 4) that was never read; Fabrikam (4) has none.
func inNovember(t *testing.T) *world {
	t.Helper()
	w := idleInNovember(t)
	w.work()
	return w
}

func idleInNovember(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	server := must[fleet.Server](t)
	for i, company := range []usage.CompanyID{2, 3} {
		server(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: fmt.Sprintf("VBR1%d", i), Company: company, InstallationID: fmt.Sprintf("c0de0000-0000-4000-8000-00000000001%d", i)}))
	}
	must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Fabrikam"}))
	w.clock.Add(time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	return w
}

var (
	revisionField = regexp.MustCompile(`name="revision" value="([^"]*)"`)
	sure          = regexp.MustCompile(`<details class="sure"><summary[^>]*>[^<]* …</summary><p>This cannot be undone: [^<]*</p><form method="post" action="[^"]*/finalise">`)
	postForms     = regexp.MustCompile(`<form[^>]*method="post"[^>]*action="([^"]*)"`)
)

// take sends a form of a statement's page, with the revision that the page has.
func (w *world) take(status int, path string, form url.Values, role access.Role) answered {
	w.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if at := strings.LastIndex(path, "/"); !form.Has("revision") {
		page := w.get(path[:at])
		if found := revisionField.FindStringSubmatch(page.body); found != nil {
			form.Set("revision", found[1])
		}
	}
	return w.want(status, request{method: http.MethodPost, path: path, form: form, role: role})
}

// did sends a form and gives the page that follows.
func (w *world) did(path string, form url.Values) answered {
	w.t.Helper()
	return w.get(w.take(http.StatusSeeOther, path, form, "").header.Get("Location"))
}

// all takes the month on, and gives the page that says what became of it.
func (w *world) all(step string) answered {
	w.t.Helper()
	to := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: octoberPath + "/" + step}).header.Get("Location")
	return w.done(to)
}

// done gives the page of a step with a month when that has ended.
func (w *world) done(to string) (a answered) {
	w.t.Helper()
	testkit.Until(w.t, "a step with a month ends", func() bool {
		a = w.get(to)
		return !strings.Contains(a.body, "Look again")
	})
	return a
}

// offers lists where the forms of a page are sent to, but for the frame's.
func offers(a answered) (to []string) {
	for _, found := range postForms.FindAllStringSubmatch(a.body, -1) {
		if found[1] != "/sign-out" {
			to = append(to, found[1][strings.LastIndex(found[1], "/")+1:])
		}
	}
	return to
}

func (w *world) offered(a answered, want string) {
	w.t.Helper()
	if got := strings.Join(offers(a), " "); got != want {
		w.t.Errorf("offered are %q, want %q", got, want)
	}
}

// A clerk takes October from nothing to final, with a reason for what needs one, and what is typed wrongly is not lost.
func TestMonthToFinal(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.has(w.get("/statements"), `href="/statements/2026-10"`)
	begin := w.proper(octoberPath, http.StatusOK)
	w.has(begin, "No statement of this month has been made yet", "as things stand now", "VBR10")
	w.offered(begin, "draft")
	w.offered(w.get(northwind), "draft")

	drafted := w.all("draft")
	w.has(drafted, "3 statements were drafted.", "3 are still drafts.", "1\u202f234", "Servers that cannot be relied on")
	w.offered(drafted, "draft approve")
	w.has(w.all("draft"), "0 statements were drafted.", "3 say the same as before.")
	approved := w.all("approve")
	w.has(approved, "1 statement was approved.", "2 statements need a look", "needs a reason")
	w.offered(approved, "draft")
	w.has(w.all("finalise"), "Nothing was made final:", "Northwind (draft)")

	page := w.proper(northwind, http.StatusOK)
	w.offered(page, "draft approve adjust")
	w.has(page, "VBR_vSphere_VM", `name="unknown/3"`, "drafted")
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/approve", nil, ""), `aria-describedby="approve-0-wrong" aria-invalid="true"`, "needs a reason")
	wrong := w.take(http.StatusUnprocessableEntity, northwind+"/adjust", url.Values{"row": {row}, "count": {"many"}, "reason": {`test "machines"`}}, "")
	w.has(wrong, `value="many"`, `value="test &#34;machines&#34;"`, "is a whole number from 1 on", `aria-describedby="adjust-count-wrong"`)
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/adjust", url.Values{"row": {row}, "count": {"34"}, "reason": {" "}}, ""), `value="34"`, `aria-describedby="adjust-reason-hint adjust-reason-wrong"`)
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/adjust", url.Values{"row": {row}, "count": {"5000"}, "reason": {"x"}}, ""), "5000 cannot be taken", `value="5000"`)
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/adjust", url.Values{"count": {"1"}, "reason": {"x"}}, ""), "Choose the type")
	if to := w.want(http.StatusSeeOther, request{path: northwind + "/adjust"}).header.Get("Location"); to != northwind {
		t.Errorf("where a form was sent, one is led to %q", to)
	}
	w.has(w.did(northwind+"/adjust", url.Values{"row": {row}, "count": {"34"}, "reason": {"test machines"}}), "Less is billed now.", "<b>1\u202f200</b>", "test machines")

	old := url.Values{"revision": {"1.1"}, "row": {row}, "count": {"7"}, "reason": {"another clerk's"}}
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/adjust", old, ""), "Somebody changed this statement", `value="7"`, "You had typed: Virtual machine, vSphere, Instances · How many fewer 7 · another clerk&#39;s")
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/adjust", url.Values{"revision": {"1.1"}, "row": {row}, "count": {"8"}, "reason": {""}}, ""), "You had typed: Virtual machine, vSphere, Instances · How many fewer 8")
	w.lacks(w.take(http.StatusUnprocessableEntity, northwind+"/adjust", url.Values{"revision": {"1.1"}, "row": {row}, "count": {""}, "reason": {""}}, ""), "You had typed")
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/withdraw", url.Values{"adjustment": {"1"}, "reason": {""}}, ""), `aria-describedby="withdraw-1-hint withdraw-1-wrong"`)
	w.has(w.did(northwind+"/withdraw", url.Values{"adjustment": {"1"}, "reason": {"they are real"}}), "The adjustment is withdrawn.", "<b>1\u202f234</b>", "they are real")

	w.has(w.did(northwind+"/approve", url.Values{"unknown/3": {"switched off on purpose"}}), "The statement is approved.", "switched off on purpose")
	approvedOne := w.proper(northwind, http.StatusOK)
	w.offered(approvedOne, "finalise reopen")
	if !sure.MatchString(approvedOne.body) {
		t.Errorf("a statement is made final without a question: %s", approvedOne.body)
	}
	w.has(w.did(northwind+"/reopen", url.Values{"reason": {"one look more"}}), "The statement is a draft again.", "one look more")
	w.did(northwind+"/approve", url.Values{"unknown/3": {"switched off on purpose"}})
	w.has(w.get(octoberPath), "1 is still a draft.")
	w.did(octoberPath+"/3/approve", url.Values{"*": {"agreed with them"}})
	asked := w.get(octoberPath)
	w.offered(asked, "finalise")
	if !sure.MatchString(asked.body) {
		t.Errorf("a month is made final without a question: %s", asked.body)
	}
	final := w.all("finalise")
	w.has(final, "3 statements were made final.")
	w.offered(final, "")
	w.offered(w.proper(northwind, http.StatusOK), "supersede")
	w.has(w.all("draft"), "3 were final already.")

	same := w.take(http.StatusUnprocessableEntity, northwind+"/supersede", url.Values{"reason": {"a gift"}}, "")
	w.has(same, "What is known now makes the same statement of Northwind for October 2026, so there is nothing to supersede.", `value="a gift"`,
		"tick “Make a new draft although nothing else is known by now: to bill it otherwise”", `value="1"> Make a new draft although nothing else is known by now`)
	w.has(w.did(northwind+"/supersede", url.Values{"reason": {"a gift"}, "to-adjust": {"1"}}), "This new draft supersedes the final statement.", "Version 2 supersedes version 1", "a gift")
	w.has(w.did(northwind+"/adjust", url.Values{"row": {row}, "count": {"1"}, "reason": {"a gift"}}), "What differs from version 1", "1\u202f234</a> → <a", ">1\u202f233</a>")
	w.has(w.get(northwind), `<a href="/statements/2026-10/2?number=1">Version 2 supersedes version 1</a>`, "<dt>Version</dt>")
	first := w.proper(northwind+"?number=1", http.StatusOK)
	w.offered(first, "")
	w.has(first, "This statement counts until version 2, which is to supersede it, is final.", `<a href="/statements/2026-10/2?number=2">Version 2</a>`)
	w.did(northwind+"/approve", url.Values{"*": {"a gift"}})
	w.did(northwind+"/finalise", nil)
	w.has(w.get(northwind+"?number=1"), "This statement does not count any more: version 2 supersedes it.", `<a href="/statements/2026-10/2?number=2">Version 2</a>`)
	if now := w.get(northwind); strings.Contains(now.body, "supersedes it") || strings.Contains(now.body, "is to supersede it") {
		t.Errorf("the one that counts is called superseded: %s", now.body)
	}
	w.has(w.get("/companies/2/statements"), `<th scope="col">Version</th>`, "?number=1", "?number=2", "October 2026")
	for _, path := range []string{northwind + "?number=3", northwind + "?number=x", northwind + "?number=-1", "/statements/2026-13", "/statements/october/2", "/statements/2026-10/99", "/statements/2026-10/name:Northwind"} {
		w.want(http.StatusNotFound, request{path: path})
	}
}

// Workloads that are named are not billed; those that are ticked stay ticked where something is wrong, wherever they stand.
func TestTakeWorkloadsOut(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	path := northwind + "/workloads"
	list := w.proper(path+"?row="+url.QueryEscape(row), http.StatusOK)
	w.has(list, "web0000", "web0099", "from=100")
	if strings.Contains(list.body, "web0100") {
		t.Error("more than a hundred at a time")
	}
	w.has(w.want(http.StatusOK, request{path: path + "?from=1200&row=" + url.QueryEscape(row), header: http.Header{"Hx-Request": {"true"}}}), "web1233")
	w.has(w.get(path+"?search=WEB1233"), "web1233")
	first, last := "id=web0003&server=1", "id=web1233&server=1"
	box := func(value string) string {
		return `value="` + strings.ReplaceAll(value, "&", "&amp;") + `" form="take" checked`
	}
	form := url.Values{"row": {row}, "workload": {first, last}, "reason": {""}}
	for _, found := range revisionField.FindAllStringSubmatch(list.body, 1) {
		form.Set("revision", found[1])
	}
	wrong := w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: path, form: form})
	w.has(wrong, box(first), box(last), `aria-describedby="workloads-reason-hint workloads-reason-wrong"`)
	form.Set("workload", "id=none&server=1")
	form.Set("reason", "leased")
	w.has(w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: path, form: form}), "is not billed", `value="leased"`)
	form.Del("workload")
	w.has(w.want(http.StatusUnprocessableEntity, request{method: http.MethodPost, path: path, form: form}), "Tick the workloads")
	form["workload"] = []string{first, last, last}
	to := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: path, form: form}).header.Get("Location")
	w.has(w.get(to), "<b>1\u202f232</b>", "web0003", "web1233", "leased")
	if again := w.get(path + "?search=web1233&row=" + url.QueryEscape(row)); strings.Contains(again.body, `type="checkbox"`) || !strings.Contains(again.body, "not billed") {
		t.Error("what is taken out can be taken out again")
	}
}

// The workloads behind a statement say by which rule and which reading they are in it, as those behind a figure do, and an adjustment names those
// that were ticked as people know them.
func TestBehindSaysWhy(t *testing.T) {
	t.Parallel()
	w := idleInNovember(t)
	at := october.AddDate(0, 0, 5)
	named := reading(vbr01, "web", 2, at)
	named.Workloads[0].Name, named.Workloads[1].Name = "mail <1>", "files"
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, named))
	w.work()
	w.all("draft")
	path := northwind + "/workloads"
	list := w.get(path + "?row=" + url.QueryEscape(row))
	w.has(list, `<td>used<br><span class="dim">C7</span></td>`, `<br><span class="dim">Read <time datetime="2026-10-25T02:00:00Z"`)
	form := url.Values{"row": {row}, "workload": {"id=web0000&server=1", "id=web0001&server=1"}, "reason": {"a gift"}, "revision": revisionField.FindStringSubmatch(list.body)[1:]}
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: path, form: form})
	w.has(w.get(northwind), `<a href="/workloads/life?id=web0000&amp;server=1">mail &lt;1&gt;</a>, <a href="/workloads/life?id=web0001&amp;server=1">files</a>`)
}

// A company's people read in the final statement why something was done, and who did it; whoever types a reason is told so at its field.
func TestReasonsAreReadByTheCompany(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	own := octoberPath + "/3"
	told := func(form string) {
		t.Helper()
		at := fmt.Sprintf(`id="%s-reason-hint">The company&#39;s people read it, and your user name, in the final statement.</p>`, form)
		w.has(w.get(own), at, fmt.Sprintf(`aria-describedby="%s-reason-hint"`, form))
	}
	told("adjust")
	w.has(w.get(own), `<p class="hint">The company&#39;s people read it`)
	w.did(own+"/adjust", url.Values{"row": {row}, "count": {"1"}, "reason": {"they complained"}})
	w.did(own+"/approve", url.Values{"*": {"their fault"}})
	told("reopen")
	w.did(own+"/reopen", url.Values{"reason": {"one look more"}})
	w.did(own+"/approve", url.Values{"*": {"their fault"}})
	w.did(own+"/finalise", nil)
	told("supersede")
	read := w.want(http.StatusOK, request{path: own, role: access.CompanyReadonly})
	w.has(read, "they complained", "their fault", "one look more", string(access.PortalAdministrator))
	w.did(own+"/supersede", url.Values{"reason": {"they insist"}, "to-adjust": {"1"}})
	w.did(own+"/approve", url.Values{"*": {"still"}})
	w.did(own+"/finalise", nil)
	w.has(w.want(http.StatusOK, request{path: own, role: access.CompanyReadonly}), "they insist")
}

// The month's list is searched, narrowed and sorted.
func TestMonthList(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	w.did(northwind+"/approve", url.Values{"*": {"known"}})
	part := func(query string) string {
		return w.want(http.StatusOK, request{path: octoberPath + query, header: http.Header{"Hx-Request": {"true"}}}).body
	}
	for query, want := range map[string][2]bool{
		"?search=north": {true, false}, "?state=draft": {false, true}, "?state=approved": {true, false}, "?state=reason": {false, true}, "?state=open": {false, false}, "?search=SÖHNE": {false, true},
	} {
		body := part(query)
		if got := [2]bool{strings.Contains(body, "Northwind"), strings.Contains(body, "Evil")}; got != want || strings.Contains(body, "<html") {
			t.Errorf("%s: %v, want %v: %s", query, got, want, body)
		}
	}
	if body := part("?sort=billed"); strings.Index(body, "Northwind") < strings.Index(body, "Evil") {
		t.Error("not sorted by what is billed")
	}
	if body := part("?sort=-state"); strings.Index(body, "Northwind") > strings.Index(body, "Evil") {
		t.Error("not sorted by state")
	}
}

// Who may not is offered nothing, and is refused.
func TestStatementRoles(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	steps := []string{"/draft", "/approve", "/finalise", "/2/draft", "/2/adjust", "/2/withdraw", "/2/approve", "/2/reopen", "/2/finalise", "/2/supersede", "/2/workloads"}
	for _, path := range []string{octoberPath, northwind, northwind + "/workloads?row=" + url.QueryEscape(row)} {
		w.offered(w.want(http.StatusOK, request{path: path, role: access.PortalReadonly}), "")
	}
	for _, step := range steps {
		w.take(http.StatusForbidden, octoberPath+step, url.Values{"revision": {"1.1"}}, access.PortalReadonly)
	}
	w.did(northwind+"/approve", url.Values{"*": {"known"}})
	w.did(octoberPath+"/3/approve", url.Values{"*": {"known"}})
	w.all("approve")
	w.offered(w.want(http.StatusOK, request{path: northwind, role: access.PortalOperator}), "reopen")
	w.offered(w.want(http.StatusOK, request{path: octoberPath, role: access.PortalOperator}), "")
	for _, step := range []string{"/finalise", "/2/finalise", "/2/supersede"} {
		w.take(http.StatusForbidden, octoberPath+step, nil, access.PortalOperator)
	}
}

// The people of a company see what is final of theirs, and of others nothing.
func TestOwnStatementsOnly(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	own := octoberPath + "/3"
	to := func(path string, status int) answered {
		w.t.Helper()
		return w.want(status, request{path: path, role: access.CompanyAdministrator})
	}
	if at := to("/statements", http.StatusSeeOther).header.Get("Location"); at != "/companies/3/statements" {
		t.Errorf("sent to %q", at)
	}
	w.has(to("/companies/3/statements", http.StatusOK), "There are none yet", `aria-current="page">Statements`)
	to(own, http.StatusNotFound)
	w.did(own+"/approve", url.Values{"*": {"known"}})
	to(own, http.StatusNotFound)
	w.did(own+"/finalise", nil)
	final := to(own, http.StatusOK)
	w.has(final, "format=pdf", "/bundle?", "/workloads?")
	w.offered(final, "")
	w.did(own+"/supersede", url.Values{"reason": {"counted anew"}, "to-adjust": {"1"}})
	now := to(own, http.StatusOK)
	if strings.Contains(now.body, "number=2") || strings.Contains(now.body, "counted anew") {
		t.Errorf("a draft shows: %s", now.body)
	}
	to(own+"?number=2", http.StatusNotFound)
	w.has(to(own+"/report?format=pdf", http.StatusOK), "3 2026-10 1")
	for _, path := range []string{octoberPath, octoberPath + "/report?format=pdf"} {
		to(path, http.StatusForbidden)
	}
	for _, path := range []string{northwind, northwind + "/workloads", northwind + "/report?format=csv", northwind + "/bundle", "/companies/2/statements"} {
		foreign, absent := to(path, http.StatusNotFound), to(strings.NewReplacer("-10/2", "-10/4711", "ies/2", "ies/4711").Replace(path), http.StatusNotFound)
		if strings.ReplaceAll(foreign.body, "&#34;2&#34;", "&#34;4711&#34;") != absent.body {
			t.Errorf("%s: one can tell that there is a company 2: %s", path, foreign.body)
		}
	}
	for _, step := range []string{"/draft", "/approve", "/finalise", "/3/draft", "/3/adjust", "/3/approve", "/3/reopen", "/3/finalise", "/3/supersede", "/3/withdraw", "/3/workloads"} {
		w.take(http.StatusForbidden, octoberPath+step, url.Values{"revision": {"1.4"}}, access.CompanyAdministrator)
	}
}

// What is downloaded is saved under its name, and wants who is signed in.
func TestDownloads(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	for path, want := range map[string][2]string{
		octoberPath + "/report?format=xlsx":     {"report.xlsx", "0 2026-10 0"},
		northwind + "/report?format=pdf":        {"report.pdf", "2 2026-10 1"},
		octoberPath + "/3/report?format=csv":    {"report.csv", "3 2026-10 1"},
		northwind + "/bundle?number=1":          {"bundle.zip", "2 2026-10 1"},
		"/statements/2026-09/2/report?format=x": {"report.x", "2 2026-09 0"},
	} {
		a := w.get(path)
		if got := a.header.Get("Content-Disposition"); got != `attachment; filename="`+want[0]+`"` || a.body != want[1] || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v: %s", path, a.header, a.body)
		}
		w.want(http.StatusSeeOther, request{path: path, cookie: "-"})
	}
}

// What takes its time goes on by itself: everybody sees how far it is, nobody begins anything else with the month, and in the end it says
// what became of it.
func TestLongWork(t *testing.T) {
	t.Parallel()
	w := idleInNovember(t)
	to := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: octoberPath + "/draft"}).header.Get("Location")
	for path, role := range map[string]access.Role{to: access.PortalAdministrator, octoberPath: access.PortalReadonly} {
		running := w.want(http.StatusOK, request{path: path, role: role})
		w.has(running, "portal-administrator has all statements drafted.", "every 1s", "Look again")
		w.offered(running, "")
	}
	w.has(w.want(http.StatusConflict, request{method: http.MethodPost, path: octoberPath + "/approve"}), "portal-administrator has begun something", "wait for it")
	w.has(w.want(http.StatusOK, request{path: octoberPath, header: forRows}), `<tbody id="rows"`) // an open list goes on
	w.work()
	w.done(to)
	w.has(w.get(to), "3 statements were drafted.")
	part := w.want(http.StatusOK, request{path: to, header: http.Header{"Hx-Request": {"true"}}})
	w.has(part, "3 statements were drafted.", "Approve all without issues")
	if strings.Contains(part.body, "<html") {
		t.Error("a part is a page")
	}
	if a := w.get(octoberPath + "?work=99"); strings.Contains(a.body, "3 statements were drafted.") {
		t.Error("what became of something else is told")
	}
}

// What is learned too late for a final statement is told, and a new one lists what differs; what was removed since keeps its statements.
func TestLateFacts(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.all("draft")
	for _, company := range []string{"/2", "/3", "/4"} {
		w.did(octoberPath+company+"/approve", url.Values{"*": {"known"}})
	}
	w.all("finalise")
	if a := w.get(northwind); strings.Contains(a.body, "makes another statement") {
		t.Errorf("nothing was learned: %s", a.body)
	}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1300, october.AddDate(0, 0, 5))))
	mark := must[alarm.Mark](t)(w.store.Mark(t.Context()))
	late := alarm.Condition{Template: alarm.FinalOutdated, Subject: "2026-10", Status: alarm.StatusWarning, Message: "late"}
	if err := w.store.SettleFinals(t.Context(), alarm.Finals{Seen: mark, To: mark.Position, Holds: map[usage.CompanyID][]alarm.Condition{2: {late}}}, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	w.has(w.get(northwind), "What is known by now makes another statement: supersede it.")
	w.has(w.get(octoberPath), `<span class="tag bad">outdated</span>`)
	w.has(w.did(northwind+"/supersede", url.Values{"reason": {"a late reading"}}), "What differs from version 1", "1\u202f234</a> → <a", ">1\u202f300</a>")
	if err := w.fleet.RemoveCompany(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	gone := w.proper("/companies/4/statements", http.StatusOK)
	w.has(gone, "October 2026", "removed")
	if strings.Contains(gone.body, `href="/companies/4/trend"`) {
		t.Error("it leads to a page that is not there any more")
	}
	w.proper(octoberPath+"/4", http.StatusOK)
}

// Every month with readings is listed, what comes first is said before a later month is drafted, and what cannot be drafted any more is not offered.
func TestEarlierMonths(t *testing.T) {
	t.Parallel()
	w := idleInNovember(t)
	september := time.Date(2026, 9, 10, 2, 0, 0, 0, time.UTC)
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1000, september)))
	w.work()
	months := w.get("/statements")
	w.has(months, "October 2026", "September 2026", "Nothing drafted yet")
	if strings.Contains(months.body, "August 2026") || strings.Contains(months.body, "November 2026") {
		t.Errorf("months without readings, or not over: %s", months.body)
	}
	overview := w.get("/")
	w.has(overview, `<a href="/statements/2026-09">The statements of September 2026 are still open.</a>`)
	before := w.get(octoberPath)
	w.has(before, "<b>Northwind</b>: There is no statement of September 2026 yet", `<a href="/statements/2026-09">`)
	if strings.Contains(before.body, "Evil &amp; &#34;Söhne&#34;&lt;/b&gt;</b>:") {
		t.Errorf("who has no earlier readings is named: %s", before.body)
	}
	w.offered(before, "draft")
	drafted := w.all("draft")
	w.has(drafted, "<b>Northwind</b>: There is no statement of September 2026 yet") // it can still be made
	w.lacks(drafted, "has figures of the month before, too")                        // once is enough, and for each whose it is
	w.offered(w.get("/statements/2026-09/2"), "draft")

	// By approving October, September is passed over for good: only by who says to know it, with one company as with all.
	over := "Once a later one is approved, it cannot be drafted any more"
	w.has(w.get(northwind), over, `name="knowing"`)
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/approve", url.Values{"*": {"known"}}, ""), over, `href="#approve-knowing"`)
	w.has(w.want(http.StatusConflict, request{method: http.MethodPost, path: octoberPath + "/approve"}), over)
	w.has(w.get(northwind), "Draft")

	w.did(northwind+"/approve", url.Values{"*": {"known"}, "knowing": {"1"}})
	late := w.get("/statements/2026-09/2")
	w.offered(late, "")
	w.has(late, "Northwind can have no statement of September 2026 any more", `<a href="/statements/2026-11/2">November 2026</a>`)
	if after := w.get(octoberPath); strings.Contains(after.body, "no statement of September 2026 yet") {
		t.Errorf("what cannot be done any more is asked for: %s", after.body)
	}
	w.did(octoberPath+"/3/approve", url.Values{"*": {"known"}})
	w.all("approve")
	closed := w.get("/statements/2026-09")
	w.offered(closed, "")
	w.has(w.get("/"), "Approved")
	if strings.Contains(w.get("/").body, "still open") {
		t.Error("a month that cannot be drafted any more is called open")
	}
	refused := w.take(http.StatusUnprocessableEntity, "/statements/2026-09/2/draft", url.Values{"revision": {"0.0"}}, "")
	w.has(refused, "months go in their order: after 2026-10, Northwind has its next statement of 2026-11, not of 2026-09")

	w.clock.Add(61 * 24 * time.Hour) // it is January: November comes before December
	december := w.want(http.StatusOK, request{path: "/statements/2026-12", role: access.PortalOperator})
	w.has(december, "<b>Northwind</b>", "There is no statement of November 2026 yet")
	w.offered(december, "")
	early := w.want(http.StatusOK, request{path: "/statements/2026-12/2", role: access.PortalOperator})
	w.offered(early, "")
	w.has(early, "Northwind cannot have a statement of December 2026 yet", `<a href="/statements/2026-11/2">November 2026</a>`)
}

// A month is offered to be made final behind the one before it.
func TestMonthsAreFinalInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Add(time.Date(2026, 12, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	w.work()
	const november = "/statements/2026-11"
	for _, month := range []string{octoberPath, november} {
		w.want(http.StatusSeeOther, request{method: http.MethodPost, path: month + "/draft"})
		for _, company := range []string{"/2", "/3"} {
			w.did(month+company+"/approve", url.Values{"*": {"known"}})
		}
	}
	first := "Months are made final in their order, and not all statements of October 2026 are:"
	waits := w.get(november)
	w.has(waits, first)
	w.lacks(waits, `action="/statements/2026-11/finalise"`)
	w.has(w.all("finalise"), "were made final.")
	next := w.get(november)
	w.has(next, `action="/statements/2026-11/finalise"`)
	w.lacks(next, first)
}

// A month that cannot be drafted any more says whose it is, and of which month the next one is.
func TestPassedMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Add(time.Date(2026, 12, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	w.work()
	to := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/statements/2026-11/draft"}).header.Get("Location")
	w.has(w.get(to), "<b>Northwind</b>", "There is no statement of October 2026 yet")
	for _, company := range []string{"/2", "/3"} {
		w.did("/statements/2026-11"+company+"/approve", url.Values{"*": {"known"}, "knowing": {"1"}})
	}
	passed := w.get(octoberPath)
	w.offered(passed, "")
	w.has(passed, "No statement of this month was made.", "<b>Northwind</b>, <b>&lt;b&gt;Evil", "No statement of this month can be drafted any more", "the next one is that of December 2026")
	months := w.get("/statements")
	w.has(months, "Passed over: later months stand already")
	w.lacks(months, "Nothing drafted yet")
}

// Who was passed over does not keep the others' month from being made final, and is not waited for.
func TestPassedCompanyHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Add(time.Date(2026, 12, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	w.work()
	w.has(w.get("/statements"), "Nothing drafted yet")
	w.did(northwind+"/draft", nil)
	w.did(northwind+"/approve", url.Values{"*": {"known"}})
	november := "/statements/2026-11/3"
	w.did(november+"/draft", nil)
	waits := w.get(octoberPath)
	w.has(waits, "1 company has no statement.")
	w.lacks(waits, "finalise")
	w.did(november+"/approve", url.Values{"*": {"known"}, "knowing": {"1"}})
	page := w.get(octoberPath)
	w.lacks(page, "cannot be made final yet")
	final := `action="/statements/2026-10/finalise"`
	w.has(page, "No statement of this month can be drafted any more", "keeps no other company&#39;s statement", final)
	w.did(november+"/finalise", nil)
	w.did(november+"/supersede", url.Values{"reason": {"it is to be adjusted"}, "to-adjust": {"yes"}})
	w.has(w.get(november), "Draft")
	w.has(w.get(octoberPath), "No statement of this month can be drafted any more", final) // what is to be corrected is no first draft
	w.has(w.all("finalise"), "1 statement was made final.")
	w.has(w.get(northwind), "Final")
}

// Whoever drafted a later month first can have those before it, the nearest one first, and every page says so: the list, both months, a company's
// statement and the overview. When one is approved, what lies before is passed over.
func TestDraftedBackwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Add(time.Date(2027, 1, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	w.work()
	draft := func(month string) answered {
		t.Helper()
		return w.get(w.want(http.StatusSeeOther, request{method: http.MethodPost, path: month + "/draft"}).header.Get("Location"))
	}
	const (
		november, december = "/statements/2026-11", "/statements/2026-12"
		nearest            = "A later month is drafted already. As long as none is approved"
		gone               = "any more, because later ones stand already"
	)
	w.has(draft(december), "There is no statement of November 2026 yet", `<a href="/statements/2026-11">`)
	w.has(w.get("/"), `<a href="/statements/2026-11">The statements of November 2026 are still open.</a>`)
	w.lacks(w.get("/statements"), "Passed over")
	before := w.get(octoberPath)
	w.offered(before, "")
	w.has(before, "<b>Northwind</b>", nearest, `<a href="/statements/2026-11">Statements of November 2026</a>`, "No statement of this month has been made yet.")
	w.lacks(before, gone)
	one := w.get(northwind)
	w.offered(one, "")
	w.has(one, "Northwind has a draft of a later month already.", "Before that of October 2026 comes that of", `<a href="/statements/2026-11/2">November 2026</a>`)
	w.lacks(one, gone)
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/draft", url.Values{"revision": {"0.0"}}, ""), "Northwind has a draft of 2026-12 already", "its statement of 2026-11, not of 2026-10")

	w.has(draft(november), "2 statements were drafted.", "There is no statement of October 2026 yet")
	w.has(w.get(november+"/2"), `name="knowing"`) // it comes first now: by approving it, October is passed over
	w.lacks(w.get(december+"/2"), `name="knowing"`)
	open := w.get(octoberPath)
	w.offered(open, "draft")
	w.lacks(open, nearest, gone)
	w.has(draft(octoberPath), "2 statements were drafted.")
	for _, month := range []string{octoberPath, november, december} {
		w.did(month+"/2/approve", url.Values{"*": {"known"}})
	}
	w.has(w.get(december+"/2"), `Approved`)
}

// What belongs to no company is billed to nobody, and where a company had nothing nothing is lost: nobody is told to begin with such a month.
func TestNothingToBeginWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cloud := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "cloud", Shared: true, Product: usage.ProductCloudConnect, InstallationID: "cc"}))
	idle := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Fabrikam"}))
	own := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "own", Company: idle.ID, InstallationID: "own"}))
	for day := time.Date(2026, 9, 3, 2, 0, 0, 0, time.UTC); day.Before(october); day = day.AddDate(0, 0, 1) {
		w.clock.Add(day.Sub(w.clock.Now()))
		shared, bare := reading("cc", "", 0, day), reading("own", "", 0, day)
		shared.Product, shared.Workloads, bare.Workloads = usage.ProductCloudConnect, []usage.Workload{}, []usage.Workload{}
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), cloud.ID, false, shared))
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), own.ID, false, bare))
	}
	w.clock.Add(time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	w.work()
	const nag = "There is no statement of September 2026"
	w.lacks(w.get(octoberPath), nag)
	w.lacks(w.get("/"), "are still open")
	w.has(w.all("draft"), `Unassigned</a><br><span class="dim">no company</span>`, "Fabrikam</a></th>")
	for _, path := range []string{octoberPath + "/1", "/companies/1"} {
		w.has(w.get(path), "belongs to no company")
	}
	w.has(w.get("/companies"), `Unassigned</a><br><span class="dim">no company</span>`)
	w.lacks(w.get(octoberPath), nag)
	for _, company := range []usage.CompanyID{usage.Unassigned, idle.ID} {
		w.did(fmt.Sprint(octoberPath, "/", company, "/approve"), url.Values{"*": {"known"}})
	}
}

// A draft that counts nothing is not taken for the first one, where there is one of the month before.
func TestEmptyDraftIsNotTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	idle := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Fabrikam"}))
	own := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "own", Company: idle.ID, InstallationID: "own"}))
	bare := reading("own", "", 0, october)
	bare.Workloads = []usage.Workload{}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), own.ID, false, bare))
	w.clock.Add(time.Date(2026, 12, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	w.work()
	const november = "/statements/2026-11"
	of := fmt.Sprint("/", idle.ID)
	w.did(octoberPath+of+"/draft", nil)
	w.did(octoberPath+of+"/approve", url.Values{"*": {"known"}})
	w.did(november+of+"/draft", nil)
	w.lacks(w.get(november), "<b>Fabrikam</b>")
}

// Where the vendor's counters say what is billed, and something else than the list, the statement says at once that no workloads can be named;
// where a list says it, or the same, they can.
func TestLessByNumberOnly(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	read := func(day int, used int64) {
		counted := reading(vbr02, "<i>db", 3, october.AddDate(0, 0, day))
		units, none := usage.Units(used)*usage.One, usage.Units(0)
		counted.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", Used: used, UsedUnits: &units, NewUnits: &none, RentalUnits: &none}}
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, false, counted))
	}
	read(4, 3)
	w.all("draft")
	w.lacks(w.get(octoberPath+"/3"), "less by number only</span>")
	w.has(w.get(octoberPath+"/3/workloads?row="+url.QueryEscape(row)), `name="workload" value="id=%3Ci%3Edb0000&amp;server=2"`)
	read(5, 4)
	w.all("draft")
	const only = `<span class="tag">less by number only</span>`
	page := w.get(octoberPath + "/3")
	w.has(page, only, "its list does not add up to the same")
	if strings.Contains(w.get(northwind).body, only) {
		t.Error("what is on a list can be named")
	}
	w.has(w.get(octoberPath+"/3/workloads?row="+url.QueryEscape(row)), "go back to the statement, and take a number off under “Bill less”")
	w.did(octoberPath+"/3/approve", url.Values{"*": {"known"}})
	if strings.Contains(w.get(octoberPath+"/3").body, only) {
		t.Error("of what is approved nothing can be taken off")
	}
}

// What is counted in one unit is added up over its types, in a statement and in a company's figure, and leads to the machines behind the sum.
func TestTotals(t *testing.T) {
	t.Parallel()
	w := idleInNovember(t)
	two := reading(vbr01, "web", 4, october.AddDate(0, 0, 5))
	two.Workloads[3].Type = "VBR_HyperV_VM"
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, two))
	w.work()
	w.all("draft")
	total := regexp.MustCompile(`<tfoot><tr><th scope="row">Total</th><td>Instances</td><td class="n"><a href="([^"]*)"(?: data-why)?>4</a> <span class="dim">4 objects</span>`)
	for _, path := range []string{northwind, "/companies/2"} {
		page := w.get(path)
		found := total.FindStringSubmatch(page.body)
		if found == nil {
			t.Fatalf("%s: no total of 4: %s", path, page.body)
		}
		w.has(w.get(html.UnescapeString(found[1])), "web0000", "web0003", "Virtual machine, Hyper-V", "Virtual machine, vSphere")
	}
	if one := w.get(octoberPath + "/3"); strings.Contains(one.body, "<tfoot>") {
		t.Error("one row is added up")
	}
}

// Of a statement that counts in two units, the sums lead to the machines behind them, too, and so do those of the month before.
func TestTotalsOfTwoUnits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	points := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "POINTS", Company: 2, InstallationID: "points"}))
	for server, installation := range map[usage.ServerID]string{1: vbr01, points.ID: "points"} {
		read := reading(installation, installation[:3], 2, october.AddDate(0, 0, 5))
		if server == points.ID {
			read.License.Unit = usage.Points
		}
		read.Workloads[1].Type = "VBR_HyperV_VM"
		w.clock.Add(read.TakenAt.Sub(w.clock.Now()))
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), server, false, read))
	}
	w.clock.Add(time.Date(2026, 12, 2, 3, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	w.work()
	for _, month := range []string{octoberPath, "/statements/2026-11"} {
		w.did(month+"/2/draft", nil)
	}
	page := w.get("/statements/2026-11/2")
	foot := page.body[strings.Index(page.body, "<tfoot>"):strings.Index(page.body, "</tfoot>")]
	links := regexp.MustCompile(`<td class="n"><a href="([^"]*)">`).FindAllStringSubmatch(foot, -1)
	if len(links) != 12 || strings.Count(foot, `<td class="n">`) != 12 {
		t.Fatalf("a number is no link: %s", foot)
	}
	behind := w.get(html.UnescapeString(links[6][1])) // what is billed in points
	w.has(behind, "poi0000", "poi0001", `<option value="/Points/" selected>all types, Points</option>`)
	w.lacks(behind, "c0d0000", `id="take"`, "take a number off")
	w.has(behind, "Choose a type to tick workloads")
}

// A sum over all companies leads to the companies that it is made of, and these add up to it; each number of theirs leads to its workloads.
func TestSumsOfAMonthLead(t *testing.T) {
	t.Parallel()
	w := idleInNovember(t)
	two := reading(vbr01, "web", 7, october.AddDate(0, 0, 5))
	fresh := october.AddDate(0, 0, 2)
	two.Workloads[3].Type, two.Workloads[4].FirstProtectedAt = "VBR_HyperV_VM", &fresh
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, two))
	w.work()
	w.all("draft")
	sums := regexp.MustCompile(`<a href="([^"]*)">(\d+)</a> <span class="dim">`)
	rows := regexp.MustCompile(`<tr><th scope="row"><a href="[^"]*">([^<]*)</a></th><td>.*?</td><td>Instances</td>((?:<td class="n">.*?</td>){4})`)
	number := regexp.MustCompile(`<a href="([^"]*)">(\d+)</a>`)
	page := w.get(octoberPath)
	_, table, _ := strings.Cut(page.body, "All companies together")
	found := 0
	for _, sum := range sums.FindAllStringSubmatch(table, -1) {
		to := html.UnescapeString(sum[1])
		query := must[*url.URL](t)(url.Parse(to)).Query()
		column := slices.Index([]string{"billed", "used", "new", "rental"}, query.Get("of"))
		list := w.get(to)
		w.has(list, `id="behind"`, html.EscapeString(strings.Split(query.Get("row"), "/")[2]))
		added := 0
		for _, row := range rows.FindAllStringSubmatch(list.body, -1) {
			cell := number.FindAllStringSubmatch(row[2], -1)[column]
			n := must[int](t)(strconv.Atoi(cell[2]))
			if n == 0 {
				t.Errorf("%s lists %s, which has none", to, row[1])
			}
			added += n
			if behind := w.get(html.UnescapeString(cell[1])); strings.Count(behind.body, `<td class="id">`) != n {
				t.Errorf("%s of %s leads to %s, which shows others", cell[2], row[1], cell[1])
			}
		}
		if strconv.Itoa(added) != sum[2] {
			t.Errorf("%s leads to %s, whose companies add up to %d", sum[2], to, added)
		}
		if found++; added == 0 {
			w.has(list, "No company fits.")
		}
	}
	if found != 8 {
		t.Errorf("%d sums of two types: %s", found, page.body)
	}
	hyper := octoberPath + "?row=" + url.QueryEscape("vbr/Instances/VBR_HyperV_VM")
	w.lacks(w.get(hyper), `<th scope="row"><a href="/statements/2026-10/3">`)
	w.has(w.get(hyper+"&of=nothing&search=north"), `<input type="hidden" name="row" value="vbr/Instances/VBR_HyperV_VM"><input type="hidden" name="of" value="billed">`, `>All types</a>`)
	w.has(w.get(octoberPath+"?row=x"), `<th scope="row"><a href="/statements/2026-10/3">`)
}

// What is known of a month without a statement has a link that shows a colleague the same, also when there is a statement by then.
func TestOpenStatementHasALink(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.clock.Add(time.Minute)
	found := exactly.FindStringSubmatch(w.get(northwind).body)
	if found == nil {
		t.Fatal("it has no link to exactly this")
	}
	link := html.UnescapeString(found[1])
	first := mainPart.FindString(w.get(link).body)
	w.clock.Add(time.Minute)
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1300, october.AddDate(0, 0, 5))))
	w.all("draft")
	w.has(w.get(northwind), "1\u202f300")
	again := w.get(link)
	if mainPart.FindString(again.body) != first {
		t.Errorf("%s shows another page afterwards: %s", link, again.body)
	}
	w.has(again, "1\u202f234", "This is no statement that is kept", `<a href="`+northwind+`">As it stands now.</a>`)
	w.offered(again, "")
	w.lacks(again, "/report?", "/bundle", "None yet")
	behind := regexp.MustCompile(`href="([^"]*/workloads\?[^"]*)"`).FindStringSubmatch(again.body)
	if behind == nil {
		t.Fatalf("it leads to no workloads: %s", again.body)
	}
	workloads := w.get(html.UnescapeString(behind[1]))
	w.has(workloads, `name="before" value="`, `data-of="1234"`)
	query := strings.TrimPrefix(link, northwind)
	for path, status := range map[string]int{
		northwind + "?before=soon": http.StatusBadRequest, northwind + "?before=2030-01-01T00:00:00Z": http.StatusBadRequest, northwind + "?before=2026-01-01T00:00:00Z": http.StatusBadRequest,
		northwind + "/report" + query + "&format=pdf": http.StatusBadRequest, northwind + "/bundle" + query: http.StatusBadRequest,
	} {
		if got := w.do(request{path: path}).status; got != status {
			t.Errorf("%s: %d, want %d", path, got, status)
		}
	}
	w.want(http.StatusNotFound, request{path: octoberPath + "/3" + query, role: access.CompanyReadonly})
}

// A month that was covered in part says what that means for its bill, where it says that nothing needs a reason.
func TestCoverageIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Fabrikam"}))
	w.clock.Add(time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC).Sub(october))
	w.work()
	w.all("draft")
	const hint = "It needs no reason and keeps nothing from being approved, because the month is billed by the last reading before its end"
	w.has(w.get(northwind), "Nothing needs a reason: at the month&#39;s end no reading was missing or too old", hint, "38.57 %")
	w.lacks(w.get(northwind), "Where a peak is billed")
	bare := w.get(octoberPath + "/4")
	w.has(bare, "<p>Nothing needs a reason.</p>")
	w.lacks(bare, hint)
}

// meddling lets somebody else do something just before statements are read for a step.
type meddling struct {
	statement.Store

	meanwhile func()
}

func (m *meddling) StatementsOf(ctx context.Context, company usage.CompanyID) ([]statement.Statement, error) {
	if do := m.meanwhile; do != nil {
		m.meanwhile = nil
		do()
	}
	return m.Store.StatementsOf(ctx, company)
}

// Nobody's step is taken with a statement that somebody else changed between its reading and the step.
func TestStepsOnWhatWasSeen(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.did(northwind+"/draft", nil)
	other := *w.portal.Months
	m := &meddling{Store: other.Store}
	w.portal.Months.Store = m
	took := 0
	another := func() {
		took++
		less := statement.Less{Row: statement.RowKey{Product: "vbr", Unit: usage.Instances, Type: "VBR_vSphere_VM"}, Count: 1, Reason: fmt.Sprint("agreed ", took), Actor: "berta"}
		if _, err := other.Adjust(t.Context(), 2, usage.Month{Year: 2026, Month: time.October}, less); err != nil {
			t.Error(err)
		}
	}
	for name, form := range map[string]url.Values{
		"approve": {"*": {"it was off"}, "reason": {"mine"}}, "adjust": {"row": {row}, "count": {"2"}, "reason": {"mine"}}, "draft": nil,
		"workloads": {"row": {row}, "reason": {"mine"}, "workload": {"id=w1&server=1"}},
	} {
		m.meanwhile = another
		late := w.take(http.StatusUnprocessableEntity, northwind+"/"+name, form, "")
		w.has(late, "changed this statement")
		if name != "workloads" {
			w.has(late, fmt.Sprint("agreed ", took))
		}
		if form != nil {
			w.has(late, "mine")
		}
	}
	w.lacks(w.get(northwind), "mine")
	w.did(northwind+"/approve", url.Values{"*": {"it was off"}})
	m.meanwhile = func() {
		if _, err := other.Reopen(t.Context(), 2, usage.Month{Year: 2026, Month: time.October}, "berta", "not yet"); err != nil {
			t.Error(err)
		}
	}
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/finalise", nil, ""), "changed this statement", "not yet")
}

// cold gives the main part of a page as a console that has just started shows it.
func (w *world) cold(path string) string {
	w.t.Helper()
	warm := w.handler
	defer func() { w.handler = warm }()
	fresh := must[*portal.Portal](w.t)(portal.New(w.portal.Options))
	frame := &api.Frame{Surfaces: []api.Surface{fresh}, Check: w.access.Check, Log: slog.New(slog.DiscardHandler)}
	w.handler = must[http.Handler](w.t)(frame.Handler())
	return mainPart.FindString(w.get(path).body)
}

// A month of which only those are read again whose statements changed is the one that is read as a whole.
func TestMonthReadInParts(t *testing.T) {
	t.Parallel()
	w := idleInNovember(t)
	w.clock.Add(31 * 24 * time.Hour)
	w.work()
	const november = "/statements/2026-11"
	steps := []struct {
		path string
		form url.Values
	}{
		{northwind + "/draft", nil},
		{november + "/2/draft", nil},
		{november + "/4/draft", nil},
		{november + "/3/draft", nil},
		{november + "/2/adjust", url.Values{"row": {row}, "count": {"200"}, "reason": {"agreed"}}},
		{northwind + "/draft", nil},
		{octoberPath + "/3/draft", nil},
		{northwind + "/adjust", url.Values{"row": {row}, "count": {"100"}, "reason": {"agreed"}}},
		{northwind + "/approve", url.Values{"*": {"it was off"}}},
		{northwind + "/finalise", nil},
		{november + "/2/withdraw", url.Values{"adjustment": {"1"}, "reason": {"not agreed"}}},
		{november + "/2/approve", url.Values{"*": {"it was off"}}},
		{november + "/2/reopen", url.Values{"reason": {"not yet"}}},
		{northwind + "/supersede", url.Values{"reason": {"to bill less"}, "to-adjust": {"1"}}},
	}
	for i, step := range steps {
		w.did(step.path, step.form)
		for _, path := range []string{november, november + "?sort=-used", octoberPath, "/"} {
			if got, want := mainPart.FindString(w.get(path).body), w.cold(path); got != want || want == "" {
				t.Fatalf("after step %d, %s, %s is\n%s\nand not\n%s", i, step.path, path, got, want)
			}
		}
	}
}

// Thousands of workloads may be ticked at once; with more than can be read it is said how many.
func TestManyTicked(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	w.did(northwind+"/draft", nil)
	ticked := make([]string, 0, 9_990)
	for i := range cap(ticked) {
		ticked = append(ticked, url.Values{"id": {fmt.Sprintf("%08d-0000-4000-8000-00000000000%d", i, i%10)}, "server": {"1"}}.Encode())
	}
	w.has(w.take(http.StatusUnprocessableEntity, northwind+"/workloads", url.Values{"row": {row}, "reason": {"agreed"}, "workload": ticked}, ""), `value="agreed"`)
	w.has(w.take(http.StatusBadRequest, northwind+"/workloads", url.Values{"row": {row}, "reason": {"agreed"}, "workload": append(ticked, ticked...)}, ""), "10,000 boxes")
}
