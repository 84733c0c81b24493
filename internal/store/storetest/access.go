package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store"
)

func newUser(t testing.TB, s store.Store, name string) access.User {
	t.Helper()
	return must1(s.AddUser(t.Context(), access.User{
		Name: name, Role: access.CompanyReadonly, Company: newCompany(t, s, "of "+name).ID, PasswordHash: "$argon2id$", Enabled: true,
		Single:    singleOf(name),
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC),
	}))(t)
}

// singleOf gives how a user signs in elsewhere, by its name.
func singleOf(name string) access.Single {
	return access.Single{Name: name + "@Ö.example", Identity: access.Identity{Issuer: "https://id.example", Subject: "s " + name}, BoundAt: kept}
}

var userTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		u := newUser(t, s, `DOM\Jörg S.`)
		nonZero(t, u)
		wantEqual(t, u, must1(s.User(t.Context(), u.ID))(t))
		wantEqual(t, u, must1(s.UserByName(t.Context(), `dom\JÖRG s.`))(t))
		wantEqual(t, []access.User{u}, must1(s.Users(t.Context()))(t))
	},
	"update changes what is given, and nothing else": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "a")
		for _, c := range []access.UserChange{
			{},
			{PasswordHash: ref("h2")},
			{Enabled: ref(false)},
			{Role: ref(access.PortalAdministrator), Company: ref(usage.CompanyID(0))},
			{Single: ref(singleOf("b"))},
			{Single: &access.Single{Name: "c"}},
			{},
			{Single: &access.Single{}},
		} {
			must(t, s.UpdateUser(t.Context(), u.ID, c, false))
			u = c.Apply(u)
			wantEqual(t, u, must1(s.User(t.Context(), u.ID))(t))
		}
		wantEqual(t, []any{access.PortalAdministrator, usage.CompanyID(0), "h2", false}, []any{u.Role, u.Company, u.PasswordHash, u.Enabled})
		wantCode(t, s.UpdateUser(t.Context(), 99, access.UserChange{}, true), fault.NotFound, "99")
	},
	"a user is changed only when it may be": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "a")
		late := fault.New(fault.Conflict, "late")
		c := access.UserChange{Enabled: ref(false), When: func(is *access.User) error {
			wantEqual(t, u, *is)
			return late
		}}
		wantCode(t, s.UpdateUser(t.Context(), u.ID, c, true), fault.Conflict, "late")
		wantEqual(t, u, must1(s.User(t.Context(), u.ID))(t))
		c.When = func(*access.User) error { return nil }
		must(t, s.UpdateUser(t.Context(), u.ID, c, true))
		wantEqual(t, false, must1(s.User(t.Context(), u.ID))(t).Enabled)
	},
	"one who manages users is kept where that is asked, of two changes at the same time, too": func(t *testing.T, s store.Store) {
		admin := func(name string) access.UserID {
			return must1(s.AddUser(t.Context(), access.User{Name: name, Role: access.PortalAdministrator, PasswordHash: "h", Enabled: true, CreatedAt: kept}))(t).ID
		}
		a, b := admin("a"), admin("b")
		newUser(t, s, "c")
		down := access.UserChange{Role: ref(access.PortalReadonly), KeepOne: true}
		errs := make([]error, 2)
		var all sync.WaitGroup
		for i, c := range []access.UserChange{down, {Enabled: ref(false), KeepOne: true}} {
			all.Go(func() { errs[i] = s.UpdateUser(t.Context(), []access.UserID{a, b}[i], c, true) })
		}
		all.Wait()
		last := a
		if errs[0] == nil {
			last = b
		}
		wantEqual(t, true, (errs[0] == nil) != (errs[1] == nil))
		wantCode(t, errors.Join(errs...), fault.Conflict, "last")
		must(t, s.UpdateUser(t.Context(), last, access.UserChange{PasswordHash: ref("other"), KeepOne: true}, true))
		wantCode(t, s.UpdateUser(t.Context(), last, down, true), fault.Conflict, "last")
		down.KeepOne = false
		must(t, s.UpdateUser(t.Context(), last, down, true))
	},
	"names are unique without regard to case, numbers in order": func(t *testing.T, s store.Store) {
		newUser(t, s, "b")
		newUser(t, s, "A")
		_, err := s.AddUser(t.Context(), access.User{Name: "B"})
		wantCode(t, err, fault.Conflict, `"B"`)
		var ids []access.UserID
		for _, u := range must1(s.Users(t.Context()))(t) {
			ids = append(ids, u.ID)
		}
		wantEqual(t, []access.UserID{1, 2}, ids)
		_, err = s.UserByName(t.Context(), "c")
		wantCode(t, err, fault.NotFound, "c")
		_, err = s.User(t.Context(), 99)
		wantCode(t, err, fault.NotFound, "99")
	},
}

