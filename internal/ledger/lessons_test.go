package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// What other counting systems got wrong (docs/lessons.md), as properties of the ledger.

// vm is a workload that two servers may list alike.
func vm(id string) usage.Workload {
	return usage.Workload{ID: id, Name: "web01", Type: "VBR_vSphere_VM", MachineID: "machine " + id}
}

// Vault #18809: usage went to what had the same name in another namespace. Here two companies have everything alike that
// they choose themselves: ids, names, machines, domains, installation ids, and on two shared servers their tenants' names.
// Neither ever gets anything of the other's, whatever is read, removed or corrected.
func TestSameNamesOfTwoCompaniesNeverMix(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 2, 2, 0, 0, 0, time.UTC)
	p := newPlace(t, func() time.Time { return now })
	var companies [2]usage.CompanyID
	var own, shared [2]usage.ServerID
	for i := range 2 {
		company := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: fmt.Sprint("company ", i)}))
		companies[i] = company.ID
		own[i] = must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{
			Name: fmt.Sprint("VBR", i), Company: company.ID, InstallationID: "same", Cloned: true, Domain: "em", Authority: metering.Computed,
		})).ID
		shared[i] = must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: fmt.Sprint("VCC", i), Shared: true, InstallationID: "same", Cloned: true})).ID
		must[fleet.Company](t)(p.EditCompany(t.Context(), company.ID, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Server: shared[i], Name: "acme"}}}))
	}
	read := func(server usage.ServerID, ofAll bool, machines int) ledger.Receipt {
		t.Helper()
		now = now.Add(time.Hour)
		var list []usage.Workload
		for n := range machines {
			w := vm(fmt.Sprint(n))
			if ofAll {
				w.Tenant = "acme"
			}
			list = append(list, w)
		}
		return must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), server, ofAll, listed(now, "same", list...)))
	}
	counts := func(what string, want ...int) {
		t.Helper()
		for i, company := range companies {
			tally := must[*metering.Tally](t)(p.Usage(t.Context(), ledger.Query{Company: company, Product: usage.ProductVBR, Members: true}))
			if got := int(machines(tally)); got != want[i] {
				t.Errorf("%s: company %d counts %d machines, want %d", what, i, got, want[i])
			}
			for _, m := range tally.Members {
				if m.Server != own[i] && m.Server != shared[i] {
					t.Errorf("%s: company %d has %s of server %d", what, i, m.Key.ID, m.Server)
				}
			}
		}
	}
	read(own[0], false, 5)
	counts("one is read", 5, 0)
	read(own[1], false, 3)
	counts("the other is read", 5, 3)
	wrong := read(shared[0], true, 7)
	counts("one tenant is read", 12, 3)
	read(shared[1], true, 2)
	counts("the other tenant is read", 12, 5)
	must[ledger.Receipt](t)(p.Correct(t.Context(), ledger.Correction{Entry: wrong.Position, Reason: "r", Actor: "a"}))
	counts("a reading is revoked", 5, 5)
	if err := p.RemoveServer(t.Context(), own[0], time.Time{}); err != nil {
		t.Fatal(err)
	}
	counts("a server is removed", 0, 5)
	must[fleet.Company](t)(p.EditCompany(t.Context(), companies[1], fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{{Server: shared[1], Name: "acme"}}}))
	now = now.Add(time.Hour)
	counts("a tenant is taken back", 0, 3)
}

