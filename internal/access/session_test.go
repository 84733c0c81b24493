package access_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestTokensAreRandomAndEndInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	p, q := w.login("a"), w.login("a")
	seen := map[string]bool{}
	for _, token := range []string{p.Access, p.Refresh, q.Access, q.Refresh} {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) || seen[token] {
			t.Errorf("token %q", token)
		}
		seen[token] = true
	}
	if left := p.AccessEnd.Sub(w.now()); left > time.Hour || left < time.Hour-time.Microsecond {
		t.Errorf("ends in %s", left)
	}
	w.wantLiving(p.Access, true)
	w.wantLiving(p.Refresh, false) // one is not the other
	w.wantLiving("", false)
	w.wantLiving(strings.Repeat("x", 43), false)
	w.wantLiving(p.Access+"x", false)

	w.pass(time.Hour - time.Microsecond)
	w.wantLiving(p.Access, true) // also from memory
	w.pass(time.Microsecond)
	w.wantLiving(p.Access, false)
	wantCode(t, w.Logout(t.Context(), p.Access), fault.Unauthenticated)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	one, other := w.login("a"), w.login("a")
	w.wantLiving(one.Access, true)
	two := w.refresh(one.Refresh)
	if two.Actor != one.Actor || two.Actor.User == 0 {
		t.Errorf("%+v, %+v", one.Actor, two.Actor)
	}
	w.wantLiving(one.Access, false) // both tokens are replaced, also in memory
	w.wantLiving(two.Access, true)

	_, err := w.Refresh(t.Context(), one.Refresh, from) // stolen, or sent twice: the family ends
	wantCode(t, err, fault.Unauthenticated)
	w.wantLiving(two.Access, false)
	_, err = w.Refresh(t.Context(), two.Refresh, from)
	wantCode(t, err, fault.Unauthenticated)
	w.wantLiving(other.Access, true)

	w.pass(14*24*time.Hour - time.Microsecond)
	third := w.refresh(other.Refresh)
	w.pass(14 * 24 * time.Hour)
	_, err = w.Refresh(t.Context(), third.Refresh, from)
	wantCode(t, err, fault.Unauthenticated)
}

func TestLogoutEndsTheFamilyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	one, other := w.login("a"), w.login("a")
	two := w.refresh(one.Refresh)
	w.wantLiving(two.Access, true)
	if err := w.Logout(t.Context(), two.Access); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(two.Access, false)
	_, err := w.Refresh(t.Context(), two.Refresh, from)
	wantCode(t, err, fault.Unauthenticated)
	w.wantLiving(other.Access, true)
	wantCode(t, w.Logout(t.Context(), two.Access), fault.Unauthenticated)
}

func TestAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	p, q, r := w.login("a"), w.login("a"), w.login("a")
	b := w.another()
	for _, token := range []string{p.Access, q.Access, r.Access} {
		w.wantLiving(token, true)
	}
	// A log-out elsewhere is not announced: it shows after seconds.
	if err := b.Logout(t.Context(), p.Access); err != nil {
		t.Fatal(err)
	}
	w.pass(16 * time.Second)
	w.wantLiving(p.Access, false)
	w.wantLiving(q.Access, true)
	// A change of a user is announced: Forget is called.
	if err := b.SetEnabled(t.Context(), u.ID, false); err != nil {
		t.Fatal(err)
	}
	w.Forget()
	w.wantLiving(q.Access, false)
	w.wantLiving(r.Access, false)
}

// gate is a store in which something happens between the reading of a user and what follows.
type gate struct {
	access.UserStore
	after func()
}

func (g *gate) User(ctx context.Context, id access.UserID) (access.User, error) {
	u, err := g.UserStore.User(ctx, id)
	g.run()
	return u, err
}

func (g *gate) UserByName(ctx context.Context, name string) (access.User, error) {
	u, err := g.UserStore.UserByName(ctx, name)
	g.run()
	return u, err
}

func (g *gate) run() {
	if run := g.after; run != nil {
		g.after = nil
		run()
	}
}

func TestNothingOutdatedIsKeptInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	p, b := w.login("a"), w.another()
	w.Users = &gate{w.Users, func() { // while Check has read the user, and not yet kept it
		if err := b.SetEnabled(t.Context(), u.ID, false); err != nil {
			t.Error(err)
		}
		w.Forget()
	}}
	w.wantLiving(p.Access, true) // it began before
	w.wantLiving(p.Access, false)
}

// Who is disabled while somebody sets another password stays so, and the password is the new one.
func TestTwoChangesOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, b := w.user("a"), w.another()
	w.Users = &gate{w.Users, func() { // while SetPassword has read the user, and not yet changed it
		if err := b.SetEnabled(t.Context(), u.ID, false); err != nil {
			t.Error(err)
		}
	}}
	if err := w.SetPassword(t.Context(), u.ID, "another horse"); err != nil {
		t.Fatal(err)
	}
	_, err := w.Login(t.Context(), "a", "another horse", client)
	wantCode(t, err, fault.Unauthenticated)
	if err := w.SetEnabled(t.Context(), u.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Login(t.Context(), "a", "another horse", client); err != nil {
		t.Error(err)
	}
}

func TestAChangeDuringALoginWins(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*access.Service, access.UserID) error{
		"password": func(s *access.Service, id access.UserID) error {
			return s.SetPassword(t.Context(), id, "another horse")
		},
		"disabled": func(s *access.Service, id access.UserID) error { return s.SetEnabled(t.Context(), id, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			u, b := w.user("a"), w.another()
			w.Users = &gate{w.Users, func() {
				if err := change(b, u.ID); err != nil {
					t.Error(err)
				}
			}}
			p, err := w.Login(t.Context(), "a", password, client)
			wantCode(t, err, fault.Unauthenticated)
			w.wantLiving(p.Access, false)
		})
	}
}