// singleTests are about users that sign in elsewhere.
var singleTests = map[string]func(*testing.T, store.Store){
	"the identity finds a user, and only then the name": func(t *testing.T, s store.Store) {
		a, b := newUser(t, s, "a"), newUser(t, s, "b")
		for name, want := range map[string]access.User{"b@ö.example": a, "": a, "nobody": a} {
			wantEqual(t, want, must1(s.UserBySingle(t.Context(), a.Single.Identity, name))(t))
		}
		stranger := access.Identity{Issuer: a.Single.Identity.Issuer, Subject: "S A"} // subjects differ by case
		wantEqual(t, b, must1(s.UserBySingle(t.Context(), stranger, "B@Ö.EXAMPLE"))(t))
		for _, is := range []access.Identity{stranger, {}, {Issuer: "https://other.example", Subject: a.Single.Identity.Subject}, {Issuer: "\x00", Subject: "\xff"}} {
			_, err := s.UserBySingle(t.Context(), is, "b") // its name here, and not there
			wantCode(t, err, fault.NotFound, `"b"`)
			_, err = s.UserBySingle(t.Context(), is, "")
			wantCode(t, err, fault.NotFound)
		}
		closed := must1(s.AddUser(t.Context(), access.User{Name: "closed", Role: access.PortalReadonly, CreatedAt: kept}))(t)
		wantEqual(t, access.Single{}, must1(s.User(t.Context(), closed.ID))(t).Single)
		wantEqual(t, []access.User{a, b, closed}, must1(s.Users(t.Context()))(t))
	},
	"names and identities are one user's": func(t *testing.T, s store.Store) {
		a, b := newUser(t, s, "a"), newUser(t, s, "b")
		_, err := s.AddUser(t.Context(), access.User{Name: "c", Single: access.Single{Name: "A@ö.EXAMPLE"}})
		wantCode(t, err, fault.Conflict, "user 1", "a@Ö.example")
		mine := singleOf("b")
		mine.Identity = a.Single.Identity
		wantCode(t, s.UpdateUser(t.Context(), b.ID, access.UserChange{Single: &mine, Enabled: ref(false)}, true), fault.Conflict, "user 1")
		wantEqual(t, []access.User{a, b}, must1(s.Users(t.Context()))(t))
		must(t, s.UpdateUser(t.Context(), a.ID, access.UserChange{Single: &access.Single{}}, false)) // which frees both
		must(t, s.UpdateUser(t.Context(), b.ID, access.UserChange{Single: ref(singleOf("a"))}, false))
		b.Single = singleOf("a")
		wantEqual(t, b, must1(s.UserBySingle(t.Context(), b.Single.Identity, ""))(t))
	},
	"who it was is forgotten, in times that engines keep": func(t *testing.T, s store.Store) {
		a := newUser(t, s, "a")
		fine := singleOf("a")
		fine.BoundAt = finer
		must(t, s.UpdateUser(t.Context(), a.ID, access.UserChange{Single: &fine}, false))
		wantEqual(t, a, must1(s.User(t.Context(), a.ID))(t))
		must(t, s.UpdateUser(t.Context(), a.ID, access.UserChange{Single: &access.Single{Name: "x"}}, false))
		a.Single = access.Single{Name: "x"}
		wantEqual(t, a, must1(s.UserBySingle(t.Context(), singleOf("a").Identity, "X"))(t))
		if got := must1(s.User(t.Context(), a.ID))(t).Single; got != a.Single {
			t.Errorf("%+v is not what was put", got)
		}
	},
}

