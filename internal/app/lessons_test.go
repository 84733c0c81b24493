package app_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/sim"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/statement/bundle"
	"github.com/tallystick/tallystick/internal/testkit"
)

// What other counting systems got wrong (docs/lessons.md), as journeys through the whole product.

var october = usage.Month{Year: 2026, Month: time.October}

// wireRow is a row as the API and the command line write it.
type wireRow struct {
	Type            string
	UsedCount       json.Number
	UsedInstances   json.Number
	NewCount        json.Number
	NewInstances    json.Number
	RentalCount     json.Number
	RentalInstances json.Number
}

// said writes a row of whatever surface for a person; profile 3.0 calls two types by older names.
func said(typ string, usedCount, usedUnits, newCount, newUnits, rentalCount, rentalUnits any) string {
	return fmt.Sprintf("%s: used %v/%v, new %v/%v, rental %v/%v", strings.Replace(typ, "_Windows_", "_", 1), usedCount, usedUnits, newCount, newUnits, rentalCount, rentalUnits)
}

func saidOnWire(t *testing.T, rows string) (lines []string) {
	t.Helper()
	var list []wireRow
	if err := json.Unmarshal([]byte(rows), &list); err != nil {
		t.Fatalf("%v: %s", err, rows)
	}
	for _, r := range list {
		lines = append(lines, said(r.Type, r.UsedCount, r.UsedInstances, r.NewCount, r.NewInstances, r.RentalCount, r.RentalInstances))
	}
	return lines
}

func saidInStatement(rows []statement.Row) (lines []string) {
	for _, r := range rows {
		lines = append(lines, said(r.Type, r.Used.Count, r.Used.Units, r.New.Count, r.New.Units, r.Rental.Count, r.Rental.Units))
	}
	return lines
}

var (
	pageRow  = regexp.MustCompile(`(?s)<tr><th scope="row">(?:<a [^>]*>)?[^<]*(?:</a> )?<span class="dim id">([A-Z]+_\w+)</span>(.*?)</tr>`)
	pageCell = regexp.MustCompile(`<td class="n"><a [^>]*>(?:<b>)?([\d. \x{202f}]+)(?:</b>)?</a> <span class="dim">(\d+) objects?</span>`)
)

// saidOnPage reads the table of types on a page of the portal, whose last three numbers are used, new and rental.
func saidOnPage(page string) (lines []string) {
	for _, row := range pageRow.FindAllStringSubmatch(page, -1) {
		if cells := pageCell.FindAllStringSubmatch(row[2], -1); len(cells) >= 3 {
			n := cells[len(cells)-3:]
			lines = append(lines, said(row[1], n[0][2], n[0][1], n[1][2], n[1][1], n[2][2], n[2][1]))
		}
	}
	return lines
}

// page gives a page of the portal as a browser that signed in sees it.
func (w *world) page(path string) string {
	w.t.Helper()
	_, body := w.fetch(path, func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "__Host-tallystick", Value: w.token}) //nolint:gosec // what browsers send has no attributes
	})
	return body
}

