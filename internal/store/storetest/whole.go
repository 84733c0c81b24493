package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// finer is an instant as no store keeps it: in another zone, and finer than microseconds; kept is what it becomes.
var (
	finer = time.Date(2026, 10, 2, 3, 4, 5, 678901234, time.FixedZone("east", 3*3600))
	kept  = time.Date(2026, 10, 2, 0, 4, 5, 678901000, time.UTC)
)

// wholeTests are about values that come back whole, as they are meant to be.
var wholeTests = map[string]func(*testing.T, store.Store){
	"an update replaces every field": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		c.Name, c.Enabled, c.RemovedAt, c.Profile, c.Labels = "other", false, ref(day(9, 0)), fullProfile(t, s), fullLabels()
		must(t, s.UpdateCompany(t.Context(), c, nil, Now()))
		got := must1(s.Company(t.Context(), c.ID))(t)
		c.Revision = got.Revision
		wantEqual(t, c, got)
		v := newServer(t, s, "x", c.ID)
		full := fullServer(c.ID)
		v.Name, v.RemovedAt, v.Labels, v.Connection = full.Name, full.RemovedAt, full.Labels, full.Connection
		v.Interval = fleet.IntervalRead // the default of what has a connection
		nonZero(t, *v.Connection, "Connection.Credential")
		must(t, s.UpdateServer(t.Context(), v, nil, Now()))
		kept := must1(s.Server(t.Context(), v.ID))(t)
		v.Revision = kept.Revision
		wantEqual(t, v, kept)
		u := newUser(t, s, "u")
		change := access.UserChange{Role: ref(access.PortalOperator), Company: &c.ID, PasswordHash: ref("other"), Enabled: ref(false)}
		must(t, s.UpdateUser(t.Context(), u.ID, change, false))
		u = change.Apply(u)
		wantEqual(t, u, must1(s.User(t.Context(), u.ID))(t))
	},
	"a rotated pair is whole": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		old, next := pairOf("f", u, 1), pairOf("f", u, 2)
		old.Began, next.Began, next.From = Now(), Now(), access.Client{Address: "a", Agent: "b"}
		must(t, s.AddSession(t.Context(), old, Now()))
		next.AccessEnd, next.RefreshEnd = Now().Add(time.Microsecond), Now().Add(2*time.Microsecond)
		must1(s.RotateSession(t.Context(), pairOf("f", u, 1).Refresh, next, Now()))(t)
		nonZero(t, next)
		wantSession(t, s, next, true)
	},
	"times are kept in UTC and whole microseconds": func(t *testing.T, s store.Store) {
		c := must1(s.AddCompany(t.Context(), fleet.Company{UID: "c", Name: "c", CreatedAt: finer, RemovedAt: &finer}, nil, finer))(t)
		v := must1(s.AddServer(t.Context(), fleet.Server{Name: "v", Product: usage.ProductVBR, CreatedAt: finer},
			factsOf(fleet.Server{Company: c.ID}, finer), nil, finer))(t)
		v.RemovedAt = &finer
		must(t, s.UpdateServer(t.Context(), v, nil, finer))
		v = must1(s.Server(t.Context(), v.ID))(t)
		u := must1(s.AddUser(t.Context(), access.User{Name: "u", CreatedAt: finer}))(t)
		session := pairOf("f", u.ID, 1)
		session.AccessEnd, session.RefreshEnd = finer, finer
		must(t, s.AddSession(t.Context(), session, finer.Add(-time.Hour)))
		session = must1(s.SessionByAccess(t.Context(), session.Access))(t)
		must(t, s.Settle(t.Context(), v.ID, connection, unreachable("m"), finer))
		event := must1(s.Event(t.Context(), 1))(t)
		fact := must1(s.SubjectFacts(t.Context(), usage.ServerSubject(v.ID), usage.AttrCompany))(t)[0]
		receipt := must1(s.AppendGap(t.Context(), v.ID, usage.Gap{At: finer, Reason: usage.GapTLS}, finer.AddDate(1, 0, 0)))(t)
		other := newServer(t, s, "other", c.ID).ID // the first is removed, and its readings are listed no more
		must1(s.AppendGap(t.Context(), other, usage.Gap{At: finer, Reason: usage.GapPartial}, finer))(t)
		readings := must1(s.Readings(t.Context()))(t)[0]
		for what, got := range map[string]time.Time{
			"company": c.CreatedAt, "company removed": *c.RemovedAt, "server": v.CreatedAt, "server removed": *v.RemovedAt,
			"user": must1(s.User(t.Context(), u.ID))(t).CreatedAt, "access": session.AccessEnd, "refresh": session.RefreshEnd,
			"event": event.At, "event first": event.FirstAt, "fact": fact.ValidFrom, "receipt": receipt.RecordedAt.AddDate(-1, 0, 0),
			"gap": readings.Gap.At, "partial": *readings.PartialSince,
		} {
			if got != kept { //nolint:revive // also the zone must be that
				t.Errorf("%s: %v, want %v", what, got, kept)
			}
		}
	},
	"what is referred to must be there": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u")
		_, err := s.AddUser(t.Context(), access.User{Name: "v", Company: 99})
		wantCode(t, err, fault.Conflict)
		wantCode(t, s.UpdateUser(t.Context(), u.ID, access.UserChange{Company: ref(usage.CompanyID(99))}, true), fault.Conflict)
		wantCode(t, s.AddSession(t.Context(), pairOf("f", 99, 1), Now()), fault.Conflict)
		wantSession(t, s, pairOf("f", 99, 1), false)
		wantEqual(t, []access.User{u}, must1(s.Users(t.Context()))(t))
		must(t, s.AddSession(t.Context(), pairOf("f", u.ID, 1), Now()))
		wantCode(t, s.AddSession(t.Context(), pairOf("g", u.ID, 1), Now()), fault.Conflict) // a token is one pair's
	},
}
