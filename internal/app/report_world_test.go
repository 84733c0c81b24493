package app_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/testkit"
)

// billing is a provider's ledger with companies, servers, plans and statements that chance made, for reports to be made of.
type billing struct {
	t         *testing.T
	r         *rand.Rand
	clock     *testkit.Clock
	app       *app.App
	reports   *report.Service
	companies []usage.CompanyID
	servers   []fleet.Server
	agreed    map[usage.CompanyID]plan.Plan // of those that had a plan when their months became final
}

var reported = usage.Month{Year: 2026, Month: time.October}

// Names that chance may choose, with what files of any kind might stumble over.
var billedNames = []string{"Northwind", "=2+2", "Söhne & Töchter", "Компания", "Contoso \"East\"", "-Fabrikam", "Tab\u00a0Space", "日本"}

func newBilling(t *testing.T, seed uint64) *billing {
	t.Helper()
	o := &billing{t: t, r: rand.New(rand.NewPCG(seed, 1)), clock: testkit.At(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))}
	a, err := app.Open(t.Context(), app.Options{DataDir: t.TempDir(), Create: true, Now: o.clock.Now, Look: report.Settings{Name: "Provider Ltd"}})
	o.check(err)
	t.Cleanup(func() { o.check(a.Close()) })
	o.app = a
	o.reports, err = a.Reports()
	o.check(err)
	o.check(a.Fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}))
	o.people()
	o.agreed = o.plans()
	maps.DeleteFunc(o.agreed, func(_ usage.CompanyID, p plan.Plan) bool { return p == plan.Default().Value })
	o.october()
	return o
}

func (o *billing) check(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *billing) chance(percent int) bool { return o.r.IntN(100) < percent }

func pick[T any](o *billing, from ...T) T { return from[o.r.IntN(len(from))] }

// people adds plans, companies and their servers.
func (o *billing) people() {
	ctx := o.t.Context()
	var plans []int64
	for i := range 2 {
		p := plan.Plan{
			Name: fmt.Sprint("Plan ", i), Currency: "EUR", Tax: "VAT", TaxPercent: pick[usage.Units](o, 0, 19*usage.One, 7_700_000), Discount: pick[usage.Units](o, 0, 2_500_000, 33_333_333),
			Service: plan.Rate{Price: pick(o, 0, 20*usage.One)}, VM: plan.Rate{Price: 4_500_001}, Workstation: plan.Rate{Price: 990_000}, StoredVM: plan.Rate{Price: 3 * usage.One},
		}
		item, err := o.app.Plans.Add(ctx, p)
		o.check(err)
		plans = append(plans, item.ID)
	}
	for i, name := range billedNames {
		c, err := o.app.Fleet.AddCompany(ctx, fleet.NewCompany{
			Name: name, Profile: fleet.Profile{ExternalID: pick(o, "", "K-"+name)}, Tenants: []fleet.Tenant{{Name: fmt.Sprint("tenant-", i)}},
		})
		o.check(err)
		o.companies = append(o.companies, c.ID)
		if i%3 > 0 {
			_, err := o.app.Plans.Assign(ctx, c.ID, plans[i%3-1])
			o.check(err)
		}
		for n := range o.r.IntN(4) {
			v, err := o.app.Fleet.AddServer(ctx, fleet.NewServer{
				Name: fmt.Sprintf("SRV-%d-%d", i, n), Product: pick(o, usage.ProductVBR, usage.ProductVBR, usage.ProductConsole, usage.ProductCloudConnect), Company: c.ID,
				InstallationID: fmt.Sprintf("i-%d-%d", i, n), Interval: 24 * time.Hour,
			})
			o.check(err)
			o.servers = append(o.servers, v)
		}
	}
	shared, err := o.app.Fleet.AddServer(ctx, fleet.NewServer{Name: "SHARED", Shared: true, InstallationID: "shared", Interval: 24 * time.Hour})
	o.check(err)
	o.servers = append(o.servers, shared)
	o.companies = append([]usage.CompanyID{usage.Unassigned}, o.companies...) // whose tenants are nobody's
}

