package bundle

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// world is a provider's office on a SQLite file, with a clock that the test moves, and keys.
type world struct {
	t *testing.T
	*statement.Service
	fleet *fleet.Directory
	store *sqlite.Store
	keys  keyring
	now   time.Time
	uids  int
}

// keyring is keys in memory, the one that signs first.
type keyring []signer

func (k keyring) Signer(_ context.Context, fingerprint string) (Signer, error) {
	for _, s := range k {
		if fingerprint == "" || Fingerprint(s.Public()) == fingerprint {
			return s, nil
		}
	}
	return nil, fault.New(fault.NotFound, "no key")
}

// signer is always the same for a number.
type signer ed25519.PrivateKey

func newSigner(number byte) signer {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = number
	return signer(ed25519.NewKeyFromSeed(seed))
}

func (s signer) Public() ed25519.PublicKey {
	return ed25519.PublicKey(s[ed25519.SeedSize:])
}

func (s signer) Sign(message []byte) []byte { return ed25519.Sign(ed25519.PrivateKey(s), message) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: day(9, 1), keys: keyring{newSigner(1)}}
	clock := func() time.Time { return w.now }
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock))
	w.check(err)
	t.Cleanup(func() { _ = s.Close() })
	w.store = s
	w.fleet = &fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: func() string { w.uids++; return fmt.Sprint("uid-", w.uids) }, Now: clock}
	counter := statement.Counter{Ledger: &ledger.Ledger{Store: s, History: s, Now: clock}, Policy: s}
	w.Service = &statement.Service{Counter: counter, Companies: s, Servers: s, Store: s, Plans: &plan.Service{Records: s, Now: clock}, Now: clock}
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// day is at 02:00 of 2026.
func day(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 2, 0, 0, 0, time.UTC)
}

func (w *world) company(name string, tenants ...fleet.Tenant) usage.CompanyID {
	w.t.Helper()
	c, err := w.fleet.AddCompany(w.t.Context(), fleet.NewCompany{Name: name, Tenants: tenants})
	w.check(err)
	return c.ID
}

func (w *world) server(n fleet.NewServer) usage.ServerID {
	w.t.Helper()
	n.InstallationID, n.Interval = "installation of "+n.Name, 24*time.Hour
	v, err := w.fleet.AddServer(w.t.Context(), n)
	w.check(err)
	return v.ID
}

// read appends a reading at an instant; shared servers name tenants.
func (w *world) read(server usage.ServerID, at time.Time, change func(*usage.Snapshot)) {
	w.t.Helper()
	v, err := w.store.Server(w.t.Context(), server)
	w.check(err)
	if w.now.Before(at) {
		w.now = at
	}
	s := usage.Snapshot{
		TakenAt: at, Product: v.Product, ListsNew: true, Server: usage.ServerFacts{InstallationID: fmt.Sprint("i", server), Name: v.Name},
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances, Edition: "EnterprisePlus", LicensedTo: "Provider <&> Ltd"}, Workloads: []usage.Workload{},
	}
	change(&s)
	_, err = w.Ledger.AppendSnapshot(w.t.Context(), server, v.Shared, s)
	w.check(err)
}

// machines lists so many, first protected long ago.
func machines(typ string, count int) func(*usage.Snapshot) {
	return func(s *usage.Snapshot) {
		long := day(1, 1).AddDate(-6, 0, 0)
		for n := range count {
			last := s.TakenAt.Add(-time.Hour)
			s.Workloads = append(s.Workloads, usage.Workload{
				ID: fmt.Sprintf("%s-%02d", typ, n+1), Name: fmt.Sprintf("mächine %d <&>", n+1), Type: typ, FirstProtectedAt: &long, LastProtectedAt: &last,
			})
		}
	}
}

// finalise takes a month through all steps. between acts on the draft.
func (w *world) finalise(company usage.CompanyID, month usage.Month, between ...func()) statement.Statement {
	w.t.Helper()
	if end := month.End(time.UTC).AddDate(0, 0, 1); w.now.Before(end) {
		w.now = end
	}
	if s, err := w.Store.Statement(w.t.Context(), company, month, 0); fault.Is(err, fault.NotFound) || s.State == statement.Draft {
		_, _, err := w.Draft(w.t.Context(), company, month, "jane")
		w.check(err)
	}
	for _, do := range between {
		do()
	}
	_, err := w.Approve(w.t.Context(), company, month, "jane", map[string]string{"*": "looked at"}, false)
	w.check(err)
	w.now = w.now.Add(time.Hour)
	s, err := w.Finalise(w.t.Context(), company, month, "joe")
	w.check(err)
	return s
}

func (w *world) exporter() *Exporter {
	return &Exporter{Counter: w.Counter, Statements: w.store, Exports: w.store, Keys: w.keys}
}

func (w *world) export(company usage.CompanyID, month usage.Month, number int) Made {
	w.t.Helper()
	m, err := w.exporter().Export(w.t.Context(), company, month, number)
	w.check(err)
	return m
}

