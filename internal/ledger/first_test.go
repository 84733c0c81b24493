package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// The first reading is the earliest that is in force, of any of the servers; one that came late counts, one that was revoked does not.
func TestFirstRead(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	a := newPlace(t, func() time.Time { return now })
	company, err := a.AddCompany(ctx, fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []usage.ServerID
	for _, name := range []string{"one", "two", "unread"} {
		s, err := a.AddServer(ctx, fleet.NewServer{Name: name, Company: company.ID, InstallationID: name})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	read := func(i, days int) ledger.Receipt {
		receipt, err := a.AppendSnapshot(ctx, ids[i], false, usage.Snapshot{
			TakenAt: now.AddDate(0, 0, -days), Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "x", Name: "x"}, License: usage.License{Type: usage.LicenseRental},
			Workloads: []usage.Workload{},
		})
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	want := func(days int, servers ...usage.ServerID) {
		t.Helper()
		first, err := a.FirstRead(ctx, servers...)
		if err != nil || !first.Equal(now.AddDate(0, 0, -days)) {
			t.Errorf("%v: %v, %v; want %d days before", servers, first, err, days)
		}
	}
	if first, err := a.FirstRead(ctx, ids...); err != nil || !first.IsZero() {
		t.Errorf("before any: %v, %v", first, err)
	}
	read(0, 3)
	read(1, 7)
	want(7, ids...)
	want(3, ids[0], ids[2])
	late := read(0, 30)
	want(30, ids...)
	if _, err := a.Correct(ctx, ledger.Correction{Entry: late.Position, Reason: "another server's", Actor: "anna"}); err != nil {
		t.Fatal(err)
	}
	want(7, ids...)
}

// A server that changed hands began for each of its companies with the first reading of its time.
func TestBeginnings(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	a := newPlace(t, func() time.Time { return now })
	var companies []usage.CompanyID
	for _, name := range []string{"Northwind", "Contoso", "Fabrikam"} {
		companies = append(companies, must[fleet.Company](t)(a.AddCompany(ctx, fleet.NewCompany{Name: name})).ID)
	}
	server := func(n fleet.NewServer) usage.ServerID {
		n.InstallationID = n.Name
		return must[fleet.Server](t)(a.AddServer(ctx, n)).ID
	}
	moved, unread := server(fleet.NewServer{Name: "moved", Company: companies[0]}), server(fleet.NewServer{Name: "unread", Company: companies[0]})
	shared := server(fleet.NewServer{Name: "shared", Shared: true})
	read := func(id usage.ServerID, at time.Time) {
		must[ledger.Receipt](t)(a.AppendSnapshot(ctx, id, false, usage.Snapshot{
			TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "x", Name: "x"}, License: usage.License{Type: usage.LicenseRental}, Workloads: []usage.Workload{},
		}))
	}
	first, second := now.AddDate(0, 0, -30), now.AddDate(0, 0, -5)
	read(moved, first)
	read(shared, first)
	for i, from := range []time.Time{now.AddDate(0, 0, -20), now.AddDate(0, 0, -10)} { // it was never read for the second
		must[fleet.Server](t)(a.EditServer(ctx, moved, fleet.ServerEdit{Company: &companies[i+1], From: from}))
	}
	read(moved, second)
	got, err := a.Beginnings(ctx, moved, unread, shared)
	want := map[usage.ServerID][]ledger.Beginning{moved: {{companies[0], first}, {companies[2], second}}, shared: {{usage.Unassigned, first}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}
