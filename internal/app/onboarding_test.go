package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/roster"
	"github.com/tallystick/tallystick/internal/sim"
)

// A file of servers whose account is a credential set: tried before it is taken, read, and rotated in one step.
func TestServersOfACredentialSet(t *testing.T) {
	t.Parallel()
	scenario := referenceScenario(sim.Wire131)
	other := scenario.Servers[0]
	other.Name, other.InstallationID = "VBR02", ""
	scenario.Servers = append(scenario.Servers, other)
	w := newWorld(t, time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC), scenario)
	servers, err := w.app.Store.Servers(w.ctx)
	if err != nil || len(servers) != 2 {
		t.Fatal(servers, err)
	}
	for i := range servers { // they come back by the file
		if err := w.app.Fleet.RemoveServer(w.ctx, servers[i].ID, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	set, err := w.app.Fleet.AddCredential(w.ctx, fleet.NewCredential{Name: "readers", Username: w.sims.Servers()[0].Username, Password: "mistyped"})
	if err != nil {
		t.Fatal(err)
	}
	file := "company,name,url,credential,fingerprint\n"
	for _, s := range w.sims.Servers() {
		file += fmt.Sprintf("Northwind,%s,%s,readers,%s\n", s.Name, s.URL, s.Fingerprint)
	}
	take := func() (roster.Result, error) {
		return w.app.Roster.Servers(w.ctx, strings.NewReader(file), roster.ServerOptions{Try: true, ManagesSets: true})
	}
	if _, err := take(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `line 2, column "url": `) || !strings.Contains(err.Error(), `line 3, column "url": `) {
		t.Errorf("with a mistyped password: %v", err)
	}
	rotate := func(password string) {
		t.Helper()
		if _, err := w.app.Fleet.EditCredential(w.ctx, set.ID, fleet.CredentialEdit{Password: &password}); err != nil {
			t.Fatal(err)
		}
	}
	rotate("sim-secret")
	if result, err := take(); err != nil || result.Added != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	read := func() (good int) {
		t.Helper()
		if err := w.app.Collect(w.ctx, nil, func(o app.Outcome) {
			if o.OK {
				good++
			}
		}); err != nil {
			t.Fatal(err)
		}
		return good
	}
	if n := read(); n != 2 {
		t.Errorf("%d of 2 are read", n)
	}
	w.set(w.clock.Now().Add(time.Hour))
	rotate("changed on the servers, and not here")
	if n := read(); n != 0 {
		t.Errorf("%d are read with another password", n)
	}
	// What is refused is not sent again for a minute; another password is, at once and to all.
	servers, err = w.app.Store.Servers(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for password, fails := range map[string]bool{"wrong as well": true, "sim-secret": false} {
		if err := w.app.TestCredential(w.ctx, servers[0], set.ID, fleet.CredentialEdit{Password: &password}); (err != nil) != fails {
			t.Errorf("trying %q: %v", password, err)
		}
	}
	if n := read(); n != 0 {
		t.Error("what was only tried is kept")
	}
	rotate("sim-secret")
	if n := read(); n != 2 {
		t.Errorf("%d of 2 are read after the rotation", n)
	}
}
