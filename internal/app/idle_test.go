package app

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/fleet"
)

// A console in which nothing changes notices all the same that figures turn stale.
func TestAlarmsThatTimeBringsAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, err := Open(t.Context(), Options{DataDir: t.TempDir(), Create: true})
		if err != nil {
			t.Fatal(err)
		}
		company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i", Interval: time.Hour}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { a.checkAlarms(ctx, nil) })
		for _, want := range []int{0, 1} {
			<-time.After(2 * time.Hour)
			events, err := a.Store.Events(t.Context(), alarm.StaleFigures)
			if err != nil || len(events) != want {
				t.Errorf("%d events, want %d: %v", len(events), want, err)
			}
		}
		stop()
		wg.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}
