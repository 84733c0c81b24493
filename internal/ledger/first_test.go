package ledger_test

import (
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