// plans are those that companies have now.
func (o *billing) plans() map[usage.CompanyID]plan.Plan {
	o.t.Helper()
	plans := make(map[usage.CompanyID]plan.Plan)
	for _, id := range o.companies {
		c, err := o.app.Store.Company(o.t.Context(), id)
		o.check(err)
		p, err := o.app.Plans.Get(o.t.Context(), c.Profile.Plan)
		o.check(err)
		plans[id] = p.Value
	}
	return plans
}

// reprice changes all that prices follow: one plan asks for something else, one is left by all and removed.
func (o *billing) reprice() {
	o.t.Helper()
	ctx := o.t.Context()
	all, err := o.app.Plans.All(ctx)
	o.check(err)
	edited, removed := all[1].ID, all[2].ID
	_, err = o.app.Plans.Edit(ctx, edited, func(p *plan.Plan) error {
		p.Name, p.Currency, p.TaxPercent, p.Discount = "Dearer", "CHF", 8_100_000, 0
		p.Service.Price, p.VM.Price, p.StoredVM.Price = 33*usage.One, 7*usage.One, 9*usage.One
		return nil
	})
	o.check(err)
	for i, c := range o.companies[1:] {
		_, err := o.app.Plans.Assign(ctx, c, []int64{edited, 0}[i%2])
		o.check(err)
	}
	o.check(o.app.Plans.Remove(ctx, removed))
}

var billedTypes = map[usage.Product][]string{
	usage.ProductVBR:          {"VBR_vSphere_VM", "VBR_HyperV_VM", "VBR_Server_Agent", "VBR_Workstation_Agent", "VBR_Application_Plugins", "QuantumMachine"},
	usage.ProductConsole:      {"VAC_Server_Agent", "VAC_Workstation_Agent"},
	usage.ProductCloudConnect: {"CC_VM_Backup", "CC_Workstation_Backup", "CC_VM_Replica"},
}

// read appends a reading of now.
func (o *billing) read(v *fleet.Server, workloads int) {
	o.t.Helper()
	lic := usage.License{Type: usage.LicenseRental, Unit: pick(o, usage.Instances, usage.Points), Edition: pick(o, "EnterprisePlus", "Enterprise", ""), LicensedTo: "Provider Ltd"}
	if v.ID%5 == 0 {
		lic.Type, lic.LicensedTo, lic.ID, lic.SupportID = "Subscription", "Northwind Inc", "L-1", "01234"
	}
	s := usage.Snapshot{TakenAt: o.clock.Now(), Product: v.Product, ListsNew: true, Server: usage.ServerFacts{InstallationID: v.InstallationID, Name: "n"}, License: lic, Workloads: []usage.Workload{}}
	long, fresh := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)
	for i := range workloads {
		first := &long
		if o.chance(15) && !fresh.After(o.clock.Now()) {
			first = &fresh
		}
		tenant := ""
		if v.Shared {
			tenant = fmt.Sprint("tenant-", o.r.IntN(len(billedNames)+2))
		}
		s.Workloads = append(s.Workloads, usage.Workload{
			Tenant: tenant, ID: fmt.Sprintf("w-%d-%d", v.ID, i), Name: pick(o, "web", "=1+1", "Größe") + fmt.Sprint(i), Type: pick(o, billedTypes[v.Product]...), FirstProtectedAt: first,
			RentalCovered: v.Product == usage.ProductCloudConnect && o.chance(20),
		})
	}
	_, err := o.app.Ledger.AppendSnapshot(o.t.Context(), v.ID, v.Shared, s)
	o.check(err)
}

// october reads servers, some never and some not at the end, and makes statements: some are adjusted, some final, some superseded.
func (o *billing) october() {
	ctx := o.t.Context()
	o.clock.Set(time.Date(2026, 9, 30, 12, 0, 0, 0, time.UTC))
	var unread []fleet.Server
	for i := range o.servers {
		if o.chance(15) {
			unread = append(unread, o.servers[i])
			continue
		}
		o.read(&o.servers[i], 5+o.r.IntN(20))
	}
	o.clock.Set(time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC))
	for i := range o.servers {
		if !slices.ContainsFunc(unread, func(v fleet.Server) bool { return v.ID == o.servers[i].ID }) && o.chance(85) {
			o.read(&o.servers[i], o.r.IntN(25))
		}
	}
	o.clock.Set(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	some := o.companies[:len(o.companies)-1] // the last has no statement
	o.draft(some)
	o.adjust(some)
	o.approve(some)
	for _, c := range some[:len(some)/2+1] {
		_, err := o.app.Months.Finalise(ctx, c, reported, "jane")
		o.check(err)
	}
	o.clock.Set(time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC))
	o.supersede(unread, some[:len(some)/2+1])
}

