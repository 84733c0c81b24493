package report_test

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/report/csv"
	"github.com/tallystick/tallystick/internal/statement"
)

var october = usage.Month{Year: 2026, Month: time.October}

// books are companies with their statements, by hand.
type books struct {
	statement.Store
	fleet.CompanyStore
	companies  []fleet.Company
	statements []statement.Statement // of each
	licenses   map[usage.ServerID]usage.License
}

func (b *books) Show(_ context.Context, company usage.CompanyID, _ usage.Month, _ int) (statement.Statement, error) {
	return b.statements[company-usage.Unassigned], nil
}

func (*books) Workloads(context.Context, *statement.Statement) ([]statement.Workload, error) {
	return nil, nil
}

func (b *books) Licenses(context.Context, *statement.Statement) (map[usage.ServerID]usage.License, error) {
	return maps.Clone(b.licenses), nil
}

func (b *books) Consolidate(context.Context, usage.Month) (statement.Consolidated, error) {
	return statement.Consolidated{Month: october, Statements: b.statements}, nil
}

func (*books) WithoutStatement(context.Context, usage.Month, *time.Location, []statement.Statement) ([]statement.Waiting, error) {
	return nil, nil
}

func (b *books) Company(_ context.Context, id usage.CompanyID) (fleet.Company, error) {
	if n := int(id - usage.Unassigned); n < len(b.companies) {
		return b.companies[n], nil
	}
	return fleet.Company{}, fault.New(fault.NotFound, "there is no company %d", id)
}

func (b *books) Companies(context.Context) ([]fleet.Company, error) { return b.companies, nil }

func (*books) Get(context.Context, int64) (plan.Item, error) {
	return plan.Item{Value: plan.Plan{Name: "None", Currency: "EUR"}}, nil
}

// add adds a company with the servers of its statement.
func (b *books) add(name string, servers ...statement.Server) (*fleet.Company, *statement.Statement) {
	id := usage.Unassigned + usage.CompanyID(len(b.companies))
	b.companies = append(b.companies, fleet.Company{ID: id, UID: "uid-" + id.String(), Name: name})
	t := statement.Statement{Company: id, CompanyUID: "uid-" + id.String(), CompanyName: name, Month: october.String(), Number: 1, State: statement.Draft}
	t.Content = statement.Content{Zone: "UTC", At: october.Last(time.UTC), AtUTC: october.Last(time.UTC), Servers: servers}
	for i := range servers {
		t.Content.Rows = append(t.Content.Rows, servers[i].Rows...)
	}
	b.statements = append(b.statements, t)
	return &b.companies[len(b.companies)-1], &b.statements[len(b.statements)-1]
}

// server is one on which so many workloads of a type are used, with a license of someone's.
func server(id usage.ServerID, product usage.Product, typ, licensedTo string, count int64) statement.Server {
	amount := statement.Amount{Count: count, Units: usage.Units(count) * usage.One}
	return statement.Server{
		ID: id, Name: "SRV-" + id.String(), Product: product, License: &statement.License{Type: usage.LicenseRental, Edition: "Enterprise", LicensedTo: licensedTo, Class: statement.Provider},
		Rows: []statement.Row{{RowKey: statement.RowKey{Product: product, Type: typ, Unit: usage.Instances}, Used: amount}},
	}
}

func (b *books) service() *report.Service {
	return &report.Service{Months: b, Statements: b, Companies: b, Plans: b, Look: report.Look{Name: "Provider"}, Formats: []report.Format{csv.Format{}}}
}

// document gives the report of a company, or of all.
func (b *books) document(t *testing.T, company usage.CompanyID, format string) report.Document {
	t.Helper()
	of := func() (report.Report, error) { return b.service().OfAll(t.Context(), october, format) }
	if company != 0 {
		of = func() (report.Report, error) { return b.service().OfCompany(t.Context(), company, october, 0, format) }
	}
	r, err := of()
	if err != nil {
		t.Fatal(err)
	}
	return r.Document
}

// rows gives the rows of a table by the keys of its columns.
func rows(t *testing.T, d *report.Document, key string) (rows []map[string]string) {
	t.Helper()
	for i := range d.Sections {
		s := &d.Sections[i]
		if s.Key != key {
			continue
		}
		for _, cells := range s.Rows {
			if len(cells) != len(s.Columns) {
				t.Fatalf("%s: %d cells under %d columns", key, len(cells), len(s.Columns))
			}
			row := make(map[string]string)
			for j := range cells {
				row[s.Columns[j].Key] = cells[j].String()
			}
			rows = append(rows, row)
		}
		return rows
	}
	t.Fatalf("there is no table %q", key)
	return nil
}

