package v2_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

var monthOfReport = usage.Month{Year: 2026, Month: time.October}

const reports = "/v2/tenants/licensing/reports"

// drafted makes the drafts of October: of company 2, which has a license of its own, of company 3, of which one server was
// not read and one has a license in points, and of what belongs to nobody.
func drafted(t *testing.T, w *world) {
	t.Helper()
	if err := errors.Join(w.fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}), w.fleet.SetZone(t.Context(), "Europe/Berlin")); err != nil {
		t.Fatal(err)
	}
	old, stated := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC), usage.One*5/2
	cc := ccReading(october.Add(time.Hour))
	cc.License.LicensedTo = "Provider Ltd"
	for i, tenant := range []string{"contoso-cc", "contoso-cc", "nobody"} {
		id := "vm" + string(rune('0'+i))
		cc.Workloads = append(cc.Workloads, usage.Workload{ID: id, Name: id, Type: "CC_Server_Backup", Tenant: tenant, FirstProtectedAt: &old})
	}
	points := vbrReading(october.Add(time.Hour))
	points.License.LicensedTo, points.License.Unit, points.Server.InstallationID = "Provider Ltd", usage.Points, "beef0000-0000-4000-8000-000000000004"
	points.Workloads = nil
	for id, kind := range map[string]string{"a": "VBR_vSphere_VM", "b": "VBR_HyperV_VM", "c": "VBR_Server_Agent", "d": "VBR_Server_Agent"} {
		points.Workloads = append(points.Workloads, usage.Workload{ID: id, Name: id, Type: kind, FirstProtectedAt: &old})
		if id == "d" {
			points.Workloads[len(points.Workloads)-1].Units = &stated
		}
	}
	w.clock.Set(october.Add(time.Hour))
	other := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR02", Company: 3, InstallationID: "beef0000-0000-4000-8000-000000000004"}))
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, true, cc))
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), other.ID, false, points))
	w.clock.Set(time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	outcomes := must[[]statement.Outcome](t)(w.months.DraftAll(t.Context(), []usage.CompanyID{usage.Unassigned, 2}, monthOfReport, "jane", nil))
	login(t, w)
	if _, h, _ := w.do(http.MethodGet, reports, ""); w.surface.Profile == v2.Profile60 && h.Get("X-Report-Status") != "2026-10 draft=2 undrafted=1" {
		t.Error(h)
	}
	outcomes = append(outcomes, must[[]statement.Outcome](t)(w.months.DraftAll(t.Context(), []usage.CompanyID{3}, monthOfReport, "jane", nil))...)
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	must[statement.Statement](t)(w.months.Adjust(t.Context(), 2, monthOfReport, statement.Less{
		Row: statement.RowKey{Product: usage.ProductVBR, Type: "VBR_vSphere_VM", Unit: usage.Instances}, Count: 4, Reason: "test machines", Actor: "jane",
	}))
	must[statement.Statement](t)(w.months.Adjust(t.Context(), 3, monthOfReport, statement.Less{
		Row:       statement.RowKey{Product: usage.ProductVBR, Type: "VBR_Server_Agent", Unit: usage.Points},
		Workloads: []statement.Ref{{Server: other.ID, ID: "d"}}, Reason: "theirs", Actor: "jane",
	}))
}

