package access_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

func (w *world) open(id access.UserID, limit int) []access.OpenSession {
	w.t.Helper()
	list, err := w.OpenSessions(w.t.Context(), id, limit)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestOpenSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	w.user("b")
	w.login("b")
	began := usage.Truncate(w.now())
	one, err := w.LoginAny(t.Context(), from, access.Credentials{Name: "a", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.login("a")
	w.pass(24 * time.Hour)
	elsewhere := access.Client{Address: "2001:db8::1", Agent: "  \x1b[2Jcürl\u202e\xff/8" + strings.Repeat("x", 300)}
	if _, err := w.Refresh(t.Context(), one.Refresh, elsewhere); err != nil {
		t.Fatal(err)
	}
	const fortnight = 14 * 24 * time.Hour
	renewed, other := usage.Truncate(w.now()), began.Add(time.Minute)
	list := w.open(u.ID, 10)
	if len(list) != 2 || len(list[0].ID) < 20 || list[0].ID == list[1].ID {
		t.Fatalf("%+v", list)
	}
	want := []access.OpenSession{
		{ID: list[0].ID, Began: began, Renewed: renewed, Until: renewed.Add(fortnight), From: access.Client{Address: "2001:db8::1", Agent: "[2Jcürl/8" + strings.Repeat("x", 191)}},
		{ID: list[1].ID, Began: other, Renewed: other, Until: other.Add(fortnight), From: access.Client{Address: client}},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:1], w.open(u.ID, 1)); diff != "" {
		t.Error(diff)
	}
	for _, s := range list { // an id is no token
		w.wantLiving(s.ID, false)
		_, err := w.Refresh(t.Context(), s.ID, from)
		wantCode(t, err, fault.Unauthenticated)
	}
	w.pass(fortnight)
	if list := w.open(u.ID, 10); len(list) != 0 {
		t.Errorf("over: %+v", list)
	}
	_, err = w.OpenSessions(t.Context(), 99, 1)
	wantCode(t, err, fault.NotFound)
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, v := w.user("a"), w.user("b")
	one, two, three, theirs := w.login("a"), w.login("a"), w.login("a"), w.login("b")
	for _, p := range []access.Pair{one, two, three, theirs} {
		w.wantLiving(p.Access, true)
	}
	list := w.open(u.ID, 10)
	for _, id := range []string{"", "x", w.open(v.ID, 1)[0].ID, one.Access} {
		wantCode(t, w.Revoke(t.Context(), u.ID, id), fault.NotFound)
	}
	ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "cli"})
	if err := w.Revoke(ctx, u.ID, list[0].ID); err != nil {
		t.Fatal(err)
	}
	living := 0
	for _, p := range []access.Pair{one, two, three} { // at once, also what was kept in memory
		if _, err := w.Check(t.Context(), p.Access); err == nil {
			living++
		}
	}
	if left := w.open(u.ID, 10); living != 2 || !cmp.Equal(left, list[1:]) {
		t.Errorf("%d living, %+v", living, left)
	}
	wantCode(t, w.Revoke(ctx, u.ID, list[0].ID), fault.NotFound)
	if n, err := w.RevokeAll(ctx, u.ID); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.RevokeAll(ctx, u.ID); n != 0 || err != nil { // changes nothing, and says so nowhere
		t.Errorf("%d, %v", n, err)
	}
	for _, p := range []access.Pair{one, two, three} {
		w.wantLiving(p.Access, false)
		_, err := w.Refresh(t.Context(), p.Refresh, from)
		wantCode(t, err, fault.Unauthenticated)
	}
	w.wantLiving(theirs.Access, true)
	_, err := w.RevokeAll(ctx, 99)
	wantCode(t, err, fault.NotFound)
	w.login("a") // the user may come back

	store, _ := w.Sessions.(*sqlite.Store)
	entries, err := store.Audit(t.Context(), audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range entries {
		said = append(said, e.Name+" "+e.Via+": "+e.Subject+" "+e.Action+", "+e.Detail)
	}
	want := []string{"jane cli: user 1 changed, all sessions revoked", "jane cli: user 1 changed, session " + list[0].ID + " revoked"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

// What ends all sessions of a user leaves none in the list, and none that can be refreshed.
func TestWhatEndsAllSessions(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*access.Service, access.UserID) error{
		"password": func(s *access.Service, id access.UserID) error {
			return s.SetPassword(t.Context(), id, "another horse")
		},
		"disabled": func(s *access.Service, id access.UserID) error { return s.SetEnabled(t.Context(), id, false) },
		"revoked": func(s *access.Service, id access.UserID) error {
			_, err := s.RevokeAll(t.Context(), id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			u := w.user("a")
			one, two := w.login("a"), w.login("a")
			two = w.refresh(two.Refresh)
			if err := end(w.another(), u.ID); err != nil { // another process, of which this one hears
				t.Fatal(err)
			}
			w.Forget()
			if list := w.open(u.ID, 10); len(list) != 0 {
				t.Errorf("%+v", list)
			}
			for _, p := range []access.Pair{one, two} {
				w.wantLiving(p.Access, false)
				_, err := w.Refresh(t.Context(), p.Refresh, from)
				wantCode(t, err, fault.Unauthenticated)
			}
		})
	}
}

// A refresh that meets its revocation, by this process or another one, gives no token that works.
func TestRefreshWhileRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, other := w.user("a"), w.another()
	for round := range 20 {
		p := w.login("a")
		revoker := []*access.Service{w.Service, other}[round%2]
		id := w.open(u.ID, 1)[0].ID
		var got access.Pair
		var wg sync.WaitGroup
		wg.Go(func() {
			pair, err := w.Refresh(t.Context(), p.Refresh, access.Client{})
			if err != nil && !fault.Is(err, fault.Unauthenticated) {
				t.Error(err)
			}
			got = pair
			_, _ = w.Check(t.Context(), pair.Access) // and perhaps keeps it in memory
		})
		wg.Go(func() {
			if err := revoker.Revoke(t.Context(), u.ID, id); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if revoker != w.Service {
			w.Forget() // it hears of it
		}
		w.wantLiving(p.Access, false)
		w.wantLiving(got.Access, false)
		if _, err := w.Refresh(t.Context(), got.Refresh, access.Client{}); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("refreshed again: %v", err)
		}
	}
}
