package access_test

import (
	"context"
	"errors"
	"regexp"
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
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// token adds one to the user, for an hour and what the change says.
func (w *world) token(user access.UserID, change func(*access.NewToken)) (access.Token, string) {
	w.t.Helper()
	n := access.NewToken{Name: "n", User: user, Scopes: []access.Action{access.Read}, ExpiresAt: w.now().Add(time.Hour)}
	if change != nil {
		change(&n)
	}
	token, secret, err := w.AddToken(w.t.Context(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return token, secret
}

// estate adds companies 2 and 3, and servers 1 to 6 of company 2.
func (w *world) estate() *sqlite.Store {
	w.t.Helper()
	s, ok := w.APITokens.(*sqlite.Store)
	if !ok {
		w.t.Fatal("not the store")
	}
	storetest.KillServers(w.t, s)
	return s
}

func (w *world) actor(token string) access.Actor {
	w.t.Helper()
	a, err := w.Check(w.t.Context(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// wantRefused fails where a token is let in, or refused in other words.
func (w *world) wantRefused(token, words string) {
	w.t.Helper()
	_, err := w.Check(w.t.Context(), token)
	wantCode(w.t, err, fault.Unauthenticated)
	if err != nil && !strings.Contains(err.Error(), words) {
		w.t.Errorf("%v does not say %q", err, words)
	}
}

func (w *world) change(id access.UserID, c access.UserChange) {
	w.t.Helper()
	if err := w.Users.UpdateUser(w.t.Context(), id, c, false); err != nil {
		w.t.Fatal(err)
	}
	w.Forget() // as a console does that hears of it
}

func TestAPIToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "cli"})
	end := w.now().Add(time.Hour)
	token, secret, err := w.AddToken(ctx, access.NewToken{
		Name: " push from VBR01 ", User: u.ID, Scopes: []access.Action{access.PushReadings, access.Read, access.Read}, ExpiresAt: end,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^tally_[A-Za-z0-9_-]{43}$`).MatchString(secret) {
		t.Errorf("token %q", secret)
	}
	want := access.Token{
		ID: 1, Name: "push from VBR01", User: u.ID, Scopes: []access.Action{access.Read, access.PushReadings}, Hash: token.Hash,
		CreatedAt: usage.Truncate(w.now()), CreatedBy: "jane", ExpiresAt: usage.Truncate(end),
	}
	if diff := cmp.Diff(want, token); diff != "" {
		t.Error(diff)
	}
	actor := w.actor(secret)
	if actor.User != u.ID || actor.Name != "a" || actor.Role != u.Role || actor.Token != 1 || actor.Company != 0 || actor.Server != 0 {
		t.Errorf("%+v", actor)
	}
	if diff := cmp.Diff(token.Scopes, actor.Scopes.Actions()); diff != "" {
		t.Error(diff)
	}
	if !access.May(actor, access.Read, 7) || access.May(actor, access.ManageUsers, access.Provider) || access.May(actor, access.UseV2, access.Provider) {
		t.Error("not its scopes")
	}
	for _, bad := range []string{secret[6:], secret + "x", secret[:len(secret)-1], "Tally_" + secret[6:], "tally_" + strings.Repeat("x", 43), strings.Repeat("x", 49)} {
		w.wantLiving(bad, false)
	}
	w.pass(time.Hour - time.Microsecond)
	w.wantLiving(secret, true) // also from memory
	w.pass(time.Microsecond)
	w.wantRefused(secret, "has expired on 2026-10-20")

	store, _ := w.APITokens.(audit.Store)
	trail, err := store.Audit(t.Context(), audit.Query{})
	if err != nil || len(trail) != 1 || trail[0].Subject != "token 1" || trail[0].Name != "jane" ||
		trail[0].Detail != `name "push from VBR01"; user "a"; scopes "read, push"; expires 2026-10-20T13:00:00Z` {
		t.Errorf("%+v, %v", trail, err)
	}
}

func TestAddTokenNamesEveryField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.estate()
	admin := w.user("a").ID
	company := func(name string, role access.Role, of usage.CompanyID) access.UserID {
		t.Helper()
		u, err := w.Users.AddUser(t.Context(), access.User{Name: name, Role: role, Company: of, Enabled: true, CreatedAt: w.now()})
		if err != nil {
			t.Fatal(err)
		}
		return u.ID
	}
	customer, operator := company("c", access.CompanyAdministrator, 2), company("o", access.PortalOperator, 0)
	year, read, push := w.now().AddDate(1, 0, 0), []access.Action{access.Read}, []access.Action{access.PushReadings}
	for _, c := range []struct {
		input access.NewToken
		want  string
	}{
		{access.NewToken{User: admin}, "scopes expiresAt name"},
		{access.NewToken{User: admin, Name: "a\nb", Scopes: []access.Action{"root", ""}, ExpiresAt: w.now()}, "scopes scopes expiresAt name"},
		{access.NewToken{User: admin, Name: "a", Scopes: read, ExpiresAt: w.now().AddDate(5, 0, 0).Add(time.Hour)}, "expiresAt"},
		{access.NewToken{User: admin, Name: "a", Scopes: push, Server: 1, Company: 2, ExpiresAt: year}, "server"},
		{access.NewToken{User: admin, Name: "a", Scopes: read, Server: 1, ExpiresAt: year}, "server"},
		{access.NewToken{User: admin, Name: "a", Scopes: []access.Action{access.UseV2}, Company: 2, ExpiresAt: year}, "scopes"},
		{access.NewToken{User: customer, Name: "a", Scopes: push, ExpiresAt: year}, "scopes"},
		{access.NewToken{User: customer, Name: "a", Scopes: read, Company: 3, ExpiresAt: year}, "company"},
		{access.NewToken{User: operator, Name: "a", Scopes: []access.Action{access.FinaliseStatements, access.ManageUsers, access.ReadAudit}, ExpiresAt: year}, "scopes scopes scopes"},
	} {
		_, _, err := w.AddToken(t.Context(), c.input)
		f, ok := err.(*fault.Error) //nolint:errorlint // the fault itself is what callers get
		if !ok || f.Code != fault.Invalid {
			t.Errorf("%+v: %v", c.input, err)
			continue
		}
		var paths []string
		for _, field := range f.Fields {
			paths = append(paths, field.Path)
		}
		if got := strings.Join(paths, " "); got != c.want {
			t.Errorf("%+v: %v", c.input, err)
		}
	}
	for _, n := range []access.NewToken{
		{User: 99, Name: "a", Scopes: read, ExpiresAt: year},
		{User: admin, Name: "a", Scopes: read, Company: 99, ExpiresAt: year},
		{User: admin, Name: "a", Scopes: push, Server: 99, ExpiresAt: year},
	} {
		_, _, err := w.AddToken(t.Context(), n)
		wantCode(t, err, fault.NotFound)
	}
	if list, err := w.Tokens(t.Context(), 0); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	for i, n := range []access.NewToken{
		{User: admin, Scopes: access.Actions(), ExpiresAt: w.now().AddDate(5, 0, 0)},
		{User: admin, Scopes: push, Server: 1, ExpiresAt: year},
		{User: operator, Scopes: push, Company: 2, ExpiresAt: year},
		{User: customer, Scopes: read, Company: 2, ExpiresAt: year},
	} {
		n.Name = strings.Repeat("x", i+1)
		if _, _, err := w.AddToken(t.Context(), n); err != nil {
			t.Errorf("%+v: %v", n, err)
		}
	}
	_, _, err := w.AddToken(t.Context(), access.NewToken{User: admin, Name: "X", Scopes: read, ExpiresAt: year})
	wantCode(t, err, fault.Conflict)
}

func TestANarrowToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.estate()
	admin := w.user("a").ID
	_, one := w.token(admin, func(n *access.NewToken) {
		n.Name, n.Company, n.Scopes = "company", 2, []access.Action{access.Read, access.ManageServers, access.PushReadings}
	})
	a := w.actor(one)
	if a.Company != 2 || !access.May(a, access.Read, 2) || !access.May(a, access.ManageServers, 2) || access.May(a, access.Read, 3) || access.May(a, access.Read, access.Provider) {
		t.Errorf("%+v", a)
	}
	if !access.MayPush(a, 2, 4) || access.MayPush(a, 3, 7) || access.MayPush(a, access.Provider, 8) {
		t.Errorf("%+v", a)
	}
	_, two := w.token(admin, func(n *access.NewToken) {
		n.Name, n.Server, n.Scopes = "server", 4, []access.Action{access.PushReadings}
	})
	a = w.actor(two)
	if a.Server != 4 || !access.MayPush(a, 2, 4) || access.MayPush(a, 2, 5) || access.May(a, access.PushReadings, 2) || access.May(a, access.Read, 2) {
		t.Errorf("%+v", a)
	}
}

// What becomes of a user becomes of its tokens, at once.
func TestATokenIsNoMoreThanItsUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.estate()
	u := w.user("a")
	_, wide := w.token(u.ID, func(n *access.NewToken) { n.Scopes = access.Actions() })
	_, narrow := w.token(u.ID, func(n *access.NewToken) { n.Name, n.Company = "narrow", 2 })
	if a := w.actor(wide); !access.May(a, access.FinaliseStatements, 3) {
		t.Errorf("%+v", a)
	}
	role, company := access.PortalReadonly, usage.CompanyID(3)
	w.change(u.ID, access.UserChange{Role: &role})
	if a := w.actor(wide); !access.May(a, access.Read, 3) || access.May(a, access.FinaliseStatements, 3) || access.May(a, access.UseV2, access.Provider) {
		t.Errorf("%+v", a)
	}
	role = access.CompanyReadonly
	w.change(u.ID, access.UserChange{Role: &role, Company: &company})
	if a := w.actor(wide); a.Company != 3 || !access.May(a, access.Read, 3) || access.May(a, access.Read, 2) {
		t.Errorf("%+v", a)
	}
	w.wantRefused(narrow, "another company")

	if err := w.SetEnabled(t.Context(), u.ID, false); err != nil {
		t.Fatal(err)
	}
	w.wantRefused(wide, "disabled")
	if err := w.SetEnabled(t.Context(), u.ID, true); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(wide, true)
	if err := w.SetPassword(t.Context(), u.ID, "another horse"); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(wide, true) // a program's token is not its user's password
}

func TestRevokeToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a").ID
	token, secret := w.token(u, nil)
	_, other := w.token(u, func(n *access.NewToken) { n.Name = "other" })
	b := w.another()
	if _, err := b.Check(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(secret, true)
	if err := w.RevokeToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	w.wantRefused(secret, "revoked")
	w.wantLiving(other, true)
	b.Forget() // it heard that something changed
	_, err := b.Check(t.Context(), secret)
	wantCode(t, err, fault.Unauthenticated)
	at := usage.Truncate(w.now())
	w.pass(time.Minute)
	if err := w.RevokeToken(t.Context(), token.ID); err != nil { // again
		t.Fatal(err)
	}
	wantCode(t, w.RevokeToken(t.Context(), 99), fault.NotFound)
	list, err := w.Tokens(t.Context(), u)
	if err != nil || len(list) != 2 || list[0].RevokedAt == nil || !list[0].RevokedAt.Equal(at) || list[1].RevokedAt != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if list[0].Lives(w.now()) || !list[1].Lives(w.now()) || list[1].Lives(list[1].ExpiresAt) {
		t.Error("a wrong one lives")
	}
	_, err = w.Tokens(t.Context(), 99)
	wantCode(t, err, fault.NotFound)
	w.token(u, nil) // its name is free again
}

// tokenGate is a store of tokens in which something happens after one is read, and in which what it is for may be gone.
type tokenGate struct {
	access.TokenStore
	gone  bool
	after func()
}

func (g *tokenGate) TokenByHash(ctx context.Context, hash access.TokenHash) (access.Holder, error) {
	h, err := g.TokenStore.TokenByHash(ctx, hash)
	h.Gone = h.Gone || g.gone
	if run := g.after; run != nil {
		g.after = nil
		run()
	}
	return h, err
}

func TestATokenForWhatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, secret := w.token(w.user("a").ID, nil)
	w.APITokens = &tokenGate{TokenStore: w.APITokens, gone: true}
	w.wantRefused(secret, "removed")
}

// A token that is revoked while Check has read it is not kept in memory.
func TestARevocationDuringACheckWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, secret := w.token(w.user("a").ID, nil)
	b := w.another()
	w.APITokens = &tokenGate{TokenStore: w.APITokens, after: func() {
		if err := b.RevokeToken(t.Context(), token.ID); err != nil {
			t.Error(err)
		}
		w.Forget()
	}}
	w.wantLiving(secret, true) // it began before
	w.wantRefused(secret, "revoked")
}

func TestAnAPITokenIsNotLoggedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, secret := w.token(w.user("a").ID, nil)
	p := w.login("a")
	err := w.Logout(t.Context(), secret)
	wantCode(t, err, fault.Invalid)
	if err != nil && !strings.Contains(err.Error(), "revoked") {
		t.Error(err)
	}
	_, err = w.Refresh(t.Context(), secret, from)
	wantCode(t, err, fault.Unauthenticated)
	w.wantLiving(secret, true)
	w.wantLiving(p.Access, true)
}

// Tokens that nobody gave out keep no address from logging in.
func TestWrongTokensAreNoLogIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	for range 200 {
		w.wantLiving("tally_"+strings.Repeat("x", 43), false)
	}
	w.login("a")
}

func TestTwoMakeOneToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a").ID
	b := w.another()
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, s := range []*access.Service{w.Service, b} {
		wg.Go(func() {
			_, _, errs[i] = s.AddToken(t.Context(), access.NewToken{Name: "n", User: u, Scopes: []access.Action{access.Read}, ExpiresAt: w.now().Add(time.Hour)})
		})
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatal(errs)
	}
	wantCode(t, errors.Join(errs...), fault.Conflict)
}

func TestWhenATokenWasUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pass(-w.now().Sub(usage.Truncate(w.now())))
	token, secret := w.token(w.user("a").ID, func(n *access.NewToken) { n.ExpiresAt = w.now().AddDate(0, 0, 1) })
	want := func(at *time.Time) {
		t.Helper()
		if err := w.KeepUses(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := w.APITokens.Token(t.Context(), token.ID)
		if diff := cmp.Diff(at, got.LastUsedAt); err != nil || diff != "" {
			t.Error(diff, err)
		}
	}
	want(nil)
	begin := w.now()
	w.wantLiving(secret, true)
	if got, err := w.APITokens.Token(t.Context(), token.ID); err != nil || got.LastUsedAt != nil {
		t.Errorf("a request writes: %v, %v", got.LastUsedAt, err)
	}
	want(&begin)
	w.pass(59 * time.Minute)
	w.wantLiving(secret, true)
	want(&begin)
	w.pass(time.Minute)
	w.wantLiving(secret, true)
	now := w.now()
	failing, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.KeepUses(failing); err == nil {
		t.Error("kept, by a call that was cancelled")
	}
	want(&now)
}
