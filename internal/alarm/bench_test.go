package alarm_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// The size of the estate: SERVERS changes it. Filling takes the square of the servers, so that they are fewer than a
// console of 10,000 companies has.
const benchCompanies = 10_000

func benchServers() int {
	if n, err := strconv.Atoi(os.Getenv("SERVERS")); err == nil {
		return n
	}
	return 2_000
}

// estate opens a large estate.
func estate(b *testing.B) (*sqlite.Store, *ledger.Ledger, *alarm.Service) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "t.db")
	d, err := sqlite.NewDraft(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	storetest.Estate(b, d, benchCompanies, benchServers())
	if err := d.Keep(); err != nil {
		b.Fatal(err)
	}
	s, err := sqlite.Open(b.Context(), path, sqlite.Now(storetest.Now))
	if err != nil {
		b.Fatal(err)
	}
	l := &ledger.Ledger{Store: s, History: s, Now: storetest.Now}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Watch(ctx, slog.New(slog.DiscardHandler), nil) })
	b.Cleanup(func() { stop(); wg.Wait(); _ = s.Close() })
	return s, l, &alarm.Service{Store: s, Ledger: l, Servers: s, Companies: s, Now: storetest.Now}
}

// BenchmarkCheckAfterOneReading is what a running console does every 30 s in which one server was read;
// BenchmarkCheckAll is what it does now and then.
func BenchmarkCheckAfterOneReading(b *testing.B) { benchmarkCheck(b, (*alarm.Service).CheckChanged) }
func BenchmarkCheckAll(b *testing.B)             { benchmarkCheck(b, (*alarm.Service).CheckAll) }

func benchmarkCheck(b *testing.B, check func(*alarm.Service, context.Context) error) {
	b.Helper()
	_, l, alarms := estate(b)
	if err := check(alarms, b.Context()); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		if _, err := l.AppendSnapshot(b.Context(), 7, false, usage.Snapshot{
			TakenAt: storetest.Now().Add(time.Duration(i-1_000_000) * time.Second / 1000), Product: usage.ProductVBR,
			Server: usage.ServerFacts{InstallationID: "8f1c0000-0000-4000-8000-000000000006", Name: "srv"}, License: usage.License{Type: usage.LicenseRental},
			Workloads: []usage.Workload{{ID: strconv.Itoa(i), Name: "m", Type: "VBR_vSphere_VM"}},
		}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := check(alarms, b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
