package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// place is a ledger with its fleet.
type place struct {
	*ledger.Ledger
	*fleet.Directory
}

func newPlace(t *testing.T, now func() time.Time) place {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	uids := 0
	uid := func() string { uids++; return fmt.Sprint("uid-", uids) }
	return place{&ledger.Ledger{Store: s, History: s, Now: now}, &fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: uid, Now: now}}
}

// A life says at any instant what the figure says of the workload then.
func TestLifeIsWhatFiguresSay(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)
	now := start
	a := newPlace(t, func() time.Time { return now })
	company, err := a.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for day := range 120 {
		now = start.AddDate(0, 0, day)
		if random.IntN(4) == 0 {
			continue
		}
		s := usage.Snapshot{
			TakenAt: now, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
			License: usage.License{Type: usage.LicenseRental}, Workloads: []usage.Workload{},
		}
		for id := range 6 {
			last := now.AddDate(0, 0, -random.IntN(45))
			if (day/(7+id))%3 == 1 || id == 5 && day < 50 { // the last one appears later
				continue
			}
			w := usage.Workload{ID: fmt.Sprint(id), Name: "m", Type: []string{"VBR_vSphere_VM", "VBR_Server_Agent"}[id%2], LastProtectedAt: &last}
			if id < 4 {
				w.MachineID = fmt.Sprint("machine ", id/2)
			}
			s.Workloads = append(s.Workloads, w)
		}
		if _, err := a.AppendSnapshot(t.Context(), server.ID, false, s); err != nil {
			t.Fatal(err)
		}
	}
	states := map[metering.State]bool{}
	for id := range 6 {
		key := usage.WorkloadKey{ID: fmt.Sprint(id)}
		life, err := a.Life(t.Context(), server.ID, server.Product, key, start.AddDate(0, 0, -3), now)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			at := start.Add(time.Duration(random.Int64N(int64(now.Sub(start)))))
			tally, err := a.Usage(t.Context(), ledger.Query{Company: company.ID, Product: usage.ProductVBR, At: at, Members: true})
			if err != nil {
				t.Fatal(err)
			}
			want, got := ledger.StretchAt(tally, server.ID, key, at), stretchOf(life, at)
			want.Company = company.ID
			if !want.Same(&got) {
				t.Fatalf("workload %d at %s: %+v, the figure says %+v", id, at, got.Member, want.Member)
			}
			if got.Member != nil {
				states[got.Member.State] = true
			}
		}
	}
	for _, s := range []metering.State{metering.Used, metering.New, metering.Covered, metering.Lapsed} {
		if !states[s] {
			t.Errorf("no workload was ever %s: the test proves too little", s)
		}
	}
}

func stretchOf(life []ledger.Stretch, at time.Time) (s ledger.Stretch) {
	for i := range life {
		if !life[i].From.After(at) {
			s = life[i]
		}
	}
	return s
}

// A life goes on in another company's figure where the server, or the tenant that it names, is moved to that (C30, C38).
func TestLifeFollowsTheCompany(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 2, 2, 0, 0, 0, time.UTC)
	now := start
	a := newPlace(t, func() time.Time { return now })
	var companies [3]usage.CompanyID
	for i, name := range []string{"Northwind", "Contoso", "Fabrikam"} {
		c, err := a.AddCompany(t.Context(), fleet.NewCompany{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		companies[i] = c.ID
	}
	own, err := a.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: companies[0], InstallationID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	shared, err := a.AddServer(t.Context(), fleet.NewServer{Name: "VCC01", Shared: true, InstallationID: "j"})
	if err != nil {
		t.Fatal(err)
	}
	last := start
	for _, s := range []struct {
		id     usage.ServerID
		said   string
		tenant string
	}{{own.ID, "i", ""}, {shared.ID, "j", "acme"}} {
		_, err := a.AppendSnapshot(t.Context(), s.id, false, usage.Snapshot{
			TakenAt: now, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: s.said, Name: "n"},
			License: usage.License{Type: usage.LicenseRental}, Workloads: []usage.Workload{{ID: "w", Name: "m", Type: "VBR_vSphere_VM", Tenant: s.tenant, LastProtectedAt: &last}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	edit := func(company usage.CompanyID, e fleet.CompanyEdit) {
		t.Helper()
		if _, err := a.EditCompany(t.Context(), company, e); err != nil {
			t.Fatal(err)
		}
	}
	now = day(10)
	if _, err := a.EditServer(t.Context(), own.ID, fleet.ServerEdit{Company: &companies[1], From: day(3)}); err != nil {
		t.Fatal(err)
	}
	anywhere, there := fleet.Tenant{Name: "acme"}, fleet.Tenant{Name: "acme", Server: shared.ID}
	edit(companies[1], fleet.CompanyEdit{AddTenants: []fleet.Tenant{anywhere}, From: day(1)}) // the first is valid from the beginning (C38)
	edit(companies[2], fleet.CompanyEdit{AddTenants: []fleet.Tenant{there}, From: day(4)})    // and so is this one, before the other
	now = day(11)
	edit(companies[2], fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{there}})
	now = day(12)
	edit(companies[1], fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{anywhere}})
	now = day(20)
	type step struct {
		from    time.Time
		company usage.CompanyID
	}
	for _, k := range []struct {
		server fleet.Server
		tenant string
		want   []step
	}{
		{own, "", []step{{start, companies[0]}, {day(3), companies[1]}}},
		{shared, "acme", []step{{start, companies[2]}, {day(11), companies[1]}, {day(12), usage.Unassigned}}},
	} {
		life, err := a.Life(t.Context(), k.server.ID, k.server.Product, usage.WorkloadKey{ID: "w", Tenant: k.tenant}, start, now)
		if err != nil {
			t.Fatal(err)
		}
		var got []step
		for _, s := range life {
			if s.Member == nil || s.Unknown {
				t.Errorf("%s: at %s it is in no figure of company %s", k.server.Name, s.From, s.Company)
			}
			got = append(got, step{s.From, s.Company})
		}
		if !slices.Equal(got, k.want) {
			t.Errorf("%s: %v, want %v", k.server.Name, got, k.want)
		}
	}
}