// login gives the world a new token: the old one ended while time passed.
func login(t *testing.T, w *world) {
	t.Helper()
	pair, err := w.access.Login(t.Context(), userName, password, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	w.token = pair.Access
}

// A month goes from drafts to a final report: what is not final says so, and nothing becomes final by half (C40).
func TestUsageReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile60)
	want := func(method, path string, status int, said string) http.Header {
		t.Helper()
		got, header, body := w.do(method, path, "")
		if got != status || !strings.Contains(body, said) {
			t.Errorf("%s %s: %d %s", method, path, got, body)
		}
		return header
	}
	if got := w.get(reports); got != "[]" {
		t.Error(got)
	}
	for _, path := range []string{reports + "/latest", reports + "/2026-10"} {
		want(http.MethodGet, path, 404, "no statement was made of")
	}
	want(http.MethodPost, reports+"/finalization", 404, "There is no report yet")

	drafted(t, w)
	golden(t, "report", w.get(reports+"/latest"))
	for _, path := range []string{reports, reports + "/2026-10", reports + "/2026-10-31"} {
		if got := w.get(path); got != w.get(reports+"/latest") {
			t.Errorf("%s: %s", path, got)
		}
	}
	headers := func(path, final, status, complete, units string) {
		t.Helper()
		h := want(http.MethodGet, path, 200, "")
		for name, want := range map[string]string{"X-Report-Final": final, "X-Report-Status": status, "X-Usage-Complete": complete, "X-Usage-Units": units} {
			if got := h.Get(name); got != want {
				t.Errorf("%s %s: %q, want %q", path, name, got, want)
			}
		}
	}
	headers(reports, "false", "2026-10 draft=3", "false", "Mixed")
	headers(reports+"?$top=0", "", "", "", "") // nothing is shown
	for path, want := range map[string]string{
		"?$select=reportSummary/totalPoints":                                                           `[{"reportSummary":{"totalPoints":null}}]`,
		"?$filter=reportParemeters/reportId%20lt%20202610":                                             `[]`,
		"?$filter=organizationsUsage/any(o:o/usedPoints%20gt%200.3)&$select=reportParemeters/reportId": `[{"reportParemeters":{"reportId":202610}}]`,
		"?$count=true&$top=0": `{"odata.count":"1","value":[]}`,
	} {
		if got := w.get(reports + path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	for path, said := range map[string]string{
		reports + "/2026-09":    `There is no report of 2026-09: no statement was made of that month.`,
		reports + "/2026-09-30": `There is no report of 2026-09`,
	} {
		want(http.MethodGet, path, 404, said)
	}
	for _, path := range []string{"/2026-13", "/2026", "/202610", "/october", "/2026-10-32"} {
		want(http.MethodGet, reports+path, 400, `{"Message":"There is no such report.","ModelState":{"date":["is a month as 2026-10"]}}`)
	}
	want(http.MethodGet, reports+"?$filter=nothing%20eq%201", 400, `there is no property`)
	for query, said := range map[string]string{
		"asOf=2026-01-01T00:00:00Z": `"asOf":["is not for reports: they are of whole months"]`, "as_of=x": `"as_of":["is not a parameter: asOf is meant?"]`, "asOf=garbage": `is not a time`,
	} {
		want(http.MethodGet, reports+"/latest?"+query, 400, said)
	}
	want(http.MethodGet, reports+"/finalization", 405, "")
	want(http.MethodPost, reports, 405, "")

	want(http.MethodPost, reports+"/finalization", 409, `Unassigned (draft), Northwind (draft), Contoso & Söhne (draft)`)
	for _, id := range []usage.CompanyID{usage.Unassigned, 2} {
		must[statement.Statement](t)(w.months.Approve(t.Context(), id, monthOfReport, "jane", map[string]string{"*": "it is known"}, false))
	}
	want(http.MethodPost, reports+"/finalization", 409, `Contoso & Söhne (draft)`)
	headers(reports+"/latest", "false", "2026-10 draft=1 approved=2", "false", "Mixed")
	must[statement.Statement](t)(w.months.Approve(t.Context(), 3, monthOfReport, "jane", map[string]string{"*": "it is known"}, false))
	before := w.get(reports + "/latest?$select=reportSummary,organizationsUsage,usageDetails")
	w.clock.Set(time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC))
	login(t, w)
	for range 2 { // again: it is final already
		if status, _, body := w.do(http.MethodPost, reports+"/finalization", `{}`); status != 200 || body != `{"data":{"reportApprovalStatus":"Finalized","message":"Report finalized"}}` {
			t.Errorf("%d %s", status, body)
		}
	}
	headers(reports, "true", "2026-10 final=3", "false", "Mixed")
	for i, e := range must[[]audit.Entry](t)(w.store.Audit(t.Context(), audit.Query{Limit: 3})) { // the newest first
		if id := usage.CompanyID(3 - i); e.Actor != (audit.Actor{Name: userName, Via: "v2"}) || e.Company != id || e.Action != audit.Finalised || e.Subject != "statement 2026-10 of company "+id.String() {
			t.Errorf("%+v", e)
		}
	}
	if got := w.get(reports + "/latest?$select=reportSummary,organizationsUsage,usageDetails"); got != before {
		t.Errorf("%s\nwas\n%s", got, before)
	}
	for _, s := range must[[]statement.Statement](t)(w.store.StatementsIn(t.Context(), monthOfReport)) {
		if last := s.Trail[len(s.Trail)-1]; last.Actor != userName || last.Did != "finalised" {
			t.Errorf("%d: %+v", s.Company, last)
		}
	}
	// A final statement that is superseded makes the report a draft again.
	must[statement.Statement](t)(w.months.SupersedeToAdjust(t.Context(), 2, monthOfReport, "jane", "one more"))
	headers(reports, "false", "2026-10 draft=1 final=2", "false", "Mixed")
}