// pairOf gives a pair whose tokens are told apart by n.
func pairOf(family string, user access.UserID, n byte) access.Session {
	p := access.Session{Family: family, User: user, AccessEnd: Now().Add(time.Hour), RefreshEnd: Now().Add(24 * time.Hour)}
	p.Access, p.Refresh = filled('a', n), filled('r', n)
	return p
}

func filled(kind, n byte) (h access.TokenHash) {
	copy(h[:], slices.Repeat([]byte{kind, n}, len(h)/2))
	return h
}

func wantSession(t testing.TB, s store.Store, p access.Session, there bool) {
	t.Helper()
	got, err := s.SessionByAccess(t.Context(), p.Access)
	if !there {
		wantCode(t, err, fault.NotFound)
		return
	}
	must(t, err)
	wantEqual(t, p, got)
}

var sessionTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		p := pairOf("f", newUser(t, s, "u").ID, 1)
		p.Began, p.From = kept, access.Client{Address: "2001:db8::1", Agent: "cürl/8"} // not in the fixtures of older schemas
		nonZero(t, p)
		must(t, s.AddSession(t.Context(), p, Now()))
		wantSession(t, s, p, true)
		wantEqual(t, []access.Session{p}, must1(s.SessionsOf(t.Context(), p.User, 1, Now()))(t))
		wantSession(t, s, pairOf("f", 1, 2), false)
	},
	"a refresh token is used once": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		one, two, three := pairOf("f", u, 1), pairOf("ignored", 77, 2), pairOf("", 0, 3)
		one.Began, two.Began, two.From.Address = kept, Now(), "there"
		must(t, s.AddSession(t.Context(), one, Now()))
		must(t, s.AddSession(t.Context(), pairOf("other", u, 9), Now()))
		got := must1(s.RotateSession(t.Context(), one.Refresh, two, Now()))(t)
		two.Family, two.User, two.Began = "f", u, kept
		wantEqual(t, two, got)
		wantSession(t, s, one, false)
		wantSession(t, s, two, true)

		_, err := s.RotateSession(t.Context(), one.Refresh, three, Now()) // used before: the family ends
		wantCode(t, err, fault.Unauthenticated)
		wantSession(t, s, two, false)
		_, err = s.RotateSession(t.Context(), two.Refresh, three, Now())
		wantCode(t, err, fault.Unauthenticated)
		wantSession(t, s, three, false)
		wantSession(t, s, pairOf("other", u, 9), true)
	},
	"reuse is told after other log-ins, until the token's end": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		one, two := pairOf("f", u, 1), pairOf("f", u, 2)
		two.RefreshEnd = one.RefreshEnd.Add(time.Hour)
		must(t, s.AddSession(t.Context(), one, Now()))
		must1(s.RotateSession(t.Context(), one.Refresh, two, Now()))(t)
		must(t, s.AddSession(t.Context(), pairOf("g", u, 3), one.RefreshEnd.Add(-time.Microsecond)))
		wantSession(t, s, two, true)
		_, err := s.RotateSession(t.Context(), one.Refresh, pairOf("", 0, 4), one.RefreshEnd.Add(-time.Microsecond))
		wantCode(t, err, fault.Unauthenticated, "before")
		wantSession(t, s, two, false)
	},
	"unknown and ended tokens": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		p := pairOf("f", u, 1)
		must(t, s.AddSession(t.Context(), p, Now()))
		_, err := s.RotateSession(t.Context(), filled('x', 1), pairOf("", 0, 2), Now())
		wantCode(t, err, fault.Unauthenticated)
		_, err = s.RotateSession(t.Context(), p.Refresh, pairOf("", 0, 2), p.RefreshEnd)
		wantCode(t, err, fault.Unauthenticated)
		wantSession(t, s, p, true)
		must(t, s.AddSession(t.Context(), pairOf("g", u, 3), p.RefreshEnd)) // forgets what has ended
		wantSession(t, s, p, false)
	},
	"families and users are revoked": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u"), newUser(t, s, "v")
		pairs := []access.Session{pairOf("f", u.ID, 1), pairOf("f", u.ID, 2), pairOf("g", u.ID, 3), pairOf("h", v.ID, 4)}
		for _, p := range pairs {
			must(t, s.AddSession(t.Context(), p, Now()))
		}
		must(t, s.EndFamily(t.Context(), "f"))
		must(t, s.EndFamily(t.Context(), "unknown"))
		for i, there := range []bool{false, false, true, true} {
			wantSession(t, s, pairs[i], there)
		}
		must(t, s.UpdateUser(t.Context(), u.ID, access.UserChange{}, false))
		wantSession(t, s, pairs[2], true)
		must(t, s.UpdateUser(t.Context(), u.ID, access.UserChange{}, true))
		wantSession(t, s, pairs[2], false)
		wantSession(t, s, pairs[3], true)
	},
	"open sessions are listed, the latest first": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u").ID, newUser(t, s, "v").ID
		var pairs []access.Session
		for n := range byte(5) {
			p := pairOf(string(rune('a'+n)), u, n)
			p.RefreshEnd = Now().Add(time.Duration(n%4) * time.Hour) // of the first and the fifth, it is over
			pairs = append(pairs, p)
			must(t, s.AddSession(t.Context(), p, Now().Add(-time.Hour)))
		}
		must(t, s.AddSession(t.Context(), pairOf("theirs", v, 50), Now().Add(-time.Hour)))
		next := pairOf("", 0, 60)
		next.RefreshEnd = Now().Add(150 * time.Minute)
		next = must1(s.RotateSession(t.Context(), pairs[1].Refresh, next, Now()))(t) // the pair before is listed no more
		want := []access.Session{pairs[3], next, pairs[2]}
		wantEqual(t, want, must1(s.SessionsOf(t.Context(), u, 10, Now()))(t))
		wantEqual(t, want[:2], must1(s.SessionsOf(t.Context(), u, 2, Now()))(t))
		wantEqual(t, []access.Session(nil), must1(s.SessionsOf(t.Context(), 99, 2, Now()))(t))
	},
	"one session, or all of a user, are revoked": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u").ID, newUser(t, s, "v").ID
		one, two, three, theirs := pairOf("f", u, 1), pairOf("g", u, 2), pairOf("h", u, 3), pairOf("t", v, 4)
		for _, p := range []access.Session{one, two, three, theirs} {
			must(t, s.AddSession(t.Context(), p, Now()))
		}
		head := must1(s.Head(t.Context()))(t)
		next := must1(s.RotateSession(t.Context(), one.Refresh, pairOf("", 0, 5), Now()))(t)
		for _, family := range []string{"t", "nobody's", "F"} {
			_, err := s.EndSessions(t.Context(), u, family, Now())
			wantCode(t, err, fault.NotFound, family)
		}
		_, err := s.EndSessions(t.Context(), 99, "", Now())
		wantCode(t, err, fault.NotFound, "99")
		wantEqual(t, head, must1(s.Head(t.Context()))(t))

		wantEqual(t, 1, must1(s.EndSessions(t.Context(), u, "f", Now()))(t))
		wantSession(t, s, next, false)
		for _, token := range []access.TokenHash{one.Refresh, next.Refresh} {
			_, err = s.RotateSession(t.Context(), token, pairOf("", 0, 6), Now())
			wantCode(t, err, fault.Unauthenticated, "unknown")
		}
		_, err = s.EndSessions(t.Context(), u, "f", Now())
		wantCode(t, err, fault.NotFound, "f")
		if after := must1(s.Head(t.Context()))(t); after.Version == head.Version {
			t.Error("no running console hears of it")
		}
		wantSession(t, s, two, true)
		wantEqual(t, 2, must1(s.EndSessions(t.Context(), u, "", Now()))(t))
		wantSession(t, s, two, false)
		wantSession(t, s, three, false)
		wantSession(t, s, theirs, true)
		wantEqual(t, 0, must1(s.EndSessions(t.Context(), u, "", Now()))(t))
	},
	"log-ins leave the version alone": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u")
		head := must1(s.Head(t.Context()))(t)
		must(t, s.AddSession(t.Context(), pairOf("f", u.ID, 1), Now()))
		must1(s.RotateSession(t.Context(), filled('r', 1), pairOf("", 0, 2), Now()))(t)
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
	},
}

func itoa(p usage.Position) string { return usage.ServerID(p).String() }
