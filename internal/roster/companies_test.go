package roster_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/roster"
)

const threeCompanies = "Name,Plan,CLOUDTENANTS,email,externalId.PSA,tag.segment\n" +
	"Northwind,gold,nw|nw-2,ops@northwind.example,4711,gold\n" +
	"\"Contoso, Ltd\",,,,4712,\n" +
	"=1+1,1,,,'@SUM(A1),\"two\nlines\"\n"

func TestCompaniesAreTaken(t *testing.T) {
	t.Parallel()
	o := open(t)
	must(o.plans.Add(t.Context(), plan.Plan{Name: "Gold", Currency: "EUR", Tax: "VAT"}))(t)
	if lines := o.refused(t, func(ctx context.Context) error {
		_, err := o.Companies(ctx, strings.NewReader(threeCompanies), roster.CompanyOptions{})
		return err
	}); len(lines) != 1 || lines[0] != `line 4, column "tag.segment": holds a control character or is not valid UTF-8` {
		t.Fatalf("%q", lines)
	}
	file := strings.Replace(threeCompanies, "two\nlines", "-1", 1)
	dry := o.companies(t, file, roster.CompanyOptions{DryRun: true})
	if dry.Added != 3 || dry.Rows[0].ID != 0 || dry.Written() || len(must(o.store.Companies(t.Context()))(t)) != 0 {
		t.Fatalf("a dry run: %+v", dry)
	}
	done := o.companies(t, file, roster.CompanyOptions{})
	if done.Added != 3 || done.Rows[2].ID != 4 || done.Rows[2].Line != 4 || !done.Written() {
		t.Errorf("%+v", done)
	}
	got := must(o.store.Companies(t.Context()))(t)
	want := []fleet.Company{
		{
			Name: "Northwind", Tenants: []fleet.Tenant{{Name: "nw"}, {Name: "nw-2"}}, Profile: fleet.Profile{Plan: 1, Email: "ops@northwind.example"},
			Labels: fleet.Labels{ExternalIDs: map[string]string{"psa": "4711"}, Tags: map[string]string{"segment": "gold"}},
		},
		{Name: "Contoso, Ltd", Labels: fleet.Labels{ExternalIDs: map[string]string{"psa": "4712"}}},
		{Name: "=1+1", Profile: fleet.Profile{Plan: 1}, Labels: fleet.Labels{ExternalIDs: map[string]string{"psa": "'@SUM(A1)"}, Tags: map[string]string{"segment": "-1"}}},
	}
	for i := range want {
		want[i].ID, want[i].UID, want[i].Enabled, want[i].CreatedAt, want[i].Revision = usage.CompanyID(i+2), got[i].UID, true, got[i].CreatedAt, got[i].Revision
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Again, it is so already: nothing is written, and nobody is said to have changed anything.
	head := must(o.store.Head(t.Context()))(t)
	if again := o.companies(t, file, roster.CompanyOptions{}); again.Unchanged != 3 || again.Written() || again.Rows[1].ID != 3 {
		t.Errorf("again: %+v", again)
	}
	if after := must(o.store.Head(t.Context()))(t); after != head {
		t.Error("again, something is written")
	}
	// Only what the file has a column for is changed; an empty cell empties.
	changed := o.companies(t, "name;cloudTenants;enabled;tag.segment\nNORTHWIND;nw-2|nw-3;no;\n", roster.CompanyOptions{})
	if changed.Changed != 1 || !strings.Contains(changed.Rows[0].Changes, `name "Northwind" -> "NORTHWIND"`) {
		t.Errorf("%+v", changed)
	}
	c := must(o.store.Company(t.Context(), 2))(t)
	c.CreatedAt, c.Revision = got[0].CreatedAt, got[0].Revision
	want[0].Name, want[0].Enabled, want[0].Tags, want[0].Tenants = "NORTHWIND", false, nil, []fleet.Tenant{{Name: "nw-2"}, {Name: "nw-3"}}
	if diff := cmp.Diff(want[0], c); diff != "" {
		t.Error(diff)
	}
	same(t, "the trail", o.trail(t), "subscription plan 1 added", `company 2 added name "Northwind"; cloud tenant "nw" comes`, `company 3 added name "Contoso, Ltd"`,
		`company 4 added name "=1+1"`, `company 2 changed name "Northwind" -> "NORTHWIND"; enabled "true" -> "false"; cloud tenant "nw-3" comes; cloud tenant "nw" goes; tag segment "gold" goes`)
}

func TestCompaniesAreFound(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.companies(t, "name,externalId.psa\nA,1\nB,\nC,\nD,3\n", roster.CompanyOptions{})
	o.double(t, 5, "name,externalId.psa\nC,3\n")
	psa := roster.CompanyOptions{Match: "PSA"}
	uid := must(o.store.Company(t.Context(), 2))(t).UID
	// By external id, else by name, where that one has no other id; by GUID before all.
	got := o.companies(t, "name,externalId.psa\nA renamed,1\nb,2\nE,5\nF,\n", psa)
	if got.Changed != 2 || got.Added != 2 || got.Rows[0].ID != 2 || got.Rows[1].ID != 3 {
		t.Errorf("%+v", got)
	}
	if got := o.companies(t, "uid,name\n{"+strings.ToUpper(uid)+"},A\n,G\n", roster.CompanyOptions{}); got.Changed != 1 || got.Added != 1 || got.Rows[0].ID != 2 {
		t.Errorf("%+v", got)
	}
	for _, test := range []struct {
		name, file string
		options    roster.CompanyOptions
		want       []string
	}{
		{"no such GUID", "uid,name\nx,A\n" + "6f9619ff-8b86-d011-b42d-00c04fc964ff,B\n", roster.CompanyOptions{}, []string{
			`line 2, column "uid": there is no company with the GUID "x"`, `line 3, column "uid": there is no company with the GUID`,
		}},
		{"an external id of several", "name,externalId.psa\nC,3\n", psa, []string{`line 2, column "externalId.psa": 2 companies have "3", among them 4 (C) and 5 (D)`}},
		{"an external id of another", "name,externalId.psa,externalId.contract\nB,1,\nX,7,c\nY,7,c\n", roster.CompanyOptions{}, []string{
			`line 2, column "externalId.psa": "1" is that of company 2 (A): what several companies have in common is a tag`,
			`line 4, column "externalId.contract": "c" stands in line 3, too`, `line 4, column "externalId.psa": "7" stands in line 3, too`,
		}},
		{"another external id", "name,externalId.psa\nA,9\n", psa, []string{`line 2, column "externalId.psa": company 2 (A) has "1", and no company has "9"`}},
		{"no column to match", "name\nA\n", psa, []string{`line 1: the header lacks the column "externalId.psa"`}},
		{"one id twice", "name,externalId.psa\nX,8\nY,8\n", psa, []string{`line 3, column "externalId.psa": "8" stands in line 2, too`}},
		{"one company twice", "name,uid\nA," + uid + "\nZ," + uid + "\n", roster.CompanyOptions{}, []string{"line 3: is about company 2 (A), as line 2 is"}},
		{"a name in the file", "name\nx\nX\n", roster.CompanyOptions{}, []string{`line 3, column "name": "X" stands in line 2, too`}},
		{"a name in the ledger", "name,uid\nb," + uid + "\n", roster.CompanyOptions{}, []string{`line 2, column "name": "b" is taken by company 3`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			same(t, test.file, o.refused(t, func(ctx context.Context) error {
				_, err := o.Companies(ctx, strings.NewReader(test.file), test.options)
				return err
			}), test.want...)
		})
	}
}

// What two companies have from before stays, and stands in the way of nothing else.
func TestExternalIDsThatAreThereTwice(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.companies(t, "name,externalId.psa\nA,1\nB,\n", roster.CompanyOptions{})
	o.double(t, 2, "name,externalId.psa\nB,1\n")
	if got := o.companies(t, "name,externalId.psa,email\nA,1,a@a.example\nB,1,\n", roster.CompanyOptions{}); got.Changed != 1 || got.Unchanged != 1 {
		t.Errorf("%+v", got)
	}
}

// Every mistake is told at once, by its line and column.
func TestCompaniesThatAreWrong(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.companies(t, "name,cloudTenants\nA,taken\n", roster.CompanyOptions{})
	file := "name,plan,cloudTenants,enabled,email,title,tag.x\n" +
		",silver,,,,,\n" +
		"B,7,taken,maybe,nobody,Dr.," + strings.Repeat("v", 201) + "\n" +
		"C,,a||b,,,,\n" +
		"D,,twice,,,,\n" +
		"E,,twice,,,,\n" +
		"F,,,\n" +
		"G,,,,,,,\n"
	lines := func(file string) []string {
		return o.refused(t, func(ctx context.Context) error {
			_, err := o.Companies(ctx, strings.NewReader(file), roster.CompanyOptions{})
			return err
		})
	}
	same(t, "all of it", lines(file),
		`line 2, column "plan": there is no plan "silver"`,
		`line 2, column "name": is required`,
		`line 3, column "enabled": is yes or no`,
		`line 3, column "plan": there is no plan "7"`,
		`line 3, column "tag.x": is longer than 200 bytes`,
		`line 3, column "email": is no address`,
		`line 3, column "title": is one of Mr., Miss`,
		`line 3, column "cloudTenants": "taken" belongs to company 2 (A)`,
		`line 4, column "cloudTenants": is required`,
		`line 6, column "cloudTenants": "twice" stands in line 5, too`,
		"line 7: the number of cells is 4, and the header names 7 columns",
	)
	many := "name,plan\n" + strings.Repeat("x,none\n", 150)
	if got := lines(many); len(got) != 100 {
		t.Errorf("%d mistakes are told", len(got))
	}
	_, err := o.Companies(t.Context(), strings.NewReader(many), roster.CompanyOptions{})
	if !strings.Contains(fault.Text(err), "these are 100 of 299 mistakes") {
		t.Errorf("%.200s", fault.Text(err))
	}
}

// hurried has somebody else change the ledger between the look and the step.
type hurried struct {
	roster.Directory
	once sync.Once
	act  func()
}

func (h *hurried) PutCompanies(ctx context.Context, drafts []fleet.CompanyDraft) ([]usage.CompanyID, error) {
	h.once.Do(h.act)
	return h.Directory.PutCompanies(ctx, drafts)
}

func TestCompaniesThatOthersChange(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.companies(t, "name\nA\n", roster.CompanyOptions{})
	notes := func(p *fleet.Profile) error { p.Notes = "theirs"; return nil }
	o.Directory = &hurried{Directory: o.directory, act: func() {
		must(o.directory.EditCompany(t.Context(), 2, fleet.CompanyEdit{Profile: notes}))(t)
	}}
	o.companies(t, "name,email\nA,a@b.example\n", roster.CompanyOptions{})
	if p := must(o.store.Company(t.Context(), 2))(t).Profile; p.Notes != "theirs" || p.Email != "a@b.example" {
		t.Errorf("%+v", p)
	}
	// What is wrong by now is told by its line.
	o.Directory = &hurried{Directory: o.directory, act: func() {
		must(o.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "b", Tenants: []fleet.Tenant{{Name: "T"}}}))(t)
	}}
	_, err := o.Companies(t.Context(), strings.NewReader("name,cloudTenants\nA,\nC,T\n"), roster.CompanyOptions{})
	if want := `nothing is imported: line 3, column "cloudTenants": "T" belongs to company 3 (b)`; fault.Text(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	if len(must(o.store.Companies(t.Context()))(t)) != 2 {
		t.Error("half of it is there")
	}
}

// Two who take one file at once add every company once.
func TestOneFileTwiceAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	file := "name,cloudTenants\n" + strings.Join([]string{"A,a", "B,b", "C,c"}, "\n")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := o.Companies(t.Context(), strings.NewReader(file), roster.CompanyOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := must(o.store.Companies(t.Context()))(t); len(got) != 3 || len(o.trail(t)) != 3 {
		t.Errorf("%d companies, %q", len(got), o.trail(t))
	}
}
