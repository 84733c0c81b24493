package report_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/report"
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
	service    usage.Units // what is asked for being served at all
	without    []usage.CompanyID
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
	all := slices.DeleteFunc(slices.Clone(b.statements), func(t statement.Statement) bool { return slices.Contains(b.without, t.Company) })
	return statement.Consolidated{Month: october, Statements: all}, nil
}

func (b *books) WithoutStatement(context.Context, usage.Month, *time.Location, []statement.Statement) (all []statement.Waiting, err error) {
	for _, id := range b.without {
		all = append(all, statement.Waiting{Company: id, Name: b.companies[id-usage.Unassigned].Name, State: statement.Open})
	}
	return all, nil
}

func (b *books) Company(_ context.Context, id usage.CompanyID) (fleet.Company, error) {
	if n := int(id - usage.Unassigned); n < len(b.companies) {
		return b.companies[n], nil
	}
	return fleet.Company{}, fault.New(fault.NotFound, "there is no company %d", id)
}

func (b *books) Companies(context.Context) ([]fleet.Company, error) { return b.companies, nil }

func (b *books) Get(context.Context, int64) (plan.Item, error) {
	return plan.Item{Value: plan.Plan{Name: "Plan", Currency: "EUR", Service: plan.Rate{Price: b.service}}}, nil
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

func (b *books) reports() *report.Service {
	return &report.Service{Months: b, Statements: b, Companies: b, Plans: b, Look: report.Look{Name: "Provider"}, Formats: []report.Format{unwritten{}}}
}

// unwritten is the format of what is only looked at before it is written.
type unwritten struct{}

func (unwritten) Name() string                            { return "csv" }
func (unwritten) MediaType() string                       { return "text/csv" }
func (unwritten) Extension() string                       { return ".csv" }
func (unwritten) Write(io.Writer, *report.Document) error { return nil }

// document gives the report of a company, or of all.
func (b *books) document(t *testing.T, company usage.CompanyID, format string) report.Document {
	t.Helper()
	of := func() (report.Report, error) { return b.reports().OfAll(t.Context(), october, format) }
	if company != 0 {
		of = func() (report.Report, error) { return b.reports().OfCompany(t.Context(), company, october, 0, format) }
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

// What an issue says against a figure is said beside it: no figure that is not whole, or is assumed, is told as complete.
func TestNoDoubtIsLeftOut(t *testing.T) {
	t.Parallel()
	const vm, agent, laptop = "VBR_vSphere_VM", "VAC_Server_Agent", "VAC_Workstation_Agent"
	unknown := []statement.Issue{{Key: "unknown/9/" + agent, Text: "SRV-9 was not read before the peak"}}
	stale := []statement.Issue{{Key: "stale/3/" + agent, Text: "SRV-3 was last read long before the peak"}}
	assumed := []statement.Issue{{Key: "assumed-weight/3/" + vm, Text: "SRV-3: no weight"}}
	odd := []statement.Issue{{Key: "unknown-type/3/Quantum/Machine", Text: "SRV-3 lists what the catalogue does not know"}}
	elsewhere := []statement.Issue{{Key: "assumed-weight/9/VBR_HyperV_VM", Text: "SRV-9: no weight"}}
	unassigned := []statement.Issue{{Key: "unassigned/3", Text: "SRV-3 lists workloads that belong to no company"}}
	for _, test := range []struct {
		name                                    string
		product                                 usage.Product
		typ                                     string
		issues                                  []statement.Issue
		unread                                  bool // another server of the company
		line, overview, focus, service, missing string
		absent                                  int // rows of FOCUS for what is missing
	}{
		{"nothing", usage.ProductVBR, vm, nil, false, "complete", "yes", "complete", "complete", "", 0},
		{"belongs to nobody", usage.ProductVBR, vm, unassigned, false, "complete", "yes", "complete", "complete", "", 0},
		{"not read", usage.ProductVBR, vm, nil, true, "incomplete", "no", "complete", "incomplete", "SRV-8 was not read: nothing of it is in the figures", 1},
		{"not read before the peak", usage.ProductConsole, agent, unknown, false, "incomplete", "no", "complete", "incomplete", unknown[0].Text, 1},
		{"another peak", usage.ProductConsole, laptop, unknown, false, "complete", "no", "complete", "incomplete", unknown[0].Text, 1},
		{"stale before the peak", usage.ProductConsole, agent, stale, false, "incomplete", "no", "stale", "incomplete", stale[0].Text, 0},
		{"assumed", usage.ProductVBR, vm, assumed, false, "assumed", "assumed", "assumed", "assumed", "", 0},
		{"assumed of another type", usage.ProductVBR, vm, elsewhere, false, "complete", "assumed", "complete", "assumed", "", 0},
		{"an unknown type", usage.ProductVBR, catalog.UnknownType, odd, false, "assumed", "assumed", "assumed", "assumed", "", 0},
		{"an unknown type beside", usage.ProductVBR, vm, odd, false, "complete", "assumed", "complete", "assumed", "", 0},
		{"both", usage.ProductVBR, vm, assumed, true, "incomplete", "no", "assumed", "incomplete", "SRV-8 was not read: nothing of it is in the figures", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &books{service: 20 * usage.One}
			servers := []statement.Server{server(3, test.product, test.typ, "Provider", 2)}
			if test.unread {
				servers = append(servers, statement.Server{ID: 8, Name: "SRV-8", Product: test.product, Unknown: true})
			}
			_, s := b.add("Northwind", servers...)
			s.Content.Issues = test.issues
			for _, company := range []usage.CompanyID{0, s.Company} {
				d := b.document(t, company, "csv")
				if row := rows(t, &d, "usage")[0]; row["completeness"] != test.line || row["missing"] != test.missing {
					t.Errorf("CSV of %d: %q, missing %q", company, row["completeness"], row["missing"])
				}
				if (len(d.Missing) > 0) != (test.missing != "") {
					t.Errorf("%d: missing %q", company, d.Missing)
				}
				if company == 0 {
					if got := rows(t, &d, "companies")[0]["complete"]; got != test.overview {
						t.Errorf("complete: %q", got)
					}
				}
				d = b.document(t, company, "focus")
				absent := 0
				for _, row := range rows(t, &d, "focus") {
					got, want := row["x_Completeness"], test.focus
					switch {
					case got == "missing":
						absent++
						continue
					case row["ChargeCategory"] != "Usage":
						want = test.service
					}
					if got != want {
						t.Errorf("FOCUS: %s of %d is %q", row["ChargeDescription"], company, got)
					}
				}
				if absent != test.absent || (len(d.Missing) > 0) != (test.missing != "") {
					t.Errorf("FOCUS of %d: %d rows of what is missing, %q", company, absent, d.Missing)
				}
			}
		})
	}
}

// The numbers of the license of a shared server are the provider's own: a company's report leaves them out.
func TestLicenseNumbers(t *testing.T) {
	t.Parallel()
	shared := server(3, usage.ProductCloudConnect, "CC_VM_Backup", "Provider", 2)
	shared.Shared = true
	own := server(4, usage.ProductVBR, "VBR_vSphere_VM", "Northwind", 1)
	own.License.Class = statement.Foreign
	b := &books{licenses: map[usage.ServerID]usage.License{3: {ID: "L-3", SupportID: "S-3"}, 4: {ID: "L-4", SupportID: "S-4"}}}
	for _, name := range []string{"Unassigned", "Northwind"} {
		_, s := b.add(name, shared, own)
		s.Content.Classes = []statement.Class{{Class: statement.Foreign}}
	}
	for _, test := range []struct {
		company usage.CompanyID
		row     int
		want    string
	}{
		{usage.FirstCompany, 0, " "},
		{usage.FirstCompany, 1, "L-4 S-4"},
		{usage.Unassigned, 0, "L-3 S-3"}, // nobody gets it but the provider
		{0, 2, "L-3 S-3"},
		{0, 3, "L-4 S-4"}, // over all, neither
	} {
		d := b.document(t, test.company, "csv")
		if row := rows(t, &d, "servers")[test.row]; row["licenseId"]+" "+row["supportId"] != test.want {
			t.Errorf("%d: %v", test.company, row)
		}
	}
}

// A company without a statement is named by all that other programs know it by.
func TestWithoutStatement(t *testing.T) {
	t.Parallel()
	b := &books{}
	b.add("Unassigned", server(9, usage.ProductVBR, "VBR_vSphere_VM", "Provider", 1))
	c, _ := b.add("Northwind")
	c.Profile.ExternalID, c.ExternalIDs = "K-1", map[string]string{"psa": "4711"}
	b.without = []usage.CompanyID{c.ID}
	d := b.document(t, 0, "csv")
	for _, key := range []string{"usage", "companies"} {
		all := rows(t, &d, key)
		row := all[len(all)-1]
		if got := row["company"] + " " + row["companyUid"] + " " + row["externalId"] + " " + row["externalIds"]; got != "Northwind uid-2 K-1 psa:4711" || row["billedUnits"] != "" {
			t.Errorf("%s: %v", key, row)
		}
	}
	d = b.document(t, 0, "focus")
	all := rows(t, &d, "focus")
	if row := all[len(all)-1]; row["SubAccountId"] != "uid-2" || !strings.Contains(row["Tags"], "4711") || row["x_PriceState"] != "current" {
		t.Errorf("%v", row)
	}
}

// Figures are told apart by the numbers of licenses: in the appendix of those that are not the provider's, and in a company's own report.
func TestByLicense(t *testing.T) {
	t.Parallel()
	b := &books{licenses: map[usage.ServerID]usage.License{3: {ID: "L-3", SupportID: "S-1"}, 4: {ID: "L-4", SupportID: "S-1"}, 5: {ID: "L-5", SupportID: "S-2"}, 6: {ID: "L-6"}}}
	theirs := []statement.Server{server(3, usage.ProductVBR, "VBR_vSphere_VM", "Northwind", 2), server(4, usage.ProductVBR, "VBR_vSphere_VM", "Northwind", 5)}
	for i := range theirs {
		theirs[i].License.Class = statement.Foreign
	}
	shared := server(6, usage.ProductCloudConnect, "CC_VM_Backup", "Provider", 1)
	shared.Shared = true
	b.add("Unassigned")
	_, s := b.add("Northwind", theirs[1], theirs[0], server(5, usage.ProductVBR, "VBR_vSphere_VM", "Provider", 3), shared)
	s.Content.Classes = []statement.Class{{Class: statement.Foreign}}
	said := func(d report.Document, key string) (lines []string) {
		for _, row := range rows(t, &d, key) {
			lines = append(lines, strings.TrimSpace(row["supportId"]+" "+row["licenseId"])+" "+row["type"]+" "+row["used"]+" "+row["billedUnits"])
		}
		return lines
	}
	appendix := []string{"S-1 L-3 VBR_vSphere_VM 2 2", "S-1 L-4 VBR_vSphere_VM 5 5"}
	of, all := b.document(t, usage.FirstCompany, "csv"), b.document(t, 0, "csv")
	for _, test := range []struct {
		of   report.Document
		key  string
		want []string
	}{
		{all, "licenses-foreign-Northwind", appendix},
		{of, "licenses", slices.Concat([]string{" CC_VM_Backup 1 1"}, appendix, []string{"S-2 L-5 VBR_vSphere_VM 3 3"})}, // the shared server's numbers are the provider's
		{of, "usage", []string{"S-2 L-5 VBR_vSphere_VM 3 3", " CC_VM_Backup 1 1", "S-1 L-3 VBR_vSphere_VM 2 2", "S-1 L-4 VBR_vSphere_VM 5 5"}},
	} {
		if got := said(test.of, test.key); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", test.key, got)
		}
	}
}
