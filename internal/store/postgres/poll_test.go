package postgres

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// What another process commits shows in kept answers, also where the server sends no notifications: then it is asked for.
func TestChangesShowWithoutNotifications(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{"with": `SELECT 1`, "without": `DROP TRIGGER changed ON meta`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			here, there := openAt(t, url), openAt(t, url)
			server := storetest.OneServer(t, here)
			rawly(t, url, statement)
			l := &ledger.Ledger{Store: here, Now: storetest.Now, Wake: here.Wake(t.Context())}
			ctx, stop := context.WithCancel(t.Context())
			var watching sync.WaitGroup
			watching.Go(func() { l.Watch(ctx, slog.New(slog.DiscardHandler), nil) })
			defer watching.Wait()
			defer stop()
			for n := range 5 {
				s := usage.Snapshot{
					TakenAt: storetest.Now().Add(-time.Duration(10-n) * time.Hour), Product: usage.ProductVBR,
					Server: usage.ServerFacts{InstallationID: "i", Name: "n"}, License: usage.License{Type: usage.LicenseRental},
					Workloads: []usage.Workload{{ID: "1", Name: "m", Type: "VBR_vSphere_VM"}},
				}
				if _, err := there.AppendSnapshot(t.Context(), server, &s, storetest.Now()); err != nil {
					t.Fatal(err)
				}
				shows(t, l, s.TakenAt)
			}
		})
	}
}

// shows waits until the figure of the first company rests on a reading.
func shows(t *testing.T, l *ledger.Ledger, taken time.Time) {
	t.Helper()
	const patience = 20 * time.Second // many tests run beside
	for begin := time.Now(); ; <-time.After(5 * time.Millisecond) {
		tally, err := l.Usage(t.Context(), ledger.Query{Company: usage.FirstCompany, Product: usage.ProductVBR})
		switch {
		case err != nil:
			t.Fatal(err)
		case tally.AsOf != nil && tally.AsOf.Equal(usage.Truncate(taken)):
			return
		case time.Since(begin) > patience:
			t.Fatalf("the reading of %s does not show", taken)
		}
	}
}
