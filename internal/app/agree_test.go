package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/statement"
)

// tally is what a figure comes to: used, new and rental, workloads and units.
type tally [6]*big.Rat

func (t *tally) add(numbers ...string) {
	for i, n := range numbers {
		if t[i] == nil {
			t[i] = new(big.Rat)
		}
		t[i].Add(t[i], rat(n))
	}
}

func (t *tally) String() string {
	var b strings.Builder
	for _, n := range t {
		if n == nil {
			n = new(big.Rat)
		}
		fmt.Fprint(&b, n.FloatString(6), " ")
	}
	return b.String()
}

// row is a row of a figure, however it is written.
type row struct {
	Company                                                                        json.Number
	Resource                                                                       string
	Used, UsedUnits, New, NewUnits, Rental, RentalUnits                            json.Number
	UsedCount, UsedInstances, NewCount, NewInstances, RentalCount, RentalInstances json.Number // as v2 has them
}

func (r *row) into(t *tally) {
	t.add(first(r.Used, r.UsedCount), first(r.UsedUnits, r.UsedInstances), first(r.New, r.NewCount), first(r.NewUnits, r.NewInstances),
		first(r.Rental, r.RentalCount), first(r.RentalUnits, r.RentalInstances))
}

func first(a, b json.Number) string {
	if a != "" {
		return string(a)
	}
	return string(b)
}

func sum(t *testing.T, text string) *tally {
	t.Helper()
	var rows []row
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	s := &tally{}
	for i := range rows {
		rows[i].into(s)
	}
	return s
}

// A figure is the same wherever it is asked for: API v2, our own API as an object, as pages, as NDJSON, as CSV and by day, what the command prints,
// and metrics, whatever chance made of the ledger; and so are prices. What statements bill of it, TestFormatsAgree holds against every form of a report.
func TestSurfacesAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := newBilling(t, 200+seed)
			_, err := o.app.Access.AddUser(t.Context(), access.NewUser{Name: `contoso\jsmith`, Role: access.PortalAdministrator, Password: testPassword})
			o.check(err)
			w := &world{t: t, ctx: t.Context(), app: o.app, clock: o.clock, on: ground{metricsCompanies: 100}}
			w.serve()
			s := surfaces{w: w, listed: w.listed(), metrics: w.said("/metrics", "")}
			seen := 0
			for _, company := range append(o.companies, usage.Unassigned) {
				for _, resource := range figure.Resources() {
					seen += s.agree(company, resource)
				}
			}
			if seen == 0 || s.agreeWithStatements(o) == 0 {
				t.Fatal("chance made nothing")
			}
		})
	}
}

type surfaces struct {
	w       *world
	listed  map[string]map[string]*tally // by form of the list, company and resource
	metrics string
}

// agree compares all that is said of one figure, and gives how many workloads are in it.
func (s *surfaces) agree(company usage.CompanyID, resource figure.Resource) int {
	t := s.w.t
	answer, err := s.w.app.Usage(s.w.ctx, app.UsageQuery{Company: company, Resource: resource})
	if err != nil {
		t.Fatal(err)
	}
	var printed struct{ Rows json.RawMessage }
	if err := json.Unmarshal(answer.JSON, &printed); err != nil {
		t.Fatal(err)
	}
	want := sum(t, string(printed.Rows))
	said := map[string]*tally{}
	path := fmt.Sprintf("/api/v1/companies/%d/usage/%s", company, resource)
	for _, query := range []string{"", "?explain=true"} {
		if err := json.Unmarshal([]byte(s.w.said(path+query, "")), &printed); err != nil {
			t.Fatal(err)
		}
		said["v1"+query] = sum(t, string(printed.Rows))
	}
	var page struct{ Items json.RawMessage }
	today := s.w.clock.Now().Format("2006-01-02")
	if err := json.Unmarshal([]byte(s.w.said(path+"/days?from="+today+"&limit=1000", "")), &page); err != nil {
		t.Fatal(err)
	}
	said["v1 by day"] = sum(t, string(page.Items))
	if company != usage.Unassigned {
		said["v2"] = sum(t, s.w.said(fmt.Sprintf("/v2/tenants/%d/licensing/%sUsage", company, resource), ""))
	}
	for form, list := range s.listed {
		if said["list as "+form] = list[fmt.Sprintf("%d%s", company, resource)]; said["list as "+form] == nil {
			said["list as "+form] = &tally{}
		}
	}
	for surface, got := range said {
		if got.String() != want.String() {
			t.Errorf("company %d, %s: %s says %s, the command says %s", company, resource, surface, got, want)
		}
	}
	for i, kind := range map[int]string{1: "used", 3: "new", 5: "rental"} {
		if got, want := s.inMetrics(company, resource, kind), want.units(i); got.Cmp(want) != 0 {
			t.Errorf("company %d, %s: metrics say %s %s, the command says %s", company, resource, got.FloatString(6), kind, want.FloatString(6))
		}
	}
	return len(answer.Tally.Rows)
}

