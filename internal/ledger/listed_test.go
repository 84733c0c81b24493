package ledger_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// What servers of a product list now is told with whose it is, and with the date that holds.
func TestListed(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	a := newPlace(t, func() time.Time { return now })
	northwind, err := a.AddCompany(ctx, fleet.NewCompany{Name: "Northwind", Tenants: []fleet.Tenant{{Name: "north"}}})
	if err != nil {
		t.Fatal(err)
	}
	servers := make(map[string]fleet.Server)
	for _, n := range []fleet.NewServer{
		{Name: "own", Product: usage.ProductConsole, Company: northwind.ID, InstallationID: "own"},
		{Name: "vbr", Product: usage.ProductVBR, Company: northwind.ID, InstallationID: "vbr"},
		{Name: "all", Product: usage.ProductConsole, Shared: true, InstallationID: "all"},
		{Name: "gone", Product: usage.ProductConsole, Shared: true, InstallationID: "gone"},
		{Name: "unread", Product: usage.ProductConsole, Shared: true, InstallationID: "unread"},
	} {
		if servers[n.Name], err = a.AddServer(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	before, after := now.AddDate(0, -1, 0), now.Add(-time.Hour)
	read := func(name string, at time.Time, workloads ...usage.Workload) ledger.Receipt {
		s := servers[name]
		receipt, err := a.AppendSnapshot(ctx, s.ID, s.Shared, usage.Snapshot{
			TakenAt: at, Product: s.Product, Server: usage.ServerFacts{InstallationID: name, Name: name}, License: usage.License{Type: usage.LicenseRental}, Workloads: append([]usage.Workload{}, workloads...),
		})
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	agent := func(id, kind, tenant string, first *time.Time) usage.Workload {
		return usage.Workload{ID: id, Name: "name of " + id, Type: kind, Tenant: tenant, FirstProtectedAt: first}
	}
	read("own", now.AddDate(0, 0, -9), agent("w1", "vac_windows_server_agent", "ignored", &before), agent("w2", "Toaster", "ignored", nil))
	read("vbr", now.AddDate(0, 0, -9), agent("w3", "VBR_Server_Agent", "", nil))
	read("gone", now.AddDate(0, 0, -9), agent("w4", "VAC_Server_Agent", "north", nil))
	read("all", now.AddDate(0, 0, -9), agent("w1", "VAC_Server_Agent", "north", &after), agent("w5", "VAC_Server_Agent", "other", nil))
	wrong := read("all", now.AddDate(0, 0, -1))
	type row struct {
		Server    usage.ServerID
		Company   usage.CompanyID
		Key       usage.WorkloadKey
		Name, Is  string
		Activated bool
	}
	want := []row{
		{1, northwind.ID, usage.WorkloadKey{ID: "w1"}, "name of w1", "VAC_Server_Agent", true},
		{1, northwind.ID, usage.WorkloadKey{ID: "w2"}, "name of w2", catalog.UnknownType, false},
		{3, northwind.ID, usage.WorkloadKey{Tenant: "north", ID: "w1"}, "name of w1", "VAC_Server_Agent", false}, // a date behind the listing is void
		{3, usage.Unassigned, usage.WorkloadKey{Tenant: "other", ID: "w5"}, "name of w5", "VAC_Server_Agent", false},
		{4, northwind.ID, usage.WorkloadKey{Tenant: "north", ID: "w4"}, "name of w4", "VAC_Server_Agent", false},
	}
	wantListed := func(want []row) {
		t.Helper()
		listed, err := a.Listed(ctx, usage.ProductConsole)
		if err != nil {
			t.Fatal(err)
		}
		var got []row
		for _, l := range listed {
			got = append(got, row{l.Server, l.Company, l.Key, l.Name, l.Known, l.First != nil})
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("want (-), got (+)\n%s", d)
		}
	}
	wantListed(slices.Delete(slices.Clone(want), 2, 4)) // the last reading of "all" lists nothing
	if _, err := a.Correct(ctx, ledger.Correction{Entry: wrong.Position, Reason: "read too early", Actor: "jane"}); err != nil {
		t.Fatal(err)
	}
	wantListed(want)
	if err := a.RemoveServer(ctx, servers["gone"].ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	wantListed(want[:4])
}
