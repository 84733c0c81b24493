package statement_test

import (
	"fmt"
	"path/filepath"
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

// world is a provider's office on a SQLite file, with a clock that the test moves.
type world struct {
	t *testing.T
	*statement.Service
	ledger *ledger.Ledger
	fleet  *fleet.Directory
	store  *sqlite.Store
	path   string
	now    time.Time
	uids   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "t.db"), now: at(2026, 9, 1)}
	w.open()
	return w
}

func at(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 2, 0, 0, 0, time.UTC)
}

// open opens the file, as a new process would.
func (w *world) open() {
	w.t.Helper()
	clock := func() time.Time { return w.now }
	s, err := sqlite.Open(w.t.Context(), w.path, sqlite.Now(clock))
	w.check(err)
	w.t.Cleanup(func() { _ = s.Close() })
	w.store = s
	w.ledger = &ledger.Ledger{Store: s, History: s, Now: clock}
	w.fleet = &fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: func() string { w.uids++; return fmt.Sprint("uid-", w.uids) }, Now: clock}
	w.Service = &statement.Service{Counter: statement.Counter{Ledger: w.ledger, Policy: s}, Companies: s, Servers: s, Store: s, Plans: &plan.Service{Records: s, Now: clock}, Now: clock}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// must gives a statement whose step may not fail.
func (w *world) must(s statement.Statement, err error) statement.Statement {
	w.t.Helper()
	w.check(err)
	return s
}

// refused fails unless the step was refused with a code, in words.
func (w *world) refused(err error, code fault.Code) {
	w.t.Helper()
	if !fault.Is(err, code) {
		w.t.Errorf("want a fault %q, got %v", code, err)
	}
}

func (w *world) company(name string) usage.CompanyID {
	w.t.Helper()
	c, err := w.fleet.AddCompany(w.t.Context(), fleet.NewCompany{Name: name})
	w.check(err)
	return c.ID
}

func (w *world) server(n fleet.NewServer) usage.ServerID {
	w.t.Helper()
	if n.InstallationID == "" {
		n.InstallationID = "installation of " + n.Name
	}
	if n.Interval == 0 {
		n.Interval = 24 * time.Hour
	}
	v, err := w.fleet.AddServer(w.t.Context(), n)
	w.check(err)
	return v.ID
}

// read appends a reading: now, unless the change of it says otherwise.
func (w *world) read(server usage.ServerID, product usage.Product, change func(*usage.Snapshot)) {
	w.t.Helper()
	s := usage.Snapshot{
		TakenAt: w.now, Product: product, ListsNew: true, Server: usage.ServerFacts{InstallationID: fmt.Sprint("i", server), Name: "n"},
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances, Edition: "EnterprisePlus", LicensedTo: "Provider Ltd"}, Workloads: []usage.Workload{},
	}
	change(&s)
	_, err := w.ledger.AppendSnapshot(w.t.Context(), server, false, s)
	w.check(err)
}

// machines lists so many, by their numbers, first protected long ago.
func machines(s *usage.Snapshot, typ string, numbers ...int) {
	long := at(2020, 1, 1)
	for _, n := range numbers {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprintf("%s-%02d", typ, n), Name: fmt.Sprint("machine ", n), Type: typ, FirstProtectedAt: &long})
	}
}

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i+1)
	}
	return numbers
}

// figures writes the rows of a statement for a person.
func figures(s *statement.Statement) (lines []string) {
	for i := range s.Content.Rows {
		r := &s.Content.Rows[i]
		b := s.Billed(r.RowKey)
		line := fmt.Sprintf("%s %s: used %d/%s, new %d/%s, rental %d/%s, billed %d/%s", r.Type, r.Unit, r.Used.Count, r.Used.Units, r.New.Count, r.New.Units,
			r.Rental.Count, r.Rental.Units, b.Count, b.Units)
		if r.PeakAt != nil {
			line += " at " + r.PeakAt.Format(time.RFC3339)
		}
		lines = append(lines, line)
	}
	return lines
}

var (
	september = usage.Month{Year: 2026, Month: time.September}
	october   = usage.Month{Year: 2026, Month: time.October}
	november  = usage.Month{Year: 2026, Month: time.November}
)
