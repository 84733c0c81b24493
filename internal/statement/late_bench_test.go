package statement_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// BenchmarkLateNothing is what a console does in each round of alarms in which readings of now arrived, with a year of
// final statements: as many readings as a busy one takes in that time, and one.
func BenchmarkLateNothing(b *testing.B) {
	for _, readings := range []int{1, 3000} {
		b.Run(fmt.Sprint(readings, " readings"), func(b *testing.B) { benchmarkLate(b, readings, time.Now().UTC(), 0) })
	}
}

// BenchmarkLateOne is the same with one reading that came too late.
func BenchmarkLateOne(b *testing.B) {
	benchmarkLate(b, 1, time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC), 1)
}

func benchmarkLate(b *testing.B, readings int, taken time.Time, want int) {
	b.Helper()
	const companies, servers, months = 10_000, 2_000, 12
	path := filepath.Join(b.TempDir(), "t.db")
	d, err := sqlite.NewDraft(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	storetest.Estate(b, d, companies, servers)
	if err := d.Keep(); err != nil {
		b.Fatal(err)
	}
	s, err := sqlite.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	head, err := s.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for month, n := (usage.Month{Year: 2025, Month: time.October}), 0; n < months; month, n = month.Next(), n+1 {
		var all []statement.Statement
		for c := range companies {
			all = append(all, statement.Statement{
				Schema: statement.Schema, Company: usage.FirstCompany + usage.CompanyID(c), Month: month.String(), Number: 1, State: statement.Final,
				Cutoff: head.Position + 1, Content: statement.Content{Zone: "UTC", At: month.Last(time.UTC), AtUTC: month.Last(time.UTC)},
			})
		}
		if err := s.SaveStatements(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
	l := &ledger.Ledger{Store: s, History: s, Now: time.Now}
	service := statement.Service{Counter: statement.Counter{Ledger: l, Policy: s}, Companies: s, Servers: s, Store: s, Now: time.Now}
	ids, err := s.Servers(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	after := head.Position
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		for n := range readings {
			if _, err := s.AppendSnapshot(b.Context(), ids[n%len(ids)].ID, &usage.Snapshot{
				TakenAt: taken.Add(time.Duration(i*readings+n) * time.Millisecond), Product: usage.ProductVBR, Workloads: []usage.Workload{{ID: strconv.Itoa(i), Name: "m", Type: "VBR_vSphere_VM"}},
				Server: usage.ServerFacts{InstallationID: fmt.Sprint("i", n%len(ids)), Name: "srv"}, License: usage.License{Type: usage.LicenseRental},
			}, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		late, err := service.Late(b.Context(), statement.LateQuery{After: after})
		if err != nil || len(late.Companies) != want {
			b.Fatalf("%d companies, %v", len(late.Companies), err)
		}
		after = late.To
	}
}
