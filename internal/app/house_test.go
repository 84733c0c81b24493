package app

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/once"
)

// A console writes down within a minute that a token was used, at the latest when it ends, and lets a write's key go after a day, and a
// change after 31.
func TestHousekeeping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, err := Open(t.Context(), Options{DataDir: t.TempDir(), Create: true})
		if err != nil {
			t.Fatal(err)
		}
		u, err := a.Store.AddUser(t.Context(), access.User{Name: "u", Role: access.PortalAdministrator, Enabled: true, CreatedAt: a.Now()})
		if err != nil {
			t.Fatal(err)
		}
		company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
		if err != nil {
			t.Fatal(err)
		}
		for i, ago := range []time.Duration{feed.Kept + time.Hour, feed.Kept + time.Minute, feed.Kept - time.Hour} {
			holds := []alarm.Condition{{Template: alarm.FigureChanged, Subject: "2026-10", Status: alarm.StatusWarning}}[:(i+1)%2]
			if err := a.Store.SettleCompanies(t.Context(), []alarm.TemplateID{alarm.FigureChanged}, map[usage.CompanyID][]alarm.Condition{company.ID: holds}, a.Now().Add(-ago)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := once.NewRequest(u.ID, "key", "k")
		if err != nil {
			t.Fatal(err)
		}
		token, secret, err := a.Access.AddToken(once.With(t.Context(), r), access.NewToken{
			Name: "n", User: u.ID, Scopes: []access.Action{access.Read}, ExpiresAt: a.Now().AddDate(1, 0, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { a.keepHouse(ctx) })
		use := func(wait func()) {
			t.Helper()
			if _, err := a.Access.Check(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			now := a.Now()
			wait()
			kept, err := a.Store.Token(t.Context(), token.ID)
			if err != nil || kept.LastUsedAt == nil || now.Sub(*kept.LastUsedAt) >= time.Microsecond {
				t.Errorf("used at %v: %+v, %v", now, kept.LastUsedAt, err)
			}
		}
		use(func() { <-time.After(time.Minute + time.Second) })
		if changes, err := a.Store.ChangesAfter(t.Context(), 0, 10); err != nil || len(changes) != 1 || changes[0].Seq != 3 {
			t.Errorf("changes of 31 days: %+v, %v", changes, err)
		}
		<-time.After(24*time.Hour - 2*time.Minute)
		if _, err := a.Store.Recall(t.Context(), u.ID, "k"); err != nil {
			t.Errorf("before a day is over: %v", err)
		}
		<-time.After(time.Hour + 2*time.Minute)
		if _, err := a.Store.Recall(t.Context(), u.ID, "k"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a day and an hour later: %v", err)
		}
		use(func() { stop(); wg.Wait() })
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}