// built counts the months that reports are made of.
type built struct {
	v2.Statements

	months []string
}

func (b *built) StatementsIn(ctx context.Context, month usage.Month) ([]statement.Statement, error) {
	b.months = append(b.months, month.String())
	return b.Statements.StatementsIn(ctx, month)
}

// Only what is shown, or asked for more than which report it is, is made; and the headers speak of what is shown alone.
func TestReportsAreMadeWhereTheyAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile60)
	if err := w.fleet.SetZone(t.Context(), "Europe/Berlin"); err != nil {
		t.Fatal(err)
	}
	w.clock.Set(time.Date(2027, 1, 1, 6, 0, 0, 0, time.UTC))
	login(t, w)
	for month, states := monthOfReport, 2; states >= 0; month, states = month.Next(), states-1 {
		for _, id := range []usage.CompanyID{usage.Unassigned, 2, 3} {
			if _, _, err := w.months.Draft(t.Context(), id, month, "jane"); err != nil {
				t.Fatal(err)
			}
			if states > 0 {
				must[statement.Statement](t)(w.months.Approve(t.Context(), id, month, "jane", map[string]string{"*": "it is known"}, false))
			}
			if states > 1 {
				must[statement.Statement](t)(w.months.Finalise(t.Context(), id, month, "jane"))
			}
		}
	}
	made := &built{Statements: w.surface.Statements}
	w.surface.Statements = made
	const id = "reportParemeters/reportId"
	for _, k := range []struct{ query, numbers, status, final, made string }{
		{"", "202612 202611 202610", "2026-12 draft=3; 2026-11 approved=3; 2026-10 final=3", "false", "2026-12 2026-11 2026-10"},
		{"?$filter=" + id + " eq 202610", "202610", "2026-10 final=3", "true", "2026-10"},
		{"?$filter=reportParemeters/reportInterval/startOfInterval lt datetime'2026-10-15T00:00:00'", "202610", "2026-10 final=3", "true", "2026-10"},
		{"?$orderby=" + id + "&$top=1", "202610", "2026-10 final=3", "true", "2026-10"},
		{"?$skip=2", "202610", "2026-10 final=3", "true", "2026-10"},
		{"?$select=" + id, "202612 202611 202610", "", "", ""},
		{"?$filter=" + id + " lt 202612 and usageDetails/any(d:d/organizationName eq 'Unassigned')&$top=1", "202611", "2026-11 approved=3", "false", "2026-11"},
		{"?$filter=reportSummary/totalPoints ge 0&$skip=2", "202610", "2026-10 final=3", "true", "2026-12 2026-11 2026-10"},
		{"?$orderby=reportParemeters/generationDate desc," + id + "&$top=1", "202610", "2026-10 final=3", "true", "2026-12 2026-11 2026-10 2026-10"},
	} {
		made.months = nil
		_, h, body := w.do(http.MethodGet, reports+strings.ReplaceAll(k.query, " ", "%20"), "")
		var numbers []string
		for _, m := range regexp.MustCompile(`"reportId":(\d+)`).FindAllStringSubmatch(body, -1) {
			numbers = append(numbers, m[1])
		}
		got := []string{strings.Join(numbers, " "), h.Get("X-Report-Status"), h.Get("X-Report-Final"), strings.Join(made.months, " ")}
		if want := []string{k.numbers, k.status, k.final, k.made}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q\n%s", k.query, got, want, body)
		}
	}
	for _, query := range []string{"?$select=reportParemeters/reportInterval&$top=1", "?$top=1"} { // it is the same whether the report is made or not
		const interval = `"reportInterval":{"startOfInterval":"2026-12-01T00:00:00.0000000+01:00","endOfInterval":"2026-12-31T00:00:00.0000000+01:00"}`
		if got := w.get(reports + query); !strings.Contains(got, interval) {
			t.Error(got)
		}
	}
}