// whole fails unless everything fits.
func whole(t *testing.T, data []byte, fingerprint string) Report {
	t.Helper()
	r := Verify(t.Context(), data, fingerprint)
	if !r.OK() {
		t.Errorf("it does not hold: %s", strings.Join(r.wrong(), "\n"))
	}
	return r
}

func (w *world) fingerprint() string { return Fingerprint(w.keys[0].Public()) }

var (
	september = usage.Month{Year: 2026, Month: time.September}
	october   = usage.Month{Year: 2026, Month: time.October}
	november  = usage.Month{Year: 2026, Month: time.November}
)

// rich is a company with something of everything, and its final September.
func rich(t *testing.T) (*world, usage.CompanyID) {
	t.Helper()
	w := newWorld(t)
	w.check(w.fleet.SetZone(t.Context(), "America/New_York"))
	w.check(w.fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}))
	catalogs := &fleet.Catalogs{Policy: w.store, Now: func() time.Time { return w.now }}
	w.Ledger.Catalogs = catalogs
	w.check(catalogs.Update(t.Context()))
	_, err := catalogs.SetOwn(t.Context(), "weight  VBR_Nas_Backup  Instances  *  1.5  2026-09  price list\n", false)
	w.check(err)
	c := w.company("Northwind", fleet.Tenant{Name: "north"})
	w.company("Contoso", fleet.Tenant{Name: "contoso"})
	listed := w.server(fleet.NewServer{Name: "LISTED", Company: c, Domain: "em"})
	reported := w.server(fleet.NewServer{Name: "REPORTED", Company: c})
	shared := w.server(fleet.NewServer{Name: "SHARED", Shared: true, Product: usage.ProductCloudConnect})
	vac := w.server(fleet.NewServer{Name: "VAC01", Company: c, Product: usage.ProductConsole})
	other := w.server(fleet.NewServer{Name: "VAC02", Company: c, Product: usage.ProductConsole})
	w.server(fleet.NewServer{Name: "NEVER", Company: c})
	for d, n := range []int{2, 3, 4, 1, 2} {
		at := day(9, 3+5*d)
		w.read(vac, at, machines("VAC_Server_Agent", n))
		w.read(other, at.Add(time.Hour), machines("VAC_Workstation_Agent", 6-n))
	}
	w.check(w.gap(listed, day(9, 20)))
	// The month ends in UTC at 00:00 and in New York at 04:00 of 1 October.
	for _, hour := range []int{-5, 1} {
		at := time.Date(2026, 10, 1, hour, 0, 0, 0, time.UTC)
		w.read(listed, at, func(s *usage.Snapshot) {
			machines("VBR_vSphere_VM", 6+hour)(s)
			machines("Toaster", 1)(s)
			young, size := day(9, 29), 1200*usage.One
			s.Workloads = append(s.Workloads, usage.Workload{ID: "young", Type: "VBR_vSphere_VM", FirstProtectedAt: &young},
				usage.Workload{ID: "nas", Type: "VBR_Nas_Backup", SizeGB: &size})
		})
		w.read(reported, at, func(s *usage.Snapshot) {
			machines("VBR_HyperV_VM", 3)(s)
			units := 7 * usage.One
			s.License.LicensedTo, s.License.Type = "Somebody", "Subscription"
			s.Counters = []usage.Counter{{Type: "VBR_Server_Agent", Used: 2}, {Type: "VBR_HyperV_VM", Used: 7, UsedUnits: &units, New: 1}}
			s.Notes = []usage.Note{{Code: "z", Text: "2"}, {Code: "a", Text: "1"}}
		})
		w.read(shared, at, func(s *usage.Snapshot) {
			machines("CC_Server_Backup", 3)(s)
			s.Workloads[0].Tenant, s.Workloads[1].Tenant, s.Workloads[2].Tenant = "north", "contoso", "nobody"
			s.Workloads[0].RentalCovered = true
			s.License.ID, s.License.SupportID = "license of all", "support of all"
			s.Counters, s.Notes = []usage.Counter{{Type: "CC_Server_Backup", Used: 4711}}, []usage.Note{{Code: "all", Text: "of all"}}
		})
	}
	w.finalise(c, september, func() {
		row := func(product usage.Product, typ string) statement.RowKey {
			return statement.RowKey{Product: product, Type: typ, Unit: usage.Instances}
		}
		for _, less := range []statement.Less{
			{Row: row(usage.ProductVBR, "VBR_vSphere_VM"), Count: 1},
			{Row: row(usage.ProductVBR, "VBR_HyperV_VM"), Count: 2},
			{Row: row(usage.ProductConsole, "VAC_Server_Agent"), Workloads: []statement.Ref{{Server: vac, ID: "VAC_Server_Agent-02"}}},
		} {
			less.Reason, less.Actor = "goodwill", "jane"
			_, err := w.Adjust(t.Context(), c, september, less)
			w.check(err)
		}
	})
	return w, c
}

func (w *world) gap(server usage.ServerID, at time.Time) error {
	_, err := w.Ledger.AppendGap(w.t.Context(), server, usage.Gap{At: at, Reason: usage.GapTLS, Text: "x509 <&>"})
	return err
}
