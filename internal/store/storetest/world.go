package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// Seed fills an empty store with something of everything, always the same: what a fixture of an older schema holds.
func Seed(t testing.TB, s store.Store) {
	t.Helper()
	a := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
	b := newCompany(t, s, "b")
	own := fullServer(a.ID)
	own.Product, own.RemovedAt = usage.ProductVBR, nil
	own = must1(s.AddServer(t.Context(), own, factsOf(own, day(1, 0)), nil, day(1, 0)))(t)
	shared := newServer(t, s, "shared", 0)
	appendAll(t, s, own.ID, fullSnapshot(day(2, 0)), snapshotOf(day(3, 0), "inst", "w1", "w2"), unlisted(day(4, 0), "inst"))
	wrong := appendAll(t, s, own.ID, snapshotOf(day(5, 0), "inst"))
	must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: wrong, Reason: "r", Actor: "x"}, Now()))(t)
	appendAll(t, s, shared.ID, snapshotOf(day(2, 0), "s", "T/x", "U/y"))
	must1(s.AppendGap(t.Context(), own.ID, usage.Gap{At: day(6, 0), Reason: usage.GapPartial, Text: "p"}, Now()))(t)
	must(t, s.RecordFacts(t.Context(), []usage.Fact{{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "Europe/Berlin"}}, Now()))
	must(t, s.Settle(t.Context(), own.ID, connection, unreachable("m"), day(6, 0)))
	must(t, s.Settle(t.Context(), own.ID, connection, nil, day(7, 0)))
	b.RemovedAt = ref(Now())
	must(t, s.UpdateCompany(t.Context(), b, nil, Now()))
	u := must1(s.AddUser(t.Context(), access.User{Name: "u", Role: access.CompanyReadonly, Company: a.ID, PasswordHash: "h", Enabled: true, CreatedAt: day(1, 0)}))(t)
	must(t, s.AddSession(t.Context(), pairOf("f", u.ID, 1), Now()))
}

// world is all that the ports tell of a seeded store.
type world struct {
	Companies []fleet.Company
	Removed   fleet.Company
	Servers   []fleet.Server
	Readings  []ledger.ServerReadings
	Entries   []ledger.Entry // of all servers, revoked ones, too
	Facts     []metering.Facts
	Policy    []usage.Fact
	Events    []alarm.Event
	Users     []access.User
	Session   access.Session
	Head      ledger.Head
}

func worldOf(t testing.TB, s store.Store) world {
	t.Helper()
	w := world{
		Companies: must1(s.Companies(t.Context()))(t),
		Removed:   must1(s.Company(t.Context(), 3))(t),
		Servers:   must1(s.Servers(t.Context()))(t),
		Readings:  must1(s.Readings(t.Context()))(t),
		Policy:    must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrZone))(t),
		Events:    must1(s.Events(t.Context(), 0))(t),
		Users:     must1(s.Users(t.Context()))(t),
		Session:   session(t, s),
		Head:      must1(s.Head(t.Context()))(t),
	}
	for i := range w.Servers {
		w.Entries = append(w.Entries, must1(s.Entries(t.Context(), w.Servers[i].ID, time.Time{}, Now().AddDate(1, 0, 0)))(t)...)
	}
	w.Head.Version = 0 // a migration may count as a change
	for before := range w.Head.Position + 2 {
		for _, c := range []usage.CompanyID{usage.Unassigned, 2} {
			for _, at := range []time.Time{day(2, 0), day(5, 0), Now()} {
				w.Facts = append(w.Facts, factsAt(t, s, c, at, before))
			}
		}
	}
	return w
}

// session is the one that Seed adds, or what goOn rotated it into.
func session(t testing.TB, s store.Store) access.Session {
	t.Helper()
	p, err := s.SessionByAccess(t.Context(), pairOf("", 0, 2).Access)
	if fault.Is(err, fault.NotFound) {
		p, err = s.SessionByAccess(t.Context(), SeedAccess())
	}
	must(t, err)
	return p
}

// SameWorld fails when two stores do not tell the same: one that was seeded by an older program and migrated, and
// one that was seeded now.
func SameWorld(t testing.TB, fresh, migrated store.Store) {
	t.Helper()
	wantEqual(t, worldOf(t, fresh), worldOf(t, migrated))
	goOn(t, fresh)
	goOn(t, migrated)
	wantEqual(t, worldOf(t, fresh), worldOf(t, migrated))
}

// goOn changes something of everything that Seed put there: what was migrated is read for it.
func goOn(t testing.TB, s store.Store) {
	t.Helper()
	for _, c := range must1(s.Companies(t.Context()))(t) {
		c.Name += " again"
		must(t, s.UpdateCompany(t.Context(), c, nil, Now()))
	}
	for _, v := range must1(s.Servers(t.Context()))(t) {
		appendAll(t, s, v.ID, snapshotOf(day(8, 0), "later", "T/w1", "U/y"), snapshotOf(day(3, 1), "inst", "T/w2"))
		must(t, s.UpdateServer(t.Context(), v, []usage.Fact{serverFact(v.ID, usage.AttrDomain, "later", day(7, 0))}, Now()))
		must(t, s.NoteRevision(t.Context(), v.ID, "later"))
		must(t, s.Settle(t.Context(), v.ID, connection, unreachable("again"), day(9, 0)))
		must(t, s.Settle(t.Context(), v.ID, connection, nil, day(9, 1)))
	}
	must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: must1(s.Head(t.Context()))(t).Position - 1, Reason: "r", Actor: "x"}, Now()))(t)
	for _, u := range must1(s.Users(t.Context()))(t) {
		u.PasswordHash = "later"
		must(t, s.UpdateUser(t.Context(), u, false))
		must1(s.RotateSession(t.Context(), pairOf("f", 1, 1).Refresh, pairOf("", 0, 2), Now()))(t)
		must(t, s.AddSession(t.Context(), pairOf("f2", u.ID, 1+100), Now()))
	}
}

// SeedAccess is the access token of the session that Seed adds.
func SeedAccess() access.TokenHash { return pairOf("f", 1, 1).Access }
