package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
)

// tokenOf gives a token that is told from others by n.
func tokenOf(user access.UserID, name string, n byte) access.Token {
	return access.Token{
		Name: name, User: user, Scopes: []access.Action{access.Read, access.PushReadings}, Hash: filled('t', n),
		CreatedAt: kept, CreatedBy: "jäne", ExpiresAt: Now().AddDate(1, 0, 0),
	}
}

func newToken(t testing.TB, s store.Store, user access.UserID, name string, n byte) access.Token {
	t.Helper()
	return must1(s.AddToken(t.Context(), tokenOf(user, name, n)))(t)
}

// tokenTests are about long-lived API tokens.
var tokenTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u")
		token := tokenOf(u.ID, "Bü ro", 1)
		token.Company, token.Server = newCompany(t, s, "c").ID, newServer(t, s, "v", 2).ID
		token.CreatedAt, token.ExpiresAt = finer, finer.AddDate(1, 0, 0)
		token = must1(s.AddToken(t.Context(), token))(t)
		must(t, s.UseTokens(t.Context(), map[access.TokenID]time.Time{token.ID: finer.Add(time.Hour)}))
		must(t, s.RevokeToken(t.Context(), token.ID, finer.Add(2*time.Hour)))
		token.LastUsedAt, token.RevokedAt = ref(kept.Add(time.Hour)), ref(kept.Add(2*time.Hour))
		nonZero(t, token)
		wantEqual(t, []time.Time{kept, kept.AddDate(1, 0, 0)}, []time.Time{token.CreatedAt, token.ExpiresAt})
		wantEqual(t, token, must1(s.Token(t.Context(), token.ID))(t))
		wantEqual(t, access.Holder{Token: token, User: u}, must1(s.TokenByHash(t.Context(), token.Hash))(t))
		wantEqual(t, []access.Token{token}, must1(s.Tokens(t.Context(), u.ID))(t))
	},
	"tokens are listed by user, in order": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u").ID, newUser(t, s, "v").ID
		one, two, three := newToken(t, s, u, "a", 1), newToken(t, s, v, "a", 2), newToken(t, s, u, "b", 3)
		wantEqual(t, []access.TokenID{1, 2, 3}, []access.TokenID{one.ID, two.ID, three.ID})
		wantEqual(t, []access.Token{one, two, three}, must1(s.Tokens(t.Context(), 0))(t))
		wantEqual(t, []access.Token{one, three}, must1(s.Tokens(t.Context(), u))(t))
		wantEqual(t, []access.Token(nil), must1(s.Tokens(t.Context(), 99))(t))
		_, err := s.Token(t.Context(), 4)
		wantCode(t, err, fault.NotFound, "4")
		_, err = s.TokenByHash(t.Context(), filled('t', 4))
		wantCode(t, err, fault.NotFound)
	},
	"a name is unique among a user's tokens that live": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u").ID, newUser(t, s, "v").ID
		first := newToken(t, s, u, "Name", 1)
		newToken(t, s, v, "name", 2)
		_, err := s.AddToken(t.Context(), tokenOf(u, "NAME", 3))
		wantCode(t, err, fault.Conflict, `"NAME"`, "1")
		must(t, s.RevokeToken(t.Context(), first.ID, Now()))
		second := newToken(t, s, u, "NAME", 3)
		late := tokenOf(u, "name", 4)
		late.CreatedAt = second.ExpiresAt.Add(-time.Microsecond)
		_, err = s.AddToken(t.Context(), late)
		wantCode(t, err, fault.Conflict)
		late.CreatedAt = second.ExpiresAt
		must1(s.AddToken(t.Context(), late))(t)
		_, err = s.AddToken(t.Context(), tokenOf(u, "other", 4)) // a token is one row's
		wantCode(t, err, fault.Conflict)
		wantEqual(t, 4, len(must1(s.Tokens(t.Context(), 0))(t)))
	},
	"a token is revoked only when it may be": func(t *testing.T, s store.Store) {
		token := newToken(t, s, newUser(t, s, "u").ID, "a", 1)
		late := fault.New(fault.Conflict, "late")
		wantCode(t, s.RevokeToken(t.Context(), token.ID, Now(), func(is *access.Token) error {
			wantEqual(t, token, *is)
			return late
		}), fault.Conflict, "late")
		wantEqual(t, token, must1(s.Token(t.Context(), token.ID))(t))
		must(t, s.RevokeToken(t.Context(), token.ID, Now(), func(*access.Token) error { return nil }))
		if must1(s.Token(t.Context(), token.ID))(t).RevokedAt == nil {
			t.Error("it is not revoked")
		}
	},
	"what a token refers to must be there": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u") // of company 2
		server := newServer(t, s, "v", 2).ID
		gone := newCompany(t, s, "gone")
		gone.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), gone, nil, Now()))
		for text, change := range map[string]func(*access.Token){
			"user 99":    func(k *access.Token) { k.User = 99 },
			"company 99": func(k *access.Token) { k.Company = 99 },
			"company 3":  func(k *access.Token) { k.Company = gone.ID },
			"server 99":  func(k *access.Token) { k.Server = 99 },
		} {
			token := tokenOf(u.ID, "n", 1)
			change(&token)
			_, err := s.AddToken(t.Context(), token)
			wantCode(t, err, fault.NotFound, text)
		}
		wantEqual(t, 0, len(must1(s.Tokens(t.Context(), 0))(t)))

		of := newCompany(t, s, "of") // of the token alone
		admin := must1(s.AddUser(t.Context(), access.User{Name: "a", Role: access.PortalAdministrator, Enabled: true, CreatedAt: Now()}))(t)
		narrow := map[string]access.Token{}
		for i, what := range []string{"server", "company", "user's company", "nothing"} {
			token := tokenOf(admin.ID, what, byte(i+1))
			switch what {
			case "server":
				token.Server = server
			case "company":
				token.Company = of.ID
			case "user's company":
				token.User = u.ID
			}
			narrow[what] = must1(s.AddToken(t.Context(), token))(t)
		}
		want := func(gone ...string) {
			t.Helper()
			for what, token := range narrow {
				is := must1(s.TokenByHash(t.Context(), token.Hash))(t).Gone
				if is != slices.Contains(gone, what) {
					t.Errorf("%s: gone is %v", what, is)
				}
			}
		}
		want()
		removeServer(t, s, server, Now())
		want("server")
		of.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), of, nil, Now()))
		want("server", "company")
		own := must1(s.Company(t.Context(), u.Company))(t)
		own.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), own, nil, Now()))
		want("server", "company", "user's company")
	},
	"a revoked token stays as it is": func(t *testing.T, s store.Store) {
		token := newToken(t, s, newUser(t, s, "u").ID, "n", 1)
		head := must1(s.Head(t.Context()))(t)
		must(t, s.RevokeToken(t.Context(), token.ID, Now()))
		after := must1(s.Head(t.Context()))(t)
		if after.Version == head.Version {
			t.Error("no running console hears of it")
		}
		must(t, s.RevokeToken(noted(t, audit.Changed, "again"), token.ID, Now().Add(time.Hour)))
		wantEqual(t, ref(Now()), must1(s.Token(t.Context(), token.ID))(t).RevokedAt)
		wantEqual(t, after, must1(s.Head(t.Context()))(t))
		wantEqual(t, 0, len(must1(s.Audit(t.Context(), audit.Query{}))(t)))
		wantCode(t, s.RevokeToken(t.Context(), 99, Now()), fault.NotFound, "99")
	},
	"the latest use is kept, and is no change": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		one, two, three := newToken(t, s, u, "a", 1), newToken(t, s, u, "b", 2), newToken(t, s, u, "c", 3)
		head := must1(s.Head(t.Context()))(t)
		must(t, s.UseTokens(t.Context(), map[access.TokenID]time.Time{one.ID: Now(), two.ID: Now()}))
		must(t, s.UseTokens(t.Context(), map[access.TokenID]time.Time{one.ID: Now().Add(-time.Hour), two.ID: Now().Add(time.Hour)}))
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		one.LastUsedAt, two.LastUsedAt = ref(Now()), ref(Now().Add(time.Hour))
		wantEqual(t, []access.Token{one, two, three}, must1(s.Tokens(t.Context(), 0))(t))
		wantCode(t, s.UseTokens(t.Context(), map[access.TokenID]time.Time{99: Now()}), fault.NotFound, "99")
	},
	"who made and who revoked one is noted, beside its company": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u")
		admin := must1(s.AddUser(t.Context(), access.User{Name: "a", Role: access.PortalAdministrator, CreatedAt: Now()}))(t)
		narrow := tokenOf(admin.ID, "n", 2)
		narrow.Company = newCompany(t, s, "c").ID
		must1(s.AddToken(noted(t, audit.Added, "one"), tokenOf(u.ID, "n", 1)))(t)
		must1(s.AddToken(noted(t, audit.Added, "two"), narrow))(t)
		must1(s.AddToken(noted(t, audit.Added, "three"), tokenOf(admin.ID, "m", 3)))(t)
		must(t, s.RevokeToken(noted(t, audit.Changed, "four"), 2, Now()))
		var got []audit.What
		for _, e := range must1(s.Audit(t.Context(), audit.Query{}))(t) {
			got = append(got, e.What)
		}
		wantEqual(t, []audit.What{
			{Company: narrow.Company, Subject: "token 2", Action: audit.Changed, Detail: "four"},
			{Subject: "token 3", Action: audit.Added, Detail: "three"},
			{Company: narrow.Company, Subject: "token 2", Action: audit.Added, Detail: "two"},
			{Company: u.Company, Subject: "token 1", Action: audit.Added, Detail: "one"},
		}, got)
	},
}

// tokenTwice: of two who take a name at once, one has it; of two who revoke, neither undoes what the other did.
func tokenTwice(t *testing.T, a, b store.Store) {
	u := newUser(t, a, "u").ID
	for round := range byte(10) {
		got := make([]error, 2)
		var wg sync.WaitGroup
		for i, s := range []store.Store{a, b} {
			wg.Go(func() {
				_, got[i] = s.AddToken(t.Context(), tokenOf(u, "n", 2*round+byte(i))) //nolint:gosec // 0 or 1
			})
		}
		wg.Wait()
		if (got[0] == nil) == (got[1] == nil) {
			t.Fatalf("both or none have the name: %v", got)
		}
		for _, err := range got {
			if err != nil {
				wantCode(t, err, fault.Conflict, `"n"`)
			}
		}
		id := access.TokenID(round + 1)
		wg.Go(func() {
			if err := a.UseTokens(t.Context(), map[access.TokenID]time.Time{id: Now()}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := b.RevokeToken(t.Context(), id, Now()); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		token := must1(a.Token(t.Context(), id))(t)
		wantEqual(t, []*time.Time{ref(Now()), ref(Now())}, []*time.Time{token.RevokedAt, token.LastUsedAt})
	}
}