// SWATCH SW-2145: a machine that two sources reported was counted twice; the first fix was taken back. Here two servers of
// one domain list the same machines: each is counted once, says where else it lies, and stays when one of the two goes.
func TestMachineOfTwoSourcesCountsOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 2, 2, 0, 0, 0, time.UTC)
	p := newPlace(t, func() time.Time { return now })
	company := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})).ID
	var servers [2]usage.ServerID
	for i := range servers {
		n := fleet.NewServer{Name: fmt.Sprint("VBR", i), Company: company, InstallationID: fmt.Sprint("i", i), Domain: "em"}
		servers[i] = must[fleet.Server](t)(p.AddServer(t.Context(), n)).ID
		moved := vm("moved")
		moved.ID += fmt.Sprint(i) // the same machine under an id of its own on each
		reading := listed(now, n.InstallationID, vm("same"), moved, vm(fmt.Sprint("only on ", i)))
		must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), servers[i], false, reading))
		if again := must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), servers[i], false, reading)); !again.Duplicate {
			t.Error("the same reading once more is another entry")
		}
	}
	tally := func() *metering.Tally {
		t.Helper()
		return must[*metering.Tally](t)(p.Usage(t.Context(), ledger.Query{Company: company, Product: usage.ProductVBR, Members: true}))
	}
	both := tally()
	if n := machines(both); n != 4 || len(both.Members) != 6 {
		t.Errorf("%d machines are counted of %d listed", n, len(both.Members))
	}
	elsewhere := map[string]metering.MemberRef{}
	for _, m := range both.Members {
		if m.ChargedBy != nil {
			elsewhere[fmt.Sprint(m.Server, " ", m.Key.ID)] = *m.ChargedBy
		}
	}
	want := map[string]metering.MemberRef{
		fmt.Sprint(servers[1], " same"):   {Server: servers[0], Key: usage.WorkloadKey{ID: "same"}},
		fmt.Sprint(servers[1], " moved1"): {Server: servers[0], Key: usage.WorkloadKey{ID: "moved0"}},
	}
	if d := cmp.Diff(want, elsewhere); d != "" {
		t.Errorf("counted elsewhere: want (-), got (+)\n%s", d)
	}
	if err := p.RemoveServer(t.Context(), servers[0], time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n := machines(tally()); n != 3 {
		t.Errorf("after one of the two has gone: %d machines", n)
	}
}

// Vault: clocks that jumped, and a cluster's failover to another machine's clock, lost client counts. Here two processes,
// each with a clock of its own that jumps, append in turn: what was acknowledged counts at its instant for ever, whatever
// the clocks say, and knowledge only grows.
func TestClockGoingBackNeverUncounts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	start := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(9, 10))
	clocks := []*testkit.Clock{testkit.At(start), testkit.At(start)}
	var processes []place
	for _, c := range clocks {
		s, err := sqlite.Open(t.Context(), path, sqlite.Now(c.Now))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		processes = append(processes, place{
			&ledger.Ledger{Store: s, History: s, Now: c.Now},
			&fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: func() string { return "uid" }, Now: c.Now},
		})
	}
	company := must[fleet.Company](t)(processes[0].AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})).ID
	server := must[fleet.Server](t)(processes[0].AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company, InstallationID: "i"})).ID
	acknowledged := map[time.Time]int{}
	var last ledger.Receipt
	for range 60 {
		i := random.IntN(2)
		clocks[i].Add(time.Duration(random.IntN(200)-80) * time.Hour / 4)
		taken := usage.Truncate(clocks[i].Now())
		if _, there := acknowledged[taken]; there {
			continue
		}
		n := 1 + random.IntN(5)
		var list []usage.Workload
		for id := range n {
			list = append(list, vm(fmt.Sprint(id)))
		}
		r := must[ledger.Receipt](t)(processes[i].AppendSnapshot(t.Context(), server, false, listed(taken, "i", list...)))
		if r.Position <= last.Position || !r.RecordedAt.After(last.RecordedAt) {
			t.Fatalf("entry %d, recorded at %s, comes after entry %d, recorded at %s", r.Position, r.RecordedAt, last.Position, last.RecordedAt)
		}
		last, acknowledged[taken] = r, n
		all := len(acknowledged)%10 == 0
		for at, want := range acknowledged {
			if !all && at != taken {
				continue
			}
			tally := must[*metering.Tally](t)(processes[1-i].Usage(t.Context(), ledger.Query{Company: company, Product: usage.ProductVBR, At: at}))
			if int(machines(tally)) != want {
				t.Fatalf("at %s %d machines were acknowledged, %d count; the clocks say %s and %s", at, want, machines(tally), clocks[0].Now(), clocks[1].Now())
			}
		}
	}
	if len(acknowledged) < 40 {
		t.Errorf("%d readings prove too little", len(acknowledged))
	}
}
