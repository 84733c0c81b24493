package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// must gives what could not fail.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// listed is a reading of a server that lists machines.
func listed(at time.Time, said string, workloads ...usage.Workload) usage.Snapshot {
	return usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: said, Name: "n"},
		License: usage.License{Type: usage.LicenseRental}, Workloads: append([]usage.Workload{}, workloads...),
	}
}

// A series says of every day what the figure says of its end, in days of 23, 24 and 25 hours, and asks no more often than
// something can have changed.
func TestSeriesIsWhatFiguresSay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "America/New_York", "Asia/Amman"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := must[*time.Location](t)(time.LoadLocation(name))
			start := time.Date(2026, 2, 20, 2, 0, 0, 0, time.UTC)
			now := start
			p := newPlace(t, func() time.Time { return now })
			if err := p.SetZone(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			company := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"}))
			server := must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i", Interval: 12 * time.Hour}))
			random := rand.New(rand.NewPCG(5, 6))
			for range 60 {
				now = now.Add(time.Duration(1+random.IntN(60)) * time.Hour)
				var list []usage.Workload
				for id := range random.IntN(4) {
					first := now.Add(-time.Duration(random.IntN(400)) * time.Hour)
					list = append(list, usage.Workload{ID: fmt.Sprint(id), Name: "m", Type: "VBR_vSphere_VM", FirstProtectedAt: &first})
				}
				must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), server.ID, false, listed(now, "i", list...)))
			}
			now = now.AddDate(0, 1, 0).Add(time.Hour)
			q := ledger.Days{Company: company.ID, Product: usage.ProductVBR, First: usage.DateOf(start, zone).Add(-2), Last: usage.DateOf(now, zone).Add(3)}
			days := must[[]ledger.Day](t)(p.Series(t.Context(), q))
			want, shared := q.First, 0
			for i, d := range days {
				end := d.Date.Next().Start(zone).Add(-time.Microsecond)
				if i == len(days)-1 {
					end = now
				}
				if d.Date != want || !d.At.Equal(end) {
					t.Fatalf("%s at %s, want %s at %s", d.Date, d.At, want, end)
				}
				want = want.Next()
				tally := must[*metering.Tally](t)(p.Usage(t.Context(), ledger.Query{Company: company.ID, Product: usage.ProductVBR, At: d.At}))
				if diff := cmp.Diff(tally, d.Tally, cmpopts.IgnoreFields(metering.Tally{}, "At")); diff != "" {
					t.Fatalf("%s: the figure (-), the series (+)\n%s", d.Date, diff)
				}
				if i > 0 && days[i-1].Tally == d.Tally {
					shared++
				}
			}
			if last := days[len(days)-1].Date; last != usage.DateOf(now, zone) {
				t.Errorf("the last day is %s", last)
			}
			if shared < 20 || shared > len(days)-50 {
				t.Errorf("%d of %d days share the tally of the day before", shared, len(days))
			}
			for _, wrong := range []ledger.Days{{First: q.Last, Last: q.First}, {First: q.First, Last: q.First.Add(4000)}} {
				if _, err := p.Series(t.Context(), wrong); !fault.Is(err, fault.Invalid) {
					t.Errorf("%+v: %v", wrong, err)
				}
			}
		})
	}
}

// C8, C38: another zone moves the ends of days from then on; what a day that is over ended with stays, as its month's statement does.
func TestSeriesAfterTheZoneMoved(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 31, 10, 0, 0, 0, time.UTC)
	p := newPlace(t, func() time.Time { return now })
	if err := p.SetZone(t.Context(), "UTC"); err != nil {
		t.Fatal(err)
	}
	company := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})).ID
	server := must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company, InstallationID: "i"})).ID
	for n, at := range []time.Time{now, time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC), time.Date(2026, 11, 15, 23, 30, 0, 0, time.UTC)} {
		now = at
		if n == 2 { // in the morning of that day
			now = at.Add(-12 * time.Hour)
			if err := p.SetZone(t.Context(), "Europe/Berlin"); err != nil {
				t.Fatal(err)
			}
			now = at
		}
		var list []usage.Workload
		for id := range n + 1 {
			list = append(list, usage.Workload{ID: fmt.Sprint(id), Name: "m", Type: "VBR_vSphere_VM", LastProtectedAt: &at})
		}
		must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), server, false, listed(at, "i", list...)))
	}
	days := must[[]ledger.Day](t)(p.Series(t.Context(), ledger.Days{
		Company: company, Product: usage.ProductVBR, First: usage.Date{Year: 2026, Month: 10, Day: 31}, Last: usage.Date{Year: 2026, Month: 11, Day: 30},
	}))
	for _, want := range []struct {
		day   int
		ends  string
		count int64
	}{
		{0, "2026-11-01T00:00:00Z", 2}, // the reading of 23:30 UTC is still October's
		{14, "2026-11-15T00:00:00Z", 2},
		{15, "2026-11-15T23:00:00Z", 2}, // 23:30 UTC is the next day already
	} {
		d := days[want.day]
		counted := d.Tally.Rows[0].Used.Count + d.Tally.Rows[0].New.Count
		if ends := d.At.Add(time.Microsecond).Format(time.RFC3339); ends != want.ends || counted != want.count {
			t.Errorf("%s ends at %s with %d machines, want %s with %d", d.Date, ends, counted, want.ends, want.count)
		}
	}
	if last := days[len(days)-1]; last.Date.Day != 16 || !last.At.Equal(now) || last.Tally.Rows[0].Used.Count+last.Tally.Rows[0].New.Count != 3 || len(days) != 17 {
		t.Errorf("the last of %d days is %s at %s, want the one that runs in the new zone", len(days), last.Date, last.At)
	}
}

