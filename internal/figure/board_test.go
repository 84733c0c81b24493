package figure_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// What the board keeps is what the ledger says, of now and of the end of the month before: also after a late reading of that
// month, a correction, a new company, and the turn of a month.
func TestBoard(t *testing.T) {
	t.Parallel()
	ctx, clock := t.Context(), testkit.At(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	store := must[*sqlite.Store](t)(sqlite.Open(ctx, filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now)))
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	directory := &fleet.Directory{Companies: store, Servers: store, Policy: store, Now: clock.Now, NewUID: func() string { return "5b0f0000-0000-4000-8000-000000000001" }}
	catalogs := &fleet.Catalogs{Policy: store, Now: clock.Now}
	if err := catalogs.Update(ctx); err != nil {
		t.Fatal(err)
	}
	l := &ledger.Ledger{Store: store, History: store, Catalogs: catalogs, Now: clock.Now}
	board := &figure.Board{Ledger: l, Companies: store, Calendar: directory.Calendar, Now: clock.Now}
	changed := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		board.Run(ctx, changed, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() { <-done })
	// agrees pokes the board until it is whole and says what the ledger says.
	agrees := func(what string, want int64) {
		t.Helper()
		testkit.Until(t, what, func() bool {
			select {
			case changed <- struct{}{}:
			default:
			}
			o := must[*figure.Overview](t)(board.Overview(ctx))
			var sum int64
			for _, s := range o.Standings {
				if s.Before != nil {
					for _, total := range figure.Add(nil, s.Before.Rows) {
						sum += total.Used.Count
					}
				}
			}
			return o.Whole && sum == want && agree(t, l, o)
		})
	}
	agrees("empty", 0)
	company := must[fleet.Company](t)(directory.AddCompany(ctx, fleet.NewCompany{Name: "Northwind"}))
	bare := func() (names []string) {
		t.Helper()
		for _, c := range must[*figure.Overview](t)(board.Overview(ctx)).Bare {
			names = append(names, c.Name)
		}
		return names
	}
	if got := bare(); !slices.Equal(got, []string{"Northwind"}) {
		t.Errorf("without a server are %q", got)
	}
	server := must[fleet.Server](t)(directory.AddServer(ctx, fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "c0de0000-0000-4000-8000-000000000001"}))
	put := func(at time.Time, count int) ledger.Receipt {
		t.Helper()
		return must[ledger.Receipt](t)(l.AppendSnapshot(ctx, server.ID, false, reading(at, count)))
	}
	if got := bare(); len(got) > 0 {
		t.Errorf("with a server, %q are without one", got)
	}
	put(clock.Now(), 5)
	agrees("nothing in October", 0)
	late := put(time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC), 3)
	agrees("late reading of October", 3)
	must[ledger.Receipt](t)(l.Correct(ctx, ledger.Correction{Entry: late.Position, Reason: "wrong file", Actor: "test"}))
	agrees("corrected", 0)
	clock.Set(time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC))
	agrees("December", 5)
}

// agree asks the ledger for all that an overview says.
func agree(t *testing.T, l *ledger.Ledger, o *figure.Overview) bool {
	t.Helper()
	for _, s := range o.Standings {
		product := must[usage.Product](t)(s.Resource.Product())
		now := must[*metering.Tally](t)(l.Usage(t.Context(), ledger.Query{Company: s.Company.ID, Product: product}))
		then := must[*metering.Tally](t)(l.Usage(t.Context(), ledger.Query{Company: s.Company.ID, Product: product, At: o.Begin.Add(-time.Microsecond)}))
		if s.Before == nil || !slices.Equal(now.Rows, s.Now.Rows) || !slices.Equal(then.Rows, s.Before.Rows) {
			return false
		}
	}
	return true
}

func reading(at time.Time, count int) usage.Snapshot {
	old := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC)
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "c0de0000-0000-4000-8000-000000000001", Name: "VBR01"}, ListsNew: true,
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances, Status: "Valid"},
	}
	for i := range count {
		id := string(rune('a' + i))
		s.Workloads = append(s.Workloads, usage.Workload{ID: id, Name: id, Type: "VBR_vSphere_VM", FirstProtectedAt: &old})
	}
	return s
}