// A report that lacks a company, or what a shared server holds of nobody, is not final, however final the others are.
func TestReportWithoutACompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile60)
	w.clock.Set(time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	login(t, w)
	if _, _, err := w.months.Draft(t.Context(), 2, monthOfReport, "jane"); err != nil {
		t.Fatal(err)
	}
	must[statement.Statement](t)(w.months.Approve(t.Context(), 2, monthOfReport, "jane", map[string]string{"*": "it is known"}, false))
	must[statement.Statement](t)(w.months.Finalise(t.Context(), 2, monthOfReport, "jane"))
	must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "not there yet"}))
	_, h, _ := w.do(http.MethodGet, reports+"/2026-10", "")
	if h.Get("X-Report-Final") != "false" || h.Get("X-Report-Status") != "2026-10 final=1 undrafted=2" {
		t.Error(h)
	}
	if status, _, body := w.do(http.MethodPost, reports+"/finalization", ""); status != 409 || !strings.Contains(body, "Unassigned (not drafted), Contoso & Söhne (not drafted)") {
		t.Errorf("%d %s", status, body)
	}
}

// What is only covered by a tenant's rental license is in no report, and makes no appendix (C5).
func TestNoAppendixOfRental(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile60)
	if err := w.fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}); err != nil {
		t.Fatal(err)
	}
	w.clock.Set(october.Add(time.Hour))
	cc := ccReading(october.Add(time.Hour))
	cc.License.LicensedTo = "Somebody"
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, true, cc))
	w.clock.Set(time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	login(t, w)
	draft, _, err := w.months.Draft(t.Context(), 3, monthOfReport, "jane")
	if err != nil || len(draft.Content.Classes) != 1 || draft.Content.Classes[0].Class != statement.Foreign {
		t.Fatal(draft.Content.Classes, err)
	}
	if got := w.get(reports + "/latest?$select=appendices"); got != `[{"appendices":[]}]` {
		t.Error(got)
	}
}

// What was used at a peak is of the license of then: a console that is evaluated since is in the report all the same (C37).
func TestReportOfThePeak(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile60)
	server := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "VAC01", Company: 3, Product: usage.ProductConsole, InstallationID: "vac"}))
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for day, agents := range map[int][]string{21: {"a", "b", "c"}, 31: {"a"}} {
		s := usage.Snapshot{
			TakenAt: time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC), Product: usage.ProductConsole, ListsNew: true,
			Server:  usage.ServerFacts{InstallationID: "vac", Name: "VAC01"},
			License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances}, Workloads: []usage.Workload{},
		}
		if day == 31 {
			s.License.Type = "Evaluation"
		}
		for _, id := range agents {
			s.Workloads = append(s.Workloads, usage.Workload{ID: id, Name: id, Type: "VAC_Server_Agent", FirstProtectedAt: &old})
		}
		w.clock.Set(time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC))
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), server.ID, false, s))
	}
	w.clock.Set(time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	login(t, w)
	if _, _, err := w.months.Draft(t.Context(), 3, monthOfReport, "jane"); err != nil {
		t.Fatal(err)
	}
	if got := w.get(reports + "/latest?$select=reportSummary/totalPoints,appendices"); got != `[{"reportSummary":{"totalPoints":0.99},"appendices":[]}]` {
		t.Error(got)
	}
}

// Profile 3.0 has no reports, and nothing becomes final by asking for one.
func TestNoUsageReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, path := range []string{"", "/latest", "/2026-10"} {
		if status, _, body := w.do(http.MethodGet, reports+path, ""); status != 404 || body != `{"Message":"A usage report belongs to profile 6.0; this console answers as 3.0."}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	drafted(t, w)
	if status, _, _ := w.do(http.MethodPost, reports+"/finalization", ""); status != 404 {
		t.Error(status)
	}
	for _, s := range must[[]statement.Statement](t)(w.store.StatementsIn(t.Context(), monthOfReport)) {
		if s.State != statement.Draft {
			t.Errorf("%d is %s", s.Company, s.State)
		}
	}
}

// The names are those of the reference's example, "vbR_VM", and what the same serializer makes of the others.
func TestReportTypes(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"VBR_vSphere_VM": "vbR_VM", "VBR_Other_VM": "vbR_VM", "VBR_Cloud_VM": "vbR_Cloud_VM", "VBR_Nas_Backup": "vbR_NAS_Backup",
		"CC_VM_Replica": "cC_VM_Replica", "VAC_Server_Agent": "vaC_Server_Agent", "VB365_User": "vB365_User", "Unknown": "unknown", "own": "own",
	} {
		if got := v2.ReportType(id); got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}
