package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// weighed is a ledger of one company with two machines, and one that nobody knows, on points.
type weighed struct {
	place
	t        *testing.T
	catalogs *fleet.Catalogs
	now      time.Time
	company  usage.CompanyID
}

func newWeighed(t *testing.T) *weighed {
	t.Helper()
	w := &weighed{t: t, now: time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	w.place = newPlace(t, now)
	w.catalogs = &fleet.Catalogs{Policy: w.Policy, Now: now}
	w.Catalogs = w.catalogs
	if err := w.catalogs.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	company, err := w.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := w.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	w.company = company.ID
	s := usage.Snapshot{
		TakenAt: w.now, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
		License:   usage.License{Type: usage.LicenseRental, Unit: usage.Points, Edition: "EnterprisePlus"},
		Workloads: []usage.Workload{{ID: "1", Name: "a", Type: "VBR_vSphere_VM"}, {ID: "2", Name: "b", Type: "VBR_vSphere_VM"}, {ID: "3", Name: "c", Type: "QuantumBackup"}},
	}
	if _, err := w.AppendSnapshot(t.Context(), server.ID, false, s); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *weighed) set(text string) {
	w.t.Helper()
	if _, err := w.catalogs.SetOwn(w.t.Context(), text, false); err != nil {
		w.t.Fatal(err)
	}
}

// used gives the types and the units used, at an instant and as they were known before another.
func (w *weighed) used(at, before time.Time) string {
	w.t.Helper()
	tally, err := w.Usage(w.t.Context(), ledger.Query{Company: w.company, Product: usage.ProductVBR, At: at, RecordedBefore: before})
	if err != nil {
		w.t.Fatal(err)
	}
	return rowsText(tally)
}

func rowsText(t *metering.Tally) string {
	var parts []string
	for _, r := range t.Rows {
		parts = append(parts, r.Type+" "+r.Used.Units.String())
	}
	return strings.Join(parts, ", ")
}

func on(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

const weightOfNovember = "weight  VBR_vSphere_VM  Points  Enterprise Plus  12.5  2026-11  price list of October\n"

// A weight that starts next month changes next month's figures and nothing before (C16, C17, C38); whatever was asked
// before comes again, byte for byte (C42, C43).
func TestOwnWeightOfNextMonth(t *testing.T) {
	t.Parallel()
	w := newWeighed(t)
	instants := []time.Time{on(10, 20).Add(12 * time.Hour), on(10, 21), on(11, 1).Add(-time.Microsecond), on(11, 1), on(11, 30), on(12, 1)}
	ask := func(before time.Time) (all []string) {
		for _, at := range instants {
			tally, err := w.Usage(t.Context(), ledger.Query{Company: w.company, Product: usage.ProductVBR, At: at, RecordedBefore: before, Members: true})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(tally)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(text))
		}
		return all
	}
	w.now = on(10, 25)
	known := ask(time.Time{})
	w.set(weightOfNovember)
	const old, later = "VBR_vSphere_VM 22, Unknown 1", "VBR_vSphere_VM 25, Unknown 1"
	for i, want := range []string{old, old, old, later, later, later} {
		if got := w.used(instants[i], time.Time{}); got != want {
			t.Errorf("at %s: %s, want %s", instants[i], got, want)
		}
	}
	if d := cmp.Diff(known[:2], ask(time.Time{})[:2]); d != "" { // before it was recorded
		t.Error(d)
	}
	w.now = on(12, 5)
	w.set(weightOfNovember + "weight  VBR_vSphere_VM  Points  Enterprise Plus  13  2027-01  price list of December\n")
	if d := cmp.Diff(known, ask(on(10, 25))); d != "" {
		t.Errorf("as it was known before: %s", d)
	}
	for at, want := range map[time.Time]string{on(10, 31): old, on(12, 31): later, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC): "VBR_vSphere_VM 26, Unknown 1"} {
		if got := w.used(at, time.Time{}); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
}

// A type that the catalogue did not know is one from when it is recorded on (C19); a diff names both.
func TestOwnTypeIsKnownFromThenOn(t *testing.T) {
	t.Parallel()
	w := newWeighed(t)
	w.now = on(10, 25)
	w.set("type  Quantum_VM  -  object  QuantumBackup\nweight  Quantum_VM  Points  *  4  2026-10  mail of October\n" + weightOfNovember)
	for at, want := range map[time.Time]string{
		on(10, 24): "VBR_vSphere_VM 22, Unknown 1", on(10, 25): "VBR_vSphere_VM 22, Quantum_VM 4", on(11, 2): "VBR_vSphere_VM 25, Quantum_VM 4",
	} {
		if got := w.used(at, time.Time{}); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	c, err := w.Diff(t.Context(), ledger.Span{Company: w.company, Product: usage.ProductVBR, From: on(10, 24), To: on(11, 2)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, change := range c.Changes {
		got = append(got, change.Key.ID+" "+string(change.Why[0]))
	}
	var rows []string
	for _, r := range c.Rows {
		rows = append(rows, r.From.Type+" "+r.From.Used.Units.String()+" "+r.To.Used.Units.String())
	}
	if d := cmp.Diff([]string{"1 weight", "2 weight", "3 type"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"VBR_vSphere_VM 22 25", "Quantum_VM 0 4", "Unknown 1 0"}, rows); d != "" {
		t.Error(d)
	}
}

// The kept answer for now turns with the month, and with a file that another process records.
func TestOwnWeightInKeptAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	catalogs := &fleet.Catalogs{Policy: b.directory().Policy, Now: b.clock.Now}
	b.Catalogs = catalogs
	if err := catalogs.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.read(b.Ledger, b.clock.Now(), 2)
	b.watch()
	units := func() string { return rowsText(b.now()) }
	if got := units(); got != "VBR_vSphere_VM 0" { // both are new
		t.Fatal(got)
	}
	if _, err := catalogs.SetOwn(t.Context(), "weight  VBR_vSphere_VM  Instances  *  1.5  2026-11  s\n", false); err != nil {
		t.Fatal(err)
	}
	b.Refresh(t.Context())
	b.recounted(b.now())
	b.clock.Set(on(11, 2))
	if got := units(); got != "VBR_vSphere_VM 3" {
		t.Errorf("in November: %s", got)
	}
	b.recounted(b.now())
	if _, err := catalogs.SetOwn(t.Context(), "weight  VBR_vSphere_VM  Instances  *  2.5  2026-11  s\n", false); err != nil {
		t.Fatal(err)
	}
	b.Refresh(t.Context())
	if got := units(); got != "VBR_vSphere_VM 5" {
		t.Errorf("after it was mended: %s", got)
	}
	b.recounted(b.now())
	err := b.Recount(t.Context(), b.Store, []usage.CompanyID{b.company}, time.Time{}, func(d ledger.Difference) { t.Errorf("counted anew: %s", rowsText(d.Counted)) })
	if err != nil {
		t.Error(err)
	}
}

// What is not known is never counted with something else.
func TestUnknownCatalogueIsRefused(t *testing.T) {
	t.Parallel()
	w := newWeighed(t)
	for _, version := range []string{"2099-01", "2026-11+0123456789abcdef"} {
		if err := w.Policy.RecordCatalog(t.Context(), version, "", 1<<60, w.now); err != nil {
			t.Fatal(err)
		}
		for _, catalogs := range []ledger.Catalogs{w.catalogs, nil} {
			w.Catalogs = catalogs
			_, err := w.Usage(t.Context(), ledger.Query{Company: w.company, Product: usage.ProductVBR, At: w.now})
			if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), version) {
				t.Errorf("%s: %v", version, err)
			}
		}
	}
}

// Many who look at once need no second connection for the provider's own rows, of which there may be none left.
func TestOwnRowsWithinLooks(t *testing.T) {
	t.Parallel()
	w := newWeighed(t)
	w.set("weight  VBR_vSphere_VM  Points  Enterprise Plus  2.5  2026-10  s\n")
	w.now = w.now.Add(time.Hour)
	const looks = 20 // more than there are connections
	inside, errs := make(chan struct{}, looks), make(chan error, looks)
	begin := make(chan struct{})
	for range looks {
		go func() {
			errs <- w.History.Look(t.Context(), 1<<60, func(v ledger.View) error {
				inside <- struct{}{}
				<-begin
				fresh := &ledger.Ledger{Store: w.Store, Catalogs: &fleet.Catalogs{Policy: w.Policy, Now: func() time.Time { return w.now }}, Now: func() time.Time { return w.now }}
				_, tally, err := fresh.In(t.Context(), v, w.company, usage.ProductVBR, w.now)
				if err == nil && tally.Rows[0].Used.Units != 5*usage.One {
					t.Errorf("%+v", tally.Rows)
				}
				return err
			})
		}()
	}
	for range 8 { // as many as there are connections, but for one
		<-inside
	}
	close(begin)
	for range looks {
		select {
		case err := <-errs:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("they wait for each other")
		}
	}
}