// inCSV gives the rows of a report as its CSV has them.
func inCSV(t *testing.T, d *report.Document) (rows []map[string]string) {
	t.Helper()
	var b bytes.Buffer
	if err := (csv.Format{}).Write(&b, d); err != nil {
		t.Fatal(err)
	}
	records, err := stdcsv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		row := make(map[string]string)
		for i, key := range records[0] {
			row[key] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// What ties a company to other programs, and what costs are sorted by, is in its reports.
func TestLabels(t *testing.T) {
	t.Parallel()
	b := &books{}
	c, _ := b.add("Northwind", server(3, usage.ProductVBR, "VBR_vSphere_VM", "Provider", 2))
	c.Profile.ExternalID = "K-1"
	c.Labels = fleet.Labels{ExternalIDs: map[string]string{"psa": "4711", "contract": "<C&9>"}, Tags: map[string]string{"segment": "smb"}}
	b.add("Contoso", server(4, usage.ProductVBR, "VBR_vSphere_VM", "Provider", 1))
	for _, company := range []usage.CompanyID{c.ID, 0} {
		d := b.document(t, company, "focus")
		row := rows(t, &d, "focus")[0]
		var tags map[string]any
		if err := json.Unmarshal([]byte(row["Tags"]), &tags); err != nil {
			t.Fatalf("%q: %v", row["Tags"], err)
		}
		want := map[string]any{"tallystick/externalId": "K-1", "externalId/psa": "4711", "externalId/contract": "<C&9>", "segment": "smb"}
		if !maps.Equal(tags, want) {
			t.Errorf("tags of %d: %v", company, tags)
		}
		d = b.document(t, company, "csv")
		if row := rows(t, &d, "usage")[0]; row["externalId"] != "K-1" || row["externalIds"] != "contract:<C&9>, psa:4711" {
			t.Errorf("%d: %v", company, row)
		}
	}
	d := b.document(t, 0, "focus")
	if tags := rows(t, &d, "focus")[1]["Tags"]; tags != "" {
		t.Errorf("a company without labels has %s", tags)
	}
	d = b.document(t, 0, "csv")
	if row := rows(t, &d, "companies")[0]; row["externalIds"] != "contract:<C&9>, psa:4711" {
		t.Errorf("%v", row)
	}
	d = b.document(t, c.ID, "csv")
	var facts []string
	for i := range d.Facts {
		facts = append(facts, d.Facts[i].Key+"="+d.Facts[i].Value.String())
	}
	if all := strings.Join(facts, "\n"); !strings.Contains(all, "externalIds=contract:<C&9>, psa:4711") {
		t.Error(all)
	}
}

// The summary has one row for each product, edition, type and unit, under whichever of the provider's names it is licensed.
func TestSummaryIsOfLicensesAlike(t *testing.T) {
	t.Parallel()
	b := &books{}
	b.add("Northwind", server(3, usage.ProductVBR, "VBR_vSphere_VM", "Provider", 2))
	b.add("Contoso", server(4, usage.ProductVBR, "VBR_vSphere_VM", "Provider Ltd", 3), server(5, usage.ProductVBR, "VBR_HyperV_VM", "Provider", 1))
	foreign := server(6, usage.ProductVBR, "VBR_vSphere_VM", "Fabrikam Inc", 7)
	foreign.License.Class = statement.Foreign
	other := server(7, usage.ProductVBR, "VBR_vSphere_VM", "Tailspin Inc", 1)
	other.License.Class = statement.Foreign
	b.add("Fabrikam", foreign, other)
	d := b.document(t, 0, "csv")
	var got []string
	for _, key := range []string{"summary", "appendix-foreign-Fabrikam Inc", "appendix-foreign-Tailspin Inc"} {
		for _, row := range rows(t, &d, key) {
			got = append(got, row["type"]+" "+row["edition"]+" "+row["used"]+" "+row["unitsEach"]+" "+row["billedUnits"])
		}
	}
	want := []string{"VBR_vSphere_VM Enterprise 5 1 5", "VBR_HyperV_VM Enterprise 1 1 1", "VBR_vSphere_VM Enterprise 7 1 7", "VBR_vSphere_VM Enterprise 1 1 1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