// What came from another company, or went to one, is named as that, with the company; what only came or went is not.
func TestDiffNamesTheOtherCompany(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 2, 2, 0, 0, 0, time.UTC)
	now := start
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	p := newPlace(t, func() time.Time { return now })
	ours := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind", Tenants: []fleet.Tenant{{Name: "a"}}})).ID
	theirs := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: "Contoso", Tenants: []fleet.Tenant{{Name: "b"}}})).ID
	own := must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: ours, InstallationID: "i"}))
	shared := must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: "VBR02", Shared: true, InstallationID: "j"}))
	reported := must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: "VBR03", Company: ours, InstallationID: "k"}))
	machine := func(tenant, id string) usage.Workload {
		return usage.Workload{ID: id, Name: id, Type: "VBR_vSphere_VM", Tenant: tenant}
	}
	for _, n := range []int{0, 9} {
		now = day(n)
		must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), own.ID, false, listed(now, "i", machine("", "own"))))
		list := []usage.Workload{machine("a", "x"), machine("b", "y"), machine("b", "late")}
		if n == 0 {
			list[2] = machine("a", "early")
		}
		must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), shared.ID, true, listed(now, "j", list...)))
		counters := listed(now, "k")
		counters.Workloads, counters.Counters = nil, []usage.Counter{{Type: "VBR_HyperV_VM", Used: 3}}
		must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), reported.ID, false, counters))
	}
	now = day(10)
	for _, id := range []usage.ServerID{own.ID, reported.ID} {
		must[fleet.Server](t)(p.EditServer(t.Context(), id, fleet.ServerEdit{Company: &theirs, From: day(3)}))
	}
	tenant := func(company usage.CompanyID, e fleet.CompanyEdit) {
		t.Helper()
		e.From = day(4)
		must[fleet.Company](t)(p.EditCompany(t.Context(), company, e))
	}
	tenant(theirs, fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{{Name: "b"}}})
	tenant(ours, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: "b"}}})
	for _, k := range []struct {
		company usage.CompanyID
		want    []string
	}{
		{ours, []string{
			"VBR01 own [moved-out 3]", "VBR02 early [went 0]", "VBR02 late [came 0]", "VBR02 y [moved-in 3]", "VBR03  [moved-out 3]",
		}},
		{theirs, []string{"VBR01 own [moved-in 2]", "VBR02 y [moved-out 2]", "VBR03  [moved-in 2]"}},
	} {
		c := must[metering.Comparison](t)(p.Diff(t.Context(), ledger.Span{Company: k.company, Product: usage.ProductVBR, From: day(1), To: day(9)}))
		var got []string
		for _, change := range slices.Concat(c.Changes, c.Beside) {
			got = append(got, fmt.Sprintf("%s %s [%s %d]", change.ServerName, change.Key.ID, change.Why[0], change.Company))
		}
		if d := cmp.Diff(k.want, got); d != "" {
			t.Errorf("company %s: want (-), got (+)\n%s", k.company, d)
		}
	}
	for _, wrong := range []ledger.Span{
		{Company: ours, Product: usage.ProductVBR, From: day(9), To: day(9)},
		{Company: ours, Product: usage.ProductVBR, From: day(1), To: day(9), RecordedBefore: day(11)},
	} {
		if _, err := p.Diff(t.Context(), wrong); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