// agreeWithStatements holds what statements counted, which every form of a report tells, against our own API at the end of the month, as it was
// known then. Rows of which the peak counts are of another instant. It gives how many rows there were.
func (s *surfaces) agreeWithStatements(o *billing) (compared int) {
	all, err := o.app.Store.StatementsIn(o.t.Context(), reported)
	o.check(err)
	o.reprice() // final months keep their prices wherever they are asked for
	for i := range all {
		t := &all[i]
		for _, format := range []string{"focus", "csv"} {
			path := fmt.Sprintf("/api/v1/companies/%d/statements/%s/report?format=%s", t.Company, t.Month, format)
			if served := s.w.said(path, "text/csv"); served != string(o.file(t.Company, format)) {
				o.t.Errorf("company %d: v1 serves another %s than the command writes", t.Company, format)
			}
		}
		if t.State == statement.Final {
			path := fmt.Sprintf("/api/v1/companies/%d/statements/%s/bundle", t.Company, t.Month)
			header, served := s.w.answer(path, "")
			made, err := o.app.Export(o.t.Context(), t.Company, reported, 0)
			o.check(err)
			if named := `attachment; filename="` + made.FileName() + `"`; header.Get("Content-Disposition") != named || served != string(made.Data) {
				o.t.Errorf("company %d: v1 serves another bundle than the command writes, or calls it otherwise: %v", t.Company, header)
			}
		}
		known := t.CutoffAt.Add(time.Microsecond).Format(time.RFC3339Nano)
		for _, resource := range figure.Resources() {
			product, err := resource.Product()
			o.check(err)
			var said struct {
				Rows []struct {
					Type, Unit string
					row
				}
			}
			s.w.read(s.w.said(fmt.Sprintf("/api/v1/companies/%d/usage/%s?at=%s&recordedBefore=%s", t.Company, resource, t.Content.At.Format(time.RFC3339Nano), known), ""), &said)
			for _, want := range t.Content.Rows {
				if want.Product != product || want.PeakAt != nil {
					continue
				}
				compared++
				counted, got := &tally{}, &tally{}
				counted.add(fmt.Sprint(want.Used.Count), want.Used.Units.String(), fmt.Sprint(want.New.Count), want.New.Units.String(), fmt.Sprint(want.Rental.Count), want.Rental.Units.String())
				for k := range said.Rows {
					if r := &said.Rows[k]; r.Type == want.Type && r.Unit == string(want.Unit) {
						r.into(got)
					}
				}
				if got.String() != counted.String() {
					o.t.Errorf("company %d, %s, %s: v1 says %s, the statement %s", t.Company, want.Type, want.Unit, got, counted)
				}
			}
		}
	}
	return compared
}

func (t *tally) units(i int) *big.Rat {
	if t[i] == nil {
		return new(big.Rat)
	}
	return t[i]
}

func (s *surfaces) inMetrics(company usage.CompanyID, resource figure.Resource, kind string) *big.Rat {
	sample := regexp.MustCompile(fmt.Sprintf(`(?m)^tallystick_company_units\{company="%d",kind=%q,resource=%q,[^}]*\} (\S+)$`, company, kind, resource+"Usage"))
	total := new(big.Rat)
	for _, found := range sample.FindAllStringSubmatch(s.metrics, -1) {
		total.Add(total, rat(found[1]))
	}
	return total
}

// listed reads the list of all figures in each of its forms.
func (w *world) listed() map[string]map[string]*tally {
	forms := map[string]map[string]*tally{"pages": {}, "ndjson": {}, "csv": {}}
	put := func(form string, r *row) {
		key := string(r.Company) + " " + r.Resource
		key = strings.ReplaceAll(key, " ", "")
		if forms[form][key] == nil {
			forms[form][key] = &tally{}
		}
		r.into(forms[form][key])
	}
	for next := "?limit=3"; next != ""; {
		var page struct {
			Items []row
			Next  *string
		}
		w.read(w.said("/api/v1/usage"+next, ""), &page)
		for i := range page.Items {
			put("pages", &page.Items[i])
		}
		next = ""
		if page.Next != nil {
			next = "?limit=3&cursor=" + *page.Next
		}
	}
	for line := range strings.Lines(w.said("/api/v1/usage", "application/x-ndjson")) {
		var r row
		w.read(line, &r)
		put("ndjson", &r)
	}
	t := w.t
	for _, cells := range records(t, []byte(w.said("/api/v1/usage", "text/csv"))) {
		number := func(name string) json.Number { return json.Number(cells[name]) }
		put("csv", &row{
			Company: number("company"), Resource: cells["resource"], Used: number("used"), UsedUnits: number("usedUnits"), New: number("new"), NewUnits: number("newUnits"),
			Rental: number("rental"), RentalUnits: number("rentalUnits"),
		})
	}
	return forms
}

func (w *world) read(text string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.t.Fatalf("%v: %s", err, text)
	}
}

// said wants a 200, in a form.
func (w *world) said(path, form string) string {
	w.t.Helper()
	_, body := w.answer(path, form)
	return body
}

func (w *world) answer(path, form string) (http.Header, string) {
	w.t.Helper()
	return w.fetch(path, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+w.token)
		if form != "" {
			r.Header.Set("Accept", form)
		}
	})
}

// fetch gives what a request is answered with, as somebody's.
func (w *world) fetch(path string, as func(*http.Request)) (http.Header, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.base+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	as(r)
	answer, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %d %s, %v", path, answer.StatusCode, body, err)
	}
	return answer.Header, string(body)
}
