package app_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/roster"
	"github.com/tallystick/tallystick/internal/testkit"
)

// What is changed about companies and servers here shows in the next answer, also in one that was kept.
func TestOwnChangesShowAtOnce(t *testing.T) {
	t.Parallel()
	clock := testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	a, err := app.Open(t.Context(), app.Options{DataDir: t.TempDir(), Create: true, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	watching, once := make(chan struct{}), sync.Once{}
	var wg sync.WaitGroup
	wg.Go(func() {
		a.Ledger.Watch(ctx, slog.New(slog.DiscardHandler), func() { once.Do(func() { close(watching) }) })
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	<-watching
	answer := func() *metering.Tally {
		t.Helper()
		tally, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: usage.FirstCompany, Product: usage.ProductVBR})
		if err != nil {
			t.Fatal(err)
		}
		return tally
	}
	answer()
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "before", Company: company.ID, InstallationID: "i"})
	if err != nil || len(answer().Servers) != 1 {
		t.Fatalf("a server is added: %+v, %v", answer(), err)
	}
	name := "after"
	if _, err := a.Fleet.EditServer(t.Context(), server.ID, fleet.ServerEdit{Name: &name}); err != nil || answer().Servers[0].Name != name {
		t.Errorf("a server is renamed: %+v, %v", answer(), err)
	}
	if err := a.Fleet.SetZone(t.Context(), "America/New_York"); err != nil {
		t.Error(err)
	}
	before := answer().Catalog
	if done, err := a.Catalogs.SetOwn(t.Context(), "weight  VBR_vSphere_VM  Points  *  12  2026-11  s\n", false); err != nil || answer().Catalog != done.Version || done.Version == before {
		t.Errorf("an own catalogue is set: %+v, %v; the answer is of %s", done, err, answer().Catalog)
	}
	file := "company,name,every\nNorthwind,AFTER,1h\n"
	if _, err := a.Roster.Servers(t.Context(), strings.NewReader(file), roster.ServerOptions{}); err != nil || answer().Servers[0].Name != "AFTER" {
		t.Errorf("a server is renamed by a file: %+v, %v", answer(), err)
	}
	if err := a.Fleet.RemoveServer(t.Context(), server.ID, time.Time{}); err != nil || len(answer().Servers) != 0 {
		t.Errorf("a server is removed: %+v, %v", answer(), err)
	}
}
