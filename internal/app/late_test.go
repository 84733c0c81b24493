package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

var octoberMonth = usage.Month{Year: 2026, Month: time.October}

// office is a ledger of one company that processes open one after the other, with its October final.
type office struct {
	*app.App
	t      *testing.T
	dir    string
	now    time.Time
	server fleet.Server
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), now: time.Date(2026, 10, 30, 2, 0, 0, 0, time.UTC)}
	o.begin()
	company, err := o.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	o.check(err)
	o.server, err = o.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i", Interval: 24 * time.Hour})
	o.check(err)
	o.read(o.now, 7)
	o.now = o.now.AddDate(0, 0, 3)
	_, _, err = o.Months.Draft(t.Context(), company.ID, octoberMonth, "jane")
	o.check(err)
	o.finalise()
	o.standing()
	return o
}

func (o *office) check(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// begin opens the ledger as another process.
func (o *office) begin() {
	o.t.Helper()
	a, err := app.Open(o.t.Context(), app.Options{DataDir: o.dir, Create: true, Now: func() time.Time { return o.now }})
	o.check(err)
	o.t.Cleanup(func() { _ = a.Close() })
	o.App = a
}

func (o *office) read(taken time.Time, n int) usage.Position {
	o.t.Helper()
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	s := usage.Snapshot{
		TakenAt: taken, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: "i", Name: "n"},
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances}, Workloads: []usage.Workload{},
	}
	for i := range n {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Type: "VBR_vSphere_VM", FirstProtectedAt: &long})
	}
	receipt, err := o.Ledger.AppendSnapshot(o.t.Context(), o.server.ID, false, s)
	o.check(err)
	return receipt.Position
}

func (o *office) finalise() {
	o.t.Helper()
	_, err := o.Months.Approve(o.t.Context(), o.server.Company, octoberMonth, "jane", map[string]string{"*": "so be it"}, false)
	o.check(err)
	_, err = o.Months.Finalise(o.t.Context(), o.server.Company, octoberMonth, "jane")
	o.check(err)
}

// standing looks, and fails unless these months have an alarm then.
func (o *office) standing(want ...string) {
	o.t.Helper()
	o.check(o.Alarms.CheckFinals(o.t.Context()))
	events, err := o.Store.Events(o.t.Context(), alarm.FinalOutdated)
	o.check(err)
	var got []string
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved {
			got = append(got, e.Subject)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		o.t.Errorf("want (-), got (+)\n%s", d)
	}
}

func (o *office) mark() alarm.Mark {
	o.t.Helper()
	m, err := o.Store.Mark(o.t.Context())
	o.check(err)
	return m
}

var lateTaken = time.Date(2026, 10, 31, 2, 0, 0, 0, time.UTC)

// What arrives too late is an alarm until it is corrected or superseded, whichever process notices.
func TestLateFactsAreAnAlarm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	wrong := o.read(lateTaken, 8)
	o.begin() // before anybody looked
	o.standing("2026-10")
	o.begin()
	o.standing("2026-10")
	_, err := o.Ledger.Correct(t.Context(), ledger.Correction{Entry: wrong, Reason: "r", Actor: "jane"})
	o.check(err)
	o.standing()

	o.read(lateTaken.Add(time.Hour), 9)
	o.standing("2026-10")
	_, err = o.Months.Supersede(t.Context(), o.server.Company, octoberMonth, "jane", "a late reading")
	o.check(err)
	o.standing("2026-10")
	o.finalise()
	o.begin()
	o.standing()
}

// What arrived between the cutoff of a statement and its becoming final was looked at for others only: it is looked at again.
func TestFinalStatementsAreLookedAtFromTheirCutoff(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(lateTaken, 8)
	_, err := o.Months.Supersede(t.Context(), o.server.Company, octoberMonth, "jane", "a late reading")
	o.check(err)
	_, err = o.Months.Approve(t.Context(), o.server.Company, octoberMonth, "jane", map[string]string{"*": "so be it"}, false)
	o.check(err)
	cutoff := o.read(lateTaken.Add(time.Hour), 9) // of which what is approved knows nothing
	o.standing("2026-10")
	if m := o.mark(); m.Position != cutoff || m.Again {
		t.Errorf("%+v", m)
	}
	_, err = o.Months.Finalise(t.Context(), o.server.Company, octoberMonth, "jane")
	o.check(err)
	if m := o.mark(); m.Position != cutoff-1 || !m.Again {
		t.Errorf("%+v", m)
	}
	o.standing("2026-10")
	events, err := o.Store.Events(t.Context(), alarm.FinalOutdated)
	o.check(err)
	want := "Northwind, 2026-10: what arrived after the final statement no. 2 was counted changes its figures: VBR_vSphere_VM in Instances used 8 → 9 (8 → 9 units)"
	if len(events) != 1 || events[0].Message != want || events[0].RepeatCount != 1 {
		t.Errorf("%+v", events)
	}
}

// A console that reads of now writes nothing for it; one that begins where nobody looked before looks at everything.
func TestReadingOfNowWritesNoMark(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before := o.mark()
	for i := range 5 {
		o.now = o.now.Add(time.Hour)
		o.read(o.now, 7+i)
		o.standing()
	}
	if m := o.mark(); m != before {
		t.Errorf("%+v became %+v", before, m)
	}
	o.read(lateTaken, 8)
	o.check(o.Store.SettleFinals(t.Context(), alarm.Finals{Seen: before, To: o.mark().Position + 100}, o.now)) // as if it had been looked at
	o.begin()
	o.standing()
	o.check(o.Store.SettleFinals(t.Context(), alarm.Finals{Seen: o.mark()}, o.now)) // as if an older program had written it all
	o.begin()
	o.standing("2026-10")
}