// GitLab #292496, #368644: two screens showed two numbers under one label. Here everything that tells the figure of a month's
// end tells the same: the API, the command's JSON, its explanation added up, the series, the statement, the month over all
// companies, the portal's pages of them, and in the signed bundle the statement, the table, and what is counted from its evidence.
func TestOneNumberOnEverySurface(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC), referenceScenario(sim.Wire123))
	if o := w.collect(); !o.OK {
		t.Fatal(o.Text)
	}
	end := october.Last(time.UTC)
	w.set(time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC))
	w.login()
	want := saidOnWire(t, referenceRows)
	same := func(surface string, got []string) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: want (-), got (+)\n%s", surface, d)
		}
	}
	_, body := w.get(usagePath + "?asOf=" + end.Format(time.RFC3339Nano))
	same("the API", saidOnWire(t, body))

	var shown struct {
		Rows     json.RawMessage
		Counters []struct {
			Type                             string
			Used, New, Rental                int64
			UsedUnits, NewUnits, RentalUnits json.Number
		}
	}
	answer, err := w.app.Usage(w.ctx, app.UsageQuery{Company: 2, Resource: figure.BackupServer, At: end, Explain: true})
	var explained bytes.Buffer
	if err == nil {
		err = answer.Explain(&explained)
	}
	if err == nil {
		err = json.Unmarshal(explained.Bytes(), &shown)
	}
	if err != nil {
		t.Fatal(err)
	}
	same("usage show", saidOnWire(t, string(shown.Rows)))
	var counters []string
	for _, c := range shown.Counters {
		counters = append(counters, said(c.Type, c.Used, c.UsedUnits, c.New, c.NewUnits, c.Rental, c.RentalUnits))
	}
	slices.SortFunc(counters, func(a, b string) int { return slices.Index(want, a) - slices.Index(want, b) }) // they come as the source orders them
	same("usage show --explain", counters)

	last := usage.DateOf(end, time.UTC)
	series, err := w.app.UsageSeries(w.ctx, app.SeriesQuery{Company: 2, Resource: figure.BackupServer, First: last, Last: last})
	var days []struct{ Rows json.RawMessage }
	if err == nil {
		err = json.Unmarshal(series.JSON, &days)
	}
	if err != nil || len(days) != 1 {
		t.Fatalf("%s, %v", series.JSON, err)
	}
	same("usage series", saidOnWire(t, string(days[0].Rows)))

	final := w.closeMonth(2, october)
	same("statement show", saidInStatement(final.Content.Rows))
	total, err := w.app.Months.Consolidate(w.ctx, october)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range total.Rows {
		lines = append(lines, said(r.Type, r.Used.Count, r.Used.Units, r.New.Count, r.New.Units, r.Rental.Count, r.Rental.Units))
	}
	same("the month over all", lines)

	for _, path := range []string{"/companies/2?day=2026-10-31", "/statements/2026-10/2", "/statements/2026-10"} {
		same("the portal's "+path, saidOnPage(w.page(path)))
	}

	made, err := w.app.Export(w.ctx, 2, october, 0)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := w.app.SigningKeys(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	report := bundle.Verify(w.ctx, made.Data, keys[0].Fingerprint)
	if !report.OK() {
		t.Errorf("what is counted from the bundle is something else: %+v", report.Findings)
	}
	kept, err := statement.Decode(zipped(t, made.Data, "statement.json"))
	if err != nil {
		t.Fatal(err)
	}
	same("the bundle's statement", saidInStatement(kept.Content.Rows))
	table, err := csv.NewReader(bytes.NewReader(zipped(t, made.Data, "statement.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lines = nil
	column := func(row []string, name string) string { return row[slices.Index(table[0], name)] }
	for _, r := range table[1:] {
		lines = append(lines, said(column(r, "type"), column(r, "used"), column(r, "usedUnits"), column(r, "new"), column(r, "newUnits"), column(r, "rental"), column(r, "rentalUnits")))
	}
	same("the bundle's table", lines)
}

// closeMonth takes a company's month through all steps.
func (w *world) closeMonth(company usage.CompanyID, month usage.Month) statement.Statement {
	w.t.Helper()
	_, _, err := w.app.Months.Draft(w.ctx, company, month, "jane")
	if err == nil {
		_, err = w.app.Months.Approve(w.ctx, company, month, "jane", nil, false)
	}
	var final statement.Statement
	if err == nil {
		final, err = w.app.Months.Finalise(w.ctx, company, month, "jane")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return final
}

// zipped gives one file of an archive.
func zipped(t *testing.T, archive []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Commvault's and Acronis's documents: figures that were a picture of a moment were billed. Here the live figure says as of
// when it is, and whether anything is missing; and nothing of a month is handed out before its statement is final.
func TestLiveFigureIsNeverABill(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	w := newWorld(t, start, referenceScenario(sim.Wire131))
	w.collect()
	w.set(start.Add(3 * time.Hour))
	header, _ := w.get(usagePath)
	if asOf, complete := header.Get("X-Usage-As-Of"), header.Get("X-Usage-Complete"); asOf != "2026-10-20T02:00:00Z" || complete != "true" {
		t.Errorf("the live figure is as of %q, complete %q", asOf, complete)
	}
	answer, err := w.app.Usage(w.ctx, app.UsageQuery{Company: 2, Resource: figure.BackupServer})
	if err != nil || !strings.Contains(string(answer.JSON), `"asOf":"2026-10-20T02:00:00Z","complete":true`) {
		t.Errorf("%s, %v", answer.JSON, err)
	}
	refused := func(state string) {
		t.Helper()
		if made, err := w.app.Export(w.ctx, 2, october, 0); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
			t.Errorf("a bundle of a month that is %s: %d bytes, %v", state, len(made.Data), err)
		}
	}
	refused("running")
	w.set(time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC))
	refused("over")
	if _, _, err := w.app.Months.Draft(w.ctx, 2, october, "jane"); err != nil {
		t.Fatal(err)
	}
	refused("drafted")
	if _, err := w.app.Months.Approve(w.ctx, 2, october, "jane", map[string]string{"*": "looked at"}, false); err != nil {
		t.Fatal(err)
	}
	refused("approved")
	if _, err := w.app.Months.Finalise(w.ctx, 2, october, "jane"); err != nil {
		t.Fatal(err)
	}
	if made, err := w.app.Export(w.ctx, 2, october, 0); err != nil || made.Statement.State != statement.Final {
		t.Errorf("a final one: %s, %v", made.Statement.State, err)
	}
}

// Lago #637, #538: events were accepted and are in no total. Here each line of an import is appended, was there already, or is
// refused by its place; and each workload of each accepted reading stands in the figure of its instant, once, with the rule
// that put it into a row or kept it out.
func TestEveryAcceptedReadingIsCounted(t *testing.T) {
	t.Parallel()
	clock := testkit.At(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	a, err := app.Open(t.Context(), app.Options{DataDir: t.TempDir(), Create: true, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind", Tenants: []fleet.Tenant{{Name: "north"}}})
	if err != nil {
		t.Fatal(err)
	}
	products := []usage.Product{usage.ProductVBR, usage.ProductCloudConnect, usage.ProductConsole}
	types := [][]string{{"VBR_vSphere_VM", "VBR_Nas_Backup", "Toaster"}, {"CC_VM_Backup", "CC_VM_Replica"}, {"VAC_Server_Agent", "vac_workstation_agent"}}
	for i, product := range products {
		n := fleet.NewServer{Name: fmt.Sprint("S", i), Product: product, InstallationID: fmt.Sprint("i", i), Company: company.ID}
		if n.Shared = product == usage.ProductCloudConnect; n.Shared {
			n.Company = 0
		}
		if _, err := a.Fleet.AddServer(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(11, 12))
	var file bytes.Buffer
	lines := 0
	accepted := map[usage.ServerID]map[time.Time][]string{1: {}, 2: {}, 3: {}}
	for n := range 60 {
		i := random.IntN(3)
		at := clock.Now().Add(-time.Duration(n*5) * time.Hour) // each comes later than those after it
		s := usage.Snapshot{
			TakenAt: at, Product: products[i], ListsNew: true, Server: usage.ServerFacts{InstallationID: fmt.Sprint("i", i), Name: "n"},
			License: usage.License{Type: "Rental"}, Workloads: []usage.Workload{},
		}
		var ids []string
		for id := range random.IntN(8) {
			last := at.AddDate(0, 0, -random.IntN(50))
			m := usage.Workload{
				ID: fmt.Sprint(id), Name: "m", Type: types[i][random.IntN(len(types[i]))], Revoked: random.IntN(5) == 0, MachineID: []string{"", "m"}[random.IntN(2)],
				RentalCovered: random.IntN(3) == 0, LastProtectedAt: &last, Tenant: []string{"north", "nobody's", ""}[random.IntN(3)],
			}
			ids = append(ids, m.ID)
			s.Workloads = append(s.Workloads, m)
		}
		text := s.Canonical()
		accepted[usage.ServerID(i+1)][at] = ids
		for range 1 + random.IntN(2) { // some come twice
			file.WriteString(string(text) + "\n")
			lines++
		}
		wrong := [][]byte{
			nil, []byte(`{"schema":`),
			bytes.Replace(text, []byte(`"name":"n"`), []byte(`"name":"another"`), 1),                    // another one of that instant
			bytes.Replace(text, []byte(`"installationId":"i`), []byte(`"installationId":"nobody's`), 1), // of no server
		}[random.IntN(4)]
		if wrong != nil {
			file.WriteString(string(wrong) + "\n")
			lines++
		}
	}
	refused := map[string]string{}
	result, err := a.Import(t.Context(), app.ImportOptions{
		Files: []string{"-"}, Stdin: &file, Refused: func(where string, err error) { refused[where] = err.Error() },
	})
	if err != nil || result.Appended != 60 || result.Duplicates == 0 || result.Refused == 0 || result.Refused != len(refused) ||
		result.Appended+result.Duplicates+result.Refused != lines {
		t.Fatalf("of %d lines: %+v, %d told: %v", lines, result, len(refused), err)
	}
	for server, readings := range accepted {
		for at, want := range readings {
			var got []string
			for _, c := range []usage.CompanyID{usage.Unassigned, company.ID} {
				tally, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: c, Product: products[server-1], At: at, Members: true})
				if err != nil {
					t.Fatal(err)
				}
				charged := map[string]int64{}
				for _, m := range tally.Members {
					if m.Rule == "" {
						t.Errorf("%s has no rule", m.Key)
					}
					if m.State.Charged() {
						charged[m.Type]++
					}
					got = append(got, m.Key.ID)
				}
				for _, r := range tally.Rows {
					if n := r.Rental.Count + r.New.Count + r.Used.Count; n != charged[r.Type] {
						t.Errorf("server %d at %s: %d of %s, and %d are behind it", server, at, n, r.Type, charged[r.Type])
					}
					delete(charged, r.Type)
				}
				if len(charged) > 0 {
					t.Errorf("server %d at %s: in no row: %v", server, at, charged)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("server %d at %s: accepted (-), in the figure (+)\n%s", server, at, d)
			}
		}
	}
}