func (o *billing) draft(companies []usage.CompanyID) {
	o.t.Helper()
	outcomes, err := o.app.Months.DraftAll(o.t.Context(), companies, reported, "jane", nil)
	o.check(err)
	for i := range outcomes {
		o.check(outcomes[i].Err)
	}
}

func (o *billing) approve(companies []usage.CompanyID) {
	o.t.Helper()
	for _, c := range companies {
		_, err := o.app.Months.Approve(o.t.Context(), c, reported, "jane", map[string]string{"*": "looked at"}, false)
		o.check(err)
	}
}

// adjust takes something from half of the rows, by number or by name; what cannot be taken is left.
func (o *billing) adjust(companies []usage.CompanyID) {
	ctx := o.t.Context()
	for _, c := range companies {
		t, err := o.app.Months.Show(ctx, c, reported, 0)
		o.check(err)
		workloads, err := o.app.Months.Workloads(ctx, &t)
		o.check(err)
		for i := range t.Content.Rows {
			row := &t.Content.Rows[i]
			if row.Used.Count == 0 || o.chance(50) {
				continue
			}
			less := statement.Less{Row: row.RowKey, Reason: "=not ours", Actor: "jane"}
			if o.chance(50) {
				less.Count = 1
			} else {
				at := slices.IndexFunc(workloads, func(w statement.Workload) bool { return w.Type == row.Type && w.Answers && w.State == "used" })
				if at < 0 {
					continue
				}
				less.Workloads = []statement.Ref{workloads[at].Ref}
			}
			_, _ = o.app.Months.Adjust(ctx, c, reported, less)
		}
	}
}

// supersede lets a reading come too late, for some of which the new statement becomes final, too.
func (o *billing) supersede(unread []fleet.Server, finals []usage.CompanyID) {
	ctx := o.t.Context()
	for i, c := range finals {
		t, err := o.app.Months.SupersedeToAdjust(ctx, c, reported, "jane", "a late look")
		o.check(err)
		if i%2 == 0 && len(t.Content.Rows) > 0 && t.Content.Rows[0].Used.Count > 2 {
			_, _ = o.app.Months.Adjust(ctx, c, reported, statement.Less{Row: t.Content.Rows[0].RowKey, Count: 1, Reason: "late", Actor: "jane"})
		}
		if i%2 == 0 {
			o.approve([]usage.CompanyID{c})
			_, err := o.app.Months.Finalise(ctx, c, reported, "john")
			o.check(err)
		}
	}
	for i := range unread { // which an import brings after all
		v := &unread[i]
		now := o.clock.Now()
		o.clock.Set(time.Date(2026, 10, 30, 20, 0, 0, 0, time.UTC))
		s := usage.Snapshot{TakenAt: o.clock.Now(), Product: v.Product, Server: usage.ServerFacts{InstallationID: v.InstallationID, Name: "n"}, License: usage.License{Type: usage.LicenseRental}, Workloads: []usage.Workload{}}
		o.clock.Set(now)
		_, err := o.app.Ledger.AppendSnapshot(ctx, v.ID, v.Shared, s)
		o.check(err)
	}
}

// file makes a report of a company, or with 0 of all.
func (o *billing) file(company usage.CompanyID, format string) []byte {
	o.t.Helper()
	return o.numbered(company, 0, format)
}

// numbered is file of a statement with a number; 0: the latest one.
func (o *billing) numbered(company usage.CompanyID, number int, format string) []byte {
	o.t.Helper()
	var r report.Report
	var err error
	if company == 0 {
		r, err = o.reports.OfAll(o.t.Context(), reported, format)
	} else {
		r, err = o.reports.OfCompany(o.t.Context(), company, reported, number, format)
	}
	o.check(err)
	var b bytes.Buffer
	o.check(r.Write(&b))
	return b.Bytes()
}
